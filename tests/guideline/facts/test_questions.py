"""Values that can hardly be are questioned, not judged."""

from __future__ import annotations

from typing import Any

import pytest

from calcscan.errors import FactsError
from calcscan.guideline.engine import build_case, merged_facts


@pytest.mark.parametrize(
    ("name", "given", "instead", "urgent"),
    [
        ("calcium", "2.3 mg/dL", "2.3 mmol/L would be ordinary", True),
        ("calcium", "1.22 mmol/L", "as ionised calcium it would be ordinary", True),
        ("calcium", "4.8 mg/dL", "as ionised calcium it would be ordinary", True),
        ("calcium", "1.4 mmol/L", "as ionised calcium it would be ordinary", True),
        ("calcium", "4.8 mmol/L", "4.8 meq/L would be ordinary", True),
        ("calcium", "2.4 mEq/L", "2.4 mmol/L would be ordinary", True),
        ("ionised_calcium", "2.4 mmol/L", "as total calcium it would be ordinary", True),
        ("ionised_calcium", "9.5 mg/dL", "as total calcium it would be ordinary", True),
        ("phosphate", "3.5 mmol/L", "3.5 mg/dL would be ordinary", True),
        ("phosphate", "1.1 mg/dL", "1.1 mmol/L would be ordinary", False),
        ("magnesium", "2.0 mmol/L", "2 m", False),
        ("magnesium", "0.8 mg/dL", "0.8 mmol/L would be ordinary", True),
        ("pth", "45 pmol/L", "45 pg/mL would be ordinary", False),
        ("vitamin_d", "110 ng/mL", "110 nmol/L would be ordinary", False),
        ("urine_calcium", "5 mg/24h", "5 mmol/24h would be ordinary", False),
        ("creatinine", "1.1 mmol/L", "1.1 mg/dL would be ordinary", False),
        ("alkaline_phosphatase", "90 ukat/L", "90 U/L would be ordinary", False),
    ],
)
def test_a_value_in_a_wrong_unit_is_questioned_and_not_judged(
    name: str, given: str, instead: str, urgent: bool
) -> None:
    case = build_case({"age_years": 52, "labs": {name: given}})
    assert f"labs.{name}" not in case.values
    assert f"critical.{name}" not in case.values
    (question,) = case.questions
    assert (question.fact, question.urgent) == (f"labs.{name}", urgent)
    assert instead in question.text
    assert [value.fact for value in case.open_values] == [f"labs.{name}"]


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("calcium", "6.4 mg/dL"),
        ("calcium", "13.5 mg/dL"),
        ("phosphate", "2.6 mmol/L"),
        ("phosphate", "7.4 mg/dL"),
        ("pth", "4 pg/mL"),
        ("pth", "780 pg/mL"),
        ("vitamin_d", "182 ng/mL"),
        ("vitamin_d", "454 nmol/L"),
        ("vitamin_d", "30 nmol/L"),
        ("magnesium", "0.5 mmol/L"),
        ("creatinine", "9 mg/dL"),
        ("albumin", "15 g/L"),
    ],
)
def test_what_disease_does_is_judged(name: str, given: str) -> None:
    case = build_case({"age_years": 52, "sex": "F", "labs": {name: given}})
    assert not case.questions
    assert case.values[f"labs.{name}"] != "normal"


def test_what_a_known_disease_explains_is_judged() -> None:
    facts: dict[str, Any] = {"age_years": 52, "labs": {"pth": "45 pmol/L"}, "conditions": {"dialysis": True}}
    assert build_case(facts).values["labs.pth"] == "high"
    facts = {"age_years": 52, "labs": {"calcium": "5.6 mg/dL"}, "conditions": {"hypoparathyroidism": True}}
    assert build_case(facts).values["critical.calcium"] == "low"
    facts = {"age_years": 52, "labs": {"vitamin_d": "110 ng/mL"}, "medications": {"vitamin_d": True}}
    assert build_case(facts).values["labs.vitamin_d"] == "high"


def test_what_the_laboratorys_range_or_a_childs_range_explains_is_judged() -> None:
    pth = {"value": 45, "unit": "pmol/L", "range": [1.6, 6.9]}
    assert build_case({"age_years": 52, "labs": {"pth": pth}}).values["labs.pth"] == "high"
    assert build_case({"age_years": 0.01, "labs": {"phosphate": "2.85 mmol/L"}}).values["labs.phosphate"] == "normal"
    assert build_case({"age_years": 52, "labs": {"phosphate": "2.85 mmol/L"}}).questions
    ionised = {"value": 1.22, "unit": "mmol/L", "range": [1.15, 1.33]}
    assert build_case({"age_years": 52, "labs": {"calcium": ionised}}).questions


def test_a_person_can_insist() -> None:
    calcium = {"value": 1.22, "unit": "mmol/L", "confirmed": True}
    case = build_case({"age_years": 52, "labs": {"calcium": calcium}})
    assert not case.questions
    assert (case.values["labs.calcium"], case.values["critical.calcium"]) == ("low", "low")
    with pytest.raises(FactsError, match="neither true nor false"):
        build_case({"labs": {"calcium": {**calcium, "confirmed": "yes"}}})


def test_a_questioned_albumin_adjusts_nothing_and_questioned_calcium_gives_way_to_ionised() -> None:
    case = build_case({"age_years": 52, "labs": {"calcium": "2.05 mmol/L", "albumin": "7.5 g/L"}})
    assert case.values["labs.calcium"] == "low"
    case = build_case({"age_years": 52, "labs": {"calcium": "1.22 mmol/L", "ionised_calcium": "1.22 mmol/L"}})
    assert (case.values["labs.calcium"], case.origins["labs.calcium"]) == ("normal", "derived")
    assert len(case.questions) == 1


@pytest.mark.parametrize(
    ("name", "given", "hint"),
    [
        ("albumin", "42 g/dL", "42 g/L would be ordinary"),
        ("creatinine", "0.9 umol/L", "0.9 mg/dL would be ordinary"),
        ("calcium", "9.4 mmol/L", "9.4 mg/dL would be ordinary"),
        ("calcium", "9.4 mg/L", "9.4 mg/dL would be ordinary"),
        ("urine_calcium", "200 mmol/24h", "200 mg/24h would be ordinary"),
    ],
)
def test_what_no_person_has_is_refused_with_the_likely_unit(name: str, given: str, hint: str) -> None:
    with pytest.raises(FactsError) as refused:
        build_case({"labs": {name: given}})
    assert hint in refused.value.hint


def test_a_filtration_that_is_a_creatinine_is_questioned_and_kept() -> None:
    facts = {"egfr": 0.9}
    case = build_case(facts)
    assert "egfr" not in case.values
    assert [(q.fact, q.urgent) for q in case.questions] == [("egfr", True)]
    assert merged_facts(facts)["egfr"] == 0.9
    insisted = {"egfr": {"value": 0.9, "unit": "mL/min", "confirmed": True}}
    assert build_case(insisted).values["egfr"] == 0.9
    assert build_case({"egfr": 1.5, "conditions": {"dialysis": True}}).values["egfr"] == 1.5
