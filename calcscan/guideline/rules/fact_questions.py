"""What a condition asks of one fact: whether it is something, or how it compares with a number or a named threshold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from calcscan.errors import RulesetError
from calcscan.guideline.facts.quantity import plain_unit, read_number
from calcscan.guideline.facts.ranges import adjustments
from calcscan.guideline.facts.vocabulary import NUMBER, FactKind, FactType, nearest
from calcscan.guideline.rules.condition_tree import Branch, Leaf, Node
from calcscan.guideline.rules.terms import Terms

_COMPARISONS = ("below", "at_most", "at_least", "above")
_ALONE = {
    FactType.YES_NO: "it is true or false: write is = true",
    FactType.CHOICE: "it is one of several words: write is = [...]",
    FactType.LAB: 'it is judged with albumin: write is = "low", or ask for critical.calcium',
}


def refuse(what: str, where: str, hint: str = "") -> RulesetError:
    """The error to raise where a condition can't be taken."""
    return RulesetError(what, where=where, hint=hint)


def _own_number(kind: FactKind, number: object, unit: object, where: str) -> float:
    """A number in the fact's own unit. Raises `RulesetError`."""
    plain = read_number(number, where)
    if plain is None:
        raise refuse(f"{str(number)[:40]!r} is not a number", where, f"give {kind.label} in {kind.unit}")
    units = {plain_unit(kind.unit): 1.0} | {plain_unit(name): factor for name, factor in kind.units.items()}
    if not isinstance(unit, str) or not unit.strip():
        raise refuse("a number without its unit", where, f'add unit = "{kind.unit}"')
    factor = units.get(plain_unit(unit))
    if factor is None:
        raise refuse(f"{unit!r} is not a unit of {kind.path}", where, f'write unit = "{kind.unit}"')
    own = plain * factor
    if not kind.low <= own <= kind.high:
        limits = f"{kind.low:g} to {kind.high:g} {kind.unit}"
        raise refuse(f"{kind.label} is never {plain:g} {unit}", where, f"it lies within {limits}")
    return own


def _limit(kind: FactKind, limit: object, unit: object, where: str, terms: Terms) -> tuple[float, str]:
    """A limit in the fact's own unit, and its name if it has one."""
    if not isinstance(limit, str):
        return _own_number(kind, limit, unit, where), ""
    threshold = terms.vocabulary.thresholds.get(limit)
    if threshold is None:
        hint = nearest(limit, terms.vocabulary.thresholds)
        raise refuse(f"{kind.path} can't be compared with {limit!r}", where, hint)
    if unit is not None:
        raise refuse(f"a unit beside the threshold {limit!r}", where, "leave it out: the threshold has its own")
    return _own_number(kind, threshold.value, threshold.unit, where), threshold.name


def compared(kind: FactKind, given: Mapping[str, Any], where: str, terms: Terms) -> Node:
    """A number against one limit, or against several at once."""
    parts = []
    for op, limit in given.items():
        if op == "unit":
            continue
        if op not in _COMPARISONS:
            raise refuse(f"unknown comparison {op!r}", f"{where}.{op}", nearest(op, (*_COMPARISONS, "is", "unit")))
        key = f"{kind.path}{NUMBER}" if kind.kind is FactType.LAB else kind.path
        if kind.kind not in (FactType.NUMBER, FactType.LAB) or kind.path.partition(".")[2] in adjustments():
            raise refuse(f"{kind.path} can't be compared with {limit!r}", f"{where}.{op}", _ALONE[kind.kind])
        value, name = _limit(kind, limit, given.get("unit"), f"{where}.{op}", terms)
        parts.append(Leaf(fact=kind.path, key=key, op=op, limit=value, threshold=name))
    if not parts:
        raise refuse("a unit without a number", where, 'such as { above = 100, unit = "mm3" }')
    return parts[0] if len(parts) == 1 else Branch(op="all", parts=tuple(parts))


def is_one_of(kind: FactKind, wanted: object, where: str, key: str = "") -> Leaf:
    """Whether it is what is wanted, or one of several."""
    values = tuple(wanted) if isinstance(wanted, list) else (wanted,)
    for value in values:
        fits = isinstance(value, bool) if kind.kind is FactType.YES_NO else value in kind.values
        if not fits:
            hint = nearest(str(value), kind.values or ("true", "false"))
            raise refuse(f"{kind.path} is never {value!r}", where, hint)
    return Leaf(fact=kind.path, key=key or kind.path, op="is", values=values)
