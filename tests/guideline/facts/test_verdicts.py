"""Low, normal, high or dangerous: by the range that fits, and what is said where none does."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calcscan.errors import FactsError
from calcscan.guideline.engine import build_case, merged_facts
from calcscan.guideline.facts.case import Case
from calcscan.guideline.facts.labs import LabResult, analytes, read_result
from calcscan.guideline.facts.ranges import age_ranges, level_in
from calcscan.guideline.facts.verdict import Person, judge


def labs(age: float | None = None, sex: str | None = None, **results: Any) -> Case:
    return build_case({"age_years": age, "sex": sex, "labs": results})


def open_facts(case: Case) -> dict[str, tuple[str, ...]]:
    return {value.fact: value.settled_by for value in case.open_values}


# Calcium: unadjusted, adjusted, ionised


@pytest.mark.parametrize(
    ("results", "level"),
    [
        ({"calcium": "8.7 mg/dL"}, "normal"),
        ({"calcium": "8.4 mg/dL"}, "low"),
        ({"calcium": "10.3 mg/dL"}, "high"),
        ({"calcium": "2.05 mmol/L", "albumin": "25 g/L"}, "normal"),
        ({"calcium": "2.15 mmol/L", "albumin": "40 g/L"}, "low"),
        ({"calcium": "2.15 mmol/L", "albumin": "low"}, "normal"),
        ({"calcium": "2.45 mmol/L", "albumin": "4.8 g/dL"}, "normal"),
        ({"calcium": "2.58 mmol/L", "albumin": "40 g/L"}, "normal"),
        ({"calcium": "2.58 mmol/L"}, "high"),
        ({"calcium": "2.0 mmol/L", "ionised_calcium": "1.2 mmol/L"}, "normal"),
        ({"calcium": "2.3 mmol/L", "ionised_calcium": "1.05 mmol/L"}, "low"),
        ({"ionised_calcium": "4.0 mg/dL"}, "low"),
    ],
)
def test_calcium_is_judged_by_the_range_that_fits(results: dict[str, Any], level: str) -> None:
    assert labs(60, **results).values["labs.calcium"] == level


def test_albumin_is_asked_for_where_it_would_decide() -> None:
    case = labs(60, calcium="8.7 mg/dL")
    assert open_facts(case) == {"labs.calcium": ("labs.albumin", "labs.ionised_calcium")}
    assert case.open_values[0].level == "normal"
    assert "albumin could change the verdict" in case.details["labs.calcium"]
    for sure in (
        {"calcium": "9.8 mg/dL"},
        {"calcium": "1.7 mmol/L"},
        {"calcium": "8.7 mg/dL", "albumin": "40 g/L"},
        {"calcium": "8.7 mg/dL", "ionised_calcium": "1.2 mmol/L"},
    ):
        assert not labs(60, **sure).open_values, sure
    for no_number in ("low", "<20 g/L", "7.5 g/L"):
        case = labs(60, calcium="2.4 mmol/L", albumin=no_number)
        assert "was not given as a number" in {value.fact: value.why for value in case.open_values}["labs.calcium"]
    assert not labs(60, calcium="2.4 mmol/L", albumin="normal").open_values


def test_adjusted_and_ionised_calcium_that_disagree_are_a_dispute_and_unadjusted_gives_way() -> None:
    case = labs(60, calcium="2.4 mmol/L", albumin="40 g/L", ionised_calcium="1.0 mmol/L")
    assert case.values["labs.calcium"] == "normal"
    assert [dispute.id for dispute in case.disputes] == ["facts:labs.calcium"]
    case = labs(60, calcium="2.4 mmol/L", ionised_calcium="1.0 mmol/L")
    assert case.values["labs.calcium"] == "low"
    assert not case.disputes
    assert "ionised calcium decides" in case.details["labs.calcium"]
    case = labs(60, calcium="high", ionised_calcium="low")
    assert [dispute.id for dispute in case.disputes] == ["facts:labs.calcium"]


def test_the_range_is_shown_in_the_unit_of_the_value() -> None:
    plain = labs(60, calcium="8.7 mg/dL").details["labs.calcium"]
    assert "8.7 mg/dL, adult range without albumin 8.5 to 10.2 mg/dL" in plain
    adjusted = labs(60, calcium="8.7 mg/dL", albumin="30 g/L").details["labs.calcium"]
    assert "albumin-adjusted calcium 9.5 mg/dL, adult range 8.82 to 10.4 mg/dL" in adjusted


def test_a_value_at_the_limit_as_printed_is_not_beyond_it() -> None:
    """0.70 mmol/L of magnesium is 1.7013 mg/dL, and 1.7 mg/dL is what laboratories print."""
    assert labs(60, magnesium="1.7 mg/dL").values["labs.magnesium"] == "normal"
    assert labs(60, magnesium="1.69 mg/dL").values["labs.magnesium"] == "low"


# Dangerous values


@pytest.mark.parametrize(
    ("results", "critical"),
    [
        ({"calcium": "6.4 mg/dL"}, {"critical.calcium": "low"}),
        ({"calcium": "1.95 mmol/L"}, {"critical.calcium": "none"}),
        ({"calcium": "3.6 mmol/L"}, {"critical.calcium": "high"}),
        ({"calcium": "3.1 mmol/L"}, {"critical.calcium": "none"}),
        ({"calcium": "1.8 mmol/L", "albumin": "20 g/L"}, {"critical.calcium": "none"}),
        (
            {"calcium": "2.3 mmol/L", "ionised_calcium": "0.7 mmol/L"},
            {"critical.calcium": "low", "critical.ionised_calcium": "low"},
        ),
        ({"ionised_calcium": "1.7 mmol/L"}, {"critical.calcium": "high", "critical.ionised_calcium": "high"}),
        ({"phosphate": "0.3 mmol/L"}, {"critical.phosphate": "low"}),
        ({"magnesium": "0.35 mmol/L"}, {"critical.magnesium": "low"}),
        ({"calcium": "critically_low"}, {"critical.calcium": "low"}),
        ({"calcium": "low"}, {}),
        ({"calcium": "normal"}, {"critical.calcium": "none"}),
        ({"pth": "normal"}, {}),
    ],
)
def test_dangerous_values_have_a_level_of_their_own(results: dict[str, Any], critical: dict[str, str]) -> None:
    case = labs(60, **results)
    assert {path: value for path, value in case.values.items() if path.startswith("critical.")} == critical
    assert all("to be acted on below" in case.details[path] for path in critical)


def test_a_stated_danger_gives_the_level_and_a_contradiction_is_told() -> None:
    case = build_case({"critical": {"calcium": "low"}})
    assert (case.values["labs.calcium"], case.origins["labs.calcium"]) == ("low", "derived")
    case = build_case({"critical": {"calcium": "low"}, "labs": {"calcium": "high"}})
    assert [dispute.id for dispute in case.disputes] == ["facts:critical.calcium"]


def test_a_dangerous_ionised_calcium_is_low_in_a_child_too() -> None:
    case = labs(5, ionised_calcium="0.7 mmol/L")
    assert (case.values["labs.calcium"], case.values["critical.calcium"]) == ("low", "low")


# Children, and an age that is unknown


@pytest.mark.parametrize(
    ("age", "results", "expected"),
    [
        (8, {"calcium": "1.7 mmol/L", "phosphate": "2.6 mmol/L", "pth": "240 pg/mL"}, ("low", "high", "high")),
        (2, {"calcium": "2.7 mmol/L", "phosphate": "1.8 mmol/L", "pth": "40 pg/mL"}, ("normal", "normal", "normal")),
        (0.3, {"calcium": "2.7 mmol/L", "phosphate": "2.2 mmol/L", "pth": "70 pg/mL"}, ("normal", "normal", "normal")),
        (17, {"calcium": "2.58 mmol/L", "phosphate": "0.7 mmol/L", "pth": "60 pg/mL"}, ("high", "low", "high")),
    ],
)
def test_children_have_ranges_of_their_own(age: float, results: dict[str, Any], expected: tuple[str, ...]) -> None:
    case = labs(age, **results)
    assert tuple(case.values[f"labs.{name}"] for name in ("calcium", "phosphate", "pth")) == expected
    assert not case.open_values


def test_albumin_does_not_adjust_a_childs_calcium() -> None:
    assert labs(8, calcium="2.1 mmol/L", albumin="25 g/L").values["labs.calcium"] == "low"


def test_a_childs_value_without_a_range_is_kept_and_said_to_be_unused() -> None:
    case = labs(8, urine_calcium="9 mmol/24h")
    assert "labs.urine_calcium" not in case.values
    assert "no range for an age of 8 years" in case.open_values[0].why
    assert "urine_calcium" in merged_facts({"age_years": 8, "labs": {"urine_calcium": "9 mmol/24h"}})["labs"]
    own = {"value": 9, "unit": "mmol/24h", "range": [1, 6]}
    assert labs(8, urine_calcium=own).values["labs.urine_calcium"] == "high"


def test_an_unknown_age_is_not_an_adults() -> None:
    case = labs(None, phosphate="1.8 mmol/L", calcium="2.5 mmol/L", vitamin_d="182 ng/mL", pth="3 pg/mL")
    assert "labs.phosphate" not in case.values
    assert open_facts(case) == {"labs.phosphate": ("age_years",)}
    assert case.values["labs.calcium"] == "normal"
    assert case.values["labs.vitamin_d"] == "high"
    assert case.values["labs.pth"] == "low"
    assert labs(30, phosphate="1.8 mmol/L").values["labs.phosphate"] == "high"
    assert labs(2, phosphate="1.8 mmol/L").values["labs.phosphate"] == "normal"


@pytest.mark.parametrize("name", sorted(age_ranges()))
def test_the_ranges_of_ages_leave_no_gap_and_none_twice(name: str) -> None:
    for sex in ("F", "M"):
        spans = sorted((r.from_years, r.below_years) for r in age_ranges()[name] if r.sex in ("", sex))
        for (_, end), (start, _) in pairwise(spans):
            assert end == start, (name, sex)
        assert spans[-1][1] in (18, 121)


# Bounds


@pytest.mark.parametrize(
    ("name", "given", "level"),
    [
        ("pth", "<3 pg/mL", "low"),
        ("pth", "< 15 pg/mL", "low"),
        ("pth", "≤ 15 pg/mL", None),
        ("pth", "<70 pg/mL", None),
        ("pth", ">2500 pg/mL", "high"),
        ("pth", "> 20 pg/mL", None),
        ("vitamin_d", "> 100 ng/mL", "high"),
        ("vitamin_d", ">=50 nmol/L", None),
        ("vitamin_d", "<10 nmol/L", "low"),
        ("pth", {"value": "<3", "unit": "pg/mL"}, "low"),
        ("pth", {"value": "<40", "unit": "pg/mL", "range": "<65"}, "normal"),
    ],
)
def test_a_bound_is_judged_only_where_it_decides(name: str, given: Any, level: str | None) -> None:
    case = labs(60, **{name: given})
    assert case.values.get(f"labs.{name}") == level
    if level is None:
        assert "a bound that does not decide" in case.open_values[0].why


@given(
    bound=st.sampled_from(["<", ">", "<=", ">="]),
    limit=st.floats(1, 200),
    value=st.floats(0, 200),
    name=st.sampled_from(["pth", "vitamin_d", "albumin"]),
)
def test_what_a_bound_says_holds_for_every_value_within_it(bound: str, limit: float, value: float, name: str) -> None:
    analyte = analytes()[name]
    within = {"<": value < limit, ">": value > limit, "<=": value <= limit, ">=": value >= limit}[bound]
    said = level_in(LabResult(value=limit, bound=bound), analyte.low, analyte.high)
    if within and said is not None:
        assert level_in(LabResult(value=value), analyte.low, analyte.high) == said


@given(name=st.sampled_from(sorted(analytes())), share=st.floats(0.0, 2.0), data=st.data())
def test_a_value_comes_out_the_same_in_every_unit(name: str, share: float, data: st.DataObject) -> None:
    """Except within half a digit of a limit, which is compared as it is printed."""
    analyte = analytes()[name]
    value = analyte.low + share * (analyte.high - analyte.low)
    limits = [analyte.low, analyte.high]
    if analyte.critical is not None:
        limits += [analyte.critical.low, analyte.critical.high]
    near = min(abs(value / limit - 1) for limit in limits) < 0.006
    if near or not analyte.usual[0] < value < analyte.usual[1]:
        return
    first, second = (data.draw(st.sampled_from(sorted(analyte.per))) for _ in range(2))
    person = Person(age=40, sex="M")
    one, other = (
        judge(name, read_result(name, {"value": value / analyte.per[unit], "unit": unit}, "x"), person)
        for unit in (first, second)
    )
    assert (one.level, one.critical) == (other.level, other.critical)


# The laboratory's own range


@pytest.mark.parametrize(
    ("given", "level"),
    [
        ({"value": 9.4, "unit": "mg/dL", "range": [8.6, 10.2]}, "normal"),
        ({"value": 9.4, "unit": "mg/dL", "range": "8.6-10.2 mg/dL"}, "normal"),
        ({"value": 9.4, "unit": "mg/dL", "range": "8,6 – 10,2"}, "normal"),
        ({"value": 9.4, "unit": "mg/dL", "range": "8.6 to 9.2"}, "high"),
        ({"value": 9.4, "unit": "mg/dL", "range": [2.2, 2.6], "range_unit": "mmol/L"}, "normal"),
        ({"value": 8.6, "unit": "mg/dL", "range": "2.2-2.6 mmol/L"}, "low"),
    ],
)
def test_the_laboratorys_range_has_a_unit(given: dict[str, Any], level: str) -> None:
    assert labs(60, calcium=given).values["labs.calcium"] == level


@pytest.mark.parametrize(
    ("name", "given", "unit"),
    [
        ("calcium", {"value": 9.4, "unit": "mg/dL", "range": [2.2, 2.6]}, "mmol/L"),
        ("calcium", {"value": 2.4, "unit": "mmol/L", "range": [8.6, 10.2]}, "mg/dL"),
        ("phosphate", {"value": 3.5, "unit": "mg/dL", "range": [0.8, 1.5]}, "mmol/L"),
        ("phosphate", {"value": 1.1, "unit": "mmol/L", "range": [2.5, 4.5]}, "mg/dL"),
        ("magnesium", {"value": 0.8, "unit": "mmol/L", "range": [1.7, 2.4]}, "m"),
        ("calcium", {"value": 2.4, "unit": "mmol/L", "range": "2.2-2.6 mg/dL"}, "mmol/L"),
        ("calcium", {"value": 2.4, "unit": "mmol/L", "range": [2.2, 2.6], "range_unit": "mg/dL"}, "mmol/L"),
        ("pth", {"value": 40, "unit": "pg/mL", "range": [1.6, 6.9]}, "pmol/L"),
        ("pth", {"value": 4.2, "unit": "pmol/L", "range": [15, 65]}, "pg/mL"),
        ("vitamin_d", {"value": 30, "unit": "ng/mL", "range": [50, 125]}, "nmol/L"),
        ("creatinine", {"value": 1.0, "unit": "mg/dL", "range": [60, 110]}, "umol/L"),
        ("albumin", {"value": 4.0, "unit": "g/dL", "range": [35, 50]}, "g/L"),
        ("calcium", {"value": 9.4, "unit": "mg/dL", "range": [8.6, 10.2], "range_unit": "pg/mL"}, "is not a unit"),
    ],
)
def test_a_range_in_another_unit_is_refused(name: str, given: dict[str, Any], unit: str) -> None:
    with pytest.raises(FactsError) as refused:
        labs(60, **{name: given})
    assert f"labs.{name}.range" in refused.value.where
    assert unit in str(refused.value)


@pytest.mark.parametrize(
    ("age", "name", "given"),
    [
        (40, "vitamin_d", {"value": 40, "unit": "ng/mL", "range": [30, 100]}),
        (40, "vitamin_d", {"value": 100, "unit": "nmol/L", "range": [75, 250]}),
        (0.01, "phosphate", {"value": 2.0, "unit": "mmol/L", "range": [1.6, 2.7]}),
        (6, "alkaline_phosphatase", {"value": 300, "unit": "U/L", "range": [150, 550]}),
        (3, "creatinine", {"value": 25, "unit": "umol/L", "range": [15, 35]}),
        (40, "ionised_calcium", {"value": 4.9, "unit": "mg/dL", "range": [4.5, 5.3]}),
    ],
)
def test_ranges_that_laboratories_print_are_taken(age: float, name: str, given: dict[str, Any]) -> None:
    assert labs(age, **{name: given}).values[f"labs.{name}"] == "normal"


# Nothing vanishes


@st.composite
def _laboratory(draw: st.DrawFn) -> dict[str, Any]:
    results: dict[str, Any] = {}
    for name in draw(st.lists(st.sampled_from(sorted(analytes())), unique=True, max_size=6)):
        analyte = analytes()[name]
        unit = draw(st.sampled_from(sorted(analyte.per)))
        number = draw(st.floats(*analyte.plausible)) * draw(st.sampled_from([1.0, 0.3])) / analyte.per[unit]
        text = f"{draw(st.sampled_from(['', '', '<', '>=']))}{number:.4f} {unit}"
        results[name] = draw(st.sampled_from([text, {"value": text}, "low", "critically high"]))
    return results


@settings(max_examples=150, deadline=None)
@given(
    results=_laboratory(),
    age=st.sampled_from([None, 0.01, 0.5, 9, 17.9, 18, 80]),
    sex=st.sampled_from([None, "F", "M", "O"]),
    egfr=st.sampled_from([None, 0.5, 60, "> 90 mL/min", "<30 mL/min", 200]),
)
def test_each_value_is_judged_or_said_to_be_open(
    results: dict[str, Any], age: float | None, sex: str | None, egfr: Any
) -> None:
    """And the facts as they are given back are judged the same."""
    facts = {"age_years": age, "sex": sex, "egfr": egfr, "labs": results}
    try:
        case = build_case(facts)
    except FactsError:
        return
    known = case.values.keys() | {value.fact for value in case.open_values}
    assert {f"labs.{name}" for name in results} <= known
    assert egfr is None or "egfr" in known
    again = build_case(merged_facts(facts))
    assert (again.values, again.open_values, again.questions) == (case.values, case.open_values, case.questions)
