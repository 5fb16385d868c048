"""What a hospital's rules file adds to the names that rules may use: thresholds, facts, concepts and topics.

[threshold.age_young]      value = 45, unit = "years", source = "…", date = 2026-01-31
[fact.gout]                label = "gout" (yes or no, unless `kind` says number or choice)
[concept.young_and_large]  label = "…", all = […]
[topic.gout_clinic]        label = "…"
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import msgspec

from calcscan.errors import RulesetError
from calcscan.guideline.facts.names import nearest, spelling
from calcscan.guideline.facts.quantity import plain_unit, read_number
from calcscan.guideline.facts.vocabulary import SECTIONS, FactKind, FactType, Threshold, Vocabulary
from calcscan.guideline.rules.conditions import parse
from calcscan.guideline.rules.layout import Topic
from calcscan.guideline.rules.tables import unknown_keys
from calcscan.guideline.rules.terms import Terms, shipped_terms
from calcscan.knowledge.settings import converted

FILE_KEYS = ("document", "rule", "threshold", "fact", "concept", "topic")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_SECTIONS = tuple(section for section in SECTIONS if section != "critical")
_FACT_KEYS: Mapping[FactType, tuple[str, ...]] = {
    FactType.YES_NO: ("kind", "label"),
    FactType.NUMBER: ("kind", "label", "unit", "low", "high", "units"),
    FactType.CHOICE: ("kind", "label", "values", "no_answer"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One name that a file adds. `where` is its file and address."""

    table: str
    name: str
    given: object
    where: str

    def refused(self, what: str, hint: str = "", key: str = "") -> RulesetError:
        return RulesetError(what, where=f"{self.where}.{key}" if key else self.where, hint=hint)

    def entry(self, known: tuple[str, ...]) -> Mapping[str, Any]:
        """What it holds, with no key but these."""
        if not isinstance(self.given, Mapping):
            raise self.refused("not a table", f"write [{self.table}.{self.name}]")
        for error in unknown_keys(self.given, known, self.where):
            raise error
        return self.given


def definitions(table: Mapping[str, Any], name: str) -> Iterator[Definition]:
    """Every name that a rules file adds. Raises `RulesetError`."""
    for key in FILE_KEYS[2:]:
        entries = table.get(key, {})
        if not isinstance(entries, Mapping):
            raise RulesetError(f"{key!r} is not a table of names", where=name, hint=f"write [{key}.NAME]")
        for entry, given in entries.items():
            where = f"{name}: {key}.{entry}"
            if key == "fact" and entry in _SECTIONS and isinstance(given, Mapping):  # [fact.conditions.gout]
                for inner, of_inner in given.items():
                    yield Definition(table=key, name=f"{entry}.{inner}", given=of_inner, where=f"{where}.{inner}")
            else:
                yield Definition(table=key, name=entry, given=given, where=where)


def _text(definition: Definition, entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value.strip():
        raise definition.refused(f"{key!r} is missing or not text", key=key)
    return value


def _number(definition: Definition, entry: Mapping[str, Any], key: str) -> float:
    value = read_number(entry.get(key), definition.where)
    if value is None:
        raise definition.refused(f"{key!r} is missing or not a number", key=key)
    return value


def _named(definition: Definition, known: Iterable[str], hint: str) -> None:
    if not _NAME.fullmatch(definition.name.rpartition(".")[2]):
        raise definition.refused(f"{definition.name!r} is not a name", "small letters, digits and _, such as age_young")
    if definition.name in known:
        raise definition.refused(f"{definition.name!r} is there already", hint)


def _threshold(definition: Definition, terms: Terms) -> Terms:
    entry = definition.entry(("value", "unit", "source", "date", "replaces"))
    held = terms.vocabulary.thresholds
    replaces = entry.get("replaces", False)
    if not isinstance(replaces, bool):
        raise definition.refused("'replaces' is neither true nor false", key="replaces")
    if replaces and definition.name not in held:
        raise definition.refused(
            f"replaces nothing: no threshold {definition.name!r}", nearest(definition.name, held), "replaces"
        )
    _named(definition, () if replaces else held, "choose another name, or write replaces = true")
    unit, date = _text(definition, entry, "unit"), entry.get("date")
    if replaces and unit != held[definition.name].unit:
        raise definition.refused(f"another unit than the one it replaces, {held[definition.name].unit!r}", key="unit")
    if not isinstance(date, datetime.date):
        raise definition.refused("'date' is missing or no date", "write date = 2026-01-31", "date")
    made = Threshold(
        name=definition.name,
        value=_number(definition, entry, "value"),
        unit=unit,
        source=_text(definition, entry, "source"),
        date=date,
    )
    return _with(terms, thresholds=MappingProxyType({**held, made.name: made}))


def _address(definition: Definition, words: Vocabulary) -> tuple[str, str]:
    """Section and name of a new fact."""
    section, _, name = definition.name.rpartition(".")
    if section not in ("", *_SECTIONS):
        hint = "as a number or a choice of its own" if section == "labs" else nearest(section, _SECTIONS)
        raise definition.refused(f"no facts can be added to {section!r}", hint)
    _named(definition, words.kinds, "use the one that calcscan has")
    known = words.spellings[section].get(spelling(name))
    if known is not None:
        path = f"{section}.{known}" if section else known
        raise definition.refused(f"calcscan knows {definition.name!r} as {path!r}", "use that one")
    return section, name


def _fact(definition: Definition, terms: Terms) -> Terms:
    if isinstance(definition.given, str):
        definition = replace(definition, given={"label": definition.given})
    kinds = tuple(kind.value for kind in _FACT_KEYS)
    given = definition.entry(tuple({key for keys in _FACT_KEYS.values() for key in keys}))
    word = given.get("kind", FactType.YES_NO.value)
    if word not in kinds:
        raise definition.refused(f"unknown kind {word!r}", nearest(str(word), kinds), "kind")
    kind = FactType(word)
    entry = definition.entry(_FACT_KEYS[kind])
    section, name = _address(definition, terms.vocabulary)
    made = FactKind(path=definition.name, label=_text(definition, entry, "label"), kind=kind)
    if kind is FactType.NUMBER:
        made = _number_fact(definition, entry, made)
    elif kind is FactType.CHOICE:
        made = _choice_fact(definition, entry, made)
    words = terms.vocabulary
    spellings = {**words.spellings, section: MappingProxyType({**words.spellings[section], spelling(name): name})}
    return _with(
        terms,
        kinds=MappingProxyType({**words.kinds, made.path: made}),
        spellings=MappingProxyType(spellings),
        symptoms=(*words.symptoms, made.path) if section == "symptoms" and kind is FactType.YES_NO else words.symptoms,
    )


def _number_fact(definition: Definition, entry: Mapping[str, Any], made: FactKind) -> FactKind:
    low, high = _number(definition, entry, "low"), _number(definition, entry, "high")
    if low >= high:
        raise definition.refused(f"from {low:g} to {high:g}", "give the lower limit first", "low")
    units = entry.get("units", {})
    if not isinstance(units, Mapping) or not all(
        (read_number(factor, definition.where) or 0) > 0 for factor in units.values()
    ):
        hint = 'how much of the own unit is in one of another: units = { "g/L" = 1000 }'
        raise definition.refused("'units' is not a table of factors", hint, "units")
    unit = _text(definition, entry, "unit")
    return msgspec.structs.replace(made, unit=unit, low=low, high=high, units=_plain_units({**units, unit: 1.0}))


def _plain_units(units: Mapping[str, float]) -> Mapping[str, float]:
    return {plain_unit(unit): float(factor) for unit, factor in units.items()}


def _choice_fact(definition: Definition, entry: Mapping[str, Any], made: FactKind) -> FactKind:
    values, no_answer = entry.get("values"), entry.get("no_answer", [])
    if not isinstance(values, list) or not all(isinstance(value, str) and value.strip() for value in values):
        raise definition.refused("'values' is not a list of words", 'such as ["low", "high"]', "values")
    if len({value.lower() for value in values} - {"unknown"}) < max(2, len(values)):
        hint = "at least two, none twice; unknown needs no word"
        raise definition.refused("these values can't be told apart", hint, "values")
    if not isinstance(no_answer, list) or not set(no_answer) < set(values):
        raise definition.refused("'no_answer' is not a part of the values", key="no_answer")
    return msgspec.structs.replace(made, values=tuple(values), no_answer=tuple(no_answer))


def _concept(definition: Definition, terms: Terms) -> Terms:
    hint = "choose another name: the rules that calcscan ships rest on this one"
    _named(definition, terms.concepts, hint)
    if not isinstance(definition.given, Mapping):
        raise definition.refused("not a condition", f"write [concept.{definition.name}] and all = […]")
    return replace(terms, concepts=MappingProxyType({**terms.concepts, definition.name: definition.given}))


def _topic(definition: Definition, terms: Terms) -> Terms:
    entry = definition.entry(("label", "lead", "with_answer"))
    _named(definition, terms.layout.topics, "choose another name, or leave this one out and use the topic as it is")
    label = _text(definition, entry, "label")
    try:
        made = converted({**entry, "name": definition.name, "label": label}, Topic)
    except msgspec.ValidationError as error:
        raise definition.refused(str(error)) from error
    topics = MappingProxyType({**terms.layout.topics, made.name: made})
    return replace(terms, layout=msgspec.structs.replace(terms.layout, topics=topics))


def _with(terms: Terms, **changed: Any) -> Terms:
    return replace(terms, vocabulary=replace(terms.vocabulary, **changed))


_ADD: Mapping[str, Callable[[Definition, Terms], Terms]] = {
    "threshold": _threshold,
    "fact": _fact,
    "concept": _concept,
    "topic": _topic,
}


def local_terms(tables: Mapping[str, Mapping[str, Any]], problems: list[RulesetError] | None = None) -> Terms:
    """The shipped names with those of these rules files, by file. Each may use those of the others.

    Raises `RulesetError` at the first problem, or collects `problems` where a list is given.
    """
    terms = shipped_terms()
    concepts = []
    for name, table in tables.items():
        for error in unknown_keys(table, FILE_KEYS, name):
            _collect(error, problems)
        for definition in _defined(table, name, problems):
            try:
                terms = _ADD[definition.table](definition, terms)
                concepts += [definition] if definition.table == "concept" else []
            except RulesetError as error:
                _collect(error, problems)
    for definition in concepts:
        try:
            parse(definition.given, definition.where, terms.reading(definition.name))
        except RulesetError as error:
            _collect(error, problems)
    return terms


def _defined(table: Mapping[str, Any], name: str, problems: list[RulesetError] | None) -> list[Definition]:
    try:
        return list(definitions(table, name))
    except RulesetError as error:
        _collect(error, problems)
        return []


def _collect(error: RulesetError, problems: list[RulesetError] | None) -> None:
    if problems is None:
        raise error
    problems.append(error)
