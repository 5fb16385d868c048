"""All conditions of a ruleset as one list, each node once, so that a case is judged in a single pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from calcscan.guideline.conditions import Branch, Leaf, Node
from calcscan.guideline.logic import Truth, all_of, any_of, at_least, negate
from calcscan.guideline.told import Value


@dataclass(frozen=True, slots=True)
class Step:
    """One node: a leaf, or an operation on steps before it."""

    node: Node
    parts: tuple[int, ...] = ()
    fact: int = -1
    """For a leaf: which of the program's facts it asks for."""


class Program:
    """Compiled from trees; `roots[n]` is the step of the n-th tree."""

    def __init__(self, trees: Iterable[Node]) -> None:
        self.steps: list[Step] = []
        self.facts: list[str] = []
        self._index: dict[Node, int] = {}
        self._fact_index: dict[str, int] = {}
        self.roots = [self._add(tree) for tree in trees]

    def _add(self, node: Node) -> int:
        known = self._index.get(node)
        if known is not None:
            return known
        if isinstance(node, Leaf):
            fact = self._fact_index.setdefault(node.fact, len(self.facts))
            if fact == len(self.facts):
                self.facts.append(node.fact)
            step = Step(node, fact=fact)
        else:
            step = Step(node, parts=tuple(self._add(part) for part in node.parts))
        self.steps.append(step)
        self._index[node] = len(self.steps) - 1
        return len(self.steps) - 1

    def run(self, values: Mapping[str, Value]) -> list[Truth]:
        """The truth of every step, for facts by address."""
        out: list[Truth] = []
        get, add = values.get, out.append
        for step in self.steps:
            node = step.node
            if isinstance(node, Leaf):
                value = get(node.key)
                add(None if value is None else node.test(value))
                continue
            op = node.op
            if op == "all":
                add(all_of([out[part] for part in step.parts]))
            elif op == "any":
                add(any_of([out[part] for part in step.parts]))
            elif op == "not":
                add(negate(out[step.parts[0]]))
            else:
                add(at_least(node.count, [out[part] for part in step.parts]))
        return out

    def reasons(self, root: int, truths: Sequence[Truth]) -> list[Leaf]:
        """The leaves that make a tree true, or false, from left to right."""
        step, value = self.steps[root], truths[root]
        node = step.node
        if isinstance(node, Leaf):
            return [node]
        wanted = negate(value) if node.op == "not" else value
        return [leaf for part in step.parts if truths[part] is wanted for leaf in self.reasons(part, truths)]

    def deciders(self, truths: Sequence[Truth]) -> list[int]:
        """For every tree that is unknown, which single facts could settle it, as bits over `facts`; else 0."""
        makes_true: list[int] = [0] * len(truths)
        makes_false: list[int] = [0] * len(truths)
        for n, step in enumerate(self.steps):
            if truths[n] is not None:
                continue
            if step.fact >= 0:
                makes_true[n] = makes_false[n] = 1 << step.fact
                continue
            node = step.node
            assert isinstance(node, Branch)
            open_parts = [part for part in step.parts if truths[part] is None]
            true_masks = [makes_true[part] for part in open_parts]
            false_masks = [makes_false[part] for part in open_parts]
            if node.op == "not":
                makes_true[n], makes_false[n] = false_masks[0], true_masks[0]
                continue
            sure = sum(truths[part] is True for part in step.parts)
            need = len(step.parts) if node.op == "all" else 1 if node.op == "any" else node.count
            makes_true[n] = _either(true_masks) if sure == need - 1 else _both(true_masks) if node.op == "all" else 0
            spare = sure + len(open_parts) - need
            makes_false[n] = _either(false_masks) if spare == 0 else _both(false_masks) if node.op == "any" else 0
        return [makes_true[root] | makes_false[root] for root in self.roots]


def _either(masks: Iterable[int]) -> int:
    joined = 0
    for mask in masks:
        joined |= mask
    return joined


def _both(masks: Iterable[int]) -> int:
    joined = -1
    for mask in masks:
        joined &= mask
    return max(joined, 0)
