"""What would be worth knowing next: unknown facts, those first that could change the most pressing line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from calcscan.guideline.facts.case import Case
from calcscan.guideline.facts.vocabulary import FINDINGS
from calcscan.guideline.judge import present_sites
from calcscan.guideline.logic import Truth
from calcscan.guideline.model import NeedsInput, RuleKind
from calcscan.guideline.rules.compiled import CompiledConditions
from calcscan.guideline.rules.layout import layout
from calcscan.guideline.rules.rule import Rule

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
    undecided: Sequence[tuple[Rule, int]], compiled: CompiledConditions, truths: Sequence[Truth], case: Case
) -> tuple[RankedNeed, ...]:
    """Each unknown fact that alone could settle a rule, the most decisive first.

    A fact ranks by the most pressing rule that it could turn on, then by how many topics it bears on; whether something
    lies at yet another site comes after what is asked of the sites found.
    """
    wanted: dict[int, _Wanted] = {}
    masks = compiled.deciders([root for _, root in undecided], truths)
    for (rule, _), (makes_true, makes_false) in zip(undecided, masks, strict=True):
        for bit in _bits(makes_true | makes_false):
            wanted.setdefault(bit, _Wanted()).add(rule, bool(makes_true >> bit & 1))
    found = present_sites(case)

    def order(bit: int) -> tuple[bool, int, int, int, str]:
        fact, weight = compiled.facts[bit], wanted[bit].weight
        elsewhere = bool(found) and fact.startswith(FINDINGS) and fact.split(".")[1] not in found
        return elsewhere, -max(weight.values()), -sum(weight.values()), -len(wanted[bit].rules), fact

    return tuple(
        RankedNeed(
            NeedsInput(fact=compiled.facts[bit], would_decide=tuple(wanted[bit].rules)),
            max(wanted[bit].weight.values()),
        )
        for bit in sorted(wanted, key=order)
    )
