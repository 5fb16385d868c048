"""Where the brain has moved, a side or deep site that the picture does not bear out is not stated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.atlas_head import FIT

from calcscan.grid.midline import MidlineSurface
from calcscan.inspection.mass_effect import mass_effect_flags
from calcscan.knowledge.inspection import InspectionSettings
from calcscan.knowledge.localisation import LocalisationSettings
from calcscan.knowledge.settings import load
from calcscan.localisation.displaced import is_displaced, side_unsure, site_unsure
from calcscan.quality import judge_quality

SETTINGS = load(LocalisationSettings)


def shifted(shift_mm: float, **more):
    surface = MidlineSurface(x_mm=np.full((4, 4), shift_mm), from_mm=(-20.0, -60.0), step_mm=40.0)
    return replace(FIT, midline=surface, midline_shift_mm=shift_mm, **more)


def at(x_mm: float, y_mm: float = 18.0, z_mm: float = 7.0) -> np.ndarray:
    return np.array([[x_mm, y_mm, z_mm]]) + np.linspace(-2.0, 2.0, 9)[:, None]


@pytest.mark.parametrize(
    ("side", "x_mm", "unsure"),
    [("left", 8.0, True), ("left", 11.0, True), ("left", 16.0, False), ("right", 4.0, False)],
)
def test_a_side_must_agree_with_the_midline_that_is_seen(side, x_mm, unsure) -> None:
    assert side_unsure(side, at(x_mm), shifted(10.0), SETTINGS) is unsure


def test_nothing_changes_where_the_midline_lies_in_the_middle() -> None:
    for fit in (FIT, shifted(2.0)):
        assert not is_displaced(fit, SETTINGS)
        assert not side_unsure("left", at(1.5), fit, SETTINGS)
        assert not site_unsure("thalamus", 0.3, at(10.0), fit, SETTINGS)
        assert mass_effect_flags(fit, load(InspectionSettings)) == ()


def test_in_any_head_a_side_beyond_the_midline_is_unsure() -> None:
    assert side_unsure("left", at(1.0), shifted(3.0), SETTINGS)
    assert not side_unsure("left", at(3.0), shifted(3.0), SETTINGS)
    assert not side_unsure("midline", at(1.0), shifted(3.0), SETTINGS)


def test_a_deep_site_with_a_small_share_is_unsure_and_one_on_the_convexity_is_not() -> None:
    assert site_unsure("putamen", 0.5, at(26.0, 0.0), shifted(10.0), SETTINGS)
    assert not site_unsure("putamen", 0.9, at(26.0, 0.0), shifted(10.0), SETTINGS)
    assert not site_unsure("cortex", 0.5, at(60.0, 0.0, 40.0), shifted(10.0), SETTINGS)


def test_beside_a_ventricle_that_the_fit_does_not_follow_no_deep_site_is_sure() -> None:
    fit = shifted(0.0, fluid_in_caudate={"left": 0.6, "right": 0.1})
    assert site_unsure("putamen", 0.95, at(26.0, 0.0), fit, SETTINGS)
    assert not site_unsure("putamen", 0.95, at(-26.0, 0.0), fit, SETTINGS)
    (flag,) = mass_effect_flags(fit, load(InspectionSettings))
    assert (flag.code, flag.value) == ("mass_effect", 0.6)
    assert "left caudate" in flag.message


def test_a_shift_is_flagged_with_its_value_and_the_largest_abstain() -> None:
    (flag,) = mass_effect_flags(shifted(-9.0), load(InspectionSettings))
    assert (flag.value, flag.limit) == (9.0, 4.5)
    assert "9 mm to the right" in flag.message
    assert judge_quality([flag]).state == "caution"
    assert judge_quality(mass_effect_flags(shifted(18.0), load(InspectionSettings))).state == "abstain"
