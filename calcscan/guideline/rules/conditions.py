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
from typing import Any

from calcscan.errors import RulesetError
from calcscan.guideline.facts.vocabulary import FINDINGS, FactKind, FactType, nearest, vocabulary
from calcscan.guideline.rules.condition_tree import Branch, Leaf, Node
from calcscan.guideline.rules.fact_questions import compared, is_one_of, refuse
from calcscan.guideline.rules.terms import Terms, shipped_terms

_NO_FACT = "all names: calcscan guide --facts; a new one: [fact.NAME]"


def _table(given: object, where: str) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise refuse("a condition is a table", where, 'such as { site = "dura" }')
    return given


def _kind(path: object, where: str, terms: Terms) -> FactKind:
    kinds = terms.vocabulary.kinds
    if not isinstance(path, str) or path not in kinds:
        raise refuse(f"unknown fact {path!r}", where, nearest(str(path), kinds, _NO_FACT))
    return kinds[path]


def _fact(given: Mapping[str, Any], where: str, terms: Terms) -> Node:
    kind = _kind(given["fact"], f"{where}.fact", terms)
    others = {key: value for key, value in given.items() if key != "fact"}
    if others and "is" not in others:
        return compared(kind, others, where, terms)
    if extra := others.keys() - {"is"}:
        raise refuse(f"'is' together with {min(extra)!r}", where, "ask for one of the two, or join them with all")
    if kind.kind is FactType.NUMBER:
        raise refuse(f"{kind.path} is a number", where, f'compare it: below = 50, unit = "{kind.unit}"')
    return is_one_of(kind, given.get("is", True), f"{where}.is")


def sites_of(name: object, where: str) -> tuple[str, ...]:
    """The sites that a site or a group stands for."""
    words = vocabulary()
    if isinstance(name, str) and name in words.sites:
        return (name,)
    if isinstance(name, str) and name in words.groups:
        return words.groups[name]
    raise refuse(f"unknown site or group {name!r}", where, nearest(str(name), (*words.sites, *words.groups)))


def _mark(kind: FactKind, wanted: object, where: str, terms: Terms) -> Node:
    """What is asked of a finding."""
    if isinstance(wanted, Mapping):
        return compared(kind, wanted, where, terms)
    if kind.kind is FactType.NUMBER:
        raise refuse(f"{kind.path} is a number", where, f'compare it: {{ above = 100, unit = "{kind.unit}" }}')
    return is_one_of(kind, wanted, where)


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
                    raise refuse(f"unknown fact {name!r} of a finding", f"{where}.{name}", hint)
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
        raise refuse("not one count of sites", where, hint)
    op = counted[0]
    number = given[op]
    sites = sites_of(given["sites_of"], f"{where}.sites_of")
    if isinstance(number, bool) or not isinstance(number, int) or not 0 < number + _COUNTS[op] <= len(sites):
        raise refuse(f"not a count of sites, of which there are {len(sites)}", f"{where}.{op}", hint)
    marks = {name: wanted for name, wanted in given.items() if name not in ("sites_of", op)}
    parts = tuple(_finding({"site": site, **marks}, where, terms) for site in sites)
    many = Branch(op="at_least", parts=parts, count=number + _COUNTS[op])
    return Branch(op="not", parts=(many,)) if op in ("below", "at_most") else many


def _branch(op: str, given: Mapping[str, Any], where: str, terms: Terms) -> Branch:
    if op == "not":
        return Branch(op="not", parts=(parse(given["not"], f"{where}.not", terms),))
    listed = given[op]
    if not isinstance(listed, list) or not listed:
        raise refuse(f"{op!r} needs a list of conditions", f"{where}.{op}")
    parts = tuple(parse(part, f"{where}.{op}[{n}]", terms) for n, part in enumerate(listed))
    return Branch(op=op, parts=parts, label=str(given.get("label", "")))


def _concept(name: object, where: str, terms: Terms) -> Node:
    if not isinstance(name, str) or name not in terms.concepts:
        raise refuse(f"unknown concept {name!r}", f"{where}.concept", nearest(str(name), terms.concepts))
    if name in terms.inside:
        raise refuse(f"the concept {name!r} stands for itself", f"{where}.concept")
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
                raise refuse(f"{op!r} together with {sorted(extra)[0]!r}", where, "nest one in the other")
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
    raise refuse(f"unknown condition {key!r}", where, nearest(str(key), known))


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
