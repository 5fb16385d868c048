"""Laboratory values: units, limits, adjustment."""

from __future__ import annotations

from typing import Any

import pytest

from calcscan.errors import FactsError
from calcscan.guideline.facts.labs import analytes, read_result
from calcscan.guideline.facts.statements import read_statements
from calcscan.guideline.facts.verdict import Person, judge


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("calcium", (2.5, "mmol/L"), (10.02, "mg/dL")),
        ("calcium", (2.5, "mmol/L"), (5.0, "mEq/L")),
        ("calcium", (2.5, "mmol/L"), (10.02, "mg/100 ml")),
        ("phosphate", (1.0, "mmol/L"), (3.097, "mg/dL")),
        ("phosphate", (1.0, "mmol/L"), (3.097, "mg%")),
        ("magnesium", (0.8, "mmol/L"), (1.944, "mg/dL")),
        ("magnesium", (0.8, "mmol/L"), (1.6, "mEq/L")),
        ("pth", (40, "pg/mL"), (40, "ng/L")),
        ("pth", (40, "pg/mL"), (4.244, "pmol/L")),
        ("vitamin_d", (75, "nmol/L"), (30.05, "ng/mL")),
        ("vitamin_d", (75, "nmol/L"), (30.05, "µg/L")),
        ("albumin", (40, "g/L"), (4.0, "g/dL")),
        ("ionised_calcium", (1.2, "mmol/L"), (4.81, "mg/dL")),
    ],
)
def test_the_same_amount_in_two_units(name: str, first: tuple[float, str], second: tuple[float, str]) -> None:
    one, other = (read_result(name, {"value": v, "unit": u}, "x").value for v, u in (first, second))
    assert one == pytest.approx(other, rel=2e-3)


def level(name: str, value: float, unit: str, **more: Any) -> str | None:
    result = read_result(name, {"value": value, "unit": unit, **more}, "x")
    return judge(name, result, Person(age=40)).level


@pytest.mark.parametrize("name", sorted(analytes().keys() - {"creatinine"}))
def test_low_normal_high_at_the_limits(name: str) -> None:
    analyte = analytes()[name]
    step = (analyte.high - analyte.low) / 100
    results = [
        level(name, value, analyte.unit)
        for value in (analyte.low - step, analyte.low, analyte.high, analyte.high + step)
    ]
    assert results == ["low", "normal", "normal", "high"]
    assert len(analyte.source) > 20


def test_the_laboratorys_own_range_goes_first() -> None:
    assert level("pth", 70, "pg/mL") == "high"
    assert level("pth", 70, "pg/mL", range=[12, 88]) == "normal"
    assert level("calcium", 8.4, "mg/dL", range=[8.6, 10.2]) == "low"


@pytest.mark.parametrize(
    ("name", "unit", "limits"),
    [
        ("calcium", "mmol/L", [22, 26]),
        ("calcium", "mmol/L", [2.2, 26]),
        ("calcium", "mmol/L", [0.22, 2.6]),
        ("calcium", "mmol/L", [0.8, 1.5]),
        ("calcium", "mmol/L", [1.15, 1.33]),
        ("phosphate", "mmol/L", [8, 15]),
        ("magnesium", "mmol/L", [70, 100]),
    ],
)
def test_a_range_that_nobody_has_is_refused(name: str, unit: str, limits: list[float]) -> None:
    middle = analytes()[name].low
    with pytest.raises(FactsError, match="fits no") as refused:
        read_result(name, {"value": middle, "unit": unit, "range": limits}, f"labs.{name}")
    assert refused.value.where == f"labs.{name}.range"


@pytest.mark.parametrize(
    ("name", "unit", "limits"),
    [
        ("pth", "pg/mL", [150, 600]),  # what is aimed at on dialysis
        ("phosphate", "mmol/L", [1.5, 2.6]),  # newborns
        ("creatinine", "umol/L", [14, 34]),
        ("alkaline_phosphatase", "U/L", [130, 500]),
        ("calcium", "mmol/L", "< 2.6"),
        ("calcium", "mmol/L", "> 2.1"),
    ],
)
def test_a_range_of_other_people_is_taken(name: str, unit: str, limits: object) -> None:
    assert read_result(name, {"value": analytes()[name].low, "unit": unit, "range": limits}, "x").range is not None


def test_several_findings_at_one_site_are_put_together() -> None:
    results = read_statements(
        {
            "findings": [
                {"site": "skin", "present": True, "volume_mm3": 10, "diameter_mm": 4, "progression": "stable"},
                {"site": "skin", "present": False, "volume_mm3": 5, "diameter_mm": 6, "progression": "progressive"},
            ]
        }
    ).values
    assert results["findings.skin.present"] is True
    assert results["findings.skin.volume_mm3"] == 15
    assert results["findings.skin.diameter_mm"] == 6
    assert results["findings.skin.progression"] == "progressive"
    assert "findings.skin.multiple" not in results
