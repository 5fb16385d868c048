"""FlatFacts that make a condition true, or false: for the linter and the tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, islice, pairwise
from typing import Any

from calcscan.guideline.facts.labs import analytes
from calcscan.guideline.facts.statements import Value
from calcscan.guideline.facts.vocabulary import FINDINGS, LABS, NUMBER, FactType, Vocabulary, vocabulary
from calcscan.guideline.rules.condition_tree import Leaf, Node, leaves

FlatFacts = Mapping[str, Value]
_TRIES = 2000


@dataclass(frozen=True, slots=True)
class _Known:
    words: Vocabulary
    limits: Mapping[str, Sequence[float]]
    """By fact, the numbers that it is compared with."""


def _candidates(leaf: Leaf, known: _Known) -> list[Value]:
    kind = known.words.kinds[leaf.fact]
    if kind.kind is FactType.YES_NO:
        return [True, False]
    if leaf.op == "is":
        return [value for value in kind.values if value not in kind.no_answer]
    limits = sorted({kind.low, *known.limits[leaf.fact], kind.high})
    between = [(below + above) / 2 for below, above in pairwise(limits)]
    return sorted({*limits, *between})


def _solve(node: Node, wanted: bool, given: FlatFacts, known: _Known) -> Iterator[FlatFacts]:
    if isinstance(node, Leaf):
        key = node.key if node.key.endswith(NUMBER) else node.fact
        held = given.get(key)
        for value in [held] if held is not None else _candidates(node, known):
            if node.test(value) is wanted:
                yield {**given, key: value}
        return
    if node.op == "not":
        yield from _solve(node.parts[0], not wanted, given, known)
        return
    need = {"all": len(node.parts), "any": 1}.get(node.op, node.count)
    some = need if wanted else len(node.parts) - need + 1
    for parts in combinations(node.parts, some):
        yield from _conjunction(parts, wanted, given, known)


def _conjunction(parts: Sequence[Node], wanted: bool, given: FlatFacts, known: _Known) -> Iterator[FlatFacts]:
    if not parts:
        yield given
        return
    for found in _solve(parts[0], wanted, given, known):
        yield from _conjunction(parts[1:], wanted, found, known)


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
    for key in [key for key in facts.get(LABS, ()) if key.endswith(NUMBER)]:
        name = key.removesuffix(NUMBER)
        facts[LABS][name] = _result(name, facts[LABS].pop(key), facts[LABS].get(name))
    return facts


_RANGES = {"low": (2, 4), "normal": (0.5, 2), "high": (0.25, 0.5)}
"""For a level, the laboratory's range as shares of the value."""


def _result(name: str, number: float, level: object) -> dict[str, Any]:
    """A laboratory value of a number, and of a level if one is wanted."""
    result: dict[str, Any] = {"value": number, "unit": analytes()[name].unit, "confirmed": True}
    if isinstance(level, str):
        result["range"] = [number * share for share in _RANGES[level]]
    return result


def examples(node: Node, wanted: bool, words: Vocabulary | None = None) -> Iterator[dict[str, Any]]:
    """FlatFacts files, as few words as possible in each, that make `node` come out as `wanted`; none if none does.
    `words` are the facts in use, else the shipped ones.

    >>> next(examples(Leaf(fact="symptoms.headache", key="symptoms.headache", op="is", values=(True,)), True))
    {'symptoms': {'headache': True}}
    """
    limits: dict[str, list[float]] = {}
    for leaf in (leaf for leaf in leaves(node) if leaf.op != "is"):
        limits.setdefault(leaf.fact, []).append(leaf.limit)
    for flat in islice(_solve(node, wanted, {}, _Known(words or vocabulary(), limits)), _TRIES):
        yield nested(flat)
