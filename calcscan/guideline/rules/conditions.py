"""The conditions of rules: from the tables of a rules file to a tree of frozen nodes.

{ fact = "symptoms.headache" }                    the fact is true
{ fact = "labs.calcium", is = ["low", "high"] }   it is one of these
{ fact = "egfr", below = "egfr_reduced" }         it compares with a named threshold: below, at_least, above
{ site = "dura", isolated = true }                a finding, of which this holds, at the site or in the group
{ stated = "soft_tissue" }                        the same, but only if a person stated it
{ sites_of = "brain", at_least = 2 }              findings at so many sites, of which more may be asked
{ all = […] }, { any = […] }, { not = {…} }, { concept = "…" }
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from calcscan.errors import RulesetError
from calcscan.guideline import logic
from calcscan.guideline.facts.statements import Value
from calcscan.guideline.facts.vocabulary import FINDINGS, FactKind, FactType, nearest, vocabulary
from calcscan.guideline.logic import Truth
from calcscan.knowledge.entries import read_toml

COMPARISONS = ("below", "at_least", "above")


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


def _kind(path: object, where: str) -> FactKind:
    kinds = vocabulary().kinds
    if not isinstance(path, str) or path not in kinds:
        raise _refuse(f"unknown fact {path!r}", where, nearest(str(path), kinds))
    return kinds[path]


def _is_leaf(kind: FactKind, wanted: object, where: str, key: str = "") -> Leaf:
    values = tuple(wanted) if isinstance(wanted, list) else (wanted,)
    for value in values:
        fits = isinstance(value, bool) if kind.kind is FactType.YES_NO else value in kind.values
        if not fits:
            hint = nearest(str(value), kind.values or ("true", "false"))
            raise _refuse(f"{kind.path} is never {value!r}", where, hint)
    return Leaf(fact=kind.path, key=key or kind.path, op="is", values=values)


def _fact(given: Mapping[str, Any], where: str) -> Leaf:
    kind = _kind(given["fact"], f"{where}.fact")
    op = next((key for key in given if key != "fact"), "is")
    if len(given) > 2 or op not in ("is", *COMPARISONS):
        raise _refuse(f"unknown comparison {op!r}", where, nearest(op, ("is", *COMPARISONS)))
    if op == "is":
        return _is_leaf(kind, given.get("is", True), f"{where}.is")
    threshold = vocabulary().thresholds.get(given[op])
    if kind.kind is not FactType.NUMBER or threshold is None:
        hint = nearest(str(given[op]), vocabulary().thresholds)
        raise _refuse(f"{kind.path} can't be compared with {given[op]!r}", f"{where}.{op}", hint)
    return Leaf(fact=kind.path, key=kind.path, op=op, limit=threshold.value, threshold=threshold.name)


def sites_of(name: object, where: str) -> tuple[str, ...]:
    """The sites that a site or a group stands for."""
    words = vocabulary()
    if isinstance(name, str) and name in words.sites:
        return (name,)
    if isinstance(name, str) and name in words.groups:
        return words.groups[name]
    raise _refuse(f"unknown site or group {name!r}", where, nearest(str(name), (*words.sites, *words.groups)))


def _finding(given: Mapping[str, Any], where: str) -> Node:
    word = "stated" if "stated" in given else "site"
    options = []
    for site in sites_of(given[word], f"{where}.{word}"):
        path = f"{FINDINGS}.{site}.present"
        key = f"{FINDINGS}.{site}.stated" if word == "stated" else path
        parts: list[Node] = [Leaf(fact=path, key=key, op="is", values=(True,))]
        for name, wanted in given.items():
            if name != word:
                kind = _kind(f"{FINDINGS}.{site}.{name}", f"{where}.{name}")
                parts.append(_is_leaf(kind, wanted, f"{where}.{name}"))
        options.append(parts[0] if len(parts) == 1 else Branch(op="all", parts=tuple(parts)))
    return options[0] if len(options) == 1 else Branch(op="any", parts=tuple(options))


def _several(given: Mapping[str, Any], where: str) -> Branch:
    count = given.get("at_least")
    if isinstance(count, bool) or not isinstance(count, int):
        raise _refuse("not a count of sites", where, 'such as { sites_of = "brain", at_least = 2 }')
    marks = {name: wanted for name, wanted in given.items() if name not in ("sites_of", "at_least")}
    sites = sites_of(given["sites_of"], f"{where}.sites_of")
    return Branch(op="at_least", parts=tuple(_finding({"site": site, **marks}, where) for site in sites), count=count)


def _branch(op: str, given: Mapping[str, Any], where: str) -> Branch:
    if op == "not":
        return Branch(op="not", parts=(parse(given["not"], f"{where}.not"),))
    listed = given[op]
    if not isinstance(listed, list) or not listed:
        raise _refuse(f"{op!r} needs a list of conditions", f"{where}.{op}")
    parts = tuple(parse(part, f"{where}.{op}[{n}]") for n, part in enumerate(listed))
    return Branch(op=op, parts=parts, label=str(given.get("label", "")))


@cache
def concepts() -> Mapping[str, Mapping[str, Any]]:
    """The conditions that several rules share, by name (`knowledge/rules/concepts.toml`)."""
    return read_toml("rules/concepts.toml")


def _concept(name: object, where: str) -> Node:
    if not isinstance(name, str) or name not in concepts():
        raise _refuse(f"unknown concept {name!r}", f"{where}.concept", nearest(str(name), concepts()))
    return parse(concepts()[name], f"concept.{name}")


def parse(given: object, where: str) -> Node:
    """A condition as it stands in a rules file, as a tree.

    Raises `RulesetError` with the address of the first thing that can't be taken.

    >>> parse({"fact": "symptoms.headache"}, "when").fact
    'symptoms.headache'
    """
    table = _table(given, where)
    for op in ("all", "any", "not"):
        if op in table:
            extra = set(table) - {op, "label"}
            if extra:
                raise _refuse(f"{op!r} together with {sorted(extra)[0]!r}", where, "nest one in the other")
            return _branch(op, table, where)
    if "fact" in table:
        return _fact(table, where)
    if "concept" in table and len(table) == 1:
        return _concept(table["concept"], where)
    if "sites_of" in table:
        return _several(table, where)
    if "site" in table or "stated" in table:
        return _finding(table, where)
    key = next(iter(table), "")
    known = ("fact", "site", "stated", "sites_of", "concept", "all", "any", "not")
    raise _refuse(f"unknown condition {key!r}", where, nearest(str(key), known))


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
