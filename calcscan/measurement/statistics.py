"""Plain numbers of one lesion: counts, sums, extents. What is counted is what the label map shows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import pdist

from calcscan.grid.geometry import Array, Geometry
from calcscan.knowledge.thresholds import ThresholdSettings

Kji = npt.NDArray[np.int64]
_EXACT_POINTS = 400
_DIRECTIONS = 200


def plain_measures(
    kji: Kji, hu: npt.NDArray[np.int16], geometry: Geometry, settings: ThresholdSettings
) -> dict[str, Any]:
    """Those fields of a `Lesion` that follow from its voxels (n, 3) and their density (n,) alone."""
    mm3 = geometry.voxel_mm3[kji[:, 0]]
    centre = centroid_mm(kji, geometry)
    low, high = kji.min(axis=0), kji.max(axis=0) + 1
    return {
        "voxels": len(kji),
        "volume_130_mm3": float(mm3[hu >= settings.counted_hu].sum()),
        "mean_hu": float(hu @ mm3 / mm3.sum()),
        "max_hu": int(hu.max()),
        "mass_hu_mm3": float(hu @ mm3),
        "agatston": agatston(kji, hu, geometry, settings),
        "diameter_mm": diameter_mm(kji, geometry),
        "centroid_lps_mm": tuple(float(x) for x in centre),
        "centroid_kji": tuple(float(x) for x in kji.mean(axis=0)),
        "bbox_kji": tuple((int(a), int(b)) for a, b in zip(low, high, strict=True)),
    }


def agatston(kji: Kji, hu: npt.NDArray[np.int16], geometry: Geometry, settings: ThresholdSettings) -> float:
    """Σ over slices of area (mm2) × weight of the slice's peak × slab / 3 mm, over voxels of 130 HU and more."""
    steps = np.asarray(settings.agatston_weights.from_hu)
    counted = hu >= steps[0]
    slices, owner = np.unique(kji[counted, 0], return_inverse=True)
    if len(slices) == 0:
        return 0.0
    peak = np.zeros(len(slices), np.int16)
    np.maximum.at(peak, owner, hu[counted])
    weight = np.searchsorted(steps, peak, side="right")
    volume_mm3 = np.bincount(owner) * geometry.voxel_mm3[slices]
    return float((volume_mm3 * weight).sum() / settings.agatston_slab_mm)


def diameter_mm(kji: Kji, geometry: Geometry) -> float:
    """The greatest distance between the centres of two voxels, and one pixel for their own size."""
    points = geometry.to_world(kji)
    if len(points) > _EXACT_POINTS:
        points = points[_extreme(points)]
    between = float(pdist(points).max()) if len(points) > 1 else 0.0
    return between + geometry.spacing_mm[2]


def _extreme(points: Array) -> npt.NDArray[np.int64]:
    """The points farthest out along each of many directions spread over the sphere (Fibonacci lattice)."""
    n = np.arange(_DIRECTIONS)
    z, turn = 1 - (2 * n + 1) / _DIRECTIONS, np.pi * (1 + 5**0.5) * n
    directions = np.column_stack([np.sqrt(1 - z**2) * np.cos(turn), np.sqrt(1 - z**2) * np.sin(turn), z])
    along = points @ directions.T
    return np.unique(np.concatenate([along.argmax(axis=0), along.argmin(axis=0)]))


def centroid_mm(kji: Kji, geometry: Geometry) -> Array:
    """Centre of mass in LPS mm, each voxel weighted by the volume it stands for."""
    weight = geometry.voxel_mm3[kji[:, 0]]
    return np.asarray(weight @ geometry.to_world(kji) / weight.sum())
