"""Rises of the inner table that are bone: many together, the same on both sides, or beside a hole."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from calcscan.bone_contact.bone_rises import Rise, as_dense_as_bone, bone_evidence, knob_figures
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
        Rise(
            rays=np.flatnonzero(within(*disc)),
            mm2=float(np.pi * disc[2] ** 2),
            plain_mm2=float(np.pi * disc[2] ** 2),
            high_mm=np.zeros(len(head_mm)),
        )
        for disc in discs
    ]
    open_ = within(*hole, 5.0) if hole else np.zeros(len(head_mm), dtype=np.bool_)
    return bone_evidence(
        rises, cast(Rays, cast(Any, SimpleNamespace(hole=open_))), head_mm, np.empty((0, 3)), 0.0, SETTINGS
    )


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


def figures(
    *, core_hu: float, soft: float, steep: float = 1.0, long_mm: float = 10.0, mm3: float = 200.0, slab_mm: float = 0.0
) -> dict[str, float]:
    """Of a rise on a disc of the table, of which the share `soft` lies in its blurred surface."""
    far = np.linspace(-long_mm / 2, long_mm / 2, 41)
    left, back = np.meshgrid(far, far)
    disc = (left**2 + back**2 <= (long_mm / 2) ** 2).ravel()
    points = np.stack([left.ravel(), back.ravel(), np.zeros(left.size)], axis=1)[disc]
    hu = np.concatenate([np.linspace(110.0, core_hu, round(400 * soft)), np.full(round(400 * (1 - soft)), core_hu)])
    area = float(np.pi * long_mm**2 / 4)
    rise = Rise(rays=np.arange(len(points)), mm2=area, plain_mm2=steep * area, high_mm=np.zeros(len(points)))
    return knob_figures(rise, hu, mm3, points, slab_mm, SETTINGS)


@pytest.mark.parametrize("core_hu", [300.0, 600.0, 750.0])
def test_a_rise_with_a_steep_edge_and_a_soft_surface_looks_like_a_plaque(core_hu: float) -> None:
    assert figures(core_hu=core_hu, soft=0.75) == {}


def test_a_knob_rises_gradually_or_is_long_or_solid_or_as_dense_as_the_table() -> None:
    assert set(figures(core_hu=700.0, soft=0.75, steep=0.4)) == {"steep_share"}
    assert figures(core_hu=700.0, soft=0.75, long_mm=20.0) == {"long_mm": pytest.approx(20.0, abs=0.5)}
    assert figures(core_hu=700.0, soft=0.75, long_mm=17.5, slab_mm=5.0) == {}
    assert set(figures(core_hu=560.0, soft=0.75, mm3=900.0)) == {"volume_mm3"}
    assert "core_hu" in figures(core_hu=1000.0, soft=0.75)
    assert set(figures(core_hu=800.0, soft=0.3)) == {"half_beside_core", "three_quarters_hu"}


def test_a_faint_rise_of_any_form_looks_like_no_bone() -> None:
    assert figures(core_hu=450.0, soft=0.2, steep=0.2, long_mm=24.0) == {}
    assert figures(core_hu=600.0, soft=0.0) == {}
    assert not as_dense_as_bone(np.array([]), SETTINGS)
