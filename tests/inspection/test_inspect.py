"""A hole in the brain, and what the headers do not tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.inspected import drawn, flags_of, places, template_head

from calcscan.model import Acquisition, Study


def ball(centre, radius_mm: float) -> np.ndarray:
    return np.linalg.norm(places()[0] - centre, axis=-1) < radius_mm


def test_an_old_cavity_is_said_with_its_width():
    flag = flags_of(drawn(ball((35.0, 10.0, 25.0), 30.0), 6.0))["brain_defect"]
    assert 45 < flag.value < 65


def test_air_in_the_head_is_said():
    flag = flags_of(drawn(ball((8.0, -25.0, 12.0), 4.0), -900.0))["brain_defect"]
    assert "air inside the skull" in flag.message
    assert flags_of(drawn(ball((8.0, -25.0, 12.0), 4.0), -90.0)) == {}, "a lipoma"


def test_wide_ventricles_are_no_hole():
    at, _ = places()
    wide = np.zeros(at.shape[:3], bool)
    for side in (-1, 1):
        scaled = (at - (side * 16.0, 10.0, 15.0)) / (11.0, 40.0, 14.0)
        wide |= np.linalg.norm(scaled, axis=-1) < 1.0
    assert flags_of(drawn(wide, 6.0)) == {}


def test_what_no_header_tells_is_said():
    flags = flags_of(template_head()[1], acquisition=Acquisition())
    assert set(flags) == {"unknown_kvp", "unknown_thickness"}
    assert "1 mm" in flags["unknown_thickness"].message


@pytest.mark.parametrize(
    ("age_years", "volume_ml", "codes"),
    [(None, 490, {"child"}), (None, 1300, {"unknown_age"}), (40.0, 490, set()), (40.0, 1300, set())],
)
def test_an_unknown_age_is_said_and_a_small_head_may_be_a_childs(age_years, volume_ml, codes):
    region = replace(template_head()[1], intracranial_ml=float(volume_ml))
    assert set(flags_of(region, study=Study(age_years=age_years))) == codes
