"""The conditions of rules: from the tables of a rules file to a tree of frozen nodes.

{ fact = "symptoms.headache" }                    the fact is true
{ fact = "labs.calcium", is = ["low", "high"] }   it is one of these
{ fact = "egfr", below = "egfr_reduced" }         it compares with a named threshold: below, at_most, at_least, above
{ fact = "age_years", below = 50, unit = "years" }  or with a number and its unit; laboratory values as well
{ site = "dura", isolated = true }                a finding, of which this holds, at the site or in the group
{ site = "dura", volume_mm3 = { above = 100, unit = "mm3" } }
{ stated = "soft_tissue" }                        the same, but only if a person stated it
{ sites_of = "brain", at_least = 2 }              findings at so many sites of the group (or below, at_most, above), of
                                                  which other things may be asked
{ all = […] }, { any = […] }, { not = {…} }, { concept = "…" }
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from calcscan.errors import RulesetError
from calcscan.guideline import logic
from calcscan.guideline.facts.quantity import plain_unit, read_number
from calcscan.guideline.facts.ranges import adjustments
from calcscan.guideline.facts.statements import Value
from calcscan.guideline.facts.vocabulary import FINDINGS, NUMBER, FactKind, FactType, nearest, vocabulary
from calcscan.guideline.logic import Truth
from calcscan.guideline.rules.terms import Terms, shipped_terms

_NO_FACT = "all names: calcscan guide --facts; a new one: [fact.NAME]"
COMPARISONS = ("below", "at_most", "at_least", "above")


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


def _refuse(what: str, where: str, hint: str = "") -> RulesetError:
    return RulesetError(what, where=where, hint=hint)


def _table(given: object, where: str) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise _refuse("a condition is a table", where, 'such as { site = "dura" }')
    return given


def _kind(path: object, where: str, terms: Terms) -> FactKind:
    kinds = terms.vocabulary.kinds
    if not isinstance(path, str) or path not in kinds:
        raise _refuse(f"unknown fact {path!r}", where, nearest(str(path), kinds, _NO_FACT))
    return kinds[path]


def _is_leaf(kind: FactKind, wanted: object, where: str, key: str = "") -> Leaf:
    values = tuple(wanted) if isinstance(wanted, list) else (wanted,)
    for value in values:
        fits = isinstance(value, bool) if kind.kind is FactType.YES_NO else value in kind.values
        if not fits:
            hint = nearest(str(value), kind.values or ("true", "false"))
            raise _refuse(f"{kind.path} is never {value!r}", where, hint)
    return Leaf(fact=kind.path, key=key or kind.path, op="is", values=values)


_ALONE = {
    FactType.YES_NO: "it is true or false: write is = true",
    FactType.CHOICE: "it is one of several words: write is = [...]",
    FactType.LAB: 'it is judged with albumin: write is = "low", or ask for critical.calcium',
}


def own_number(kind: FactKind, number: object, unit: object, where: str) -> float:
    """A number in the fact's own unit. Raises `RulesetError`."""
    plain = read_number(number, where)
    if plain is None:
        raise _refuse(f"{str(number)[:40]!r} is not a number", where, f"give {kind.label} in {kind.unit}")
    units = {plain_unit(kind.unit): 1.0} | {plain_unit(name): factor for name, factor in kind.units.items()}
    if not isinstance(unit, str) or not unit.strip():
        raise _refuse("a number without its unit", where, f'add unit = "{kind.unit}"')
    factor = units.get(plain_unit(unit))
    if factor is None:
        raise _refuse(f"{unit!r} is not a unit of {kind.path}", where, f'write unit = "{kind.unit}"')
    own = plain * factor
    if not kind.low <= own <= kind.high:
        limits = f"{kind.low:g} to {kind.high:g} {kind.unit}"
        raise _refuse(f"{kind.label} is never {plain:g} {unit}", where, f"it lies within {limits}")
    return own


def _limit(kind: FactKind, limit: object, unit: object, where: str, terms: Terms) -> tuple[float, str]:
    """A limit in the fact's own unit, and its name if it has one."""
    if not isinstance(limit, str):
        return own_number(kind, limit, unit, where), ""
    threshold = terms.vocabulary.thresholds.get(limit)
    if threshold is None:
        hint = nearest(limit, terms.vocabulary.thresholds)
        raise _refuse(f"{kind.path} can't be compared with {limit!r}", where, hint)
    if unit is not None:
        raise _refuse(f"a unit beside the threshold {limit!r}", where, "leave it out: the threshold has its own")
    return own_number(kind, threshold.value, threshold.unit, where), threshold.name


def _compared(kind: FactKind, given: Mapping[str, Any], where: str, terms: Terms) -> Node:
    """A number against one limit, or against several at once."""
    parts = []
    for op, limit in given.items():
        if op == "unit":
            continue
        if op not in COMPARISONS:
            raise _refuse(f"unknown comparison {op!r}", f"{where}.{op}", nearest(op, (*COMPARISONS, "is", "unit")))
        key = f"{kind.path}{NUMBER}" if kind.kind is FactType.LAB else kind.path
        if kind.kind not in (FactType.NUMBER, FactType.LAB) or kind.path.partition(".")[2] in adjustments():
            raise _refuse(f"{kind.path} can't be compared with {limit!r}", f"{where}.{op}", _ALONE[kind.kind])
        value, name = _limit(kind, limit, given.get("unit"), f"{where}.{op}", terms)
        parts.append(Leaf(fact=kind.path, key=key, op=op, limit=value, threshold=name))
    if not parts:
        raise _refuse("a unit without a number", where, 'such as { above = 100, unit = "mm3" }')
    return parts[0] if len(parts) == 1 else Branch(op="all", parts=tuple(parts))


def _fact(given: Mapping[str, Any], where: str, terms: Terms) -> Node:
    kind = _kind(given["fact"], f"{where}.fact", terms)
    others = {key: value for key, value in given.items() if key != "fact"}
    if others and "is" not in others:
        return _compared(kind, others, where, terms)
    if extra := others.keys() - {"is"}:
        raise _refuse(f"'is' together with {min(extra)!r}", where, "ask for one of the two, or join them with all")
    if kind.kind is FactType.NUMBER:
        raise _refuse(f"{kind.path} is a number", where, f'compare it: below = 50, unit = "{kind.unit}"')
    return _is_leaf(kind, given.get("is", True), f"{where}.is")


def sites_of(name: object, where: str) -> tuple[str, ...]:
    """The sites that a site or a group stands for."""
    words = vocabulary()
    if isinstance(name, str) and name in words.sites:
        return (name,)
    if isinstance(name, str) and name in words.groups:
        return words.groups[name]
    raise _refuse(f"unknown site or group {name!r}", where, nearest(str(name), (*words.sites, *words.groups)))


def _mark(kind: FactKind, wanted: object, where: str, terms: Terms) -> Node:
    """What is asked of a finding."""
    if isinstance(wanted, Mapping):
        return _compared(kind, wanted, where, terms)
    if kind.kind is FactType.NUMBER:
        raise _refuse(f"{kind.path} is a number", where, f'compare it: {{ above = 100, unit = "{kind.unit}" }}')
    return _is_leaf(kind, wanted, where)


def _finding(given: Mapping[str, Any], where: str, terms: Terms) -> Node:
    word = "stated" if "stated" in given else "site"
    options = []
    for site in sites_of(given[word], f"{where}.{word}"):
        path = f"{FINDINGS}.{site}.present"
        key = f"{FINDINGS}.{site}.stated" if word == "stated" else path
        parts: list[Node] = [Leaf(fact=path, key=key, op="is", values=(True,))]
        for name, wanted in given.items():
            if name != word:
                if name not in terms.vocabulary.attributes:
                    hint = nearest(name, terms.vocabulary.attributes)
                    raise _refuse(f"unknown fact {name!r} of a finding", f"{where}.{name}", hint)
                kind = terms.vocabulary.kinds[f"{FINDINGS}.{site}.{name}"]
                parts.append(_mark(kind, wanted, f"{where}.{name}", terms))
        options.append(parts[0] if len(parts) == 1 else Branch(op="all", parts=tuple(parts)))
    return options[0] if len(options) == 1 else Branch(op="any", parts=tuple(options))


_COUNTS = {"at_least": 0, "above": 1, "below": 0, "at_most": 1}
"""How many more sites than the number named; of the last two it is the contrary that is asked."""


def _several(given: Mapping[str, Any], where: str, terms: Terms) -> Branch:
    counted = [op for op in _COUNTS if op in given]
    hint = 'such as { sites_of = "brain", at_least = 2 }'
    if len(counted) != 1:
        raise _refuse("not one count of sites", where, hint)
    op = counted[0]
    number = given[op]
    sites = sites_of(given["sites_of"], f"{where}.sites_of")
    if isinstance(number, bool) or not isinstance(number, int) or not 0 < number + _COUNTS[op] <= len(sites):
        raise _refuse(f"not a count of sites, of which there are {len(sites)}", f"{where}.{op}", hint)
    marks = {name: wanted for name, wanted in given.items() if name not in ("sites_of", op)}
    parts = tuple(_finding({"site": site, **marks}, where, terms) for site in sites)
    many = Branch(op="at_least", parts=parts, count=number + _COUNTS[op])
    return Branch(op="not", parts=(many,)) if op in ("below", "at_most") else many


def _branch(op: str, given: Mapping[str, Any], where: str, terms: Terms) -> Branch:
    if op == "not":
        return Branch(op="not", parts=(parse(given["not"], f"{where}.not", terms),))
    listed = given[op]
    if not isinstance(listed, list) or not listed:
        raise _refuse(f"{op!r} needs a list of conditions", f"{where}.{op}")
    parts = tuple(parse(part, f"{where}.{op}[{n}]", terms) for n, part in enumerate(listed))
    return Branch(op=op, parts=parts, label=str(given.get("label", "")))


def _concept(name: object, where: str, terms: Terms) -> Node:
    if not isinstance(name, str) or name not in terms.concepts:
        raise _refuse(f"unknown concept {name!r}", f"{where}.concept", nearest(str(name), terms.concepts))
    if name in terms.inside:
        raise _refuse(f"the concept {name!r} stands for itself", f"{where}.concept")
    return parse(terms.concepts[name], f"concept.{name}", terms.reading(name))


def parse(given: object, where: str, terms: Terms | None = None) -> Node:
    """A condition as it stands in a rules file, as a tree. `terms` are the names that it may use, else those shipped.

    Raises `RulesetError` with the address of the first thing that can't be taken.

    >>> parse({"fact": "symptoms.headache"}, "when").fact
    'symptoms.headache'
    """
    table, terms = _table(given, where), terms or shipped_terms()
    for op in ("all", "any", "not"):
        if op in table:
            extra = set(table) - {op, "label"}
            if extra:
                raise _refuse(f"{op!r} together with {sorted(extra)[0]!r}", where, "nest one in the other")
            return _branch(op, table, where, terms)
    if "fact" in table:
        return _fact(table, where, terms)
    if "concept" in table and len(table) == 1:
        return _concept(table["concept"], where, terms)
    if "sites_of" in table:
        return _several(table, where, terms)
    if "site" in table or "stated" in table:
        return _finding(table, where, terms)
    key = next(iter(table), "")
    known = ("fact", "site", "stated", "sites_of", "concept", "all", "any", "not")
    raise _refuse(f"unknown condition {key!r}", where, nearest(str(key), known))


def problems_in(given: object, where: str, terms: Terms) -> Iterator[RulesetError]:
    """Everything in a condition that can't be taken; `parse` stops at the first."""
    if isinstance(given, Mapping):
        for op in ("all", "any"):
            if isinstance(given.get(op), list) and given[op] and not set(given) - {op, "label"}:
                for n, part in enumerate(given[op]):
                    yield from problems_in(part, f"{where}.{op}[{n}]", terms)
                return
        if "not" in given and not set(given) - {"not", "label"}:
            yield from problems_in(given["not"], f"{where}.not", terms)
            return
    try:
        parse(given, where, terms)
    except RulesetError as error:
        yield error


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
