"""Names in any spelling, aliases, one fact under two names, and names that nobody knows."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calcscan.errors import FactsError, KnowledgeError
from calcscan.guideline import load_facts
from calcscan.guideline.facts.names import aliases, spellings
from calcscan.guideline.facts.statements import read_statements
from calcscan.guideline.facts.vocabulary import vocabulary


@pytest.mark.parametrize(
    ("name", "analyte"),
    [
        ("PTH", "pth"),
        ("iPTH", "pth"),
        ("Ca", "calcium"),
        ("PO4", "phosphate"),
        ("P", "phosphate"),
        ("phosphorus", "phosphate"),
        ("Mg", "magnesium"),
        ("25-OH-D", "vitamin_d"),
        ("25(OH)D", "vitamin_d"),
        ("25ohd", "vitamin_d"),
        ("vitamin_d3", "vitamin_d"),
        ("Vitamin D", "vitamin_d"),
        ("ionized_calcium", "ionised_calcium"),
        ("iCa", "ionised_calcium"),
        ("ALP", "alkaline_phosphatase"),
        ("Creatinine", "creatinine"),
    ],
)
def test_laboratory_values_have_other_names(name: str, analyte: str) -> None:
    assert list(read_statements({"labs": {name: "low"}}).labs) == [analyte]


@pytest.mark.parametrize(
    ("facts", "path"),
    [
        ({"eGFR": 28}, "egfr"),
        ({"GFR": 28}, "egfr"),
        ({"Age": 28}, "age_years"),
        ({"conditions": {"CKD": True}}, "conditions.chronic_kidney_disease"),
        ({"conditions": {"HIV": True}}, "conditions.hiv"),
        ({"conditions": {"CMV": True}}, "conditions.cytomegalovirus"),
        ({"Conditions": {"Dural-AV fistula": True}}, "conditions.dural_av_fistula"),
        ({"conditions": {"hemodialysis": True}}, "conditions.dialysis"),
        ({"conditions": {"prior_hemorrhage": True}}, "conditions.earlier_haemorrhage"),
        ({"imaging": {"possible hemorrhage": True}}, "imaging.possible_haemorrhage"),
        ({"findings": [{"Site": "Basal ganglia", "Present": True}]}, "findings.basal_ganglia.present"),
        ({"findings": [{"site": "heart-valve", "present": True}]}, "findings.heart_valve.present"),
        ({"findings": [{"site": "cortex", "volume": 12}]}, "findings.cortex.volume_mm3"),
    ],
)
def test_facts_and_sites_have_other_names(facts: dict[str, Any], path: str) -> None:
    assert list(read_statements(facts).values) == [path]


def test_what_could_mean_two_things_is_refused() -> None:
    with pytest.raises(FactsError, match="unknown fact 'thrombosis'"):
        read_statements({"conditions": {"thrombosis": True}})
    with pytest.raises(KnowledgeError, match="'PTH' stands for"):
        spellings(["pth", "calcium"], {"pth": ["PTH"], "calcium": ["PTH"]})


def test_one_fact_under_two_names_is_refused_unless_both_say_the_same() -> None:
    with pytest.raises(FactsError, match=r"labs\.PTH and labs\.pth") as refused:
        read_statements({"labs": {"PTH": "low", "pth": "high"}})
    assert refused.value.where == "labs.pth"
    assert read_statements({"labs": {"PTH": "low", "pth": "low"}}).labs["pth"].level == "low"
    assert read_statements({"labs": {"PTH": None, "pth": "low"}}).labs["pth"].level == "low"
    assert read_statements({"labs": {"PTH": "low", "pth": "unknown"}}).labs["pth"].level == "low"
    with pytest.raises(FactsError, match="egfr and eGFR"):
        read_statements({"egfr": 30, "eGFR": 31})


@pytest.mark.parametrize(
    ("facts", "where", "hint"),
    [
        ({"PTH": "low"}, "PTH", "labs.pth"),
        ({"labs": {"eGFR": 30}}, "labs.eGFR", "egfr stands outside of any section"),
        ({"symptoms": {"dialysis": True}}, "symptoms.dialysis", "conditions.dialysis"),
        ({"conditions": {"pregnacy": True}}, "conditions.pregnacy", "did you mean 'pregnancy'?"),
        ({"labs": {"parathormon": "low"}}, "labs.parathormon", "did you mean 'pth'?"),
    ],
)
def test_a_name_in_the_wrong_place_is_refused_with_the_right_one(facts: dict[str, Any], where: str, hint: str) -> None:
    with pytest.raises(FactsError) as refused:
        read_statements(facts)
    assert refused.value.where == where
    assert hint in refused.value.hint


def test_lenient_leaves_out_names_that_nobody_knows_and_says_so() -> None:
    facts = {
        "agee": 5,
        "symptoms": {"hedache": True, "seizure": True},
        "labs": {"ferritin": "low", "PTH": "low"},
        "findings": [{"site": "durra", "present": True}, {"site": "dura", "present": True, "colour": "white"}],
    }
    read = read_statements(facts, lenient=True)
    assert dict(read.values) == {"symptoms.seizure": True, "findings.dura.present": True}
    assert list(read.labs) == ["pth"]
    assert read.sites == {"dura"}
    assert [left_out.where for left_out in read.ignored] == [
        "agee",
        "symptoms.hedache",
        "labs.ferritin",
        "findings[0].site",
        "findings[1].colour",
    ]
    assert read.ignored[0].hint == "did you mean 'age_years'?"
    with pytest.raises(FactsError):
        read_statements(facts)


def test_lenient_takes_no_value_that_can_not_be() -> None:
    with pytest.raises(FactsError, match="neither true nor false"):
        read_statements({"symptoms": {"headache": "no", "hedache": True}}, lenient=True)


def test_every_alias_is_of_a_name_that_is_declared() -> None:
    words = vocabulary()
    assert set(aliases("facts")) <= set(words.kinds)
    assert set(aliases("labs")) <= {path.removeprefix("labs.") for path in words.kinds}
    assert set(aliases("sites")) <= set(words.sites)
    assert set(aliases("attributes")) <= set(words.attributes)


@given(name=st.sampled_from(sorted(aliases("labs"))), mark=st.sampled_from([" ", "-", "_", ""]), upper=st.booleans())
def test_capitals_spaces_and_hyphens_do_not_matter(name: str, mark: str, upper: bool) -> None:
    spelt = name.replace("_", mark)
    assert list(read_statements({"labs": {spelt.upper() if upper else spelt: "low"}}).labs) == [name]


# A decimal comma in braces


@pytest.mark.parametrize(
    "text",
    [
        "labs: {calcium: 7,6 mg/dL}",
        "labs: {calcium: {value: 7,6, unit: mg/dL}}",
        "labs: {calcium: 7,6}",
        "egfr: 28\nlabs: {pth: low, calcium: 7,6 mg/dL}",
    ],
)
def test_a_comma_in_braces_is_explained(text: str) -> None:
    with pytest.raises(FactsError) as refused:
        read_statements(load_facts("-", stream=io.BytesIO(text.encode())))
    assert "decimal point" in refused.value.hint
    assert "calcium" in refused.value.where
