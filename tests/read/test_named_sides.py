"""Names of regions that say left and right are held against where the regions lie."""

from __future__ import annotations

import numpy as np
import pytest

from calcscan import Scan
from calcscan.errors import GeometryError
from calcscan.read.labels import named, read_labels
from calcscan.read.named_sides import refuse_swapped

SHAPE = (12, 20, 30)
TO_LEFT = np.array([[0, 0, 4.0, -60.0], [0, 4.2, 0, -40.0], [5.0, 0, 0, -30.0], [0, 0, 0, 1]])
"""Columns run to the person's left."""


def scan(affine: np.ndarray = TO_LEFT) -> Scan:
    return Scan.from_array(np.zeros(SHAPE, np.int16), affine)


def halves(left: int, right: int) -> np.ndarray:
    labels = np.full(SHAPE, right, np.int32)
    labels[:, :, 15:] = left
    return labels


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("left caudate", "right caudate"),
        ("Left-Caudate", "Right-Caudate"),
        ("CAU_L", "CAU_R"),
        ("ctx-lh-a", "ctx-rh-a"),
    ],
)
def test_a_map_whose_left_lies_to_the_right_is_refused(one: str, other: str) -> None:
    names = {3: one, 7: other}
    refuse_swapped(named(read_labels(halves(3, 7), scan()), names), scan())
    with pytest.raises(GeometryError, match=f"'{one}' lies to the right of '{other}'"):
        refuse_swapped(named(read_labels(halves(7, 3), scan()), names), scan())


def test_it_is_the_person_s_left_not_the_array_s() -> None:
    to_right = TO_LEFT @ np.diag([-1.0, 1, -1, 1])
    with pytest.raises(GeometryError, match="lies to the right"):
        refuse_swapped(named(read_labels(halves(3, 7), scan(to_right)), {3: "left a", 7: "right a"}), scan(to_right))


@pytest.mark.parametrize("names", [{}, {3: "left a"}, {3: "left a", 7: "right b"}, {3: "lateral", 7: "reticular"}])
def test_without_a_pair_nothing_is_told(names: dict[int, str]) -> None:
    refuse_swapped(named(read_labels(halves(7, 3), scan()), names), scan())
