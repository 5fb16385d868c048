"""Specks that stand out clearly but are too small to be counted.

Many tiny calcifications of a nucleus may each be smaller than the smallest that counts. They are not measured, but the
site is not free of calcification either: they are listed as left out, below the limit. A speck that reaches the
threshold is listed wherever it lies; one that only reaches that of the rim, for its blur hides its true density, is
listed deep in the head where several lie near each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from calcscan.detection.candidates import Candidates
from calcscan.detection.contrast_to_noise import measure_contrast_to_noise
from calcscan.detection.threshold import Thresholds
from calcscan.grid.geometry import Array
from calcscan.grid.isotropic import sample_at
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
    settings: ThresholdSettings,
) -> list[LeftOut]:
    """Those of the components too small to be counted, by number, that are more than noise and no bone, as left out
    below the limit. Settings: `speck_…` and `table_mm` in `knowledge/thresholds.toml`."""
    shallowest_mm = _shallowest_mm(scan, intracranial, candidates, small)
    specks = [
        speck
        for number, depth_mm in zip(small.tolist(), shallowest_mm.tolist(), strict=True)
        if depth_mm > settings.table_mm
        and (speck := _speck(scan, intracranial, candidates, number, depth_mm, settings)) is not None
    ]
    if not specks:
        return []
    centres = np.array([speck.item.centroid_lps_mm for speck in specks])
    near = cKDTree(centres).query_ball_point(centres, settings.speck_near_mm, return_length=True)
    return [
        speck.item
        for speck, count in zip(specks, near, strict=True)
        if speck.reaches or (count >= settings.speck_near_count and speck.depth_mm > settings.speck_deep_mm)
    ]


def _shallowest_mm(
    scan: Scan, intracranial: Intracranial, candidates: Candidates, numbers: npt.NDArray[np.int64]
) -> Array:
    """The least depth of each of these components under the inner table, looked up for all of them at once."""
    least_mm = np.full(len(candidates.table) + 1, np.inf)
    wanted = np.zeros(len(least_mm), np.bool_)
    wanted[numbers] = True
    kji = np.argwhere(wanted[candidates.components])
    depth_mm = sample_at(intracranial.depth_mm, intracranial.isotropic_hu.affine, scan.geometry.to_world(kji))
    np.minimum.at(least_mm, candidates.components[tuple(kji.T)], depth_mm)
    return least_mm[numbers]


def _speck(
    scan: Scan,
    intracranial: Intracranial,
    candidates: Candidates,
    number: int,
    depth_mm: float,
    settings: ThresholdSettings,
) -> _Speck | None:
    """A component that lies this deep as a speck; None where it may be noise."""
    kji = candidates.voxels_kji(number)
    reaching = kji[scan.hu[tuple(kji.T)] >= candidates.levels.found_hu]
    shown = reaching if len(reaching) else kji
    contrast = measure_contrast_to_noise(scan, intracranial, shown, settings, ring_mm=settings.speck_ring_mm)
    if contrast is None or contrast < settings.speck_stands_out_by:
        return None
    item = LeftOut.of(scan, shown, LeftOutReason.BELOW_LIMIT, {"contrast_to_noise": contrast})
    return _Speck(item=item, reaches=len(reaching) > 0, depth_mm=depth_mm)
