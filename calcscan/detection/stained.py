"""Large and soft: brain stained by contrast medium, or blood, whose densest parts reach the threshold of calcium.

A deposit of some size holds dense calcium: with noise averaged out, its densest tenth is far above the threshold, and
its edge as sharp as the scan allows. Stained brain is nowhere dense, and fades out over several millimetres.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from calcscan.detection.haemorrhage import BrightRegion, find_bright_regions
from calcscan.detection.layers import find_layers
from calcscan.detection.surround import Surround
from calcscan.grid.geometry import Array, apply
from calcscan.grid.masks import box_around, corner_of
from calcscan.knowledge.thresholds import ThresholdSettings
from calcscan.measurement.blur import blur_of
from calcscan.model import Intracranial, Scan

Voxels = npt.NDArray[np.int64]
_EDGE_WIDTHS = 3.0
"""How far around a piece its edge is looked at, in `edge_direction_mm`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Softness:
    """How dense a piece is with its noise averaged out, and how wide its edge."""

    volume_mm3: float
    """Of its counted voxels."""
    dense_hu: float
    """Of its densest tenth, averaged."""
    edge_mm: float
    """Over which the density falls from the piece's to brain's, within the slices."""
    max_hu: float
    """Of its densest voxel."""
    steepest_hu_per_mm: float
    """How steeply its density changes within the slices at its steepest places, with its noise averaged out."""

    @property
    def evidence(self) -> Mapping[str, float]:
        return {"counted_mm3": self.volume_mm3, "densest_tenth_hu": self.dense_hu, "edge_mm": self.edge_mm}


@dataclass(frozen=True, slots=True, kw_only=True)
class DensityJudgement:
    """What among the pieces is not surely calcium, and where else the head is too bright for brain."""

    stained: Mapping[int, Softness]
    """The numbers of the pieces that may be stained brain or blood."""
    regions: Sequence[BrightRegion]
    fading: Sequence[Softness] = ()
    """Those of the stained pieces that are denser than blood and told by their wide edge alone."""


def judge_density(
    scan: Scan,
    intracranial: Intracranial,
    surround: Surround | None,
    pieces: Sequence[Voxels],
    settings: ThresholdSettings,
    *,
    regions: Sequence[BrightRegion] | None = None,
) -> DensityJudgement:
    """Judge pieces by their counted voxels (n, 3): large, faint and soft ones, and faint ones beside such pieces or
    beside a bright region of stained brain, are not surely calcium. `regions`: those that are known already."""
    softness = [measure_softness(scan, intracranial, kji, settings) for kji in pieces]
    blur_mm = blur_of(scan).in_plane_mm
    fading = {n for n, piece in enumerate(softness) if fades_out(piece, blur_mm, settings)}
    stained = _find_stained(scan, pieces, softness, fading, settings)
    stained |= {n for n, piece in enumerate(softness) if _is_noisy_blood(piece, intracranial.noise_hu or 0.0, settings)}
    if regions is None:
        regions = _find_regions(scan, intracranial, surround, pieces, softness, stained, settings)
    stained |= _find_beside_stained(scan, intracranial, pieces, softness, regions, settings)
    return DensityJudgement(
        stained={n: softness[n] for n in sorted(stained)}, regions=regions, fading=[softness[n] for n in sorted(fading)]
    )


def _find_regions(
    scan: Scan,
    intracranial: Intracranial,
    surround: Surround | None,
    pieces: Sequence[Voxels],
    softness: Sequence[Softness],
    stained: Collection[int],
    settings: ThresholdSettings,
) -> Sequence[BrightRegion]:
    """The bright regions, but for the blur of those pieces that are not stained."""
    if surround is None:
        return ()
    dense: list[Voxels] = []
    sharp: list[Voxels] = []
    soft: list[Voxels] = []
    for n, (kji, piece) in enumerate(zip(pieces, softness, strict=True)):
        if n not in stained:
            faint = sharp if _is_sharp(piece, settings) else soft
            if _is_faint(piece, settings):
                faint.append(kji)
            else:
                dense.append(_dense_part(scan, intracranial, kji, piece, settings))
    regions = find_bright_regions(scan, intracranial, surround, dense, sharp, soft, settings)
    layers = find_layers(intracranial, surround, regions, settings)
    return sorted([*regions, *layers], key=lambda region: -region.ml)


def _dense_part(
    scan: Scan, intracranial: Intracranial, kji: Voxels, piece: Softness, settings: ThresholdSettings
) -> Voxels:
    """The voxels (n, 3) of a large piece that reach half of its own density: the others may be stained brain around a
    deposit, which its blur doesn't explain."""
    if piece.volume_mm3 < settings.stained_mm3:
        return kji
    brain_hu = float(intracranial.brain_hu or 0.0)
    return np.asarray(kji[scan.hu[tuple(kji.T)] >= brain_hu + (piece.dense_hu - brain_hu) / 2.0])


def _find_stained(
    scan: Scan,
    pieces: Sequence[Voxels],
    softness: Sequence[Softness],
    fading: set[int],
    settings: ThresholdSettings,
) -> set[int]:
    """The numbers of the pieces, voxels (n, 3) each, that are too soft and too faint for their size to be surely
    calcium, those that are `fading` among them, and of smaller ones beside them that are no denser than such pieces may
    be, or than this one is."""
    stained = fading | {n for n, piece in enumerate(softness) if _is_stained(piece, settings)}
    most_hu = max((softness[n].dense_hu for n in fading), default=0.0)
    faint = [n for n, piece in enumerate(softness) if _is_faint(piece, settings) or piece.dense_hu <= most_hu]
    world = {n: scan.geometry.to_world(pieces[n]) for n in faint}
    todo = list(stained)
    while todo:
        number = todo.pop()
        limit_hu = max(float(settings.stained_hu), softness[number].dense_hu)
        beside = cKDTree(scan.geometry.to_world(pieces[number]))
        near = {
            n
            for n in world.keys() - stained
            if softness[n].dense_hu <= limit_hu and np.min(beside.query(world[n])[0]) <= settings.stained_near_mm
        }
        stained |= near
        todo += near
    return stained


def _find_beside_stained(
    scan: Scan,
    intracranial: Intracranial,
    pieces: Sequence[Voxels],
    softness: Sequence[Softness],
    regions: Sequence[BrightRegion],
    settings: ThresholdSettings,
) -> set[int]:
    """The numbers of the pieces that lie in or beside a bright region and are no denser, with their noise averaged out,
    than its densest parts may be: those of stained brain as dense as `_is_faint` says; blood is more even, and what is
    in it must stand out from it as `found_excess` says."""
    beside: set[int] = set()
    for region in regions:
        stained = region.mean_hu > settings.blood_mean_high_hu
        if not stained and region.ml < settings.uncertain_ml:
            continue
        excess_hu = settings.found_excess * (region.mean_hu - float(intracranial.brain_hu or 0.0))
        limit_hu = settings.stained_hu if stained else min(settings.stained_hu, region.mean_hu + excess_hu)
        near = cKDTree(apply(intracranial.isotropic_hu.affine, np.argwhere(region.where)))
        for n, piece in enumerate(softness):
            if n not in beside and piece.dense_hu < limit_hu:
                world = scan.geometry.to_world(pieces[n])
                if np.isfinite(near.query(world, distance_upper_bound=settings.stained_near_mm)[0]).any():
                    beside.add(n)
    return beside


def _is_faint(piece: Softness, settings: ThresholdSettings) -> bool:
    """Whether a piece is nowhere denser than stained brain may be."""
    return piece.dense_hu < settings.stained_hu


def _is_sharp(piece: Softness, settings: ThresholdSettings) -> bool:
    """Whether its edge is as sharp as that of calcification: a thick slice may dilute it, and then it is faint."""
    return piece.edge_mm < settings.stained_edge_mm


def _is_stained(piece: Softness, settings: ThresholdSettings) -> bool:
    soft = piece.volume_mm3 >= settings.stained_mm3 and not _is_sharp(piece, settings)
    return _is_faint(piece, settings) and (soft or piece.volume_mm3 >= settings.stained_large_mm3)


def fades_out(piece: Softness, blur_mm: float, settings: ThresholdSettings) -> bool:
    """Whether a large piece, denser than blood and most stained brain, has an edge wider than that of calcification:
    wider still in a picture that is more blurred than most."""
    widened_mm2 = 2.0 * np.pi * max(blur_mm**2 - settings.fading_blur_mm**2, 0.0)
    edge_mm = float(np.sqrt(settings.fading_edge_mm**2 + widened_mm2))
    large = piece.volume_mm3 >= settings.stained_mm3
    wide = large and piece.dense_hu < settings.fading_hu and piece.edge_mm >= edge_mm
    return wide and piece.steepest_hu_per_mm < settings.fading_slope


def _is_noisy_blood(piece: Softness, noise_hu: float, settings: ThresholdSettings) -> bool:
    """Whether a piece is, with its noise averaged out, no denser than blood, and its peak no higher than noise lifts
    blood: thin blood in a noisy picture."""
    blood_hu = float(settings.asked_blood_hu)
    return piece.dense_hu < blood_hu and piece.max_hu < blood_hu + settings.blood_noise_factor * noise_hu


def measure_softness(scan: Scan, intracranial: Intracranial, kji: Voxels, settings: ThresholdSettings) -> Softness:
    """The softness of a piece with counted voxels (n, 3)."""
    pixel_mm = np.array(scan.geometry.spacing_mm[1:])
    reach = np.ceil(_EDGE_WIDTHS * settings.edge_direction_mm / pixel_mm).astype(np.int64)
    margin = np.array([1, *reach])
    box = box_around(kji, margin, scan.hu.shape)
    brain_hu = float(intracranial.brain_hu or 0.0)
    slab_mm = float(np.median(scan.geometry.slab_mm))
    sigma_mm = settings.dense_smoothing_mm
    sigma = (sigma_mm / slab_mm if slab_mm <= 2 * sigma_mm else 0.0, *(sigma_mm / pixel_mm))
    hu = ndimage.gaussian_filter(np.clip(scan.hu[box], brain_hu - 50, None).astype(np.float32), sigma)
    own = tuple((kji - corner_of(box)).T)
    values = hu[own]
    excess = float(np.percentile(values, 75)) - brain_hu
    half = hu >= brain_hu + excess / 2.0
    labels, _ = ndimage.label(half)
    half = np.isin(labels, np.unique(labels[own])) & half & intracranial.mask[box]
    edge = half & ~ndimage.binary_erosion(half, np.ones((1, 3, 3), np.bool_), border_value=1)
    wide = ndimage.gaussian_filter(np.minimum(hu, brain_hu + 2 * excess), (0, *(settings.edge_direction_mm / pixel_mm)))
    inwards, steep = _slopes(wide, pixel_mm, edge), _slopes(hu, pixel_mm, edge)
    slope = (inwards * steep).sum(axis=0) / np.maximum(np.linalg.norm(inwards, axis=0), 1e-3)
    fall = float(slope.mean()) if slope.size else 0.0
    return Softness(
        volume_mm3=float(scan.geometry.voxel_mm3[kji[:, 0]].sum()),
        dense_hu=float(np.percentile(values, 90)),
        edge_mm=excess / fall if fall > 0 else float("inf"),
        max_hu=float(scan.hu[tuple(kji.T)].max()),
        steepest_hu_per_mm=_steepest(hu, pixel_mm, own, scan.geometry.voxel_mm3[kji[:, 0]], settings),
    )


def _steepest(
    hu: npt.NDArray[np.float32],
    pixel_mm: Array,
    own: tuple[npt.NDArray[np.int64], ...],
    mm3: Array,
    settings: ThresholdSettings,
) -> float:
    """The slope within the slices that a few cubic millimetres of the own voxels exceed, HU per mm."""
    down, right = (np.gradient(hu, step, axis=axis)[own] for axis, step in zip((1, 2), pixel_mm, strict=True))
    slope = np.hypot(down, right)
    order = np.argsort(-slope)
    few = np.searchsorted(np.cumsum(mm3[order]), settings.fading_steepest_mm3)
    return float(slope[order][min(int(few), len(slope) - 1)])


def _slopes(hu: npt.NDArray[np.float32], pixel_mm: Array, where: npt.NDArray[np.bool_]) -> Array:
    """The gradient within the slices, HU per mm, (2, n) along rows and columns."""
    down, right = (np.asarray(np.gradient(hu, step, axis=axis)) for axis, step in zip((1, 2), pixel_mm, strict=True))
    return np.stack([down[where], right[where]])
