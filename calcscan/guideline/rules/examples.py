"""FlatFacts that make a condition true, or false: for the linter and the tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, islice
from typing import Any

from calcscan.guideline.facts.statements import Value
from calcscan.guideline.facts.vocabulary import FINDINGS, FactType, vocabulary
from calcscan.guideline.rules.conditions import Leaf, Node, leaves

FlatFacts = Mapping[str, Value]
_TRIES = 2000


def _candidates(leaf: Leaf, limits: Mapping[str, Sequence[float]]) -> list[Value]:
    kind = vocabulary().kinds[leaf.fact]
    if kind.kind is FactType.YES_NO:
        return [True, False]
    if kind.kind is not FactType.NUMBER:
        return [value for value in kind.values if value not in kind.no_answer]
    around = {limit + step for limit in limits[leaf.fact] for step in (-0.5, 0.0, 0.5)}
    return [value for value in sorted(around) if kind.low <= value <= kind.high]


def _solve(node: Node, wanted: bool, given: FlatFacts, limits: Mapping[str, Sequence[float]]) -> Iterator[FlatFacts]:
    if isinstance(node, Leaf):
        held = given.get(node.fact)
        for value in [held] if held is not None else _candidates(node, limits):
            if node.test(value) is wanted:
                yield {**given, node.fact: value}
        return
    if node.op == "not":
        yield from _solve(node.parts[0], not wanted, given, limits)
        return
    need = {"all": len(node.parts), "any": 1}.get(node.op, node.count)
    some = need if wanted else len(node.parts) - need + 1
    for parts in combinations(node.parts, some):
        yield from _conjunction(parts, wanted, given, limits)


def _conjunction(
    parts: Sequence[Node], wanted: bool, given: FlatFacts, limits: Mapping[str, Sequence[float]]
) -> Iterator[FlatFacts]:
    if not parts:
        yield given
        return
    for found in _solve(parts[0], wanted, given, limits):
        yield from _conjunction(parts[1:], wanted, found, limits)


def nested(flat: FlatFacts) -> dict[str, Any]:
    """Flat facts as a facts file holds them (`knowledge/facts.toml`).

    >>> nested({"findings.dura.present": True, "symptoms.headache": False})
    {'findings': [{'site': 'dura', 'present': True}], 'symptoms': {'headache': False}}
    """
    facts: dict[str, Any] = {}
    sites: dict[str, dict[str, Any]] = {}
    for path, value in flat.items():
        section, _, rest = path.partition(".")
        if not rest:
            facts[path] = value
        elif section == FINDINGS:
            site, name = rest.split(".")
            sites.setdefault(site, {"site": site})[name] = value
            facts[FINDINGS] = list(sites.values())
        else:
            facts.setdefault(section, {})[rest] = value
    return facts


def examples(node: Node, wanted: bool) -> Iterator[dict[str, Any]]:
    """FlatFacts files, as few words as possible in each, that make `node` come out as `wanted`; none if none does.

    >>> next(examples(Leaf(fact="symptoms.headache", key="symptoms.headache", op="is", values=(True,)), True))
    {'symptoms': {'headache': True}}
    """
    limits: dict[str, list[float]] = {}
    for leaf in leaves(node):
        limits.setdefault(leaf.fact, []).append(leaf.limit)
    for flat in islice(_solve(node, wanted, {}, limits), _TRIES):
        yield nested(flat)
