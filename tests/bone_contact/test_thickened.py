"""Masses that are bone nevertheless: a thickening of the table, and dense bone beside bone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from calcscan.bone_contact.thickened import part_bone, pieces
from calcscan.knowledge.bone_contact import BoneContactSettings
from calcscan.knowledge.intracranial import IntracranialSettings
from calcscan.knowledge.settings import load
from calcscan.model import Scan

SHAPE = (48, 64, 64)
BONE_J = 10
"""Rows below this are the table."""


def judged(*parts: tuple[np.ndarray, float]) -> Any:
    """What is made of masses, each with its density, on a flat table of 1,300 HU."""
    hu = np.full(SHAPE, 35.0, dtype=np.float32)
    hu[:, :BONE_J] = 1300.0
    for mask, density in parts:
        hu[mask] = density
    grid = SimpleNamespace(shape=SHAPE, to_world=lambda kji: np.asarray(kji, float))
    scan = SimpleNamespace(hu=hu, geometry=grid, slice_reach_mm=np.ones(SHAPE[0]))
    kji = np.argwhere(np.any([mask for mask, _ in parts], axis=0))
    return part_bone(cast(Scan, cast(Any, scan)), kji, load(BoneContactSettings), load(IntracranialSettings))


def dome(k: float, i: float, wide: float, high: float) -> np.ndarray:
    at = np.indices(SHAPE)
    off = ((at[0] - k) ** 2 + (at[2] - i) ** 2) / wide**2
    return np.asarray((at[1] >= BONE_J) & (at[1] < BONE_J + high * np.sqrt(np.clip(1.0 - off, 0.0, 1.0))))


def ball(k: float, j: float, i: float, radius: float) -> np.ndarray:
    at = np.indices(SHAPE)
    inside = (at[0] - k) ** 2 + (at[1] - j) ** 2 + (at[2] - i) ** 2 <= radius**2
    return np.asarray(inside & (at[1] >= BONE_J))


def test_a_wide_dense_layer_on_the_table_is_bone_and_so_is_a_smaller_one_beside_it() -> None:
    wide, small = dome(20, 22, 19, 4), dome(24, 54, 8, 2)
    found = judged((wide, 840.0), (small, 840.0))
    assert found.kji.shape == (0, 3)
    assert [len(rise.kji) for rise in found.refused] == [wide.sum(), small.sum()]
    assert found.refused[0].evidence["thickened_mm2"] == pytest.approx(np.pi * 19**2, rel=0.1)
    alone = judged((small, 840.0))
    assert len(alone.kji) == small.sum()
    assert not alone.refused


def test_a_sliver_close_beside_a_thickening_is_a_part_of_it_and_one_far_from_it_is_not() -> None:
    wide = dome(20, 22, 19, 4)
    near, far = ball(20, 17, 22, 2), ball(24, 20, 56, 3)
    found = judged((wide, 840.0), (near, 450.0), (far, 450.0))
    assert len(found.kji) == far.sum()
    assert [len(rise.kji) for rise in found.refused] == [wide.sum(), near.sum()]
    assert set(found.refused[1].evidence) == {"beside_thickening_mm2"}


def test_a_mass_on_the_table_and_a_layer_of_calcified_membrane_are_kept() -> None:
    for mask, density in ((ball(24, 20, 30, 14), 840.0), (dome(24, 30, 19, 4), 400.0)):
        found = judged((mask, density))
        assert len(found.kji) == mask.sum()
        assert not found.refused


def test_bone_that_is_partly_cortical_is_bone_and_a_deposit_as_dense_on_a_narrow_root_is_none() -> None:
    piece = dome(24, 30, 15, 9)
    core = dome(24, 30, 6, 9)
    found = judged((piece, 420.0), (core, 1400.0))
    assert found.kji.shape == (0, 3)
    assert found.refused[0].evidence["cortical_share"] > 0.05
    assert found.thickened_mm2 == 0.0
    deposit = ball(24, 23, 30, 13)
    assert len(judged((deposit, 500.0), (ball(24, 23, 30, 6), 1200.0)).kji) == deposit.sum()


def test_pieces_that_touch_at_a_corner_are_one() -> None:
    found = pieces(np.array([[0, 0, 0], [5, 5, 5], [1, 1, 1]]))
    assert sorted(len(piece) for piece in found) == [1, 2]
    assert pieces(np.empty((0, 3), dtype=np.int64)) == []
