"""A condition as a tree of frozen nodes: questions to single facts, joined by all, any, not and a count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from calcscan.guideline import logic
from calcscan.guideline.facts.statements import Value
from calcscan.guideline.logic import Truth


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One question to one fact. `key` is where the case holds it, `fact` how it is named to people."""

    fact: str
    key: str
    op: str
    values: tuple[Value, ...] = ()
    limit: float = 0.0
    threshold: str = ""

    def test(self, value: Value) -> bool:
        if self.op == "is":
            return value in self.values
        number = float(value)
        if self.op == "below":
            return number < self.limit
        if self.op == "at_most":
            return number <= self.limit
        return number >= self.limit if self.op == "at_least" else number > self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """`op` is all, any, not or at_least; `label` names the concept that it stands for, if any."""

    op: str
    parts: tuple[Leaf | Branch, ...]
    count: int = 0
    label: str = ""


Node = Leaf | Branch


def leaves(node: Node) -> Iterator[Leaf]:
    """Every leaf, from left to right."""
    if isinstance(node, Leaf):
        yield node
    else:
        for part in node.parts:
            yield from leaves(part)


def truth(node: Node, values: Mapping[str, Value]) -> Truth:
    """The plain meaning of a tree, one node at a time. `compiled` does it faster; the tests compare the two."""
    if isinstance(node, Leaf):
        value = values.get(node.key)
        return None if value is None else node.test(value)
    parts = [truth(part, values) for part in node.parts]
    if node.op == "all":
        return logic.all_of(parts)
    if node.op == "any":
        return logic.any_of(parts)
    return logic.negate(parts[0]) if node.op == "not" else logic.at_least(node.count, parts)
