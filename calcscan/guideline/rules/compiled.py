"""All conditions of a ruleset as one list, each node once, so that a case is judged in a single pass."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from calcscan.guideline.facts.statements import Value
from calcscan.guideline.logic import Truth, at_least, negate
from calcscan.guideline.rules.condition_tree import Leaf, Node


@dataclass(frozen=True, slots=True)
class Step:
    """One node: a leaf, or an operation on steps before it."""

    op: str
    parts: tuple[int, ...] = ()
    need: int = 0
    """How many parts must be true for the whole to be."""
    leaf: Leaf | None = None
    key: str = ""
    fact: int = -1
    """For a leaf: which of the program's facts it asks for."""


class CompiledConditions:
    """Compiled from trees; `roots[n]` is the step of the n-th tree."""

    def __init__(self, trees: Iterable[Node]) -> None:
        self.steps: list[Step] = []
        self.facts: list[str] = []
        self._index: dict[Node, int] = {}
        self._fact_index: dict[str, int] = {}
        self.roots = [self._add(tree) for tree in trees]
        self._ops: list[tuple[str, str, tuple[Any, ...], Step]] = [
            (step.leaf.op, step.key, step.leaf.values, step) if step.leaf else (step.op, "", step.parts, step)
            for step in self.steps
        ]
        self._leaf_masks = {n: (1 << step.fact,) * 2 for n, step in enumerate(self.steps) if step.leaf}
        self._keys: list[frozenset[str]] = []
        for n in range(len(self.steps)):
            self._keys.append(self._keys_of(n))
        unknown: list[Truth] = [None] * len(self.steps)
        self._masks_of_nothing = dict(self._leaf_masks)
        for n in range(len(self.steps)):
            self._masks(n, unknown, self._masks_of_nothing)

    def _add(self, node: Node) -> int:
        known = self._index.get(node)
        if known is not None:
            return known
        self.steps.append(self._leaf(node) if isinstance(node, Leaf) else self._branch(node))
        self._index[node] = len(self.steps) - 1
        return len(self.steps) - 1

    def _leaf(self, leaf: Leaf) -> Step:
        fact = self._fact_index.setdefault(leaf.fact, len(self.facts))
        if fact == len(self.facts):
            self.facts.append(leaf.fact)
        return Step("leaf", leaf=leaf, key=leaf.key, fact=fact)

    def _branch(self, node: Node) -> Step:
        assert not isinstance(node, Leaf)
        parts = tuple(self._add(part) for part in node.parts)
        need = {"all": len(parts), "any": 1}.get(node.op, node.count)
        return Step(node.op, parts=parts, need=need)

    def run(self, values: Mapping[str, Value]) -> list[Truth]:
        """The truth of every step, for facts by address."""
        out: list[Truth] = []
        get, add = values.get, out.append
        for op, key, parts, step in self._ops:  # `logic` spelt out: a call for each step costs more than the step
            result: Truth
            if op == "is":
                value = get(key)
                result = None if value is None else value in parts
            elif op == "all":
                result = True
                for part in parts:
                    truth = out[part]
                    if truth is False:
                        result = False
                        break
                    if truth is None:
                        result = None
            elif op == "any":
                result = False
                for part in parts:
                    truth = out[part]
                    if truth is True:
                        result = True
                        break
                    if truth is None:
                        result = None
            elif op == "not":
                result = negate(out[parts[0]])
            elif step.leaf is None:
                result = at_least(step.need, [out[part] for part in parts])
            else:
                value = get(key)
                result = None if value is None else step.leaf.test(value)
            add(result)
        return out

    def first_reason(self, root: int, truths: Sequence[Truth]) -> Leaf:
        """The first of `reasons`."""
        step = self.steps[root]
        while step.leaf is None:
            wanted = negate(truths[root]) if step.op == "not" else truths[root]
            root = next(part for part in step.parts if truths[part] is wanted)
            step = self.steps[root]
        return step.leaf

    def reasons(self, root: int, truths: Sequence[Truth]) -> list[Leaf]:
        """The leaves that make a tree true, or false, from left to right."""
        step, value = self.steps[root], truths[root]
        if step.leaf is not None:
            return [step.leaf]
        wanted = negate(value) if step.op == "not" else value
        return [leaf for part in step.parts if truths[part] is wanted for leaf in self.reasons(part, truths)]

    def _keys_of(self, n: int) -> frozenset[str]:
        """The addresses that a step rests on."""
        step = self.steps[n]
        return frozenset({step.key}) if step.leaf else frozenset().union(*(self._keys[part] for part in step.parts))

    def deciders(
        self, roots: Iterable[int], truths: Sequence[Truth], given: Collection[str] | None = None
    ) -> list[tuple[int, int]]:
        """For each of these trees, all unknown, which single facts could make it true, and which false: bits over
        `facts`. `given` are the addresses that have a value, if that is at hand: it saves time."""
        known, nothing, keys = dict(self._leaf_masks), self._masks_of_nothing, self._keys
        touched = None if given is None else frozenset(given)
        return [
            nothing[n] if touched is not None and keys[n].isdisjoint(touched) else self._masks(n, truths, known)
            for n in roots
        ]

    def _masks(self, index: int, truths: Sequence[Truth], known: dict[int, tuple[int, int]]) -> tuple[int, int]:
        """The facts that could make an unknown step true, and those that could make it false, each on its own."""
        if index in known:
            return known[index]
        step = self.steps[index]
        if step.op == "not":
            makes_true, makes_false = self._masks(step.parts[0], truths, known)
            masks = (makes_false, makes_true)
        else:
            masks = self._joined(step, truths, known)
        known[index] = masks
        return masks

    def _joined(self, step: Step, truths: Sequence[Truth], known: dict[int, tuple[int, int]]) -> tuple[int, int]:
        one_true = one_false = 0
        every_true = every_false = -1
        sure = unknown = 0
        for part in step.parts:
            truth = truths[part]
            if truth is None:
                unknown += 1
                makes_true, makes_false = known.get(part) or self._masks(part, truths, known)
                one_true |= makes_true
                one_false |= makes_false
                every_true &= makes_true
                every_false &= makes_false
            elif truth:
                sure += 1
        lacking, spare = step.need - sure, sure + unknown - step.need
        makes_true = one_true if lacking == 1 else every_true if lacking == unknown else 0
        makes_false = one_false if spare == 0 else every_false if spare == unknown - 1 else 0
        return makes_true, makes_false
