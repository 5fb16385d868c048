"""CDS Hooks cards."""

from __future__ import annotations

import json

from support.guideline_facts import FACTS

from calcscan.guideline import recommend
from calcscan.guideline.export.cds_hooks import cards

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
