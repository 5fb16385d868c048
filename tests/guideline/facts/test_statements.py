"""What facts say, and what is refused of it."""

from __future__ import annotations

import io
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.guideline_facts import refusal

from calcscan.errors import FactsError
from calcscan.guideline import load_facts, recommend
from calcscan.guideline.facts.statements import read_statements
from calcscan.knowledge.sites import all_sites


@pytest.mark.parametrize(
    ("facts", "address", "hint"),
    [
        ({"labs": {"calcum": "low"}}, "labs.calcum", "did you mean 'calcium'"),
        ({"symptoms": {"hedache": True}}, "symptoms.hedache", "did you mean 'headache'"),
        ({"aeg": 52}, "aeg", "did you mean 'age_years'"),
        ({"symptom": {}}, "symptom", "did you mean 'symptoms'"),
        ({"findings": [{"site": "dura"}, {"site": "durra"}]}, "findings[1].site", "did you mean 'dura'"),
        ({"findings": [{"site": "dura", "bilaterl": True}]}, "findings[0].bilaterl", "did you mean 'bilateral'"),
        ({"findings": [{"present": True}]}, "findings[0].site", "known: basal_ganglia"),
        ({"findings": {"dura": True}}, "findings", "write a list"),
        ({"findings": ["dura"]}, "findings[0]", "name: value"),
        ({"findings": [{"site": "dura", "present": "yes"}]}, "findings[0].present", "true, false or unknown"),
        ({"findings": [{"site": "dura", "present": 1}]}, "findings[0].present", "true, false or unknown"),
        ({"findings": [{"site": "dura", "progression": "worse"}]}, "findings[0].progression", "known here"),
        ({"findings": [{"site": "dura", "volume_mm3": -1}]}, "findings[0].volume_mm3", "0 to"),
        ({"symptoms": {"headache": "no"}}, "symptoms.headache", "true, false or unknown"),
        ({"symptoms": ["headache"]}, "symptoms", "name: value"),
        ({"symptoms": {1: True}}, "symptoms", "name: value"),
        ({"family_history": "mother"}, "family_history", "true, false or unknown"),
        ({"age_years": -3}, "age_years", "0 to 120"),
        ({"age_years": 520}, "age_years", "0 to 120"),
        ({"age_years": "fifty"}, "age_years", "years"),
        ({"age_years": True}, "age_years", "years"),
        ({"age_years": math.nan}, "age_years", "0 to 120"),
        ({"egfr": 900}, "egfr", "0 to 250"),
        ({"egfr": math.inf}, "egfr", "0 to 250"),
        ({"egfr": 10**400}, "egfr", "0 to 250"),
        ({"sex": "X"}, "sex", "known here"),
        ({"sex": 1}, "sex", "known"),
        ({"labs": {"calcium": 1.9}}, "labs.calcium", "{value: 1.9, unit: mmol/L}"),
        ({"labs": {"calcium": "lowish"}}, "labs.calcium", "low, normal or high"),
        ({"labs": {"calcium": {"value": 1.9}}}, "labs.calcium.unit", "mmol/l"),
        ({"labs": {"calcium": {"value": 1.9, "unit": "pg/mL"}}}, "labs.calcium.unit", ""),
        ({"labs": {"pth": {"value": 8, "unit": "mmol/L"}}}, "labs.pth.unit", "pmol/l"),
        ({"labs": {"calcium": {"value": 9.4, "unit": "mmol/L"}}}, "labs.calcium.value", "is the unit right"),
        ({"labs": {"calcium": {"value": -1, "unit": "mmol/L"}}}, "labs.calcium.value", "must lie between"),
        ({"labs": {"calcium": {"value": "some", "unit": "mmol/L"}}}, "labs.calcium.value", "such as 2.1"),
        (
            {"labs": {"calcium": {"value": 2, "unit": "mmol/L", "range": [3, 2]}}},
            "labs.calcium.range",
            "lower limit first",
        ),
        ({"labs": {"calcium": {"value": 2, "unit": "mmol/L", "range": "2 or 3"}}}, "labs.calcium.range", "such as"),
        ({"labs": {"calcium": {"value": 2, "units": "mmol/L"}}}, "labs.calcium.units", "did you mean 'unit'"),
    ],
)
def test_what_is_refused_is_named_with_its_address(facts: dict[Any, Any], address: str, hint: str) -> None:
    with pytest.raises(FactsError) as refused:
        recommend(facts)
    assert refused.value.where == address
    assert hint in refused.value.hint
    with pytest.raises(FactsError) as refused:
        recommend({}, image=facts)
    assert refused.value.where == f"image.{address}"


def test_none_and_unknown_are_the_same_as_nothing() -> None:
    guidance = {
        "age_years": None,
        "sex": "unknown",
        "egfr": "Unknown",
        "findings": None,
        "symptoms": None,
        "labs": {"calcium": "unknown", "pth": None, "phosphate": {"value": None, "unit": "mmol/L"}},
        "conditions": {"dialysis": "unknown"},
    }
    assert recommend(guidance) == recommend({})


def test_the_contracts_example_is_taken() -> None:
    text = """
age_years: 52
sex: M
findings:
  - site: dura
    present: true
    bilateral: true
    symmetric: true
    multiple: false
    isolated: true              # nothing else abnormal
    volume_mm3: 120
    progression: unknown        # stable, progressive, unknown, not_comparable
    dural_thickening: false
    dural_enhancement: false
imaging: {white_matter_lesions: false, atrophy: false, venous_abnormality: false, other_abnormality: false}
symptoms: {asymptomatic: false, headache: true, severe_headache: false, positional_headache: true,
           visual_disturbance: false, cognitive_change: false, dementia: false, seizure: false, focal_deficit: false,
           parkinsonism: false, psychiatric: false, movement_disorder: false, paroxysmal_dyskinesia: false,
           tetany: false, pain: false, ulceration: false,
           recurrent_infection: false, restricted_function: false}
labs:                           # low, normal, high, or a value with its unit
  calcium: {value: 1.9, unit: mmol/L}
  phosphate: high
  pth: {value: 8, unit: pg/mL}
  magnesium: normal
  vitamin_d: low
egfr: 28                        # mL/min/1.73 m2
conditions: {chronic_kidney_disease: true, dialysis: false, hypoparathyroidism: false, pseudohypoparathyroidism: false,
             hyperparathyroidism: false, dural_av_fistula: false, venous_thrombosis: false, csf_leak: false,
             intracranial_hypotension: false, diabetes: false, hypercholesterolaemia: false,
             connective_tissue_disease: false, systemic_sclerosis: false, toxoplasmosis: false, rubella: false,
             cytomegalovirus: false, cysticercosis: false, hiv: false, trauma: false,
             tissue_injury: false, malignancy: false}
medications: {calcium_supplement: false, phosphate: false, vitamin_d: true, diuretic: false}
family_history: false
"""
    facts = load_facts("-", stream=io.BytesIO(text.encode()))
    covers = {fact for item in recommend(facts).recommendations for fact in item.covers}
    assert {"DU-12", "DU-32", "DU-08"} <= covers


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["age_years", "findings", "labs", "symptoms", "egfr", "sex", "imaging"]) | st.text(max_size=5)


@settings(max_examples=200, deadline=None)
@given(facts=st.dictionaries(NAMES, JSON, max_size=4))
def test_any_facts_are_taken_or_refused(facts: dict[str, Any]) -> None:
    refused = refusal(lambda: recommend(facts).to_dict())
    assert refused is None or refused.hint


def test_the_sites_that_a_run_writes_are_understood() -> None:
    for name, site in all_sites().items():
        if site.fact:
            values = read_statements({"findings": [{"site": name, "present": True}]}).values
            assert values[f"findings.{site.fact}.present"] is True


def test_what_is_denied_of_a_part_is_unknown_of_the_whole() -> None:
    part = {"site": "petroclinoid", "present": False, "dural_thickening": False, "progression": "stable"}
    assert not read_statements({"findings": [part]}).values
    both = [part, {"site": "falx", "present": True, "symmetric": True, "volume_mm3": 12}]
    statements = read_statements({"findings": both})
    assert dict(statements.values) == {"findings.dura.present": True, "findings.dura.volume_mm3": 12}
    assert not statements.clashes
    whole = {"site": "dura", "present": False}
    assert read_statements({"findings": [whole]}).values["findings.dura.present"] is False
