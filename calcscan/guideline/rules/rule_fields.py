"""Each field of a rule, from what is written of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from calcscan.errors import RulesetError
from calcscan.guideline.facts.vocabulary import Region, nearest
from calcscan.guideline.model import Priority, RuleKind, Source
from calcscan.guideline.rules.condition_tree import Node, leaves
from calcscan.guideline.rules.conditions import parse, sites_of
from calcscan.guideline.rules.rule import Answer, HoldBack, Raise, SourceDocument
from calcscan.guideline.rules.tables import known_keys, one_of, text_of, texts_of, yes_no
from calcscan.guideline.rules.terms import Terms

VERBS = (
    "Ask", "Aim", "Avoid", "Bear in mind", "Check", "Choose", "Consider", "Control", "Correct", "Discuss", "Examine",
    "Expect", "Follow", "Image", "Keep", "Leave", "Look", "Measure", "Refer", "Review", "Take care", "Think of",
    "Treat", "Watch",
)  # fmt: skip
"""What a rule's text begins with: a thing to consider, said by its verb."""


def _cited(rule: Mapping[str, Any], document: SourceDocument, where: str) -> Source:
    covers = texts_of(rule, "covers", where)
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
        section=text_of(rule, "section", where),
        facts=covers,
        date=document.date,
        status=document.status,
        publisher=document.publisher,
        address=document.address,
        nature=document.nature,
    )


@dataclass(frozen=True, slots=True)
class GivenRule:
    """A rule as it is written, and what it is read with."""

    table: Mapping[str, Any]
    document: SourceDocument
    where: str
    number: int
    terms: Terms

    def text(self, key: str) -> str:
        return text_of(self.table, key, self.where)

    def texts(self, key: str) -> tuple[str, ...]:
        return texts_of(self.table, key, self.where)

    def plain(self, key: str) -> str:
        """Text that may be missing."""
        return text_of(self.table, key, self.where) if key in self.table else ""

    def one_of(self, key: str, known: tuple[str, ...]) -> str:
        return one_of(self.table, key, known, self.where)

    def node(self, key: str) -> Node | None:
        return parse(self.table[key], f"{self.where}.{key}", self.terms) if key in self.table else None

    def inner(self, key: str, known: tuple[str, ...]) -> GivenRule:
        """A table within the rule."""
        where = f"{self.where}.{key}"
        return GivenRule(known_keys(self.table[key], known, where), self.document, where, self.number, self.terms)

    def needed(self, key: str, hint: str = "") -> Node:
        """A condition that must be there."""
        if key not in self.table:
            raise RulesetError("a rule without a condition", where=self.where, hint=hint)
        return parse(self.table[key], f"{self.where}.{key}", self.terms)


def _when(given: GivenRule) -> Node:
    return given.needed("when", 'add `when = { site = "…" }`')


def _raised(given: GivenRule) -> Raise | None:
    if "raise" not in given.table:
        return None
    inner = given.inner("raise", ("to", "why", "when"))
    return Raise(
        to=Priority(inner.one_of("to", tuple(Priority))),
        why=inner.text("why"),
        when=parse(inner.table.get("when"), f"{inner.where}.when", given.terms),
    )


def _hold_back(given: GivenRule) -> HoldBack | None:
    if "hold_back" not in given.table:
        return None
    inner = given.inner("hold_back", ("why", "when"))
    return HoldBack(why=inner.text("why"), when=parse(inner.table.get("when"), f"{inner.where}.when", given.terms))


def _answer(given: GivenRule) -> Answer | None:
    if "answer" not in given.table:
        return None
    inner = given.inner("answer", ("rank", "text", "only", "unless"))
    rank = inner.table.get("rank")
    if isinstance(rank, bool) or not isinstance(rank, int):
        raise RulesetError(
            "'rank' is not a whole number", where=f"{inner.where}.rank", hint="the highest leads the page"
        )
    return Answer(rank=rank, text=inner.text("text"), only=inner.node("only"), unless=inner.node("unless"))


def _asks(given: GivenRule) -> tuple[tuple[str, ...], ...]:
    asks = tuple(tuple(item.split("|")) for item in given.texts("asks"))
    kinds = given.terms.vocabulary.kinds
    for path in (path for ask in asks for path in ask):
        if path not in kinds:
            raise RulesetError(f"unknown fact {path!r}", where=f"{given.where}.asks", hint=nearest(path, kinds))
    return asks


def _why(given: GivenRule) -> str:
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


def _weight(given: GivenRule) -> int:
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


def _asks_the_person(given: GivenRule) -> bool:
    paths = [path for ask in _asks(given) for path in ask]
    return bool(paths) and not any(path.startswith(_MEASURED_OR_SEEN) for path in paths)


def _begins_with_a_verb(given: GivenRule) -> str:
    text = given.text("text")
    if not text.startswith(VERBS):
        hint = "begin with one of: " + ", ".join(VERBS)
        raise RulesetError("a rule begins with what is to be considered", where=f"{given.where}.text", hint=hint)
    return text


def _page_text(given: GivenRule) -> str | None:
    text = given.table.get("page_text")
    if text is None or isinstance(text, str):
        return text
    raise RulesetError("'page_text' is not text", where=f"{given.where}.page_text")


def _on_page(given: GivenRule) -> Node | bool:
    on_page = given.table.get("on_page", True)
    return on_page if isinstance(on_page, bool) else parse(on_page, f"{given.where}.on_page", given.terms)


def _places(given: GivenRule) -> frozenset[str]:
    where = f"{given.where}.sites"
    places = frozenset(place for site in given.texts("sites") for place in sites_of(site, where))
    if not places:
        raise RulesetError("a rule without sites", where=where, hint="name sites or a group of sites")
    return places


def _body_only(given: GivenRule) -> bool:
    sites = given.terms.vocabulary.sites
    return all(sites[place].place is Region.BODY for place in _places(given))


def _topic(given: GivenRule) -> str:
    topics = tuple(given.terms.layout.topics)
    return one_of({"topic": "other", **given.table}, "topic", topics, given.where)


FIELDS: Mapping[str, Callable[[GivenRule], Any]] = {
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
    "reassures": lambda given: yes_no(given.table, "reassures", given.where),
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
