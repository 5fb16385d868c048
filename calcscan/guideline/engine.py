"""From facts to guidance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from calcscan.guideline.facts.case import Case
from calcscan.guideline.facts.merge import build, given_facts
from calcscan.guideline.facts.statements import plain_facts, read_statements
from calcscan.guideline.facts.vocabulary import Vocabulary
from calcscan.guideline.judge import judge
from calcscan.guideline.model import (
    Conflict,
    ConflictKind,
    ConflictSide,
    Guidance,
    Priority,
    Recommendation,
    RuleKind,
    State,
)
from calcscan.guideline.needs import ranked_needs
from calcscan.guideline.page import arrange_page
from calcscan.guideline.rules.divergences import Divergence
from calcscan.guideline.rules.ruleset import Ruleset, as_ruleset

_STATES = {state: place for place, state in enumerate(State)}
_PRIORITIES = {priority: place for place, priority in enumerate(Priority)}
_FACTS_HANDLING = "Both are shown; settle which is right before relying on anything that rests on it."


def build_case(
    facts: Mapping[str, object],
    image: Mapping[str, object] | None = None,
    *,
    words: Vocabulary | None = None,
    lenient: bool = False,
) -> Case:
    """What is known of one person, from what was stated and what was measured. `words` are the facts that can be told
    (`Ruleset.vocabulary`), else the shipped ones; `lenient` leaves out names that nobody knows, and lists them.

    Raises `FactsError` for facts that can't be taken as they are.
    """
    measured = None if image is None else read_statements(plain_facts(image), "image")
    return build(read_statements(plain_facts(facts), lenient=lenient, words=words), measured, words)


def merged_facts(
    facts: Mapping[str, object], image: Mapping[str, object] | None = None, *, words: Vocabulary | None = None
) -> dict[str, Any]:
    """What was stated and what was measured as one set of facts: those that `recommend` judges.

    Raises `FactsError`.

    >>> merged_facts({"age_years": None, "sex": "f"}, {"age_years": 52.0, "sex": "M"})
    {'age_years': 52.0, 'sex': 'F', 'findings': []}
    """
    return given_facts(build_case(facts, image, words=words))


def _divergence(item: Divergence) -> Conflict:
    sides = tuple(ConflictSide(text=side.text, covers=side.covers) for side in item.sides)
    return Conflict(id=item.id, kind=ConflictKind.SOURCES, text=item.text, sides=sides, handling=item.handling)


def _disputes(case: Case) -> list[Conflict]:
    return [
        Conflict(
            id=dispute.id,
            kind=ConflictKind.FACTS,
            text=dispute.text,
            sides=tuple(
                ConflictSide(text=f"{fact}: {value}", fact=fact, value=value, origin=origin)
                for fact, value, origin in dispute.sides
            ),
            handling=_FACTS_HANDLING,
        )
        for dispute in case.disputes
    ]


def recommend(
    facts: Mapping[str, object],
    *,
    image: Mapping[str, object] | None = None,
    rulesets: Ruleset | Iterable[str | Path] | None = None,
    without: Iterable[str] = (),
    literature: bool = False,
    lenient: bool = False,
) -> Guidance:
    """What to consider for one person, why, what would be worth knowing, and where the sources disagree.

    `page` is what a person reads: at most ten lines, the answer first. `recommendations` is everything, each with its
    state: suggested, done (what it asks for is known) or held back (something else comes first).

    `facts` are what a person stated, `image` what the scan shows, both in the words of `calcscan/knowledge/facts.toml`;
    what a person stated holds where they differ, and the difference is among `conflicts`. `rulesets` is a `Ruleset`, or
    rules files to use beside the shipped ones. `lenient` leaves out names in `facts` that nobody knows.

    Raises `FactsError` or `RulesetError`.

    >>> guidance = recommend({"findings": [{"site": "basal_ganglia", "present": True}]})
    >>> "bg-mineral-labs" in {item.id for item in guidance.recommendations}
    True
    """
    ruleset = as_ruleset(rulesets, without=without, literature=literature)
    return guide(build_case(facts, image, words=ruleset.vocabulary, lenient=lenient), ruleset)


def _order(item: Recommendation) -> tuple[int, int, bool, str]:
    """What is to be done before what is to be borne in mind."""
    return _STATES[item.state], _PRIORITIES[item.priority], item.kind is RuleKind.CAVEAT, item.id


def guide(case: Case, ruleset: Ruleset) -> Guidance:
    """What the rules say of a case."""
    truths = ruleset.compiled.run(case.values)
    judged = judge(case, ruleset, truths)
    needs = ranked_needs(judged, ruleset.compiled, truths, ruleset.layout.page.asked_from_weight)
    shown = [item for item, root in zip(ruleset.divergences, ruleset.divergence_roots, strict=True) if truths[root]]
    return Guidance(
        ruleset=ruleset.name,
        version=ruleset.version,
        sha256=ruleset.sha256,
        rules_added=ruleset.added,
        rules_left_out=ruleset.left_out,
        page=arrange_page(judged, needs, case, ruleset, truths),
        recommendations=tuple(sorted((one.item for one in judged.applied), key=_order)),
        needs_input=needs.facts,
        conflicts=tuple(_disputes(case) + [_divergence(item) for item in shown]),
        not_applicable=judged.excluded,
    )
