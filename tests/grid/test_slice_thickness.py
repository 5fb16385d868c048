"""How thick slices are, by their spacing and by what the header says."""

from __future__ import annotations

import numpy as np
import pytest

from calcscan.grid.slice_thickness import slice_reach_mm, slice_thickness_mm


@pytest.mark.parametrize(
    ("spacing_mm", "stated_mm", "thickness_mm"),
    [
        (1.0, 1.25, 1.25),
        (1.0, 5.0, 5.0),  # reconstructed every millimetre
        (0.625, 5.0, 5.0),
        (5.0, 2.5, 2.5),
        (0.5, 40.0, 0.5),  # a beam's width, not a slice's
        (5.0, 0.5, 5.0),
        (3.0, None, 3.0),
    ],
)
def test_a_stated_thickness_is_believed_where_slices_may_overlap(
    spacing_mm: float, stated_mm: float | None, thickness_mm: float
) -> None:
    spacing = np.full(9, spacing_mm)
    thickness = slice_thickness_mm(spacing, stated_mm)
    assert thickness.tolist() == [thickness_mm] * 9
    assert slice_reach_mm(spacing, thickness).tolist() == [max(spacing_mm, thickness_mm)] * 9
