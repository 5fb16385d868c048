"""Guidance for other systems: CDS Hooks cards. Proposals only, nothing in them is an order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4, uuid5

from calcscan.guideline.engine import build_case
from calcscan.guideline.export.card_words import (
    bullet,
    contradictions,
    escaped,
    section,
    settles,
    told_sources,
    unknown,
    whole,
)
from calcscan.guideline.export.fhir import fhir
from calcscan.guideline.judge import present_sites
from calcscan.guideline.model import (
    DISCLAIMER,
    Group,
    Guidance,
    PageLine,
    Priority,
    Recommendation,
    RuleKind,
    Source,
)
from calcscan.guideline.rules.ruleset import Ruleset, load_ruleset
from calcscan.guideline.wording import listed, sentence

_INDICATORS = {Priority.URGENT: "critical", Priority.SOON: "warning", Priority.ROUTINE: "info"}
_TESTS = (RuleKind.WORKUP_LABORATORY, RuleKind.WORKUP_IMAGING)
_NOT_TO_DO = (RuleKind.CAUSE, RuleKind.CAVEAT)
_TO_DO = (Group.NOW, Group.NEXT)
_HEADINGS = {
    Group.ANSWER: "Answer",
    Group.NOW: "Now",
    Group.NEXT: "Next",
    Group.DONE: "Done",
    Group.ASK: "Ask",
    Group.KEEP_IN_MIND: "Keep in mind",
}
_SEE_DETAIL = "Something is to be settled first: see the detail."
_OVERRIDE = "urn:calcscan:override-reasons"
_OVERRIDE_REASONS = (
    ("done", "Already done or ordered"),
    ("known", "The facts are wrong or out of date"),
    ("not-applicable", "Does not fit this person"),
    ("judgement", "Clinical judgement"),
)
_OF_THE_EXPORT = ("id", "text", "requester", "reasonReference")
"""What a request says that only holds within the bundle of an export."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Card:
    """What one card is about: its lines, and the requests among them that a user may take over."""

    key: str
    lines: tuple[PageLine, ...]


def cards(
    guidance: Guidance,
    facts: Mapping[str, Any] | None = None,
    *,
    subject: str = "",
    export_id: UUID | None = None,
    rules: Ruleset | None = None,
) -> dict[str, Any]:
    """A CDS Hooks response: at most three cards, for what to do, what to test, and what to keep in mind.

    Each says in its detail which facts contradict each other or are in question. Where nothing is to be done, one card
    of the indicator "info" gives the answer; where nothing was found, or nothing is known, there is none.

    Parameters
    ----------
    guidance
        From `calcscan.recommend`.
    facts
        The facts it was given.
    subject
        A reference to the person, such as `Patient/1`. With it, cards suggest the requests that they speak of, as
        drafts to be created; without it no card has suggestions.
    export_id
        What the ids of the cards follow from; each response has its own without it.
    rules
        The rules that gave the guidance, where others than the shipped ones were in use.

    Source of the form: https://cds-hooks.hl7.org, "CDS Service Response".

    >>> from calcscan.guideline import recommend
    >>> cards(recommend({"findings": [{"site": "basal_ganglia", "present": True}]}))["cards"][0]["indicator"]
    'info'
    """
    writer = _Writer(guidance, facts, subject, export_id or uuid4(), rules or load_ruleset(literature=True))
    return {"cards": [writer.card(card, n) for n, card in enumerate(writer.chosen())]}


class _Writer:
    def __init__(
        self, guidance: Guidance, facts: Mapping[str, Any] | None, subject: str, export_id: UUID, rules: Ruleset
    ) -> None:
        self.guidance, self.id, self.rules = guidance, export_id, rules
        self.items = {item.id: item for item in guidance.recommendations}
        case = build_case(facts or {}, words=rules.vocabulary, lenient=True)
        self.found = bool(present_sites(case)) or any(line.rules for line in guidance.page)
        self.open = [*contradictions(guidance, rules.vocabulary), *(question.text for question in case.questions)]
        self.requests = _requests(guidance, facts, subject, rules) if subject else []

    def chosen(self) -> list[_Card]:
        """The cards that have something to say."""
        to_do = [line for line in self.guidance.page if line.group in _TO_DO]
        tests = tuple(line for line in to_do if self._is_test(line))
        acts = tuple(line for line in to_do if line not in tests)
        mind = tuple(line for line in self.guidance.page if line.group is Group.KEEP_IN_MIND)
        made = [_Card(key=key, lines=lines) for key, lines in (("act", acts), ("tests", tests)) if lines]
        made.sort(key=lambda card: list(Priority).index(self._priority(card.lines)))
        if not made and (mind or self.found or self.open):
            return [_Card(key="answer", lines=mind)]
        return [*made, *([_Card(key="mind", lines=mind)] if mind else [])]

    def _members(self, line: PageLine) -> list[Recommendation]:
        return [self.items[rule] for rule in line.rules if rule in self.items]

    def _is_test(self, line: PageLine) -> bool:
        kinds = [item.kind for item in self._members(line) if item.kind not in _NOT_TO_DO]
        return bool(kinds) and all(kind in _TESTS for kind in kinds)

    def _priority(self, lines: Iterable[PageLine]) -> Priority:
        stated = [
            item.priority
            for line in lines
            if line.group in _TO_DO
            for item in self._members(line)
            if item.kind not in _NOT_TO_DO
        ]
        # A question that leads the page is about a value that is dangerous if it is right.
        stated += [Priority.URGENT for line in lines if line.group is Group.NOW and not line.topic]
        return min(stated, default=Priority.ROUTINE, key=list(Priority).index)

    def card(self, card: _Card, n: int) -> dict[str, Any]:
        """One card; the first also has the answer, what is done and what to ask."""
        priority = self._priority(card.lines)
        first = n == 0
        own_id = uuid5(self.id, card.key)
        made = {
            "uuid": str(own_id),
            "summary": self._summary(card, leads=first and priority is Priority.ROUTINE),
            "detail": self._detail(card, first),
            "indicator": _INDICATORS[priority],
            "source": self._source(card),
            "overrideReasons": [
                {"code": code, "system": _OVERRIDE, "display": display} for code, display in _OVERRIDE_REASONS
            ],
        }
        suggestions = self._suggestions(card, own_id)
        return {**made, "suggestions": suggestions, "selectionBehavior": "any"} if suggestions else made

    def _summary(self, card: _Card, *, leads: bool) -> str:
        """A whole sentence: the answer where nothing presses, else the most pressing line."""
        answers = [line.text for line in self.guidance.page if line.group is Group.ANSWER]
        texts = [*(answers if leads or card.key == "answer" else []), *(line.text for line in card.lines)]
        cautions = {line.text for line in card.lines if any(item.cautions for item in self._members(line))}
        rules = [item.text for line in card.lines[:1] for item in self._members(line) if not item.cautions]
        for text in [*texts[:1], *rules, *texts[1:]]:
            if short := whole(text, cautioned=text in cautions):
                return short
        topics = [self.rules.layout.topics[line.topic].label for line in card.lines if line.topic]
        listings = (whole(f"To consider: {listed(topics[:n])}") for n in range(len(topics), 0, -1))
        return next(filter(None, listings), _SEE_DETAIL)

    def _detail(self, card: _Card, first: bool) -> str:
        """The lines of the page that belong to the card, as Markdown."""
        about = (Group.ANSWER, Group.DONE, Group.ASK) if first else ()
        lines = [
            line
            for line in self.guidance.page
            if line in card.lines or (line.group in about and not settles(line, self.open))
        ]
        parts = []
        for group in Group:
            of_group = [line for line in lines if line.group is group]
            if of_group:
                parts.append("\n".join([f"**{_HEADINGS[group]}**", "", *map(bullet, of_group)]))
        shown = " ".join(line.text for line in lines)
        parts += section("Settle first", [sentence(text) for text in self.open if text not in shown])
        if first:
            parts += section("Unknown, the most decisive first", unknown(self.guidance, self.rules.vocabulary))
        parts += section("Sources", told_sources(self._cited(lines)))
        rules = f"Rules {self.guidance.ruleset} {self.guidance.version}, sha256 {self.guidance.sha256[:12]}."
        return "\n\n".join([*parts, escaped(f"{rules} {DISCLAIMER}")])

    def _cited(self, lines: Sequence[PageLine]) -> list[Source]:
        return list(dict.fromkeys(item.source for line in lines for item in self._members(line)))

    def _source(self, card: _Card) -> dict[str, str]:
        """The document, if it is one; else the rules, whose documents stand in the detail."""
        answers = [line for line in self.guidance.page if line.group is Group.ANSWER]
        documents = {
            source.document: source for source in self._cited([*card.lines, *(answers if not card.lines else [])])
        }
        if len(documents) != 1:
            several = f", from {len(documents)} documents" if documents else ""
            return {"label": f"calcscan rules {self.guidance.version}{several}"}
        (source,) = documents.values()
        return {"label": source.document, **({"url": source.address} if source.address else {})}

    def _suggestions(self, card: _Card, own_id: UUID) -> list[dict[str, Any]]:
        """What the card would have ordered, each a draft to be created."""
        cautioned = [line.text for line in card.lines if any(item.cautions for item in self._members(line))]
        cautioned += [item.text for line in card.lines for item in self._members(line) if item.cautions]
        texts = {line.text for line in card.lines} | {item.text for line in card.lines for item in self._members(line)}
        return [
            {
                "label": whole(text, cautioned=text in cautioned) or "Draft the request",
                "uuid": str(uuid5(own_id, text)),
                "actions": [{"type": "create", "description": f"Draft a request: {text}", "resource": request}],
            }
            for request in self.requests
            if (text := request["code"]["text"]) in texts
        ]


def _requests(
    guidance: Guidance, facts: Mapping[str, Any] | None, subject: str, rules: Ruleset
) -> list[dict[str, Any]]:
    """The requests of the FHIR export, without what refers to other resources of it."""
    entries = fhir(guidance, facts, subject=subject, rules=rules)["entry"]
    found = [entry["resource"] for entry in entries if entry["resource"]["resourceType"] == "ServiceRequest"]
    return [{key: value for key, value in one.items() if key not in _OF_THE_EXPORT} for one in found]
