"""Round extents for slices thicker than a deposit: what its outline within the slices lets expect of its height.

Where two slices meet in the middle of a deposit, levels of its signal reach far into both, and fit badly however they
are filled. A round body of the same outline lies where the slices show it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calcscan.measurement.columns import Columns, round_height
from calcscan.measurement.imaging import Imaging
from calcscan.measurement.patch import Field

_FEWEST_COLUMNS = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounded:
    """`rank` is the order (j, i) in which an outline grows; `elongation` the logarithm of height over width."""

    rank: Field
    elongation: float
    columns: Columns

    @classmethod
    def of(cls, columns: Columns, elongation: float) -> Rounded:
        """Bodies with the outlines of these columns."""
        shown = columns.shown
        rank = np.empty(shown.size)
        rank[np.argsort(shown.ravel(), kind="stable")[::-1]] = np.arange(shown.size, dtype=np.float64)
        return cls(rank=rank.reshape(shown.shape), elongation=elongation, columns=columns)

    @property
    def imaging(self) -> Imaging:
        return self.columns.imaging

    def of_volume(self, volume_mm3: float) -> Field | None:
        """The share of each voxel that the body of this volume fills; None where it is too small to draw, or wider
        than the patch."""
        step_mm = self.imaging.step_mm
        radius_mm = (3.0 * volume_mm3 / (4.0 * np.pi)) ** (1.0 / 3.0) * float(np.exp(-self.elongation / 3.0))
        count = np.pi * radius_mm**2 / (step_mm[1] * step_mm[2])
        if not _FEWEST_COLUMNS <= count < self.rank.size:
            return None
        height = round_height(self.rank < count, self.imaging)
        return self.columns.filled(volume_mm3 * height / (height.sum() * self.columns.pixel_mm2))
