"""The guideline logic: from facts about a person to what to consider, why, and what else would be worth knowing.

It stands alone: it needs no image and no array library, and takes facts that a person wrote as well as measured ones.
"""

from __future__ import annotations

from calcscan.guideline.engine import merged_facts, recommend
from calcscan.guideline.explain import Explanation, explain
from calcscan.guideline.facts.load import load_facts
from calcscan.guideline.facts.statements import plain_facts
from calcscan.guideline.model import DISCLAIMER, Guidance, Recommendation
from calcscan.guideline.rules.choice import SHIPPED_RULES, RulesChoice, RulesText
from calcscan.guideline.rules.ruleset import Ruleset, as_ruleset, load_ruleset, ruleset_of

__all__ = [
    "DISCLAIMER",
    "SHIPPED_RULES",
    "Explanation",
    "Guidance",
    "Recommendation",
    "RulesChoice",
    "RulesText",
    "Ruleset",
    "as_ruleset",
    "explain",
    "load_facts",
    "load_ruleset",
    "merged_facts",
    "plain_facts",
    "recommend",
    "ruleset_of",
]
