"""What would be worth knowing next: unknown facts, those first that could change the most pressing line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from calcscan.guideline.facts.vocabulary import FINDINGS
from calcscan.guideline.judge import Judgement
from calcscan.guideline.logic import Truth
from calcscan.guideline.model import NeedsInput, State
from calcscan.guideline.rules.compiled import CompiledConditions
from calcscan.guideline.rules.rule import Rule


@dataclass(frozen=True, slots=True)
class Needs:
    """Every unknown fact that could settle something, the most decisive first; and those of them that could turn on
    something pressing, or give the answer."""

    facts: tuple[NeedsInput, ...]
    decisive: tuple[str, ...]


class _Wanted:
    """The undecided rules that an unknown fact could settle, and those of them that it could turn on."""

    __slots__ = ("rules", "turned_on")

    def __init__(self) -> None:
        self.rules: list[str] = []
        self.turned_on: list[Rule] = []

    def weights(self) -> tuple[int, int]:
        """What the weightiest rule that it could turn on weighs, and the sum over topics, each counted once."""
        if not self.turned_on:
            return 0, 0
        by_topic: dict[str, int] = {}
        for rule in self.turned_on:
            if by_topic.get(rule.topic, 0) < rule.weight:
                by_topic[rule.topic] = rule.weight
        weights = by_topic.values()
        return max(weights), sum(weights)


def ranked_needs(judged: Judgement, compiled: CompiledConditions, truths: Sequence[Truth], least: int) -> Needs:
    """Each unknown fact that alone could settle a rule, or that a suggested test or question would answer, the most
    decisive first.

    A fact ranks by the most pressing rule that it could turn on, then by how many topics it bears on; whether something
    lies at yet another site comes after what is asked of the sites found. Decisive is what could turn on a rule that
    weighs at `least` so much.
    """
    masks = compiled.deciders([root for _, root in judged.undecided], truths, judged.known)
    alike: dict[tuple[int, int], list[Rule]] = defaultdict(list)
    for (rule, _), mask in zip(judged.undecided, masks, strict=True):
        alike[mask].append(rule)
    by_fact: dict[str, _Wanted] = defaultdict(_Wanted)
    for (makes_true, makes_false), rules in alike.items():
        names, weighty = [rule.id for rule in rules], [rule for rule in rules if rule.weight]
        left = makes_true | makes_false
        while left:
            bit = left & -left
            left ^= bit
            wanted = by_fact[compiled.facts[bit.bit_length() - 1]]
            wanted.rules += names
            if makes_true & bit:
                wanted.turned_on += weighty
    asked = _asked(judged)
    for fact in sorted(asked - by_fact.keys()):
        resting = [rule for rule, _ in judged.undecided if fact in rule.rests_on]
        if resting:
            by_fact[fact].rules += [rule.id for rule in resting]
            by_fact[fact].turned_on += [rule for rule in resting if rule.weight]
    ranked = []
    for fact, wanted in by_fact.items():
        elsewhere = bool(judged.sites) and fact.startswith(FINDINGS) and fact.split(".", 2)[1] not in judged.sites
        weight, in_all = wanted.weights()
        ranked.append((elsewhere, -weight, fact not in asked, -in_all, -len(wanted.rules), fact))
    ranked.sort()
    return Needs(
        facts=tuple(
            NeedsInput(fact=entry[-1], would_decide=tuple(sorted(by_fact[entry[-1]].rules))) for entry in ranked
        ),
        decisive=tuple(entry[-1] for entry in ranked if -entry[1] >= least),
    )


def _asked(judged: Judgement) -> set[str]:
    """What suggested tests and questions would answer, and is not known."""
    return {
        ask[0]
        for one in judged.applied
        if one.item.state is State.SUGGESTED
        for ask in one.rule.asks
        if judged.known.isdisjoint(ask)
    }
