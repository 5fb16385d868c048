"""CDS Hooks cards and FHIR resources."""

from __future__ import annotations

import json

import pytest
from fhir.resources.R4B.bundle import Bundle
from guideline_facts import FACTS

from calcscan.guideline import recommend
from calcscan.guideline.export import cards, fhir

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
    response, group = (entry["resource"] for entry in bundle["entry"])
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


@pytest.mark.parametrize("facts", [{}, FACTS], ids=["nothing known", "much known"])
def test_fhir_keeps_to_the_specification(facts: dict[str, object]) -> None:
    """As fhir.resources reads it, which holds the definitions of R4B (no resource used here differs from R4)."""
    bundle = Bundle(**fhir(recommend(facts)))
    assert len(bundle.entry) == (2 if facts else 1)
