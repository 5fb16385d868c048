"""Rules files: from TOML to frozen rules. Every problem has a file and an address."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

from calcscan.errors import RulesetError
from calcscan.guideline.facts.vocabulary import Region, nearest, vocabulary
from calcscan.guideline.model import Priority, RuleKind, Source
from calcscan.guideline.rules.conditions import Node, leaves, parse, sites_of
from calcscan.guideline.rules.layout import layout
from calcscan.guideline.rules.rule import Answer, HoldBack, Raise, Rule, RulesFile, SourceDocument
from calcscan.guideline.rules.safety import check_safety

_DOCUMENT_KEYS = (
    "key", "title", "publisher", "address", "nature", "date", "status", "version", "facts", "origin", "stated_twice",
    "general",
)  # fmt: skip
_RULE_KEYS = (
    "id", "topic", "kind", "priority", "why", "raise", "covers", "section", "sites", "text", "page_text", "on_page",
    "off_page", "answer", "asks", "uses", "cautions", "reassures", "when", "unless", "hold_back", "intervention",
    "citation",
)  # fmt: skip
VERBS = (
    "Ask", "Aim", "Avoid", "Bear in mind", "Check", "Choose", "Consider", "Control", "Correct", "Discuss", "Examine",
    "Expect", "Follow", "Image", "Keep", "Leave", "Look", "Measure", "Refer", "Review", "Take care", "Think of",
    "Treat", "Watch",
)  # fmt: skip
"""What a rule's text begins with: a thing to consider, said by its verb."""


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


def _yes_no(table: Mapping[str, Any], key: str, where: str) -> bool:
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise RulesetError(f"{key!r} is neither true nor false", where=f"{where}.{key}")
    return value


def parse_source_document(given: object, where: str) -> SourceDocument:
    """The `[document]` table of a rules file."""
    table = _known_keys(given, _DOCUMENT_KEYS, where)
    return SourceDocument(
        key=_text(table, "key", where),
        title=_text(table, "title", where),
        publisher=str(table.get("publisher", "")),
        address=str(table.get("address", "")),
        nature=str(table.get("nature", "")),
        date=str(table.get("date", "")),
        status=_text(table, "status", where),
        version=str(table.get("version", "")),
        facts=_texts(table, "facts", where),
        stated_twice=_texts(table, "stated_twice", where),
        origin=str(table.get("origin", "local")),
        general=_yes_no(table, "general", where),
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
    return Source(
        document=document.title if covers else str(citation),
        section=_text(rule, "section", where),
        facts=covers,
        date=document.date,
        status=document.status,
        publisher=document.publisher,
        address=document.address,
        nature=document.nature,
    )


def _node(table: Mapping[str, Any], key: str, where: str) -> Node | None:
    return parse(table[key], f"{where}.{key}") if key in table else None


def _raised(rule: Mapping[str, Any], where: str) -> Raise | None:
    if "raise" not in rule:
        return None
    where = f"{where}.raise"
    table = _known_keys(rule["raise"], ("to", "why", "when"), where)
    to = Priority(_one_of(table, "to", tuple(Priority), where))
    return Raise(to=to, why=_text(table, "why", where), when=parse(table.get("when"), f"{where}.when"))


def _hold_back(rule: Mapping[str, Any], where: str) -> HoldBack | None:
    if "hold_back" not in rule:
        return None
    where = f"{where}.hold_back"
    table = _known_keys(rule["hold_back"], ("why", "when"), where)
    return HoldBack(why=_text(table, "why", where), when=parse(table.get("when"), f"{where}.when"))


def _answer(rule: Mapping[str, Any], where: str) -> Answer | None:
    if "answer" not in rule:
        return None
    where = f"{where}.answer"
    table = _known_keys(rule["answer"], ("rank", "text", "only", "unless"), where)
    rank = table.get("rank")
    if isinstance(rank, bool) or not isinstance(rank, int):
        raise RulesetError("'rank' is not a whole number", where=f"{where}.rank", hint="the highest leads the page")
    text, only, unless = _text(table, "text", where), _node(table, "only", where), _node(table, "unless", where)
    return Answer(rank=rank, text=text, only=only, unless=unless)


def _asks(rule: Mapping[str, Any], where: str) -> tuple[tuple[str, ...], ...]:
    asks = tuple(tuple(item.split("|")) for item in _texts(rule, "asks", where))
    kinds = vocabulary().kinds
    for path in (path for ask in asks for path in ask):
        if path not in kinds:
            raise RulesetError(f"unknown fact {path!r}", where=f"{where}.asks", hint=nearest(path, kinds))
    return asks


def _why(rule: Mapping[str, Any], priority: Priority, where: str) -> str:
    """Whatever is more than routine gives its own reason."""
    if "why" in rule:
        return _text(rule, "why", where)
    if priority is not Priority.ROUTINE:
        hint = "say why, in a few words: no source names a priority, so the reason is this file's own"
        raise RulesetError(f"priority {priority.value!r} without a reason", where=f"{where}.why", hint=hint)
    return layout().priorities[priority].why


_OF_WHAT_IS_KNOWN = (RuleKind.MANAGEMENT, RuleKind.REFERRAL, RuleKind.FOLLOW_UP)
"""Rules for a disorder that was found: whoever has it would have said so, so asking for it comes late."""


def _weight(kind: RuleKind, priority: Priority, answer: Answer | None, counts: bool) -> int:
    weights = layout()
    if not counts:
        return 0
    if kind in _OF_WHAT_IS_KNOWN:
        return weights.known_disorder_weight
    may_answer = answer is not None and answer.only is None
    return weights.priorities[priority].weight + (weights.answer_weight if may_answer else 0)


def parse_rule(given: object, document: SourceDocument, where: str, number: int = 0) -> Rule:
    """One `[[rule]]` of a rules file.

    Raises `RulesetError`, with the address, for what is unknown, missing, without a source, or past a guard.
    """
    table = _known_keys(given, _RULE_KEYS, where)
    name = _text(table, "id", where)
    where = f"{where} {name}"
    text = _text(table, "text", where)
    if not text.startswith(VERBS):
        hint = "begin with one of: " + ", ".join(VERBS)
        raise RulesetError("a rule begins with what is to be considered", where=f"{where}.text", hint=hint)
    sites = _texts(table, "sites", where)
    places = frozenset(place for site in sites for place in sites_of(site, f"{where}.sites"))
    if not places:
        raise RulesetError("a rule without sites", where=f"{where}.sites", hint="name sites or a group of sites")
    if "when" not in table:
        raise RulesetError("a rule without a condition", where=where, hint='add `when = { site = "…" }`')
    priority = Priority(_one_of(table, "priority", tuple(Priority), where))
    on_page = table.get("on_page", True)
    when = parse(table["when"], f"{where}.when")
    kind, answer = RuleKind(_one_of(table, "kind", tuple(RuleKind), where)), _answer(table, where)
    rule = Rule(
        id=name,
        topic=_one_of({"topic": "other", **table}, "topic", tuple(layout().topics), where),
        kind=kind,
        priority=priority,
        why=_why(table, priority, where),
        raised=_raised(table, where),
        text=text,
        page_text=None if "page_text" not in table else str(table["page_text"]),
        on_page=on_page if isinstance(on_page, bool) else parse(on_page, f"{where}.on_page"),
        off_page=_node(table, "off_page", where),
        answer=answer,
        asks=_asks(table, where),
        uses=_texts(table, "uses", where),
        cautions=str(table.get("cautions", "")),
        reassures=_yes_no(table, "reassures", where),
        general=document.general,
        covers=_texts(table, "covers", where),
        sites=sites,
        places=places,
        body_only=all(vocabulary().sites[place].place is Region.BODY for place in places),
        intervention=str(table.get("intervention", "")),
        when=when,
        rests_on=frozenset(leaf.fact for leaf in leaves(when)),
        weight=_weight(kind, priority, answer, on_page is not False and "cautions" not in table),
        unless=_node(table, "unless", where),
        hold_back=_hold_back(table, where),
        source=_cited(table, document, where),
        where=where,
        number=number,
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
    rules = tuple(parse_rule(rule, document, f"{name}: rule[{n}]", n) for n, rule in enumerate(given))
    return RulesFile(document=document, rules=rules)
