"""Brighter than brain, fainter than calcium, and too large for a deposit's blur: blood, or contrast medium."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.detection.surround import Surround, across_slices
from calcscan.grid.geometry import apply
from calcscan.grid.isotropic import sample_at
from calcscan.grid.masks import box_around, distance_mm
from calcscan.knowledge.thresholds import ThresholdSettings
from calcscan.model import Flag, Intracranial, Scan

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BrightRegion:
    """A compact region of soft tissue that is too bright for brain."""

    where: Mask
    """On the isotropic grid."""
    ml: float
    mean_hu: float
    """Of its core."""
    radius_mm: float
    """Of the largest ball that it holds."""

    def voxels_kji(self, scan: Scan, intracranial: Intracranial) -> npt.NDArray[np.int64]:
        """The scan's own voxels in it, (n, 3)."""
        affine = intracranial.isotropic_hu.affine
        inside = np.argwhere(self.where)
        corners = np.array([inside.min(axis=0) - 1, inside.max(axis=0) + 1])
        ends = np.array(np.meshgrid(*corners.T)).reshape(3, -1).T
        index = scan.geometry.to_index(apply(affine, ends))
        low = np.clip(np.floor(index.min(axis=0)).astype(np.int64), 0, np.array(scan.hu.shape) - 1)
        high = np.clip(np.ceil(index.max(axis=0)).astype(np.int64) + 1, low + 1, scan.hu.shape)
        kji = np.indices((high - low).tolist()).reshape(3, -1).T + low
        held = sample_at(self.where.astype(np.float32), affine, scan.geometry.to_world(kji)) >= 0.5
        return np.asarray(kji[held & intracranial.mask[tuple(kji.T)]])


def find_bright_regions(
    scan: Scan,
    intracranial: Intracranial,
    surround: Surround,
    dense: Sequence[npt.NDArray[np.int64]],
    sharp: Sequence[npt.NDArray[np.int64]],
    soft: Sequence[npt.NDArray[np.int64]],
    settings: ThresholdSettings,
) -> list[BrightRegion]:
    """Regions that may be blood or contrast medium, the largest first; the blur of calcification is none.

    Calcification are pieces of voxels (n, 3): `dense` ones, and faint ones with a `sharp` or a `soft` edge. Faint ones
    explain no region larger than their own blur: a small one, sharp ones also one of `halo_ratio` times their volume.

    Compact ones: wide enough to be no falx, tentorium or vessel; near the inner table, where sinuses run, wider still.
    """
    step_mm = intracranial.isotropic_hu.spacing_mm
    bright_hu = max(surround.brain_hu + settings.bright_excess_hu, float(settings.bright_hu))
    band = surround.clear & (surround.tissue_hu >= bright_hu) & (intracranial.depth_mm >= settings.sinus_depth_mm)
    if not band.any():
        return []
    thick_mm = distance_mm(~band, step_mm)
    seeds = thick_mm >= settings.blood_radius_mm
    if not seeds.any():
        return []
    opened = band & (distance_mm(seeds, step_mm) <= settings.blood_radius_mm)
    pieces, _ = ndimage.label(opened)
    deep_mm = settings.blood_depth_mm + float(np.max(scan.slice_reach_mm)) / 2.0
    halo, sharp_halo, soft_halo = (_halo(scan, intracranial, pieces, settings) for pieces in (dense, sharp, soft))
    regions = []
    for number, box in enumerate(ndimage.find_objects(pieces), start=1):
        piece = pieces[box] == number
        radius_mm = float(thick_mm[box][piece].max())
        core_hu = surround.tissue_hu[box][piece & (thick_mm[box] >= radius_mm / 2.0)]
        mean_hu = float(core_hu.mean())
        where = np.zeros(pieces.shape, np.bool_)
        where[box] = piece
        where = _whole(where, mean_hu, surround, step_mm, settings)
        ml = float(where.sum()) * step_mm**3 / 1000.0
        deep = float(intracranial.depth_mm[box][piece].max()) >= deep_mm
        if ml < (settings.blood_ml if deep else settings.sinus_ml):
            continue
        if radius_mm < (settings.blood_radius_mm if deep else settings.sinus_radius_mm):
            continue
        small = ml < settings.uncertain_ml
        explained = halo[where]
        if small or 1000.0 * ml <= settings.halo_ratio * _held_mm3(where, scan, intracranial, sharp):
            explained |= sharp_halo[where]
        if small:
            explained |= soft_halo[where]
        if explained.mean() >= settings.halo_share:
            continue
        regions.append(BrightRegion(where=where, ml=ml, mean_hu=mean_hu, radius_mm=radius_mm))
    return sorted(regions, key=lambda region: -region.ml)


def _halo(
    scan: Scan, intracranial: Intracranial, calcified: Sequence[npt.NDArray[np.int64]], settings: ThresholdSettings
) -> Mask:
    """What lies so near to calcification, or within the slices it may reach into, that it shows its blur."""
    volume = intracranial.isotropic_hu
    where = np.zeros(volume.values.shape, np.bool_)
    for kji in calcified:
        index = np.rint(apply(np.linalg.inv(volume.affine), scan.geometry.to_world(kji))).astype(np.int64)
        where[tuple(np.clip(index, 0, np.array(where.shape) - 1).T)] = True
    if not where.any():
        return where
    steps = across_slices(scan, settings.halo_mm, volume.spacing_mm, settings)
    return np.asarray(ndimage.distance_transform_edt(~where, sampling=steps) <= settings.halo_mm)


def _held_mm3(where: Mask, scan: Scan, intracranial: Intracranial, pieces: Sequence[npt.NDArray[np.int64]]) -> float:
    """How much of the pieces, voxels (n, 3) each, lies within a region of the isotropic grid."""
    held_mm3, affine = 0.0, intracranial.isotropic_hu.affine
    for kji in pieces:
        within = sample_at(where.astype(np.float32), affine, scan.geometry.to_world(kji), nearest=True) > 0.5
        held_mm3 += float(scan.geometry.voxel_mm3[kji[within, 0]].sum())
    return held_mm3


def _whole(piece: Mask, mean_hu: float, surround: Surround, step_mm: float, settings: ThresholdSettings) -> Mask:
    """A piece and what around it is brighter than midway between brain and its own core."""
    reach = int(np.ceil(settings.coarse_mm / step_mm))
    box = box_around(np.argwhere(piece), reach, piece.shape)
    near = ndimage.distance_transform_edt(~piece[box]) * step_mm <= settings.coarse_mm
    bright = surround.clear[box] & (surround.tissue_hu[box] >= (surround.brain_hu + mean_hu) / 2.0)
    out = piece.copy()
    out[box] |= near & bright
    return out


def raise_surround(
    surround: Surround, regions: Sequence[BrightRegion], step_mm: float, settings: ThresholdSettings
) -> Surround:
    """The surround with every bright region as dense as its core, also beside it and where calcification in it leaves
    no soft tissue to average: what lies there must stand out from blood or stained brain, and is measured apart."""
    around_hu = surround.around_hu.copy()
    reach = int(np.ceil(settings.stained_near_mm / step_mm))
    for region in regions:
        if region.ml < settings.uncertain_ml:
            continue
        box = box_around(np.argwhere(region.where), reach, region.where.shape)
        near = ndimage.distance_transform_edt(~region.where[box]) * step_mm <= settings.stained_near_mm
        around_hu[box] = np.where(near, np.maximum(around_hu[box], region.mean_hu), around_hu[box])
    return replace(surround, around_hu=around_hu)


def flag_possible_haemorrhage(
    regions: Sequence[BrightRegion], fading_ml: Mapping[float, float], settings: ThresholdSettings
) -> tuple[Flag, ...]:
    """The flag `possible_haemorrhage`, with the volume of the largest in ml, or nothing.

    `fading_ml` are pieces too dense to be a bright region that fade out as stained brain does: how dense (HU), by their
    volume in ml.
    """
    if not regions:
        largest_ml = max(fading_ml, default=0.0)
        if largest_ml < settings.uncertain_ml:
            return ()
        message = (
            f"{largest_ml:.1f} ml of up to {fading_ml[largest_ml]:.0f} HU fades out as stained brain does: "
            "contrast medium, blood or calcification?"
        )
        value = round(largest_ml, 2)
        return (Flag(code="possible_haemorrhage", message=message, value=value, limit=settings.uncertain_ml),)
    largest = regions[0]
    what = (
        "brighter than brain and fainter than calcium: blood?"
        if largest.mean_hu <= settings.blood_mean_high_hu
        else "as bright as stained brain, with no dense core: contrast medium, blood or faint calcification?"
    )
    more = f"; {len(regions) - 1} more such region(s)" if len(regions) > 1 else ""
    message = f"{largest.ml:.1f} ml of {largest.mean_hu:.0f} HU is {what}{more}"
    return (Flag(code="possible_haemorrhage", message=message, value=round(largest.ml, 2), limit=settings.blood_ml),)
