"""The conditions of rules, for people and for machines that read no rules file."""

from __future__ import annotations

from typing import Any

from calcscan.guideline.explain import question
from calcscan.guideline.facts.vocabulary import FINDINGS, Vocabulary, vocabulary
from calcscan.guideline.rules.condition_tree import Branch, Leaf, Node
from calcscan.guideline.wording import listed

_JOINED = {"all": " and ", "any": " or "}


def _places(node: Node) -> list[str]:
    """The sites, if a condition asks for calcification at any of several and nothing else."""
    if not isinstance(node, Branch) or node.op != "any":
        return []
    places = [part.fact.split(".")[1] for part in node.parts if isinstance(part, Leaf) and _is_presence(part)]
    return places if len(places) == len(node.parts) else []


def _is_presence(leaf: Leaf) -> bool:
    return leaf.key.startswith(f"{FINDINGS}.") and leaf.key.endswith(".present") and leaf.values == (True,)


def short(node: Node, words: Vocabulary | None = None) -> str:
    """A condition without what it consists of: a question, the name of a concept, or sites in a row. `words` are the
    facts in use, else the shipped ones.

    >>> short(Leaf(fact="symptoms.headache", key="symptoms.headache", op="is", values=(True,)))
    'headache'
    """
    if isinstance(node, Leaf):
        return question(node, words)
    if places := _places(node):
        return f"calcification of {listed([(words or vocabulary()).sites[place].label for place in places], 'or')}"
    return node.label or {"all": "all of", "any": "any of", "not": "not"}.get(node.op, f"at least {node.count} of")


def inner(node: Node) -> tuple[Node, ...]:
    """What a condition consists of, as far as `short` does not say it."""
    return () if isinstance(node, Leaf) or _places(node) else node.parts


def words(node: Node, known: Vocabulary | None = None) -> str:
    """A condition as one sentence; concepts by name. `known` are the facts in use, else the shipped ones.

    >>> headache = Leaf(fact="symptoms.headache", key="symptoms.headache", op="is", values=(True,))
    >>> words(Branch(op="not", parts=(headache,)))
    'not (headache)'
    """
    parts = inner(node)
    if not parts or (isinstance(node, Branch) and node.label):
        return short(node, known)
    assert isinstance(node, Branch)
    said = [f"({words(part, known)})" if inner(part) and not _named(part) else words(part, known) for part in parts]
    if node.op in _JOINED:
        return _JOINED[node.op].join(said)
    return f"not ({said[0]})" if node.op == "not" else f"{short(node, known)}: {', '.join(said)}"


def _named(node: Node) -> bool:
    return isinstance(node, Branch) and bool(node.label)


def plain(node: Node) -> dict[str, Any]:
    """A condition as JSON, with every concept spelt out: facts by their names, thresholds as numbers.

    >>> plain(Leaf(fact="egfr", key="egfr", op="below", limit=60))
    {'fact': 'egfr', 'below': 60}
    """
    if isinstance(node, Leaf):
        asked: dict[str, Any] = {"fact": node.fact}
        if node.key.endswith(".stated"):
            asked["stated"] = True
        return {**asked, node.op: list(node.values) if node.op == "is" else node.limit}
    parts = [plain(part) for part in node.parts]
    made: dict[str, Any] = {"not": parts[0]} if node.op == "not" else {node.op: parts}
    if node.op == "at_least":
        made["count"] = node.count
    return {**made, "label": node.label} if node.label else made
