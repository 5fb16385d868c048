"""Specks that stand out clearly but are too small to be counted.

Many tiny calcifications of a nucleus may each be smaller than the smallest that counts. They are not measured, but the
site is not free of calcification either: they are listed as left out, below the limit. A speck that reaches the
threshold is listed wherever it lies; one that only reaches that of the rim, or not even that, for its blur hides its
true density, is listed deep in the head where several lie near each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from calcscan.detection.candidates import Candidates
from calcscan.detection.contrast_to_noise import measure_contrast_to_noise
from calcscan.detection.surround import Surround
from calcscan.detection.threshold import Thresholds
from calcscan.grid.geometry import Array
from calcscan.grid.isotropic import sample_at
from calcscan.grid.masks import places
from calcscan.knowledge.left_out import LeftOutReason
from calcscan.knowledge.thresholds import ThresholdSettings
from calcscan.model import Intracranial, LeftOut, Scan


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Speck:
    item: LeftOut
    reaches: bool
    """It reaches the threshold."""
    depth_mm: float


def speck_from_hu(intracranial: Intracranial, levels: Thresholds, settings: ThresholdSettings) -> float:
    """The least peak that a speck in brain may have: what reaches less can't stand out from the noise."""
    if intracranial.noise_hu is None or intracranial.brain_hu is None:
        return levels.found_hu
    above_noise = intracranial.brain_hu + settings.speck_stands_out_by * intracranial.noise_hu
    return float(min(levels.found_hu, above_noise))


def find_specks(
    scan: Scan,
    intracranial: Intracranial,
    candidates: Candidates,
    small: npt.NDArray[np.int64],
    surround: Surround | None,
    settings: ThresholdSettings,
) -> list[LeftOut]:
    """Those of the components too small to be counted, by number, and of what is fainter than any component, that are
    more than noise and no bone, as left out below the limit. Settings: `speck_…` and `table_mm` in
    `knowledge/thresholds.toml`."""
    shallowest_mm = _shallowest_mm(scan, intracranial, candidates, small)
    specks = [
        speck
        for number, depth_mm in zip(small.tolist(), shallowest_mm.tolist(), strict=True)
        if depth_mm > settings.table_mm
        and (speck := _speck(scan, intracranial, candidates, candidates.voxels_kji(number), depth_mm, settings))
        is not None
    ]
    specks += _fainter_than_rim(scan, intracranial, candidates, surround, settings)
    if not specks:
        return []
    centres = np.array([speck.item.centroid_lps_mm for speck in specks])
    near = _near(centres, settings)
    return [
        speck.item
        for speck, count in zip(specks, near, strict=True)
        if speck.reaches or (count >= settings.speck_near_count and speck.depth_mm > settings.speck_deep_mm)
    ]


def _near(centres_mm: Array, settings: ThresholdSettings) -> npt.NDArray[np.int64]:
    """How many of the centres (n, 3) lie near each, itself included."""
    tree = cKDTree(centres_mm)
    return np.asarray(tree.query_ball_point(centres_mm, settings.speck_near_mm, return_length=True), dtype=np.int64)


def _fainter_than_rim(
    scan: Scan,
    intracranial: Intracranial,
    candidates: Candidates,
    surround: Surround | None,
    settings: ThresholdSettings,
) -> list[_Speck]:
    """Specks deep in the head that do not reach the threshold of the rim, where several lie near each other."""
    if surround is None:
        return []
    above_hu = settings.speck_stands_out_by * surround.noise_hu
    from_hu = max(surround.brain_hu + above_hu, float(settings.speck_faint_hu))
    if from_hu >= candidates.levels.rim_hu:
        return []
    kji = places((scan.hu >= from_hu) & intracranial.mask)
    depth_mm = sample_at(intracranial.depth_mm, surround.affine, scan.geometry.to_world(kji))
    kji, depth_mm = kji[depth_mm > settings.speck_deep_mm], depth_mm[depth_mm > settings.speck_deep_mm]
    if len(kji) < settings.speck_near_count:
        return []
    piece = _pieces_of(kji)
    count = int(piece.max()) + 1
    hu, world = scan.hu[tuple(kji.T)].astype(np.float64), scan.geometry.to_world(kji)
    around_hu = np.maximum(sample_at(surround.around_hu, surround.affine, world), surround.brain_hu)
    stands_out = np.zeros(count, np.bool_)
    stands_out[piece[hu - around_hu >= above_hu]] = True
    reaches_rim = np.zeros(count, np.bool_)
    reaches_rim[piece[candidates.components[tuple(kji.T)] > 0]] = True
    mm3 = np.bincount(piece, weights=scan.geometry.voxel_mm3[kji[:, 0]], minlength=count)
    most_mm3 = np.maximum(settings.speck_most_mm3, 2.0 * float(np.median(scan.geometry.voxel_mm3)))
    wanted = np.flatnonzero(stands_out & ~reaches_rim & (mm3 <= most_mm3))
    order = np.argsort(piece, kind="stable")
    first = np.searchsorted(piece[order], np.arange(count + 1))
    held = [order[first[n] : first[n + 1]] for n in wanted.tolist()]
    if not held:
        return []
    centres = np.array([world[at].mean(axis=0) for at in held])
    near = _near(centres, settings)
    found = (
        _speck(scan, intracranial, candidates, kji[at], float(depth_mm[at].min()), settings)
        for at, beside in zip(held, near, strict=True)
        if beside >= settings.speck_near_count
    )
    return [speck for speck in found if speck is not None]


def _pieces_of(kji: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The number, from 0 on, of the connected piece that each of the voxels (n, 3) belongs to."""
    pairs = cKDTree(kji).query_pairs(1.0, p=np.inf, output_type="ndarray")
    links = coo_array((np.ones(len(pairs), np.bool_), (pairs[:, 0], pairs[:, 1])), shape=(len(kji), len(kji)))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)


def _shallowest_mm(
    scan: Scan, intracranial: Intracranial, candidates: Candidates, numbers: npt.NDArray[np.int64]
) -> Array:
    """The least depth of each of these components under the inner table, looked up for all of them at once."""
    least_mm = np.full(len(candidates.table) + 1, np.inf)
    wanted = np.zeros(len(least_mm), np.bool_)
    wanted[numbers] = True
    kji = places(candidates.components > 0)
    kji = kji[wanted[candidates.components[tuple(kji.T)]]]
    depth_mm = sample_at(intracranial.depth_mm, intracranial.isotropic_hu.affine, scan.geometry.to_world(kji))
    np.minimum.at(least_mm, candidates.components[tuple(kji.T)], depth_mm)
    return least_mm[numbers]


def _speck(
    scan: Scan,
    intracranial: Intracranial,
    candidates: Candidates,
    kji: npt.NDArray[np.int64],
    depth_mm: float,
    settings: ThresholdSettings,
) -> _Speck | None:
    """Voxels (n, 3) that lie this deep as a speck; None where they may be noise."""
    reaching = kji[scan.hu[tuple(kji.T)] >= candidates.levels.found_in(kji[:, 0])]
    shown = reaching if len(reaching) else kji
    contrast = measure_contrast_to_noise(scan, intracranial, shown, settings, ring_mm=settings.speck_ring_mm)
    if contrast is None or contrast < settings.speck_stands_out_by:
        return None
    item = LeftOut.of(scan, shown, LeftOutReason.BELOW_LIMIT, {"contrast_to_noise": contrast})
    return _Speck(item=item, reaches=len(reaching) > 0, depth_mm=depth_mm)
