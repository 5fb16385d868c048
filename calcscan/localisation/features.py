"""What this head's own anatomy says about a lesion: bone, air, fluid and depth around it, and its shape."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import partial

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan._kernels.touching import touches_outside
from calcscan.grid.geometry import Array, apply
from calcscan.grid.isotropic import IsotropicVolume, sample_at
from calcscan.knowledge.air_contact import AirContactSettings
from calcscan.knowledge.intracranial import IntracranialSettings
from calcscan.knowledge.localisation import LocalisationSettings
from calcscan.localisation.bone_valley import measure_valley
from calcscan.localisation.shape import Shape, shape_of
from calcscan.measurement.air_contact import lines_air, near_air
from calcscan.measurement.beside_bone import is_cortical_bone
from calcscan.model import BASE_ZONE, BRAIN_ZONE, SELLA_ZONE, Atlas, Lesion, LesionMap, Registration, Scan, SearchRegion
from calcscan.processors import at_once


@dataclass(frozen=True, slots=True, kw_only=True)
class BoneContact:
    """How a lesion lies to bone, whatever the atlas says."""

    touches_bone: bool
    """It touches dense tissue outside the intracranial space."""
    in_vault_plaque: bool
    """Most of it is a plaque that was recovered from the vault."""
    in_mass: bool
    """Most of it is a mass that no bone explains."""
    on_base_peak: bool
    """Most of it was recovered from the bones of the skull base, but lies as shallow as they do."""
    deepest_mm: float
    """The greatest depth of its voxels under the inner table."""
    gap_mm: float
    """From it to the nearest bone; infinite where there is none within `saddle_mm`."""
    saddle: float
    """How dense the densest path to bone stays, from brain (0) to the lesion's peak (1); see `bone_valley`."""
    at_scan_edge: bool
    """It reaches the first or last slice, so that what it is attached to may lie outside the scan."""
    thick_slices: bool
    """The slices are thick enough to smear bone into their neighbours."""
    cortical_bone: bool
    """It is largely as dense as cortical bone, with bone beside much of it."""
    lines_air: bool
    """As much of it lies near air as of the wall of a sinus or air cell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Features(BoneContact):
    """What this head's own anatomy says about a lesion."""

    fluid_share: float
    """Share of its surround that is fluid."""
    fat_share: float
    """And that is fat; 0 where there is air, whose edge looks like it."""
    base_share: float
    outside_share: float
    sella_share: float
    atlas_x_mm: float
    diameter_mm: float
    shape: Shape
    lateral: float
    """How far its thin side faces left or right in the atlas, 0 to 1: 1 as that of the falx does."""


def bone_contacts(
    lesions: LesionMap,
    scan: Scan,
    region: SearchRegion,
    settings: LocalisationSettings,
    intracranial: IntracranialSettings,
    air: AirContactSettings,
) -> dict[int, BoneContact]:
    """How each lesion lies to bone, by its number; which of them touch it is found in one pass over the scan."""
    count = len(lesions.lesions)
    touches = np.zeros(count + 1, dtype=np.bool_)
    labels = np.ascontiguousarray(lesions.labels)
    touches_outside(scan.hu, region.mask, labels, int(intracranial.attached_hu), touches)
    in_plaque = _mostly_in(region.vault_plaques_kji, lesions)
    in_mass = _mostly_in(region.masses_kji, lesions)
    on_peak = _mostly_in(region.base_peaks_kji, lesions)

    def contact(lesion: Lesion) -> BoneContact:
        kji = lesions.voxels_kji(lesion.id)
        world_mm = lesions.geometry.to_world(kji)
        depth_mm = sample_at(region.depth_mm, region.isotropic_hu.affine, world_mm)
        valley = measure_valley(lesion, lesions, scan, region, settings)
        (first, last), *_ = lesion.bbox_kji
        return BoneContact(
            touches_bone=bool(touches[lesion.id]),
            in_vault_plaque=bool(in_plaque[lesion.id]),
            in_mass=bool(in_mass[lesion.id]),
            on_base_peak=bool(on_peak[lesion.id]),
            deepest_mm=float(depth_mm.max()),
            gap_mm=valley.gap_mm,
            saddle=valley.saddle,
            at_scan_edge=first == 0 or last == scan.geometry.shape[0],
            thick_slices=float(scan.slice_thickness_mm[first:last].max()) > settings.thick_mm,
            cortical_bone=bool(touches[lesion.id]) and is_cortical_bone(scan, kji, intracranial),
            lines_air=bool(lines_air(float(near_air(scan, kji, air).mean()), air)),
        )

    contacts = at_once(partial(contact, lesion) for lesion in lesions.lesions)
    return {lesion.id: found for lesion, found in zip(lesions.lesions, contacts, strict=True)}


def measure_features(
    lesion: Lesion,
    contact: BoneContact,
    lesions: LesionMap,
    scan: Scan,
    region: SearchRegion,
    registration: Registration,
    atlas: Atlas,
    settings: LocalisationSettings,
) -> Features:
    """The features of one lesion, in the scan and where it comes to lie in the atlas."""
    kji = lesions.voxels_kji(lesion.id)
    world_mm = scan.geometry.to_world(kji)
    atlas_mm = registration.to_atlas(world_mm)
    zones = sample_at(atlas.zones, atlas.affine, atlas_mm, nearest=True).astype(np.uint8)
    drawn = sample_at(atlas.labels, atlas.affine, atlas_mm, nearest=True)
    base_share = float(((zones & BASE_ZONE) > 0).mean())
    (first, last), *_ = lesion.bbox_kji
    shape = shape_of(world_mm, (first, last), scan.geometry, settings)
    centre_mm = world_mm.mean(axis=0)
    around_hu = _surround_hu(world_mm, region.isotropic_hu, settings)
    across = np.diff(registration.to_atlas(np.stack([centre_mm, centre_mm + shape.across])), axis=0)[0]
    return Features(
        **{part.name: getattr(contact, part.name) for part in fields(BoneContact)},
        fluid_share=float((around_hu < settings.fluid_hu).mean()) if around_hu.size else 0.0,
        fat_share=_fat_share(around_hu, settings),
        base_share=base_share,
        sella_share=float(((zones & SELLA_ZONE) > 0).mean()),
        outside_share=float((((zones & BRAIN_ZONE) == 0) & (drawn == 0)).mean()),
        atlas_x_mm=float(atlas_mm[:, 0].mean()),
        diameter_mm=lesion.diameter_mm,
        shape=shape,
        lateral=float(abs(across[0]) / np.linalg.norm(across)),
    )


def _surround_hu(
    world_mm: Array, isotropic_hu: IsotropicVolume, settings: LocalisationSettings
) -> npt.NDArray[np.float32]:
    """HU in a shell around the lesion on the isotropic grid, clear of its blur, (n,)."""
    spacing_mm = isotropic_hu.spacing_mm
    index = np.rint(apply(np.linalg.inv(isotropic_hu.affine), world_mm)).astype(int)
    margin = int(np.ceil(settings.shell_outer_mm / spacing_mm)) + 1
    low = np.maximum(index.min(axis=0) - margin, 0)
    high = np.minimum(index.max(axis=0) + margin + 1, isotropic_hu.values.shape)
    free = np.ones(np.maximum(high - low, 1), dtype=np.bool_)
    free[tuple(np.clip(index - low, 0, np.array(free.shape) - 1).T)] = False
    away_mm = ndimage.distance_transform_edt(free, sampling=spacing_mm)
    shell = (away_mm > settings.shell_inner_mm) & (away_mm <= settings.shell_outer_mm)
    box = tuple(slice(a, a + n) for a, n in zip(low, free.shape, strict=True))
    return np.asarray(isotropic_hu.values[box][shell])


def _fat_share(around_hu: npt.NDArray[np.float32], settings: LocalisationSettings) -> float:
    if around_hu.size == 0 or float(around_hu.min()) < settings.fat_low_hu:
        return 0.0
    return float((around_hu < settings.fat_high_hu).mean())


def _mostly_in(kji: npt.NDArray[np.int64], lesions: LesionMap) -> npt.NDArray[np.bool_]:
    """For each lesion number, whether most of it lies in these voxels (n, 3)."""
    held = lesions.counts_among(kji)
    voxels = np.zeros(len(held))
    for lesion in lesions.lesions:
        voxels[lesion.id] = lesion.voxels
    return np.asarray(2 * held > voxels)
