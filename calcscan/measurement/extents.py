"""How far a deposit may reach: extents of any volume, each within the next, bounded by one level of its signal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calcscan.measurement.imaging import Imaging
from calcscan.measurement.patch import Field

FEWEST_VOXELS = 2.0
"""Of the layers: less is no extent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extents:
    """The voxels of the layers (n, j, i) in the order in which an extent grows."""

    rank: Field
    imaging: Imaging

    @classmethod
    def of(cls, sharp: Field, imaging: Imaging) -> Extents:
        """Extents bounded by levels of a sharpened signal."""
        rank = np.empty(sharp.size)
        rank[np.argsort(sharp.ravel(), kind="stable")[::-1]] = np.arange(sharp.size, dtype=np.float64)
        return cls(rank=rank.reshape(sharp.shape), imaging=imaging)

    def of_volume(self, volume_mm3: float) -> Field | None:
        """The share of each voxel that the extent of this volume fills; None where it is too small to draw, or larger
        than the patch."""
        voxels = volume_mm3 / self.imaging.voxel_mm3
        if not FEWEST_VOXELS <= voxels < self.rank.size:
            return None
        return np.clip(voxels - self.rank, 0.0, 1.0)


def elongation(filled: Field, imaging: Imaging) -> float:
    """Logarithm of an extent's spread across the slices over its spread within them: 0 for a ball."""
    index = np.nonzero(filled)
    weight = filled[index]
    size = imaging.step_mm
    points = np.stack([imaging.layer_mm[index[0]], index[1] * size[1], index[2] * size[2]])
    points = points - (points @ weight / weight.sum())[:, None]
    spread = (points * weight) @ points.T / weight.sum() + np.diag(size**2) / 12
    return float(0.5 * np.log(spread[0, 0] / np.sqrt(np.linalg.det(spread[1:, 1:]))))
