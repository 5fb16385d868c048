"""Rises of the inner table that are bone: many together, the same on both sides, or beside a hole."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from calcscan.bone_contact.bone_rises import Rise, bone_evidence
from calcscan.bone_contact.rays import Rays
from calcscan.knowledge.bone_contact import BoneContactSettings
from calcscan.knowledge.settings import load

SETTINGS = load(BoneContactSettings)


def evidence(*discs: tuple[float, float, float], hole: tuple[float, float] | None = None) -> list[dict[str, float]]:
    """Of discs (left, back, radius) on a flat table, mm; a hole of 5 mm radius."""
    left, back = np.meshgrid(np.arange(-90.0, 91.0, 1.5), np.arange(-90.0, 91.0, 1.5), indexing="ij")
    head_mm = np.stack([left.ravel(), back.ravel(), np.full(left.size, 60.0)], axis=1)

    def within(x: float, y: float, radius: float) -> np.ndarray:
        return np.asarray(np.hypot(head_mm[:, 0] - x, head_mm[:, 1] - y) <= radius)

    rises = [
        Rise(rays=np.flatnonzero(within(*disc)), mm2=float(np.pi * disc[2] ** 2), high_mm=np.zeros(len(head_mm)))
        for disc in discs
    ]
    open_ = within(*hole, 5.0) if hole else np.zeros(len(head_mm), dtype=np.bool_)
    return bone_evidence(rises, cast(Rays, cast(Any, SimpleNamespace(hole=open_))), head_mm, 0.0, SETTINGS)


def test_a_rise_alone_two_apart_and_two_alike_but_narrow_are_no_bone() -> None:
    assert evidence() == []
    assert evidence((40.0, 0.0, 6.0)) == [{}]
    assert evidence((40.0, 0.0, 6.0), (40.0, 35.0, 6.0), (-50.0, 60.0, 5.0)) == [{}, {}, {}]
    assert evidence((40.0, 0.0, 6.0), (-41.0, 2.0, 5.0)) == [{}, {}]


def test_knobs_side_by_side_are_bone() -> None:
    found = evidence((40.0, 0.0, 4.0), (40.0, 15.0, 4.0), (40.0, 30.0, 4.0))
    assert [rise["rises_together"] for rise in found] == [3.0, 3.0, 3.0]


def test_wide_rises_that_are_the_same_on_both_sides_are_bone() -> None:
    found = evidence((40.0, 0.0, 11.0), (-42.0, 2.0, 10.0))
    assert all(rise["thickened_mm2"] == pytest.approx(694.3, abs=0.2) and "mirrored_share" in rise for rise in found)


def test_where_most_of_what_rises_is_hyperostosis_a_rise_elsewhere_is_no_plaque() -> None:
    *_, alone = evidence((40.0, 0.0, 12.0), (-40.0, 0.0, 12.0), (10.0, 70.0, 5.0))
    assert alone == {"hyperostosis_share": pytest.approx(0.92, abs=0.01)}


def test_the_edge_of_a_hole_is_bone_and_a_rise_far_from_it_none() -> None:
    near, far = evidence((40.0, 0.0, 5.0), (-40.0, 40.0, 5.0), hole=(55.0, 0.0))
    assert near == {"hole_mm": pytest.approx(6.0, abs=1.5)}
    assert far == {}
