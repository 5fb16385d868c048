"""Calcified masses that hang on bone: a meningioma, a craniopharyngioma, the wall of an aneurysm.

Two things tell bone where it reaches into the head: the skull has it on both sides, and away from the base it stays
shallow. What is dense, has brain at its mirror image or lies deep in the brain where no bone stands up, is the core of
a mass. From there the mass is followed back through what hangs together with it, as far as the mirror image may err and
no farther: its root looks like the bone that it hangs on.

Slivers of bone remain where the two sides differ. They are small, and small beside the bone that they belong to.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.bone_contact.mirrored_skull import MirroredSkull
from calcscan.bone_contact.rays import from_vertex_deg
from calcscan.grid.geometry import Array, apply
from calcscan.grid.isotropic import on_native, sample_at
from calcscan.grid.masks import distance_mm, grown, places
from calcscan.knowledge.bone_contact import BoneContactSettings
from calcscan.knowledge.intracranial import IntracranialSettings
from calcscan.measurement.mirror import MirrorPlane
from calcscan.model import BASE_ZONE, BRAIN_ZONE, SELLA_ZONE, Atlas, Intracranial, Registration, Scan

Mask = npt.NDArray[np.bool_]
Field = npt.NDArray[np.float32]
Voxels = npt.NDArray[np.int64]

_AROUND = np.ones((3, 3, 3), dtype=np.bool_)
_COARSER = 3
"""The closed inside of the skull is smooth: it is made on a grid so much coarser."""
_ATLAS_STEP = 3
"""The depth in the template's brain is smooth, too."""
_BEHIND_MM = 60.0
"""How far outwards the skull is looked for."""
_ROUNDS = 6
"""A mass across the midline is in part its own mirror image: what was found is no bone, the rest is judged again."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Dense:
    """The dense voxels of the isotropic grid in the closed inside of the skull, one value each."""

    kji: Voxels
    hu: Array
    depth_mm: Array
    """Under the inner table as it would be without a mass: closed over it, or mirrored where the mass is so wide that
    it seems to be the table."""
    brain_mm: Array
    """Under the surface of the template's brain."""
    mirrored_mm: Array
    """Their mirror images across the midline, LPS mm, (n, 3)."""
    lateral: Mask
    """So far from the midline that they are not their own mirror images."""
    vault: Mask
    above_base: Mask
    """Where bone does not stand up by itself, but may beside what does."""
    boneless: Mask
    """Where nobody's bone stands up: the vault, and the midline apart from what the atlas knows of base and sella, and
    above these what lies deeper in the brain than the dorsum sellae reaches."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Masses:
    """What no bone explains, and what may be bone or such a mass, by the (k, j, i) of its voxels."""

    kji: Voxels
    """(n, 3): at or above `rim_hu`, in the intracranial mask or not."""
    doubtful_kji: tuple[Voxels, ...]
    """The same of each piece that is too small beside what it stands on."""


def detect_masses(
    scan: Scan,
    intracranial: Intracranial,
    registration: Registration,
    atlas: Atlas,
    mirrored: MirroredSkull,
    settings: BoneContactSettings,
    space: IntracranialSettings,
) -> Masses:
    """Every mass that no bone explains, and the pieces that may be one."""
    coarse = intracranial.isotropic_hu
    skull, away_mm, plane = mirrored.skull, mirrored.away_mm, mirrored.plane
    points = _dense_points(intracranial, skull, registration, plane, atlas, settings)
    slab_mm = float(np.median(scan.slice_reach_mm))
    off_mm = settings.mass_off_mm + settings.mass_off_share * plane.off_mm + space.blur_share * slab_mm
    deep_mm = space.protrusion_mm + space.blur_share * slab_mm
    above = points.boneless & (points.brain_mm >= settings.mass_brain_mm) & (points.depth_mm >= deep_mm)
    mass: Mask = np.zeros(skull.shape, dtype=np.bool_)
    doubtful: Mask = np.zeros(skull.shape, dtype=np.bool_)
    other_mm = sample_at(away_mm, coarse.affine, points.mirrored_mm)
    judged = points.lateral & (points.brain_mm > 0.0) & (other_mm > coarse.spacing_mm)
    judged &= plane.off_mm <= settings.mirror_off_mm
    judged[judged] = _skull_behind(points.mirrored_mm[judged], skull, intracranial)
    for _ in range(_ROUNDS):
        core = (above | (judged & (other_mm > off_mm))) & (points.hu >= space.attached_hu)
        free = core | (other_mm > coarse.spacing_mm) | ~points.lateral | points.above_base
        shelf = points.vault & (points.depth_mm >= settings.mass_shelf_mm)
        found, doubtful = _masses(
            points, core, free, shelf, off_mm, deep_mm, skull.shape, coarse.spacing_mm, settings, space
        )
        if not (found & ~mass).any():
            break
        mass |= found
        if not (mass & skull).any():
            break
        away_mm = distance_mm(skull & ~mass, coarse.spacing_mm)
        other_mm = sample_at(away_mm, coarse.affine, points.mirrored_mm)
    pieces, count = ndimage.label(doubtful & ~grown(mass, corners=True), _AROUND)
    return Masses(
        kji=_native(scan, mass, intracranial, settings, space),
        doubtful_kji=tuple(_native(scan, pieces == n, intracranial, settings, space) for n in range(1, count + 1)),
    )


def _dense_points(
    intracranial: Intracranial,
    skull: Mask,
    registration: Registration,
    plane: MirrorPlane,
    atlas: Atlas,
    settings: BoneContactSettings,
) -> _Dense:
    coarse = intracranial.isotropic_hu
    closed_mm, closed_affine = _closed_depth_mm(intracranial, settings)
    template_mm, template_affine = _brain_depth_mm(atlas)
    kji = places(coarse.values >= settings.rim_hu)
    world_mm = apply(coarse.affine, kji)
    atlas_mm = apply(registration.scan_to_atlas, world_mm)
    mirrored_mm = plane.mirrored(world_mm)
    brain_mm = sample_at(template_mm, template_affine, atlas_mm)
    down_deg = from_vertex_deg(atlas_mm - brain_centre_mm(atlas))
    vault = down_deg <= settings.vault_deg
    closed = sample_at(closed_mm, closed_affine, world_mm)
    opposite = sample_at(intracranial.depth_mm, coarse.affine, mirrored_mm)
    mirrored = opposite - np.where(vault, settings.mass_off_mm, 0.0)
    decides = vault & (mirrored > closed)
    decides[decides] = ~_skull_behind(mirrored_mm[decides], skull, intracranial)
    mirrored[decides] = closed[decides]  # beside a hole in the skull the other side says nothing of depth
    depth_mm = np.maximum(np.maximum(closed, mirrored), np.where(vault, -np.inf, brain_mm - settings.mass_brain_mm))
    lateral = np.abs(plane.from_plane_mm(world_mm)) > settings.mass_midline_mm
    zones = sample_at(atlas.zones, atlas.affine, atlas_mm, nearest=True).astype(np.uint8)
    boneless = (zones & (BASE_ZONE | SELLA_ZONE)) == 0
    low = (brain_mm >= settings.mass_low_mm) & (down_deg <= settings.mass_low_deg)
    above_base = boneless & (brain_mm >= settings.mass_brain_mm) & (down_deg <= settings.mass_low_deg)
    boneless &= ~lateral | vault | low
    boneless |= ~lateral & (brain_mm >= settings.mass_sella_mm)
    inside = depth_mm > -settings.mass_edge_mm
    return _Dense(
        kji=kji[inside],
        hu=coarse.values[tuple(kji[inside].T)],
        depth_mm=depth_mm[inside],
        brain_mm=brain_mm[inside],
        mirrored_mm=mirrored_mm[inside],
        lateral=lateral[inside],
        vault=vault[inside],
        above_base=above_base[inside],
        boneless=boneless[inside],
    )


def _closed_depth_mm(intracranial: Intracranial, settings: BoneContactSettings) -> tuple[Field, Array]:
    """The depth under the inner table closed over masses and over the bones of the base, with its affine."""
    coarse = intracranial.isotropic_hu
    spacing_mm, radius_mm = _COARSER * coarse.spacing_mm, settings.mass_hull_mm
    margin = int(np.ceil(radius_mm / spacing_mm)) + 1
    few = np.pad(intracranial.isotropic_mask[::_COARSER, ::_COARSER, ::_COARSER], margin)
    swollen = distance_mm(few, spacing_mm) <= radius_mm
    affine = coarse.affine.copy()
    affine[:3, :3] *= _COARSER
    affine[:3, 3] -= margin * affine[:3, :3].sum(axis=1)
    return distance_mm(~swollen, spacing_mm) - np.float32(radius_mm), affine


def brain_centre_mm(atlas: Atlas) -> Array:
    """The centre of the template's brain, LPS mm."""
    step = 4
    brain = places((atlas.zones[::step, ::step, ::step] & BRAIN_ZONE) > 0) * step
    return np.asarray(apply(atlas.affine, brain).mean(axis=0))


def _brain_depth_mm(atlas: Atlas) -> tuple[Field, Array]:
    """How deep points lie in the template's brain, negative outside it; with the affine."""
    brain = (atlas.zones[::_ATLAS_STEP, ::_ATLAS_STEP, ::_ATLAS_STEP] & BRAIN_ZONE) > 0
    affine = atlas.affine.copy()
    affine[:3, :3] *= _ATLAS_STEP
    spacing_mm = float(np.linalg.norm(affine[:3, 0]))
    return distance_mm(~brain, spacing_mm) - distance_mm(brain, spacing_mm), affine


def _skull_behind(world_mm: Array, skull: Mask, intracranial: Intracranial) -> Mask:
    """Whether the way outwards from points (n, 3) meets the skull: not beside a hole in it, and not outside it."""
    affine = intracranial.isotropic_hu.affine
    index = apply(np.linalg.inv(affine), world_mm)
    way = index - places(intracranial.isotropic_mask).mean(axis=0)
    way /= np.maximum(np.linalg.norm(way, axis=1), 1e-6)[:, None]
    steps = np.arange(0.0, _BEHIND_MM / intracranial.isotropic_hu.spacing_mm, 1.5)
    beyond = np.rint(index[:, None] + steps[:, None] * way[:, None]).astype(np.int64)
    within = ((beyond >= 0) & (beyond < np.array(skull.shape))).all(axis=-1)
    beyond = np.clip(beyond, 0, np.array(skull.shape) - 1)
    return np.asarray((skull[tuple(np.moveaxis(beyond, -1, 0))] & within).any(axis=1))


def _masses(
    points: _Dense,
    core: Mask,
    free: Mask,
    shelf: Mask,
    reach_mm: float,
    deep_mm: float,
    shape: tuple[int, ...],
    spacing_mm: float,
    settings: BoneContactSettings,
    space: IntracranialSettings,
) -> tuple[Mask, Mask]:
    """Every mass: a piece of the core that reaches deep, with what hangs together with it through `free`; clumps count
    as one. A piece that is small, or small beside what it stands on (`free` or `shelf`), is none, and neither is
    what is as dense as cortical bone. Second, the cores of pieces that are only somewhat too small beside it."""
    out, doubtful = np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.bool_)
    if not (core & (points.depth_mm >= deep_mm)).any():
        return out, doubtful
    cores, base = np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.bool_)
    hu, deep = np.full(shape, np.inf, dtype=np.float32), np.zeros(shape, dtype=np.bool_)
    cores[tuple(points.kji[core].T)] = True
    base[tuple(points.kji[(free & (points.depth_mm > 0.0)) | shelf].T)] = True
    hu[tuple(points.kji[free].T)] = points.hu[free]
    deep[tuple(points.kji[points.depth_mm >= deep_mm].T)] = True
    numbers, _ = ndimage.label(grown(cores, corners=True), _AROUND)
    numbers[~cores] = 0
    round_ = ndimage.generate_binary_structure(3, 2)
    steps = round(reach_mm / spacing_mm) + 2
    wide = max(steps, round(settings.mass_beside_mm / spacing_mm))
    for number, box in enumerate(ndimage.find_objects(numbers), start=1):
        if box is None:
            continue
        around = tuple(slice(max(part.start - wide, 0), part.stop + wide) for part in box)
        piece = numbers[around] == number
        core_mm3 = float(piece.sum()) * spacing_mm**3
        if core_mm3 < settings.mass_core_mm3 or not (piece & deep[around]).any():
            continue
        dense_hu = float(np.percentile(hu[around][piece], 90))
        stands_on = ndimage.binary_dilation(piece, round_, wide, mask=base[around] | piece)
        own_mm3 = core_mm3**2 / (float(stands_on.sum()) * spacing_mm**3)
        if dense_hu >= space.cortical_hu:
            continue
        if own_mm3 < settings.mass_own_mm3:
            if own_mm3 >= settings.mass_doubt_mm3:
                doubtful[around] |= piece
            continue
        like = hu[around] <= min(space.root_ratio * dense_hu, space.cortical_hu)
        out[around] |= ndimage.binary_dilation(piece, round_, steps, mask=like | piece)
    return out, doubtful


def _native(
    scan: Scan, mass: Mask, intracranial: Intracranial, settings: BoneContactSettings, space: IntracranialSettings
) -> Voxels:
    """The scan's voxels in and next to the mass, halfway to what is dense and no part of it."""
    if not mass.any():
        return np.empty((0, 3), dtype=np.int64)
    coarse, grid = intracranial.isotropic_hu, scan.geometry
    other = (coarse.values >= space.attached_hu) & ~mass
    near = grown(mass, corners=True) & ~other
    index = grid.to_index(apply(coarse.affine, places(near)))
    low = np.maximum(np.floor(index.min(axis=0)).astype(int) - 1, 0)
    high = np.minimum(np.ceil(index.max(axis=0)).astype(int) + 2, grid.shape)
    if (low >= high).any():
        return np.empty((0, 3), dtype=np.int64)
    k, j, i = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    within = on_native(near.astype(np.float32), coarse.affine, grid.part((k, j, i)), 0.5)
    kji: Voxels = places(within & (scan.hu[k, j, i] >= settings.rim_hu)) + low
    return kji
