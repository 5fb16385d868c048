"""The numbers that the rules in use compare facts with: a bound such as "> 90" is taken where it decides all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from types import MappingProxyType

import msgspec

from calcscan.guideline.facts.vocabulary import LABS, FactType
from calcscan.guideline.rules.condition_tree import Node, leaves
from calcscan.guideline.rules.terms import Terms


def with_limits(terms: Terms, trees: Iterable[Node]) -> Terms:
    """The terms with the limits that these conditions hold."""
    words = terms.vocabulary
    found: dict[str, set[float]] = {}
    for leaf in (leaf for tree in trees for leaf in leaves(tree) if leaf.op != "is"):
        found.setdefault(leaf.fact, set()).add(leaf.limit)
    limits = {path: tuple(sorted(values)) for path, values in found.items()}
    bounded = {path for path in limits if words.kinds[path].bounds}
    kinds = {path: msgspec.structs.replace(words.kinds[path], limits=limits[path]) for path in bounded}
    labs = {path for path in limits if words.kinds[path].kind is FactType.LAB}
    by_lab = MappingProxyType({path.removeprefix(f"{LABS}."): limits[path] for path in labs})
    vocabulary = replace(words, kinds=MappingProxyType({**words.kinds, **kinds}), lab_limits=by_lab)
    return replace(terms, vocabulary=vocabulary)
