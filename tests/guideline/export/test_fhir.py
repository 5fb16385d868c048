"""FHIR R4 resources that an EHR takes."""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fhir.resources.R4B.bundle import Bundle
from support.fhir_r4 import HAS_FHIRPATH, codings, problems
from support.guideline_facts import FACTS

from calcscan.guideline import recommend
from calcscan.guideline.export.codes import codes
from calcscan.guideline.export.fhir import fhir

CASES = Path(__file__).parents[1] / "cases"
DURA_ON_DIALYSIS: dict[str, Any] = {
    "age_years": 58,
    "sex": "M",
    "findings": [{"site": "dura", "present": True}],
    "symptoms": {"headache": True},
    "conditions": {"dialysis": True},
    "labs": {
        "calcium": {"value": 9.8, "unit": "mg/dL", "range": "8.6-10.2 mg/dL"},
        "phosphate": {"value": 2.3, "unit": "mmol/L"},
        "pth": "<3 pg/mL",
        "vitamin_d": "low",
    },
    "egfr": 6,
}
CONTRADICTED: dict[str, Any] = {
    "findings": [{"site": "dura", "present": True}, {"site": "basal_ganglia", "present": False, "volume_mm3": 300}],
    "symptoms": {"asymptomatic": True, "seizure": True},
    "labs": {"calcium": {"value": 2.3, "unit": "mg/dL"}},
}
TWICE = {"findings": [{"site": "dura", "present": True}, {"site": "dura", "present": True, "volume_mm3": 70}]}
EVERY = [case for file in sorted(CASES.glob("*.toml")) for case in tomllib.loads(file.read_text("utf-8"))["case"]]
OWN = [{}, FACTS, DURA_ON_DIALYSIS, CONTRADICTED, TWICE]


def exported(facts: dict[str, Any], **options: Any) -> dict[str, Any]:
    return fhir(recommend(facts), facts, **options)


def of(bundle: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == kind]


def named(bundle: dict[str, Any], text: str) -> dict[str, Any]:
    return next(resource for resource in of(bundle, "Observation") if resource["code"]["text"] == text)


def test_every_case_keeps_to_r4() -> None:
    broken = {}
    for facts in [*OWN, *(case.get("facts", {}) for case in EVERY)]:
        found = problems(exported(facts)) + problems(exported(facts, subject="Patient/1", transaction=True))
        broken |= {str(facts): found} if found else {}
    assert broken == {}


@pytest.mark.skipif(not HAS_FHIRPATH, reason="fhirpathpy is not installed")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("facts", OWN)
def test_invariants_as_the_specification_states_them(facts: dict[str, Any]) -> None:
    assert problems(exported(facts), fhirpath=True) == []


@pytest.mark.parametrize("facts", OWN)
def test_fhir_resources_reads_it(facts: dict[str, Any]) -> None:
    """fhir.resources holds the definitions of R4B; no resource used here differs from R4."""
    assert Bundle(**exported(facts)).entry


def test_the_checker_finds_what_is_broken() -> None:
    """What was wrong once: no code path, an action with nothing behind it, one url twice, no system, a bad priority."""
    bundle = exported(DURA_ON_DIALYSIS)
    for spoil, what in (
        (lambda r: r.update(status="perhaps"), "is not among"),
        (lambda r: r.pop("subject"), "subject is missing"),
        (lambda r: r.update(subject={"reference": "urn:uuid:00000000-0000-0000-0000-000000000000"}), "nowhere"),
        (lambda r: r["action"][0].pop("resource"), "rqg-1"),
        (lambda r: r.pop("text"), "dom-6"),
        (lambda r: r.update(colour="red"), "unknown element"),
    ):
        spoilt = json.loads(json.dumps(bundle))
        spoil(of(spoilt, "RequestGroup")[0] if what != "subject is missing" else of(spoilt, "ServiceRequest")[0])
        assert any(what in problem for problem in problems(spoilt)), what
    twice = {**bundle, "entry": [*bundle["entry"], bundle["entry"][0]]}
    assert any("bdl-7" in problem for problem in problems(twice))


def test_a_finding_is_present_none_detected_or_unknown_and_never_absent() -> None:
    facts = {
        "findings": [
            {"site": "basal_ganglia", "present": True, "volume_mm3": 120.5, "bilateral": True},
            {"site": "dura", "present": False},
            {"site": "skin", "present": "unknown"},
        ]
    }
    bundle = exported(facts)
    nuclei, dura = named(bundle, "basal ganglia calcification"), named(bundle, "dura calcification")
    assert nuclei["valueCodeableConcept"]["text"] == "present"
    assert nuclei["code"]["coding"][0]["code"] == "OIFM_GMTS_025612"
    assert [part for part in nuclei["component"] if part["code"]["text"] == "volume"] == [
        {
            "code": {"text": "volume"},
            "valueQuantity": {"value": 120.5, "unit": "mm3", "system": "http://unitsofmeasure.org", "code": "mm3"},
        }
    ]
    assert {"code": {"text": "on both sides"}, "valueBoolean": True} in nuclei["component"]
    assert dura["valueCodeableConcept"]["text"] == "none detected"
    skin = named(bundle, "skin calcification")
    assert skin["dataAbsentReason"]["coding"][0]["code"] == "unknown"
    assert "valueCodeableConcept" not in skin
    assert '"absent"' not in json.dumps(bundle).lower()
    assert "2667000" not in json.dumps(bundle)  # SNOMED's "absent"


def test_laboratory_results_go_out_as_they_were_given() -> None:
    bundle = exported(DURA_ON_DIALYSIS)
    calcium = named(bundle, "total calcium")
    assert calcium["valueQuantity"]["value"] == 9.8
    assert calcium["valueQuantity"]["code"] == "mg/dL"
    assert calcium["code"]["coding"][0]["code"] == "17861-6"
    assert calcium["interpretation"][0]["coding"][0]["code"] == "N"
    assert calcium["referenceRange"][0]["low"]["value"] == 8.6
    assert calcium["referenceRange"][0]["high"]["value"] == 10.2
    phosphate = named(bundle, "phosphate")
    assert phosphate["code"]["coding"][0]["code"] == "14879-1"
    assert phosphate["interpretation"][0]["coding"][0]["code"] == "H"
    assert "referenceRange" not in phosphate
    pth = named(bundle, "parathyroid hormone (intact)")
    assert (pth["valueQuantity"]["comparator"], pth["valueQuantity"]["value"]) == ("<", 3)
    assert named(bundle, "25-hydroxyvitamin D")["interpretation"][0]["coding"][0]["code"] == "L"
    assert named(bundle, "estimated glomerular filtration rate")["valueQuantity"]["code"] == "mL/min/{1.73_m2}"


def test_a_dangerous_value_says_so_and_one_in_question_is_not_judged() -> None:
    low = {"findings": [{"site": "basal_ganglia", "present": True}], "labs": {"calcium": "1.6 mmol/L"}, "age_years": 40}
    assert named(exported(low), "total calcium")["interpretation"][0]["coding"][0]["code"] == "LL"
    bundle = exported(CONTRADICTED)
    assert "interpretation" not in named(bundle, "total calcium")
    question = next(i for i in of(bundle, "DetectedIssue") if i["code"]["text"] == "value in question")
    assert question["implicated"][0]["reference"] == f"urn:uuid:{named(bundle, 'total calcium')['id']}"


def test_a_filtration_from_creatinine_says_what_it_comes_from() -> None:
    facts = {"age_years": 55, "sex": "F", "labs": {"creatinine": "0.9 mg/dL"}}
    bundle = exported(facts)
    rate = named(bundle, "estimated glomerular filtration rate")
    assert rate["code"]["coding"][0]["code"] == "98979-8"
    assert rate["derivedFrom"][0]["reference"] == f"urn:uuid:{named(bundle, 'creatinine')['id']}"


def test_contradictions_are_told() -> None:
    told = " ".join(issue["detail"] for issue in of(exported(CONTRADICTED), "DetectedIssue"))
    assert "No symptoms at all, and seizures" in told
    assert "stated" in told


def test_one_request_for_one_examination_with_its_cautions() -> None:
    bundle = exported(DURA_ON_DIALYSIS)
    images = [r for r in of(bundle, "ServiceRequest") if r["category"][0]["text"] == "Imaging"]
    assert len(images) == 1
    assert "MRI" in images[0]["code"]["text"]
    assert any("gadolinium" in note["text"] for note in images[0]["note"])
    assert images[0]["priority"] == "urgent"
    assert images[0]["reasonReference"][0]["reference"] == f"urn:uuid:{named(bundle, 'dura calcification')['id']}"


def test_nothing_is_requested_for_what_is_done_or_held_back_or_where_nothing_is_ordered() -> None:
    given = {**DURA_ON_DIALYSIS, "findings": [{"site": "basal_ganglia", "present": True}], "conditions": {}, "egfr": 90}
    given["labs"] = {**given["labs"], "pth": "40 pg/mL"}
    requests = json.dumps(of(exported(given), "ServiceRequest"))
    assert "phosphate" not in requests
    blood = {**FACTS, "labs": {}, "symptoms": {}, "imaging": {"possible_haemorrhage": True}}
    held = exported(blood)
    assert of(held, "ServiceRequest") == []
    assert any("blood" in task["description"] for task in of(held, "Task"))
    look = {"findings": [{"site": "dura", "present": True, "isolated": True}], "symptoms": {"asymptomatic": True}}
    assert of(exported(look), "ServiceRequest") == []
    assert of(exported({"findings": [{"site": "dura", "present": False}]}), "RequestGroup") == []


def test_single_tests_that_are_open_are_named_with_their_codes() -> None:
    facts = {"findings": [{"site": "basal_ganglia", "present": True}], "labs": {"calcium": "2.4 mmol/L"}}
    request = next(r for r in of(exported(facts), "ServiceRequest") if r["category"][0]["text"] == "Laboratory")
    asked = {detail["text"]: [code["code"] for code in detail["coding"]] for detail in request["orderDetail"]}
    assert asked == {"phosphate": ["2777-1", "14879-1"], "parathyroid hormone (intact)": ["2731-8", "14866-8"]}
    assert (request["status"], request["intent"], request["priority"]) == ("draft", "proposal", "routine")


def test_priorities_are_those_of_hl7() -> None:
    thrombosis = {
        "findings": [{"site": "dura", "present": True}],
        "conditions": {"cerebral_venous_thrombosis": True},
    }
    bundle = exported(thrombosis)
    referral = next(r for r in of(bundle, "ServiceRequest") if r["category"][0]["text"] == "Referral")
    assert referral["priority"] == "stat"
    assert any("anticoagulation" in task["description"] for task in of(bundle, "Task"))  # no order
    assert "asap" not in json.dumps(bundle)


def test_the_conclusion_is_the_answer_of_the_page() -> None:
    guidance = recommend(DURA_ON_DIALYSIS)
    report = of(fhir(guidance, DURA_ON_DIALYSIS), "DiagnosticReport")[0]
    assert report["conclusion"] == guidance.page[0].text
    assert report["status"] == "preliminary"
    assert report["issued"]
    assert report["_effectiveDateTime"]["extension"][0]["valueCode"] == "unknown"
    dated = of(fhir(guidance, DURA_ON_DIALYSIS, effective="2026-11-02"), "DiagnosticReport")[0]
    assert dated["effectiveDateTime"] == "2026-11-02"


def test_every_resource_about_a_person_has_a_subject() -> None:
    for options, expected in (({"subject": "Patient/1"}, "Patient/1"), ({}, None)):
        bundle = exported(DURA_ON_DIALYSIS, **options)
        patients = of(bundle, "Patient")
        assert len(patients) == (0 if expected else 1)
        expected = expected or f"urn:uuid:{patients[0]['id']}"
        for kind in ("Observation", "ServiceRequest", "DiagnosticReport", "GuidanceResponse", "RequestGroup"):
            assert {resource["subject"]["reference"] for resource in of(bundle, kind)} == {expected}
    patient = of(exported(DURA_ON_DIALYSIS), "Patient")[0]
    assert set(patient) == {"resourceType", "id", "text", "gender"}


@pytest.mark.parametrize("subject", ["1", "Observation/1", "Patient/", "Patient/a b", "https://"])
def test_a_subject_that_is_none_is_refused(subject: str) -> None:
    with pytest.raises(ValueError, match=r"subject: .* Patient/1"):
        exported({}, subject=subject)


@pytest.mark.parametrize("effective", ["yesterday", "2026-13-01", "2026-11-02 09:30"])
def test_a_time_that_is_none_is_refused(effective: str) -> None:
    with pytest.raises(ValueError, match=r"effective: .* 2026-11-02"):
        exported({}, effective=effective)


def test_merged_bundles_do_not_overwrite_each_other_and_one_export_can_be_repeated() -> None:
    first, second = exported(FACTS), exported(FACTS)
    urls = [entry["fullUrl"] for bundle in (first, second) for entry in bundle["entry"]]
    assert len(urls) == len(set(urls))
    fixed = {"export_id": UUID(int=1), "at": datetime(2026, 11, 28, tzinfo=UTC)}
    assert exported(FACTS, **fixed) == exported(FACTS, **fixed)


def test_one_site_given_twice_is_one_observation() -> None:
    assert len(of(exported(TWICE), "Observation")) == 1


def test_a_transaction_creates_every_resource() -> None:
    bundle = exported(FACTS, subject="Patient/1", transaction=True)
    assert bundle["type"] == "transaction"
    assert {entry["request"]["url"] for entry in bundle["entry"]} >= {"Observation", "ServiceRequest", "Provenance"}


def test_provenance_and_device_say_which_program_and_rules() -> None:
    bundle, guidance = exported(FACTS), recommend(FACTS)
    device, provenance = of(bundle, "Device")[0], of(bundle, "Provenance")[0]
    assert device["version"][0]["value"]
    assert provenance["entity"][0]["what"]["identifier"]["value"] == guidance.sha256
    targets = {target["reference"] for target in provenance["target"]}
    others = {e["fullUrl"] for e in bundle["entry"] if e["resource"]["resourceType"] not in ("Device", "Patient")}
    assert targets == others - {f"urn:uuid:{provenance['id']}"}


def test_what_is_unknown_is_asked_for_under_calcscans_names_and_known_codes() -> None:
    guidance = recommend(FACTS)
    response = of(fhir(guidance, FACTS), "GuidanceResponse")[0]
    asked = [need["codeFilter"][0]["code"][0]["code"] for need in response["dataRequirement"]]
    assert asked == [need.fact for need in guidance.needs_input]
    assert {need["codeFilter"][0]["path"] for need in response["dataRequirement"]} == {"code"}


def test_codes_have_a_system_and_say_where_they_were_verified() -> None:
    for code in codes().code.values():
        assert code.system in codes().system
        assert code.verified_at
        if code.system == "loinc":
            assert _loinc_check_digit(code.code.partition("-")[0]) == int(code.code.partition("-")[2])
    assert all(found["system"] for found in codings(exported(DURA_ON_DIALYSIS)))


def _loinc_check_digit(number: str) -> int:
    """Mod 10, as the LOINC users' guide gives it."""
    odd, even = number[::-1][::2], number[::-1][1::2]
    digits = even[::-1] + str(2 * int(odd[::-1]))
    return -sum(map(int, digits)) % 10
