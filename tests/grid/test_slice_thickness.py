"""How thick slices are, by their spacing and by what the header says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calcscan.grid.geometry import Geometry
from calcscan.grid.slice_thickness import slice_reach_mm, slice_thickness_mm
from calcscan.measurement.blur import blur_of
from calcscan.model import Acquisition, Scan


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


N = None


@pytest.mark.parametrize(
    ("spacing_mm", "stated_mm", "thickness_mm"),
    [
        # fossa 5 mm, the rest 10 mm, contiguous
        ([5.0] * 4 + [10.0] * 4, [5.0] * 4 + [10.0] * 4, [5.0] * 4 + [10.0] * 4),
        # 2.5 mm below and 5 mm above, both every 2.5 mm
        ([2.5] * 8, [2.5] * 4 + [5.0] * 4, [2.5] * 4 + [5.0] * 4),
        # nonsense in some: a single slice, an end, a run that can't be beside its spacing
        ([5.0] * 8, [5.0, 5.0, 50.0, 5.0, 5.0, 5.0, 5.0, 0.01], [5.0] * 8),
        ([5.0] * 8, [20.0, *[5.0] * 7], [5.0] * 8),
        ([1.0] * 8, [5.0] * 4 + [500.0] * 2 + [5.0] * 2, [5.0] * 8),
        # unstated: as those on both sides where they agree, also in overlapping slices; else the slab
        ([1.0] * 8, [5.0, N, N, 5.0, 5.0, 5.0, N, N], [5.0] * 8),
        ([2.5] * 8, [2.5, 2.5, 2.5, N, N, 5.0, 5.0, 5.0], [2.5] * 5 + [5.0] * 3),
        # a part that states nothing and lies farther apart is not as thick as the other part
        ([3.0] * 4 + [8.0] * 4, [3.0] * 4 + [N] * 4, [3.0] * 4 + [8.0] * 4),
        # one number in all slices can't be right where their spacing changes
        ([3.0] * 4 + [8.0] * 4, [8.0] * 4 + [8.0] * 3 + [N], [3.0] * 4 + [8.0] * 4),
        # in its last digit
        ([5.0] * 6, [4.99999, 5.0, 5.0, 5.0, 4.99999, 5.0], [5.0] * 6),
        # what nobody states
        ([5.0] * 4, [N] * 4, [5.0] * 4),
        ([5.0] * 4, [0.001] * 3 + [N], [5.0] * 4),
    ],
)
def test_each_slice_has_the_thickness_that_is_stated_for_it(
    spacing_mm: list[float], stated_mm: list[float | None], thickness_mm: list[float]
) -> None:
    assert slice_thickness_mm(np.array(spacing_mm), stated_mm).tolist() == pytest.approx(thickness_mm, abs=1e-4)
    upside_down = slice_thickness_mm(np.array(spacing_mm[::-1]), stated_mm[::-1])
    assert upside_down.tolist() == pytest.approx(thickness_mm[::-1], abs=1e-4)


def test_the_blur_that_is_assumed_follows_the_thickness_of_each_slice() -> None:
    grid = Geometry.regular(shape=(10, 4, 4), spacing_mm=(2.5, 1.0, 1.0))
    stated_mm = (2.5,) * 5 + (5.0,) * 5
    made = Acquisition(kvp_kv=120.0, slice_thickness_mm=5.0)
    scan = Scan(hu=np.zeros(grid.shape, np.int16), geometry=grid, acquisition=made, stated_thickness_mm=stated_mm)
    assert scan.slice_thickness_mm.tolist() == list(stated_mm)
    assert blur_of(scan).thickness_mm == pytest.approx(stated_mm)
    known = replace(scan, blur=replace(blur_of(scan), across_mm=np.full(10, 1.0)))
    assert known.slice_thickness_mm == pytest.approx(np.sqrt(12.0))
    assert known.expected_thickness_mm.tolist() == list(stated_mm)
