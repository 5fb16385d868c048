"""Numbers as people write them, and filtration from creatinine."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calcscan.errors import FactsError
from calcscan.guideline.engine import build_case, merged_facts
from calcscan.guideline.facts.case import Case
from calcscan.guideline.facts.kidney import filtration
from calcscan.guideline.facts.labs import read_result
from calcscan.guideline.wording import value_in_words


@pytest.mark.parametrize(
    ("given_as", "value"),
    [
        ("7,6 mg/dL", 7.6),
        ("7.6mg/dl", 7.6),
        (" 7,6  mg / dL ", 7.6),
        ({"value": "7,6", "unit": "mg/dL"}, 7.6),
        ({"value": "7.6 mg/dL"}, 7.6),
        ({"value": "7,6 mg/dL", "unit": "MG/DL"}, 7.6),
    ],
)
def test_a_decimal_comma_is_a_point(given_as: Any, value: float) -> None:
    assert read_result("calcium", given_as, "x").value == pytest.approx(value * 0.24951)


@pytest.mark.parametrize("text", ["1,234 pg/mL", "1.234,5 pg/mL", "1,2,3 pg/mL", "1e3 pg/mL", "7,6", "3 5 pg/mL"])
def test_a_number_that_could_be_another_is_refused(text: str) -> None:
    with pytest.raises(FactsError) as refused:
        read_result("pth", text, "labs.pth")
    assert refused.value.hint


def test_a_comma_before_three_digits_names_both_numbers() -> None:
    with pytest.raises(FactsError) as refused:
        read_result("pth", "1,234 pg/mL", "labs.pth")
    assert "1.234 or 1234" in refused.value.hint
    assert read_result("magnesium", "0,823 mmol/L", "x").value == 0.823


def test_two_units_are_refused() -> None:
    with pytest.raises(FactsError, match="two units"):
        read_result("calcium", {"value": "7.6 mg/dL", "unit": "mmol/L"}, "x")


@given(whole=st.integers(0, 300), part=st.integers(0, 99), bound=st.sampled_from(["", "<", "> ", "<=", "≥ "]))
def test_comma_and_point_say_the_same(whole: int, part: int, bound: str) -> None:
    point, comma = (read_result("pth", f"{bound}{whole}{mark}{part:02} pg/mL", "x") for mark in ".,")
    assert (point.value, point.bound) == (comma.value, comma.bound)
    assert point.value == pytest.approx(whole + part / 100)


@pytest.mark.parametrize(
    ("facts", "path", "value"),
    [
        ({"egfr": "28 mL/min"}, "egfr", 28),
        ({"egfr": "28,5 mL/min/1.73 m2"}, "egfr", 28.5),
        ({"egfr": "28 mL/min/1.73m²"}, "egfr", 28),
        ({"egfr": {"value": 28, "unit": "mL/min/1.73 m^2"}}, "egfr", 28),
        ({"egfr": {"value": 28}}, "egfr", 28),
        ({"egfr": "28"}, "egfr", 28),
        ({"egfr": "28,5"}, "egfr", 28.5),
        ({"age_years": "6 months"}, "age_years", 0.5),
        ({"age_years": "52 years"}, "age_years", 52),
        ({"findings": [{"site": "dura", "volume_mm3": "120 mm3"}]}, "findings.dura.volume_mm3", 120),
    ],
)
def test_numbers_come_with_their_unit(facts: dict[str, Any], path: str, value: float) -> None:
    case = build_case(facts)
    assert case.values[path] == pytest.approx(value)
    assert build_case(merged_facts(facts)).values == {k: v for k, v in case.values.items() if "stated" not in k}


@pytest.mark.parametrize(
    ("facts", "where"),
    [
        ({"egfr": "about 28"}, "egfr"),
        ({"egfr": "28 mg/dL"}, "egfr"),
        ({"egfr": {"value": 28, "unit": "furlong"}}, "egfr"),
        ({"egfr": {"value": 28, "units": "mL/min"}}, "egfr.units"),
        ({"egfr": "300 mL/min"}, "egfr"),
        ({"age_years": "> 89 years"}, "age_years"),
    ],
)
def test_numbers_that_can_not_be_taken(facts: dict[str, Any], where: str) -> None:
    with pytest.raises(FactsError) as refused:
        build_case(facts)
    assert refused.value.where == where
    assert refused.value.hint


@pytest.mark.parametrize(
    ("text", "known"),
    [("> 90 mL/min", True), (">60 mL/min", True), ("<15 mL/min", True), ("<60 mL/min", False), (">60", True)],
)
def test_a_filtration_given_as_a_bound_counts_where_it_decides_every_threshold(text: str, known: bool) -> None:
    case = build_case({"egfr": text})
    assert ("egfr" in case.values) is known
    assert [value.fact for value in case.open_values] == ([] if known else ["egfr"])
    assert merged_facts({"egfr": text})["egfr"] == text
    if known:
        value, limit = float(case.values["egfr"]), float(text.removesuffix(" mL/min").lstrip("<> "))
        assert (value > limit) is (text[0] == ">")
        assert value == pytest.approx(limit)
        assert value_in_words("egfr", case) == f"eGFR {text[0]} {limit:g} mL/min/1.73 m2"


# Filtration from creatinine


@pytest.mark.parametrize(
    ("creatinine", "age", "sex", "expected"),
    [(0.9, 55, "F", 75.5), (0.9, 55, "M", 100.9), (0.5, 30, "F", 129.3), (4.0, 70, "M", 15.3)],
)
def test_ckd_epi_2021(creatinine: float, age: float, sex: str, expected: float) -> None:
    """Reckoned by hand from the equation as the National Kidney Foundation prints it."""
    assert filtration(creatinine * 88.4, age, sex) == pytest.approx(expected, abs=0.4)


def with_creatinine(text: Any, **facts: Any) -> Case:
    return build_case({"age_years": 70, "sex": "M", "labs": {"creatinine": text}, **facts})


def test_filtration_follows_from_creatinine_and_a_stated_one_goes_first() -> None:
    case = with_creatinine("4,0 mg/dL")
    assert case.values["egfr"] == pytest.approx(15.3, abs=0.2)
    assert case.origins["egfr"] == "derived"
    assert "CKD-EPI 2021" in case.details["egfr"]
    assert case.values["labs.creatinine"] == "high"
    case = with_creatinine("354 umol/L", egfr=17)
    assert (case.values["egfr"], case.disputes) == (17, [])
    case = with_creatinine("354 umol/L", egfr=80)
    assert case.values["egfr"] == 80
    assert [dispute.id for dispute in case.disputes] == ["facts:egfr"]
    assert "egfr" not in merged_facts({"age_years": 70, "sex": "M", "labs": {"creatinine": "354 umol/L"}})


@pytest.mark.parametrize(
    ("person", "missing"),
    [({"age_years": None}, "age_years"), ({"sex": None}, "sex"), ({"sex": "O"}, "egfr"), ({"age_years": 12}, "egfr")],
)
def test_without_age_or_sex_nothing_follows_and_that_is_said(person: dict[str, Any], missing: str) -> None:
    case = with_creatinine("4.0 mg/dL", **person)
    assert "egfr" not in case.values
    assert missing in {fact for value in case.open_values for fact in value.settled_by}


def test_a_bound_or_a_questioned_creatinine_gives_no_filtration() -> None:
    assert "egfr" not in with_creatinine("<50 umol/L").values
    questioned = with_creatinine("2600 umol/L")
    assert "egfr" not in questioned.values
    assert questioned.questions
