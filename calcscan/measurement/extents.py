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

    def imaged_by(self, imaging: Imaging) -> Extents:
        """The same extents, as another imaging shows them."""
        return Extents(rank=self.rank, imaging=imaging)

    def of_volume(self, volume_mm3: float) -> Field | None:
        """The share of each voxel that the extent of this volume fills; None where it is too small to draw, or larger
        than the patch."""
        voxels = volume_mm3 / self.imaging.voxel_mm3
        if not FEWEST_VOXELS <= voxels < self.rank.size:
            return None
        return np.clip(voxels - self.rank, 0.0, 1.0)


def elongation(filled: Field, imaging: Imaging) -> float:
    """Logarithm of an extent's spread across the slices over its spread within them: 0 for a ball."""
    held, plane = filled.sum(axis=(1, 2)), filled.sum(axis=0)  # all that a spread needs to know
    total, size_mm = float(held.sum()), imaging.step_mm
    by_row, by_column = plane.sum(axis=1), plane.sum(axis=0)
    rows_mm = _from_middle(by_row, np.arange(len(by_row)) * size_mm[1])
    columns_mm = _from_middle(by_column, np.arange(len(by_column)) * size_mm[2])
    across, along_rows, along_columns = (
        float(weight @ at_mm**2) / total + size**2 / 12
        for weight, at_mm, size in zip(
            (held, by_row, by_column),
            (_from_middle(held, imaging.layer_mm), rows_mm, columns_mm),
            size_mm.tolist(),
            strict=True,
        )
    )
    aslant = float(rows_mm @ plane @ columns_mm) / total
    return float(0.5 * np.log(across / np.sqrt(along_rows * along_columns - aslant**2)))


def _from_middle(weight: Field, at_mm: Field) -> Field:
    """Places (n,) from their weighted middle."""
    return np.asarray(at_mm - weight @ at_mm / weight.sum())
