"""CDS Hooks cards and FHIR resources."""

from __future__ import annotations

import json

import pytest
from fhir.resources.R4B.bundle import Bundle
from support.guideline_facts import FACTS

from calcscan.guideline import recommend
from calcscan.guideline.export.cds_hooks import cards
from calcscan.guideline.export.fhir import fhir

GUIDANCE = recommend({**FACTS, "conditions": {"venous_thrombosis": True}, "age_years": 60})


def test_a_card_for_each_recommendation_with_reason_and_source() -> None:
    made = cards(GUIDANCE)["cards"]
    assert len(made) == len(GUIDANCE.recommendations) > 5
    for card, item in zip(made, GUIDANCE.recommendations, strict=True):
        assert 0 < len(card["summary"]) < 140
        assert item.text.startswith(card["summary"].removesuffix(" …"))
        assert card["indicator"] in ("info", "warning", "critical")
        assert card["source"]["label"] == item.source.document
        assert item.source.section in card["detail"]
        assert "Research use only" in card["detail"]
    labs = next(card for card in made if "[BG-20]" in card["detail"])
    assert "basal ganglia calcification: yes (stated)" in labs["detail"]
    assert json.dumps(made)


def test_fhir_holds_proposals_reasons_sources_and_questions() -> None:
    bundle = fhir(GUIDANCE)
    response, group, *_ = (entry["resource"] for entry in bundle["entry"])
    assert response["resourceType"] == "GuidanceResponse"
    assert response["status"] == "data-requested"
    assert response["result"]["reference"] == bundle["entry"][1]["fullUrl"]
    assert [need["codeFilter"][0]["code"][0]["code"] for need in response["dataRequirement"]] == [
        need.fact for need in GUIDANCE.needs_input
    ]
    assert (group["status"], group["intent"]) == ("draft", "proposal")
    assert [action["id"] for action in group["action"]] == [item.id for item in GUIDANCE.recommendations]
    for action in group["action"]:
        assert action["priority"] in ("routine", "urgent", "asap", "stat")
        assert "because " in action["textEquivalent"]
        assert action["documentation"][0]["type"] == "citation"
    texts = " ".join(note["text"] for note in response["note"])
    assert all(conflict.text in texts for conflict in GUIDANCE.conflicts)


def test_a_service_request_for_each_test_picture_and_referral() -> None:
    entries = {entry["fullUrl"]: entry["resource"] for entry in fhir(GUIDANCE)["entry"]}
    asked = {
        item.id for item in GUIDANCE.recommendations if item.kind in ("workup_laboratory", "workup_imaging", "referral")
    }
    requests = [r for r in entries.values() if r["resourceType"] == "ServiceRequest"]
    assert {r["id"].removeprefix("request-") for r in requests} == asked
    assert len(asked) > 3
    assert {(r["status"], r["intent"]) for r in requests} == {("draft", "proposal")}
    for action in entries["urn:calcscan:recommendations"]["action"]:
        if action["id"] in asked:
            assert entries[action["resource"]["reference"]]["code"]["text"] == action["description"]


def test_a_preliminary_report_of_what_was_found_never_says_absent() -> None:
    facts = {
        "findings": [
            {"site": "basal_ganglia", "present": True, "volume_mm3": 120.5, "bilateral": True},
            {"site": "dura", "present": False},
            {"site": "skin", "present": "unknown"},
        ]
    }
    entries = {e["fullUrl"]: e["resource"] for e in fhir(recommend(facts), facts)["entry"]}
    report = next(r for r in entries.values() if r["resourceType"] == "DiagnosticReport")
    assert report["status"] == "preliminary"
    nuclei, dura, skin = (entries[result["reference"]] for result in report["result"])
    assert nuclei["valueQuantity"] == {
        "value": 120.5,
        "unit": "mm3",
        "system": "http://unitsofmeasure.org",
        "code": "mm3",
    }
    assert nuclei["component"] == [{"code": {"text": "on both sides"}, "valueBoolean": True}]
    assert dura["valueString"] == "none detected"
    assert skin["valueString"] == "unknown"
    assert "absent" not in json.dumps(entries)


MANY = {**FACTS, "findings": [{"site": "dura", "present": True, "volume_mm3": 30, "multiple": False}]}


@pytest.mark.parametrize("facts", [{}, FACTS, MANY], ids=["nothing known", "much known", "measured"])
def test_fhir_keeps_to_the_specification(facts: dict[str, object]) -> None:
    """As fhir.resources reads it, which holds the definitions of R4B (no resource used here differs from R4)."""
    bundle = Bundle(**fhir(recommend(facts), facts))
    kinds = [entry.resource.get_resource_type() for entry in bundle.entry]
    assert kinds[0] == "GuidanceResponse"
    assert ("DiagnosticReport" in kinds) == bool(facts)
