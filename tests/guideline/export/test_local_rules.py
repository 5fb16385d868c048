"""Every export with a hospital's own rules, facts and topics: those of the example that calcscan ships."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from support.fhir_r4 import problems

from calcscan.guideline import load_ruleset, recommend
from calcscan.guideline.export.cds_hooks import cards
from calcscan.guideline.export.fhir import fhir
from calcscan.guideline.export.handbook import handbook
from calcscan.guideline.export.plan_definition import plan_definitions, url

EXAMPLE = Path(str(files("calcscan") / "knowledge" / "rules" / "example.toml"))
RULES = load_ruleset([EXAMPLE])
FACTS = {
    "age_years": 40,
    "findings": [{"site": "dura", "present": True, "volume_mm3": 150}],
    "conditions": {"gout": True},
    "bone_density": -2.5,
    "ward": "stroke",
}


def test_fhir_names_what_is_local() -> None:
    guidance = recommend(FACTS, rulesets=RULES)
    bundle = fhir(guidance, FACTS, rules=RULES)
    assert problems(bundle) == []
    text = str(bundle)
    assert "our clinic" in text
    assert "With rules from" in text


def test_names_that_were_left_out_are_told() -> None:
    facts = {**FACTS, "shoe_size": 43}
    guidance = recommend(facts, rulesets=RULES, lenient=True)
    bundle = fhir(guidance, facts, rules=RULES)
    assert problems(bundle) == []
    notes = " ".join(note["text"] for note in bundle["entry"][0]["resource"]["note"])
    assert "shoe_size" in notes


def test_cards_of_local_rules() -> None:
    found = cards(recommend(FACTS, rulesets=RULES), FACTS, subject="Patient/1", rules=RULES)["cards"]
    assert 1 <= len(found) <= 3
    assert any("OUR-01" in card["detail"] for card in found)


def test_the_rules_themselves() -> None:
    bundle = plan_definitions(RULES)
    assert problems(bundle) == []
    assert any(entry["resource"].get("url") == url("our-dura-clinic") for entry in bundle["entry"])
    for form in ("html", "markdown"):
        page = handbook(RULES, form)
        assert "our-dura-clinic" in page
        assert "gout" in page.lower()
        assert "age_follow_up" in page.replace("\\", "")
