"""Rules files: from TOML to frozen rules. Every problem has a file and an address."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from calcscan.errors import RulesetError
from calcscan.guideline.facts.vocabulary import Region, nearest
from calcscan.guideline.model import Priority, RuleKind, Source
from calcscan.guideline.rules.conditions import Node, leaves, parse, problems_in, sites_of
from calcscan.guideline.rules.rule import Answer, HoldBack, Raise, Rule, RulesFile, SourceDocument
from calcscan.guideline.rules.safety import check_safety, check_warned
from calcscan.guideline.rules.terms import Terms, shipped_terms

_DOCUMENT_KEYS = (
    "key", "title", "publisher", "address", "nature", "date", "status", "version", "facts", "origin", "stated_twice",
    "general",
)  # fmt: skip
_RULE_KEYS = (
    "id", "topic", "kind", "priority", "why", "raise", "covers", "section", "sites", "text", "page_text", "on_page",
    "off_page", "answer", "asks", "uses", "cautions", "reassures", "when", "unless", "hold_back", "intervention",
    "citation", "replaces",
)  # fmt: skip
_OTHER_WORDS = {
    "urgency": "priority", "if": "when", "condition": "when", "conditions": "when", "reason": "why",
    "reference": "citation", "source": "citation", "site": "sites", "name": "id", "replace": "replaces",
}  # fmt: skip
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
    for error in unknown_keys(table, known, where):
        raise error
    return table


def unknown_keys(table: Mapping[str, Any], known: tuple[str, ...], where: str) -> Iterator[RulesetError]:
    """An error for each key that isn't known, with the nearest one that is."""
    for key in table:
        if key not in known:
            other = _OTHER_WORDS.get(key, "")
            hint = f"write {other!r}" if other in known and other not in table else nearest(key, known)
            yield RulesetError(f"unknown key {key!r}", where=f"{where}.{key}", hint=hint)


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


def parse_source_document(given: object, where: str, *, local: bool = False) -> SourceDocument:
    """The `[document]` table of a rules file; of one that calcscan doesn't ship, if `local`."""
    if given is None:
        hint = "write [document] with key, title and status"
        raise RulesetError("a rules file without its document", where=where, hint=hint)
    table = _known_keys(given, _DOCUMENT_KEYS, where)
    origin = table.get("origin", "local")
    if local and origin != "local":
        hint = "leave it out: the others are for what calcscan ships"
        raise RulesetError(f"origin {origin!r}", where=f"{where}.origin", hint=hint)
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
        origin=str(origin),
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


@dataclass(frozen=True, slots=True)
class _Given:
    """A rule as it is written, and what it is read with."""

    table: Mapping[str, Any]
    document: SourceDocument
    where: str
    number: int
    terms: Terms

    def text(self, key: str) -> str:
        return _text(self.table, key, self.where)

    def texts(self, key: str) -> tuple[str, ...]:
        return _texts(self.table, key, self.where)

    def plain(self, key: str) -> str:
        """Text that may be missing."""
        return _text(self.table, key, self.where) if key in self.table else ""

    def one_of(self, key: str, known: tuple[str, ...]) -> str:
        return _one_of(self.table, key, known, self.where)

    def node(self, key: str) -> Node | None:
        return parse(self.table[key], f"{self.where}.{key}", self.terms) if key in self.table else None

    def inner(self, key: str, known: tuple[str, ...]) -> _Given:
        """A table within the rule."""
        where = f"{self.where}.{key}"
        return _Given(_known_keys(self.table[key], known, where), self.document, where, self.number, self.terms)

    def needed(self, key: str, hint: str = "") -> Node:
        """A condition that must be there."""
        if key not in self.table:
            raise RulesetError("a rule without a condition", where=self.where, hint=hint)
        return parse(self.table[key], f"{self.where}.{key}", self.terms)


def _when(given: _Given) -> Node:
    return given.needed("when", 'add `when = { site = "…" }`')


def _raised(given: _Given) -> Raise | None:
    if "raise" not in given.table:
        return None
    inner = given.inner("raise", ("to", "why", "when"))
    return Raise(
        to=Priority(inner.one_of("to", tuple(Priority))),
        why=inner.text("why"),
        when=parse(inner.table.get("when"), f"{inner.where}.when", given.terms),
    )


def _hold_back(given: _Given) -> HoldBack | None:
    if "hold_back" not in given.table:
        return None
    inner = given.inner("hold_back", ("why", "when"))
    return HoldBack(why=inner.text("why"), when=parse(inner.table.get("when"), f"{inner.where}.when", given.terms))


def _answer(given: _Given) -> Answer | None:
    if "answer" not in given.table:
        return None
    inner = given.inner("answer", ("rank", "text", "only", "unless"))
    rank = inner.table.get("rank")
    if isinstance(rank, bool) or not isinstance(rank, int):
        raise RulesetError(
            "'rank' is not a whole number", where=f"{inner.where}.rank", hint="the highest leads the page"
        )
    return Answer(rank=rank, text=inner.text("text"), only=inner.node("only"), unless=inner.node("unless"))


def _asks(given: _Given) -> tuple[tuple[str, ...], ...]:
    asks = tuple(tuple(item.split("|")) for item in given.texts("asks"))
    kinds = given.terms.vocabulary.kinds
    for path in (path for ask in asks for path in ask):
        if path not in kinds:
            raise RulesetError(f"unknown fact {path!r}", where=f"{given.where}.asks", hint=nearest(path, kinds))
    return asks


def _why(given: _Given) -> str:
    """Whatever is more than routine gives its own reason."""
    if "why" in given.table:
        return given.text("why")
    priority = given.table.get("priority")
    if priority in tuple(Priority) and priority != Priority.ROUTINE:
        hint = "say why, in a few words: no source names a priority, so the reason is this file's own"
        raise RulesetError(f"priority {priority!r} without a reason", where=f"{given.where}.why", hint=hint)
    return given.terms.layout.priorities[Priority.ROUTINE].why


_OF_WHAT_IS_KNOWN = (RuleKind.MANAGEMENT, RuleKind.REFERRAL, RuleKind.FOLLOW_UP)
"""Rules for a disorder that was found: whoever has it would have said so, so asking for it comes late."""


_MEASURED_OR_SEEN = ("labs.", "imaging.", "egfr")


def _weight(given: _Given) -> int:
    weights = given.terms.layout
    if given.table.get("on_page") is False or "cautions" in given.table:
        return 0
    if given.table.get("kind") in _OF_WHAT_IS_KNOWN:
        return weights.known_disorder_weight
    answer = _answer(given)
    if answer is not None and answer.rank >= weights.page.alone_from_rank:
        return 0  # what stands alone on the page is seen in the picture, not asked for
    may_answer = answer is not None and answer.only is None
    return weights.priorities[given.one_of("priority", tuple(Priority))].weight + (
        weights.answer_weight if may_answer else 0
    )


def _asks_the_person(given: _Given) -> bool:
    paths = [path for ask in _asks(given) for path in ask]
    return bool(paths) and not any(path.startswith(_MEASURED_OR_SEEN) for path in paths)


def _begins_with_a_verb(given: _Given) -> str:
    text = given.text("text")
    if not text.startswith(VERBS):
        hint = "begin with one of: " + ", ".join(VERBS)
        raise RulesetError("a rule begins with what is to be considered", where=f"{given.where}.text", hint=hint)
    return text


def _page_text(given: _Given) -> str | None:
    text = given.table.get("page_text")
    if text is None or isinstance(text, str):
        return text
    raise RulesetError("'page_text' is not text", where=f"{given.where}.page_text")


def _on_page(given: _Given) -> Node | bool:
    on_page = given.table.get("on_page", True)
    return on_page if isinstance(on_page, bool) else parse(on_page, f"{given.where}.on_page", given.terms)


def _places(given: _Given) -> frozenset[str]:
    where = f"{given.where}.sites"
    places = frozenset(place for site in given.texts("sites") for place in sites_of(site, where))
    if not places:
        raise RulesetError("a rule without sites", where=where, hint="name sites or a group of sites")
    return places


def _body_only(given: _Given) -> bool:
    sites = given.terms.vocabulary.sites
    return all(sites[place].place is Region.BODY for place in _places(given))


def _topic(given: _Given) -> str:
    topics = tuple(given.terms.layout.topics)
    return _one_of({"topic": "other", **given.table}, "topic", topics, given.where)


_FIELDS: Mapping[str, Callable[[_Given], Any]] = {
    "id": lambda given: given.text("id"),
    "topic": _topic,
    "kind": lambda given: RuleKind(given.one_of("kind", tuple(RuleKind))),
    "priority": lambda given: Priority(given.one_of("priority", tuple(Priority))),
    "why": _why,
    "raised": _raised,
    "text": _begins_with_a_verb,
    "page_text": _page_text,
    "on_page": _on_page,
    "off_page": lambda given: given.node("off_page"),
    "answer": _answer,
    "asks": _asks,
    "asks_the_person": _asks_the_person,
    "uses": lambda given: given.texts("uses"),
    "cautions": lambda given: given.plain("cautions"),
    "reassures": lambda given: _yes_no(given.table, "reassures", given.where),
    "general": lambda given: given.document.general,
    "covers": lambda given: given.texts("covers"),
    "sites": lambda given: given.texts("sites"),
    "places": _places,
    "body_only": _body_only,
    "intervention": lambda given: given.plain("intervention"),
    "when": _when,
    "rests_on": lambda given: frozenset(leaf.fact for leaf in leaves(_when(given))),
    "weight": _weight,
    "unless": lambda given: given.node("unless"),
    "hold_back": _hold_back,
    "source": lambda given: _cited(given.table, given.document, given.where),
    "document": lambda given: given.document.key,
    "replaces": lambda given: given.plain("replaces"),
    "where": lambda given: given.where,
    "number": lambda given: given.number,
}
_CONDITIONS = ("when", "unless", "on_page", "off_page")


def parse_rule(
    given: object, document: SourceDocument, where: str, number: int = 0, terms: Terms | None = None
) -> Rule:
    """One `[[rule]]` of a rules file. `terms` are the names that it may use, else the shipped ones.

    Raises `RulesetError`, with the address, for what is unknown, missing, without a source, or past a guard;
    `rule_problems` lists all of them.
    """
    table = _known_keys(given, _RULE_KEYS, where)
    name = _text(table, "id", where)
    reading = _Given(table, document, f"{where} {name}", number, terms or shipped_terms())
    rule = Rule(**{field: read(reading) for field, read in _FIELDS.items()})
    answer = rule.answer.text if rule.answer else ""
    said = " ".join([rule.text, rule.page_text or "", answer])
    check_safety(rule.when, said, rule.intervention, rule.sites, rule.where)
    check_warned(said, rule.uses, rule.cautions, rule.where)
    return rule


def rule_problems(
    given: object, document: SourceDocument, where: str, number: int, terms: Terms
) -> Iterator[RulesetError]:
    """Everything in a `[[rule]]` that can't be taken, each once."""
    if not isinstance(given, Mapping):
        yield RulesetError("not a table", where=where)
        return
    yield from unknown_keys(given, _RULE_KEYS, where)
    name = given.get("id")
    reading = _Given(given, document, f"{where} {name}" if isinstance(name, str) and name else where, number, terms)
    seen: set[str] = set()  # problems, and addresses at which none is to be listed
    misnamed = {_OTHER_WORDS.get(key) for key in given if key not in _RULE_KEYS} - given.keys()
    seen |= {f"{reading.where}.{key}" for key in misnamed}
    for field, read in _FIELDS.items():
        try:
            read(reading)
        except RulesetError as error:
            several = field in _CONDITIONS and isinstance(given.get(field), Mapping)
            found = list(problems_in(given[field], f"{reading.where}.{field}", terms)) if several else [error]
            for each in found:
                if seen.isdisjoint((str(each), each.where)):
                    seen.add(str(each))
                    yield each


_DEEPEST = 40
"""Tables and lists are nested less deeply than this."""


def load_toml(text: str, where: str) -> dict[str, Any]:
    """The tables of a TOML text; `RulesetError` where it is none."""
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RulesetError(f"not TOML: {error}", where=where) from error
    inner: list[Any] = [table]
    for _ in range(_DEEPEST):
        inner = [value for outer in inner for value in (outer.values() if isinstance(outer, dict) else outer)]
        inner = [value for value in inner if isinstance(value, dict | list)]
        if not inner:
            return table
    raise RulesetError("nested too deeply", where=where, hint="name parts of a condition with [concept.NAME]")


def rules_given(table: Mapping[str, Any], name: str) -> list[Any]:
    """The `[[rule]]` tables of a rules file, unread."""
    given = table.get("rule", [])
    if not isinstance(given, list):
        raise RulesetError("'rule' is not a list of tables", where=name, hint="write [[rule]]")
    return given


def parse_rules(text: str, name: str, terms: Terms | None = None, *, local: bool = False) -> RulesFile:
    """A whole rules file. `name` is what errors call it; `terms` are the names that its rules may use; `local` is one
    that calcscan doesn't ship.

    Raises `RulesetError` at the first problem; `lint` lists all of them.
    """
    table = load_toml(text, name)
    document = parse_source_document(table.get("document"), f"{name}: document", local=local)
    rules = tuple(
        parse_rule(rule, document, f"{name}: rule[{n}]", n, terms) for n, rule in enumerate(rules_given(table, name))
    )
    return RulesFile(document=document, rules=rules)
