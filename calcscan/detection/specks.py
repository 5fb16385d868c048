"""Specks that stand out clearly but are too small to be counted.

Many tiny calcifications of a nucleus may each be smaller than the smallest that counts. They are not measured, but the
site is not free of calcification either: they are listed as left out, below the limit. A speck that reaches the
threshold is listed wherever it lies; one that only reaches that of the rim, for its blur hides its true density, is
listed deep in the head where several lie near each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from calcscan.detection.contrast_to_noise import measure_contrast_to_noise
from calcscan.detection.threshold import Thresholds
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
    small: Sequence[npt.NDArray[np.int64]],
    levels: Thresholds,
    settings: ThresholdSettings,
) -> list[LeftOut]:
    """Those of the components too small to be counted, each with voxels (n, 3), that are more than noise and no bone,
    as left out below the limit. Settings: `speck_…` and `table_mm` in `knowledge/thresholds.toml`."""
    specks = [speck for kji in small if (speck := _speck(scan, intracranial, kji, levels, settings)) is not None]
    if not specks:
        return []
    centres = np.array([speck.item.centroid_lps_mm for speck in specks])
    near = cKDTree(centres).query_ball_point(centres, settings.speck_near_mm, return_length=True)
    return [
        speck.item
        for speck, count in zip(specks, near, strict=True)
        if speck.reaches or (count >= settings.speck_near_count and speck.depth_mm > settings.speck_deep_mm)
    ]


def _speck(
    scan: Scan,
    intracranial: Intracranial,
    kji: npt.NDArray[np.int64],
    levels: Thresholds,
    settings: ThresholdSettings,
) -> _Speck | None:
    """A component as a speck; None where it lies near the inner table, or may be noise."""
    depth_mm = sample_at(intracranial.depth_mm, intracranial.isotropic_hu.affine, scan.geometry.to_world(kji)).min()
    if depth_mm <= settings.table_mm:
        return None
    reaching = kji[scan.hu[tuple(kji.T)] >= levels.found_hu]
    shown = reaching if len(reaching) else kji
    contrast = measure_contrast_to_noise(scan, intracranial, shown, settings, ring_mm=settings.speck_ring_mm)
    if contrast is None or contrast < settings.speck_stands_out_by:
        return None
    item = LeftOut.of(scan, shown, LeftOutReason.BELOW_LIMIT, {"contrast_to_noise": contrast})
    return _Speck(item=item, reaches=len(reaching) > 0, depth_mm=float(depth_mm))
