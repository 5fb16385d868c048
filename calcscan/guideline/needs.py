"""What would be worth knowing next: unknown facts, those first that could change the most pressing line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from calcscan.guideline.facts.merge import Case
from calcscan.guideline.facts.vocabulary import FINDINGS
from calcscan.guideline.judge import present_sites
from calcscan.guideline.logic import Truth
from calcscan.guideline.model import NeedsInput, Priority
from calcscan.guideline.rules.compiled import CompiledConditions
from calcscan.guideline.rules.rule import Rule

_WEIGHT = {Priority.URGENT: 8, Priority.SOON: 4, Priority.ROUTINE: 1}
_ANSWERS = 2
"""What a rule weighs that could give the answer, on top of its priority."""


@dataclass(slots=True)
class _Wanted:
    rules: list[str] = field(default_factory=list)
    weight: dict[str, int] = field(default_factory=dict)
    """By topic, each counted once: what the weightiest rule of it weighs."""

    def add(self, rule: Rule, turns_on: bool) -> None:
        self.rules.append(rule.id)
        counts = rule.on_page is not False and not rule.cautions
        weighs = (_WEIGHT[rule.priority] + (_ANSWERS if rule.answer else 0)) if turns_on and counts else 0
        self.weight[rule.topic] = max(self.weight.get(rule.topic, 0), weighs)


def _bits(mask: int) -> Iterable[int]:
    while mask:
        bit = mask & -mask
        yield bit.bit_length() - 1
        mask ^= bit


def needs_input(
    undecided: Sequence[tuple[Rule, int]], compiled: CompiledConditions, truths: Sequence[Truth], case: Case
) -> tuple[NeedsInput, ...]:
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
        NeedsInput(fact=compiled.facts[bit], would_decide=tuple(wanted[bit].rules)) for bit in sorted(wanted, key=order)
    )
