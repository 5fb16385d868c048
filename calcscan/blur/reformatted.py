"""Do slices of a copy lie across those of the scan that it was made from? Its pictures are then blurred unequally.

A scanner blurs alike along the rows and the columns of its slices. In a coronal or sagittal reformat one of them runs
across the slices of the original, whose thickness widens the edges of skin met there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calcscan.blur.edges import Edges
from calcscan.grid.geometry import Array
from calcscan.knowledge.blur import BlurSettings

_FLATTEST = 25.0
"""Of the edges met each way, in percent: those whose surface slants least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unequal:
    """Blur within the slices (mm) along rows and columns, the lesser and the greater, and the thickness of the slices
    that explain the greater."""

    narrow_mm: float
    wide_mm: float

    @property
    def thickness_mm(self) -> float:
        """Of box-shaped slices that add to the lesser what makes it the greater.

        >>> round(Unequal(narrow_mm=0.5, wide_mm=1.527).thickness_mm, 2)
        5.0
        """
        return float(np.sqrt(12.0 * (self.wide_mm**2 - self.narrow_mm**2)))


def find_unequal(edges: Edges, lean_mm: Array, settings: BlurSettings) -> Unequal | None:
    """The unequal blur that edges met on rows and on columns show; None where it is alike, or too few were met.
    `lean_mm` (edges,) is how far each surface moves within the slice over the thickness of a slice. Edges steeper than
    any scanner's are where a face, or air, was cut away."""
    widths, fewest = [], settings.many_flat_edges
    for along in (0, 1):
        met = (edges.along == along) & (edges.width_mm >= settings.least_psf_mm)
        flat = met & (lean_mm <= np.percentile(lean_mm[met], _FLATTEST)) if met.any() else met
        if int(flat.sum()) < settings.fewest_flat_edges:
            return None
        fewest = min(fewest, int(flat.sum()))
        widths.append(float(np.median(edges.width_mm[flat])))
    narrow_mm, wide_mm = sorted(widths)
    more = (settings.unequal - 1.0) * np.sqrt(settings.many_flat_edges / fewest)
    if wide_mm < (1.0 + more) * narrow_mm:
        return None
    return Unequal(narrow_mm=narrow_mm, wide_mm=wide_mm)
