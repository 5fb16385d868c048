"""From facts to guidance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from calcscan.guideline.facts.merge import STATED, Case, build, given_facts
from calcscan.guideline.facts.statements import plain_facts, read_statements
from calcscan.guideline.logic import Truth
from calcscan.guideline.model import (
    Because,
    Conflict,
    ConflictKind,
    ConflictSide,
    Guidance,
    NeedsInput,
    NotApplicable,
    Recommendation,
    RuleKind,
    Urgency,
)
from calcscan.guideline.rules.compiled import CompiledConditions
from calcscan.guideline.rules.conditions import Leaf
from calcscan.guideline.rules.read import Rule
from calcscan.guideline.rules.ruleset import Divergence, Ruleset, as_ruleset

_FACTS_HANDLING = "Both are shown; settle which is right before relying on anything that rests on it."


def build_case(facts: Mapping[str, object], image: Mapping[str, object] | None = None) -> Case:
    """What is known of one person, from what was stated and what was measured.

    Raises `FactsError` for facts that can't be taken as they are.
    """
    measured = None if image is None else read_statements(plain_facts(image), "image")
    return build(read_statements(plain_facts(facts)), measured)


def merged_facts(facts: Mapping[str, object], image: Mapping[str, object] | None = None) -> dict[str, Any]:
    """What was stated and what was measured as one set of facts: those that `recommend` judges.

    Raises `FactsError`.

    >>> merged_facts({"age_years": None, "sex": "f"}, {"age_years": 52.0, "sex": "M"})
    {'age_years': 52.0, 'sex': 'F', 'findings': []}
    """
    return given_facts(build_case(facts, image))


class _Reasons:
    """The facts of one case as reasons, each made once."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._made: dict[str, Because] = {}

    def __call__(self, leaves: Iterable[Leaf]) -> tuple[Because, ...]:
        return tuple({leaf.fact: self._made.get(leaf.key) or self._make(leaf) for leaf in leaves}.values())

    def _make(self, leaf: Leaf) -> Because:
        case = self._case
        because = Because(
            fact=leaf.fact,
            value=case.values.get(leaf.key),
            origin=STATED if leaf.key.endswith(".stated") else case.origins.get(leaf.key, STATED),
            detail=case.details.get(leaf.key, ""),
        )
        self._made[leaf.key] = because
        return because


def _recommendation(rule: Rule, because: tuple[Because, ...]) -> Recommendation:
    return Recommendation(
        id=rule.id,
        kind=rule.kind,
        text=rule.text,
        urgency=rule.urgency,
        covers=rule.covers,
        because=because,
        source=rule.source,
    )


def _order(item: Recommendation) -> tuple[int, int, str]:
    return tuple(Urgency).index(item.urgency), tuple(RuleKind).index(item.kind), item.id


_PATTERN = (".symmetric", ".bilateral")


def _by_pattern_alone(rule: Rule, reasons: Iterable[Leaf]) -> bool:
    """If only the pattern speaks against a cause: a hint that rules no cause out, so that the rule stays unsaid."""
    return rule.kind is RuleKind.CAUSE and all(leaf.fact.endswith(_PATTERN) for leaf in reasons)


def _not_applicable(rule: Rule, leaf: Leaf, case: Case) -> NotApplicable:
    value = case.values.get(leaf.key)
    shown = ("yes" if value else "no") if isinstance(value, bool) else str(value)
    return NotApplicable(id=rule.id, because=f"{leaf.fact}: {shown}")


def _needs(
    open_rules: Sequence[tuple[Rule, int]], compiled: CompiledConditions, truths: Sequence[Truth]
) -> tuple[NeedsInput, ...]:
    wanted: dict[int, list[str]] = {}
    masks = compiled.deciders([root for _, root in open_rules], truths)
    for (rule, _), mask in zip(open_rules, masks, strict=True):
        while mask:
            bit = mask & -mask
            wanted.setdefault(bit, []).append(rule.id)
            mask ^= bit
    needs = [NeedsInput(fact=compiled.facts[bit.bit_length() - 1], would_decide=tuple(w)) for bit, w in wanted.items()]
    return tuple(sorted(needs, key=lambda need: (-len(need.would_decide), need.fact)))


def _elsewhere(rule: Rule, case: Case) -> bool:
    """If a rule is about the body outside the skull, of which nobody spoke, while findings elsewhere were given."""
    return rule.body_only and bool(case.sites) and case.sites.isdisjoint(rule.places)


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
) -> Guidance:
    """What to consider for one person, why, what would be worth knowing, and where the sources disagree.

    `facts` are what a person stated, `image` what the scan shows, both in the words of `calcscan/knowledge/facts.toml`;
    what a person stated holds where they differ, and the difference is among `conflicts`. `rulesets` is a `Ruleset`, or
    rules files to use beside the shipped ones.

    Raises `FactsError` or `RulesetError`.

    >>> guidance = recommend({"findings": [{"site": "basal_ganglia", "present": True}]})
    >>> guidance.recommendations[0].id
    'bg-mineral-labs'
    """
    ruleset = as_ruleset(rulesets, literature=literature).without(without)
    return guide(build_case(facts, image), ruleset)


def guide(case: Case, ruleset: Ruleset) -> Guidance:
    """What the rules say of a case."""
    compiled, count = ruleset.compiled, len(ruleset.rules)
    truths = compiled.run(case.values)
    reasons = _Reasons(case)
    apply, excluded, undecided = [], [], []
    for rule, root in zip(ruleset.rules, compiled.roots, strict=False):
        if truths[root] is True:
            apply.append(_recommendation(rule, reasons(compiled.reasons(root, truths))))
        elif truths[root] is False:
            against = compiled.reasons(root, truths)
            if not _by_pattern_alone(rule, against):
                excluded.append(_not_applicable(rule, against[0], case))
        elif _elsewhere(rule, case):
            excluded.append(NotApplicable(id=rule.id, because=f"no finding was given at {', '.join(rule.sites)}"))
        else:
            undecided.append((rule, root))
    shown = [item for item, root in zip(ruleset.divergences, compiled.roots[count:], strict=True) if truths[root]]
    return Guidance(
        ruleset=ruleset.name,
        version=ruleset.version,
        sha256=ruleset.sha256,
        recommendations=tuple(sorted(apply, key=_order)),
        needs_input=_needs(undecided, compiled, truths),
        conflicts=tuple(_disputes(case) + [_divergence(item) for item in shown]),
        not_applicable=tuple(excluded),
    )
