"""What would be worth knowing next: unknown facts, those first that could change the most pressing line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from calcscan.guideline.facts.case import Case
from calcscan.guideline.facts.vocabulary import FINDINGS
from calcscan.guideline.judge import Judgement, present_sites
from calcscan.guideline.logic import Truth
from calcscan.guideline.model import NeedsInput, RuleKind, State
from calcscan.guideline.rules.compiled import CompiledConditions
from calcscan.guideline.rules.layout import layout
from calcscan.guideline.rules.rule import Rule
from calcscan.guideline.wording import is_known

_OF_WHAT_IS_KNOWN = (RuleKind.MANAGEMENT, RuleKind.REFERRAL, RuleKind.FOLLOW_UP)
"""Rules for a disorder that was found: whoever has it would have said so, so asking for it comes late."""


@dataclass(slots=True)
class _Wanted:
    rules: list[str] = field(default_factory=list)
    weight: dict[str, int] = field(default_factory=dict)
    """By topic, each counted once: what the weightiest rule of it weighs."""

    def add(self, rule: Rule, turns_on: bool) -> None:
        self.rules.append(rule.id)
        counts = rule.on_page is not False and not rule.cautions
        weighs = 0
        if turns_on and counts:
            known = rule.kind in _OF_WHAT_IS_KNOWN
            answers = rule.answer is not None and rule.answer.only is None
            weights = layout()
            own = weights.priorities[rule.priority].weight + (weights.answer_weight if answers else 0)
            weighs = weights.known_disorder_weight if known else own
        self.weight[rule.topic] = max(self.weight.get(rule.topic, 0), weighs)


def _bits(mask: int) -> Iterable[int]:
    while mask:
        bit = mask & -mask
        yield bit.bit_length() - 1
        mask ^= bit


@dataclass(frozen=True, slots=True)
class RankedNeed:
    """An unknown fact, and how much the most pressing rule weighs that it could turn on."""

    need: NeedsInput
    weight: int


def ranked_needs(
    judged: Judgement, compiled: CompiledConditions, truths: Sequence[Truth], case: Case
) -> tuple[RankedNeed, ...]:
    """Each unknown fact that alone could settle a rule, or that a suggested test or question would answer, the most
    decisive first.

    A fact ranks by the most pressing rule that it could turn on, then by how many topics it bears on; whether something
    lies at yet another site comes after what is asked of the sites found.
    """
    wanted: dict[str, _Wanted] = {}
    masks = compiled.deciders([root for _, root in judged.undecided], truths)
    for (rule, _), (makes_true, makes_false) in zip(judged.undecided, masks, strict=True):
        for bit in _bits(makes_true | makes_false):
            wanted.setdefault(compiled.facts[bit], _Wanted()).add(rule, bool(makes_true >> bit & 1))
    _add_asked(wanted, judged, case)
    found = present_sites(case)

    asked = _asked(judged, case)

    def order(fact: str) -> tuple[bool, int, bool, int, int, str]:
        weight = wanted[fact].weight
        elsewhere = bool(found) and fact.startswith(FINDINGS) and fact.split(".")[1] not in found
        return elsewhere, -max(weight.values()), fact not in asked, -sum(weight.values()), -len(wanted[fact].rules), fact

    return tuple(
        RankedNeed(NeedsInput(fact=fact, would_decide=tuple(wanted[fact].rules)), max(wanted[fact].weight.values()))
        for fact in sorted(wanted, key=order)
    )


def _asked(judged: Judgement, case: Case) -> set[str]:
    """What suggested tests and questions would answer, and is not known."""
    return {
        ask[0]
        for one in judged.applied
        if one.item.state is State.SUGGESTED
        for ask in one.rule.asks
        if not any(is_known(path, case) for path in ask)
    }


def _add_asked(wanted: dict[str, _Wanted], judged: Judgement, case: Case) -> None:
    """What suggested rules ask for, with the undecided rules that it bears on together with other facts."""
    for fact in sorted(_asked(judged, case) - wanted.keys()):
        for rule, _ in judged.undecided:
            if fact in rule.rests_on:
                wanted.setdefault(fact, _Wanted()).add(rule, turns_on=True)
