"""CDS Hooks cards: few, whole, and with what speaks against relying on them."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from support.guideline_facts import FACTS

from calcscan.guideline import recommend
from calcscan.guideline.export.card_words import whole
from calcscan.guideline.export.cds_hooks import cards

CASES = Path(__file__).parents[1] / "cases"
EVERY = [
    case.get("facts", {})
    for file in sorted(CASES.glob("*.toml"))
    for case in tomllib.loads(file.read_text("utf-8"))["case"]
]
DIALYSIS: dict[str, Any] = {
    "age_years": 58,
    "findings": [{"site": "dura", "present": True}],
    "symptoms": {"headache": True},
    "conditions": {"dialysis": True},
}
THROMBOSIS = {"findings": [{"site": "dura", "present": True}], "conditions": {"cerebral_venous_thrombosis": True}}
QUIET = {
    "age_years": 52,
    "findings": [{"site": "dura", "present": True, "isolated": True}],
    "symptoms": {"asymptomatic": True},
    "imaging": {"white_matter_lesions": False, "atrophy": False, "venous_abnormality": False},
}
CONTRADICTED = {
    "findings": [{"site": "dura", "present": True}],
    "symptoms": {"asymptomatic": True, "seizure": True},
    "labs": {"calcium": {"value": 2.3, "unit": "mg/dL"}},
}


def made(facts: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = cards(recommend(facts), facts, **options)["cards"]
    return found


def test_every_case_makes_at_most_three_whole_cards() -> None:
    for facts in [*EVERY, FACTS, DIALYSIS, THROMBOSIS, QUIET, CONTRADICTED]:
        found = made(facts, subject="Patient/1")
        assert len(found) <= 3
        for card in found:
            assert 0 < len(card["summary"]) < 140
            assert card["summary"].endswith(".")
            assert card["summary"].count("(") == card["summary"].count(")")
            assert "…" not in card["summary"]
            assert card["indicator"] in ("info", "warning", "critical")
            assert card["source"]["label"]
            assert "Research use only" in card["detail"]
            assert all(reason["system"] and reason["code"] for reason in card["overrideReasons"])
            assert UUID(card["uuid"])
            for suggestion in card.get("suggestions", []):
                assert suggestion["actions"][0]["resource"]["resourceType"] == "ServiceRequest"
                assert "urn:uuid" not in json.dumps(suggestion["actions"])
                assert card["selectionBehavior"] == "any"
        assert len({card["uuid"] for card in found}) == len(found)


def test_what_is_urgent_is_critical_and_first() -> None:
    found = made(THROMBOSIS)
    assert found[0]["indicator"] == "critical"
    assert found[0]["summary"].startswith("Refer to neurology")
    assert found[1]["summary"].startswith("Image with MRI")


def test_a_summary_that_leaves_cautions_out_says_that_there_are_some() -> None:
    image = next(card for card in made(DIALYSIS, subject="Patient/1") if "MRI" in card["summary"])
    assert "gadolinium" in image["summary"] or "cautions" in image["summary"]
    assert "gadolinium" in image["detail"]
    (suggestion,) = image["suggestions"]
    assert "gadolinium" in suggestion["label"] or "cautions" in suggestion["label"]
    assert any("gadolinium" in note["text"] for note in suggestion["actions"][0]["resource"]["note"])


def test_where_nothing_presses_the_answer_leads() -> None:
    found = made(QUIET)
    assert [card["indicator"] for card in found] == ["info"] * len(found)
    assert found[0]["summary"].startswith("Dura: needs nothing of its own")
    assert "suggestions" not in json.dumps(made(QUIET, subject="Patient/1"))


@pytest.mark.parametrize("facts", [{}, {"findings": [{"site": "dura", "present": False}]}])
def test_nothing_found_makes_no_card(facts: dict[str, Any]) -> None:
    assert made(facts) == []


def test_contradictions_and_questions_stand_on_every_card() -> None:
    found = made(CONTRADICTED)
    assert found
    for card in found:
        assert "No symptoms at all, and seizures" in card["detail"]
        assert "2.3 mg/dL" in card["detail"]
    assert "Unknown, the most decisive first" in found[0]["detail"]


def test_a_card_tells_reasons_and_sources() -> None:
    detail = next(card["detail"] for card in made(FACTS) if "BG-20" in card["detail"])
    assert "because: " in detail
    assert "Dr.Oracle" in detail


def test_markdown_shows_what_was_written() -> None:
    facts = {"findings": [{"site": "basal_ganglia", "present": True}], "labs": {"pth": "<3 pg/mL"}, "age_years": 40}
    details = " ".join(card["detail"] for card in made(facts))
    assert r"\< 3 pg/mL" in details
    assert "[" not in details.replace(r"\[", "")


def test_a_request_can_only_be_taken_over_for_a_known_person() -> None:
    assert all("suggestions" not in card for card in made(FACTS))
    assert any("suggestions" in card for card in made({"findings": FACTS["findings"]}, subject="Patient/1"))


def test_ids_differ_between_responses_unless_asked_for() -> None:
    assert made(FACTS)[0]["uuid"] != made(FACTS)[0]["uuid"]
    assert made(FACTS, export_id=UUID(int=1)) == made(FACTS, export_id=UUID(int=1))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Measure calcium", "Measure calcium."),
        ("Is a calcium of 2.3 mg/dL right? " + "It could be another unit. " * 9, "Is a calcium of 2.3 mg/dL right?"),
        (f"Image with MRI ({'long ' * 40}); and more", "Image with MRI; and more."),
        (f"Image with MRI; {'long ' * 40}", "Image with MRI."),
        ("long " * 40, ""),
        ("", ""),
    ],
)
def test_a_summary_is_cut_between_clauses_only(text: str, expected: str) -> None:
    found = whole(text)
    if expected.startswith("Is a calcium"):
        assert found.startswith(expected)
        assert found.endswith("unit.")
        assert len(found) < 140
    else:
        assert found == expected


def test_a_rule_too_long_for_a_summary_is_named_by_its_topic(tmp_path: Path) -> None:
    file = tmp_path / "local.toml"
    file.write_text(
        '[document]\nkey = "local"\ntitle = "Ours"\nstatus = "local"\n[[rule]]\nid = "long"\nkind = "management"\n'
        'priority = "urgent"\nwhy = "ours"\ncitation = "Ours"\nsection = "A"\nsites = ["skin"]\n'
        f'text = "Consider {"much " * 40}."\nwhen = {{ site = "skin" }}\n',
        encoding="utf-8",
    )
    facts = {"findings": [{"site": "skin", "present": True}]}
    found = cards(recommend(facts, rulesets=[file]), facts)["cards"]
    assert found[0]["indicator"] == "critical"
    assert found[0]["summary"].startswith("To consider: ")
