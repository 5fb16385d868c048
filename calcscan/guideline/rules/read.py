"""Rules files: from TOML to frozen rules. Every problem has a file and an address."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from calcscan.errors import RulesetError
from calcscan.guideline.facts.vocabulary import Region, nearest, vocabulary
from calcscan.guideline.model import RuleKind, Source, Urgency
from calcscan.guideline.rules.conditions import Node, parse, sites_of
from calcscan.guideline.rules.safety import check_safety

_DOCUMENT_KEYS = ("key", "title", "date", "status", "version", "facts", "origin", "stated_twice")
_RULE_KEYS = ("id", "kind", "urgency", "covers", "section", "sites", "text", "when", "intervention", "citation")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceDocument:
    """A source document and the ids of the facts in it. `origin` is `seed`, `literature` or `local`."""

    key: str
    title: str
    date: str
    status: str
    version: str
    facts: tuple[str, ...]
    stated_twice: tuple[str, ...]
    """The facts that two rules state on purpose."""
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule, as read. `where` is its file and address."""

    id: str
    kind: RuleKind
    urgency: Urgency
    text: str
    covers: tuple[str, ...]
    sites: tuple[str, ...]
    places: frozenset[str]
    """`sites`, with the groups among them spelt out."""
    body_only: bool
    """Whether all of them lie outside the skull and its vessels."""
    intervention: str
    when: Node
    source: Source
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesFile:
    """One rules file, as read."""

    document: SourceDocument
    rules: tuple[Rule, ...]


def _text(table: Mapping[str, Any], key: str, where: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value.strip():
        raise RulesetError(f"{key!r} is missing or not text", where=f"{where}.{key}")
    return value


def _texts(table: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise RulesetError(f"{key!r} is not a list of names", where=f"{where}.{key}")
    return tuple(value)


def _known_keys(table: object, known: tuple[str, ...], where: str) -> Mapping[str, Any]:
    if not isinstance(table, Mapping):
        raise RulesetError("not a table", where=where)
    for key in table:
        if key not in known:
            raise RulesetError(f"unknown key {key!r}", where=f"{where}.{key}", hint=nearest(key, known))
    return table


def _one_of(table: Mapping[str, Any], key: str, known: tuple[str, ...], where: str) -> str:
    word = _text(table, key, where)
    if word not in known:
        raise RulesetError(f"unknown {key} {word!r}", where=f"{where}.{key}", hint=nearest(word, known))
    return word


def parse_source_document(given: object, where: str) -> SourceDocument:
    """The `[document]` table of a rules file."""
    table = _known_keys(given, _DOCUMENT_KEYS, where)
    return SourceDocument(
        key=_text(table, "key", where),
        title=_text(table, "title", where),
        date=str(table.get("date", "")),
        status=_text(table, "status", where),
        version=str(table.get("version", "")),
        facts=_texts(table, "facts", where),
        stated_twice=_texts(table, "stated_twice", where),
        origin=str(table.get("origin", "seed")),
    )


def _cited(rule: Mapping[str, Any], document: SourceDocument, where: str) -> Source:
    covers = _texts(rule, "covers", where)
    citation = rule.get("citation", "")
    if not covers and not citation:
        hint = "name the facts it covers, or give a citation"
        raise RulesetError("a rule without a source", where=where, hint=hint)
    for fact in covers:
        if fact not in document.facts:
            hint = nearest(fact, document.facts)
            raise RulesetError(f"the document has no fact {fact!r}", where=f"{where}.covers", hint=hint)
    title = document.title if covers else str(citation)
    section = _text(rule, "section", where)
    return Source(document=title, section=section, facts=covers, date=document.date, status=document.status)


def parse_rule(given: object, document: SourceDocument, where: str) -> Rule:
    """One `[[rule]]` of a rules file.

    Raises `RulesetError`, with the address, for what is unknown, missing, without a source, or past a guard.
    """
    table = _known_keys(given, _RULE_KEYS, where)
    name = _text(table, "id", where)
    where = f"{where} {name}"
    text = _text(table, "text", where)
    if not text.startswith("Consider"):
        raise RulesetError("a rule suggests, it never orders", where=f"{where}.text", hint="begin with 'Consider'")
    sites = _texts(table, "sites", where)
    places = frozenset(place for site in sites for place in sites_of(site, f"{where}.sites"))
    if not places:
        raise RulesetError("a rule without sites", where=f"{where}.sites", hint="name sites or a group of sites")
    if "when" not in table:
        raise RulesetError("a rule without a condition", where=where, hint='add `when = { site = "…" }`')
    rule = Rule(
        id=name,
        kind=RuleKind(_one_of(table, "kind", tuple(RuleKind), where)),
        urgency=Urgency(_one_of(table, "urgency", tuple(Urgency), where)),
        text=text,
        covers=_texts(table, "covers", where),
        sites=sites,
        places=places,
        body_only=all(vocabulary().sites[place].place is Region.BODY for place in places),
        intervention=str(table.get("intervention", "")),
        when=parse(table["when"], f"{where}.when"),
        source=_cited(table, document, where),
        where=where,
    )
    check_safety(rule.when, rule.text, rule.intervention, sites, where)
    return rule


def load_toml(text: str, where: str) -> dict[str, Any]:
    """The tables of a TOML text; `RulesetError` where it is none."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RulesetError(f"not TOML: {error}", where=where) from error


def parse_rules(text: str, name: str) -> RulesFile:
    """A whole rules file. `name` is what errors call it.

    Raises `RulesetError` at the first problem; `lint` lists all of them.
    """
    table = load_toml(text, name)
    document = parse_source_document(table.get("document"), f"{name}: document")
    given = table.get("rule", [])
    if not isinstance(given, list):
        raise RulesetError("'rule' is not a list of tables", where=name, hint="write [[rule]]")
    rules = tuple(parse_rule(rule, document, f"{name}: rule[{n}]") for n, rule in enumerate(given))
    return RulesFile(document=document, rules=rules)
