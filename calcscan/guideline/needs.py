"""What would be worth knowing next: unknown facts, those first that could change the most pressing line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from calcscan.guideline.facts.vocabulary import FINDINGS
from calcscan.guideline.judge import Judgement
from calcscan.guideline.logic import Truth
from calcscan.guideline.model import NeedsInput, State
from calcscan.guideline.rules.compiled import CompiledConditions
from calcscan.guideline.rules.rule import Rule


@dataclass(frozen=True, slots=True)
class RankedNeed:
    """An unknown fact, and how much the most pressing rule weighs that it could turn on."""

    need: NeedsInput
    weight: int


class _Wanted:
    """The undecided rules that each unknown fact could settle, and what it weighs, topic by topic."""

    __slots__ = ("rules", "weights")

    def __init__(self) -> None:
        self.rules: dict[str, list[str]] = {}
        self.weights: dict[str, dict[str, int]] = {}

    def add(self, fact: str, rule: Rule, weighs: int) -> None:
        rules = self.rules.get(fact)
        if rules is None:
            self.rules[fact] = [rule.id]
            self.weights[fact] = {rule.topic: weighs}
            return
        rules.append(rule.id)
        weights = self.weights[fact]
        if weights.get(rule.topic, -1) < weighs:
            weights[rule.topic] = weighs


def ranked_needs(judged: Judgement, compiled: CompiledConditions, truths: Sequence[Truth]) -> tuple[RankedNeed, ...]:
    """Each unknown fact that alone could settle a rule, or that a suggested test or question would answer, the most
    decisive first.

    A fact ranks by the most pressing rule that it could turn on, then by how many topics it bears on; whether something
    lies at yet another site comes after what is asked of the sites found.
    """
    wanted, facts = _Wanted(), compiled.facts
    masks = compiled.deciders([root for _, root in judged.undecided], truths)
    for (rule, _), (makes_true, makes_false) in zip(judged.undecided, masks, strict=True):
        weighs = rule.weight
        mask = makes_true | makes_false
        while mask:
            bit = mask & -mask
            mask ^= bit
            wanted.add(facts[bit.bit_length() - 1], rule, weighs if makes_true & bit else 0)
    asked = {
        ask[0]
        for one in judged.applied
        if one.item.state is State.SUGGESTED
        for ask in one.rule.asks
        if judged.known.isdisjoint(ask)
    }
    for fact in sorted(asked - wanted.rules.keys()):
        for rule, _ in judged.undecided:
            if fact in rule.rests_on:
                wanted.add(fact, rule, rule.weight)
    ranked = []
    for fact, rules in wanted.rules.items():
        weights = wanted.weights[fact].values()
        elsewhere = bool(judged.sites) and fact.startswith(FINDINGS) and fact.split(".")[1] not in judged.sites
        weight = max(weights)
        order = (elsewhere, -weight, fact not in asked, -sum(weights), -len(rules), fact)
        ranked.append((order, RankedNeed(NeedsInput(fact=fact, would_decide=tuple(rules)), weight)))
    ranked.sort(key=lambda entry: entry[0])
    return tuple(need for _, need in ranked)
