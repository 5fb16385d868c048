"""A head segmented once, of which many changed copies are searched: only what the change touches is measured again."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from benchmarks.heads.copies import with_hu
from benchmarks.volume.in_scan import Protocol, seen_as
from calcscan.bone_contact import recover_bone_contact
from calcscan.detection import detect_lesions
from calcscan.grid.geometry import Array, apply
from calcscan.grid.isotropic import IsotropicVolume, resample_isotropic, sample_at
from calcscan.grid.masks import box_around
from calcscan.intracranial import segment_intracranial
from calcscan.knowledge.stage_settings import StageSettings
from calcscan.model import AIR_HU, Atlas, Intracranial, Registration, Scan
from calcscan.registration import register_atlas

MARGIN_MM, DEEP_MM, NOISE_PIXELS = 8.0, 12.0, 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """The box of a scan around the inside of its skull, and that inside on the box's own grids."""

    scan: Scan
    inside: Intracranial
    deep_kji: npt.NDArray[np.int64]
    """Voxels (n, 3) deep in the brain: noise and brain are measured there."""
    depth_mm: npt.NDArray[np.float32]
    """Under the inner table, of every voxel, (k, j, i)."""
    calcified: npt.NDArray[np.bool_]
    """What is found in the unchanged scan, and voxels beside it, (k, j, i)."""

    @property
    def steps_mm(self) -> Array:
        return np.array([float(np.median(self.scan.geometry.slab_mm)), *self.scan.geometry.spacing_mm[1:]])

    def changed(self, scan: Scan) -> tuple[Scan, Intracranial]:
        """A copy on the same grid that was changed inside the skull only, with its inside."""
        coarse = _coarse(scan)
        here, there = self.deep_kji, self.deep_kji + np.array([0, 0, NOISE_PIXELS])
        step = scan.hu[tuple(here.T)].astype(np.int32) - scan.hu[tuple(there.T)]
        noise_hu = float(np.median(np.abs(step))) * 1.4826 / float(np.sqrt(2.0))
        shift = np.median(scan.hu[tuple(here.T)]) - np.median(self.scan.hu[tuple(here.T)])
        brain_hu = float(self.inside.brain_hu or 0.0) + float(shift)
        return scan, replace(self.inside, isotropic_hu=coarse, noise_hu=noise_hu, brain_hu=brain_hu)


def registration_of(scan: Scan, atlas: Atlas, settings: StageSettings) -> Registration:
    inside = segment_intracranial(scan, settings=settings.intracranial)
    return register_atlas(inside, atlas, settings=settings.registration)


def sliced(scan: Scan, slab_mm: float | None) -> Scan:
    """A scan averaged to slices of `slab_mm` if its own are much thinner, or interpolated between them if they are
    thicker but no more than 1.5 mm; else itself."""
    own_mm = float(np.median(scan.geometry.slab_mm))
    if slab_mm is None or (own_mm > 1.5 and slab_mm < 1.5 * own_mm) or 0.99 * own_mm <= slab_mm <= 1.5 * own_mm:
        return scan
    return seen_as(scan, Protocol(name="", slab_mm=slab_mm)) if slab_mm > own_mm else _finer(scan, slab_mm)


def prepare(scan: Scan, registration: Registration, atlas: Atlas, settings: StageSettings) -> Prepared:
    """A scan of a head whose registration, also from a copy on another grid, is known."""
    whole: Intracranial = recover_bone_contact(
        scan,
        segment_intracranial(scan, settings=settings.intracranial),
        registration,
        atlas,
        settings=settings.bone_contact,
        space=settings.intracranial,
        air=settings.air_contact,
    )
    margin = np.ceil(MARGIN_MM / np.array(scan.geometry.spacing_mm)).astype(np.int64)
    box = box_around(np.argwhere(whole.mask), margin, scan.hu.shape)
    part = replace(scan, hu=np.array(scan.hu[box]), geometry=scan.geometry.part((box[0], box[1], box[2])))
    coarse = _coarse(part)
    old = whole.isotropic_hu.affine
    world = apply(coarse.affine, np.moveaxis(np.indices(coarse.values.shape), 0, -1).reshape(-1, 3))
    depth_mm = np.float32(sample_at(whole.depth_mm, old, world)).reshape(coarse.values.shape)
    held = sample_at(whole.isotropic_mask.astype(np.float32), old, world).reshape(coarse.values.shape) >= 0.5
    inside = Intracranial(
        mask=whole.mask[box].copy(),
        isotropic_hu=coarse,
        isotropic_mask=held,
        depth_mm=depth_mm,
        intracranial_ml=whole.intracranial_ml,
        noise_hu=whole.noise_hu,
        brain_hu=whole.brain_hu,
    )
    voxels = part.geometry.to_world(np.moveaxis(np.indices(part.hu.shape), 0, -1).reshape(-1, 3))
    native = np.float32(sample_at(depth_mm, coarse.affine, voxels)).reshape(part.hu.shape)
    deep = np.argwhere(native[..., :-NOISE_PIXELS] > DEEP_MM)
    found = detect_lesions(part, inside).labels > 0
    return Prepared(
        scan=part,
        inside=inside,
        deep_kji=deep[:: max(1, len(deep) // 50000)],
        depth_mm=native,
        calcified=np.asarray(ndimage.binary_dilation(found, np.ones((3, 5, 5)))),
    )


def _coarse(scan: Scan) -> IsotropicVolume:
    return resample_isotropic(scan.hu, scan.geometry, 1.5, outside_hu=AIR_HU)


def _finer(scan: Scan, slab_mm: float) -> Scan:
    """Slices as thick as before but nearer to each other, as overlapping reconstruction gives."""
    grid = scan.geometry
    count = int((grid.shape[0] - 1) * grid.spacing_mm[0] / slab_mm) + 1
    at = np.arange(count) * slab_mm / grid.spacing_mm[0]
    low = np.minimum(at.astype(np.int64), grid.shape[0] - 2)
    share = (at - low)[:, None, None].astype(np.float32)
    hu = scan.hu[low] * (1 - share) + scan.hu[low + 1] * share
    origins = grid.to_world(np.stack([at, 0 * at, 0 * at], axis=-1))
    finer = replace(grid, origins_mm=origins, slab_mm=np.full(count, slab_mm))
    return with_hu(Scan(hu=np.zeros(hu.shape, np.int16), geometry=finer, acquisition=scan.acquisition), hu)
