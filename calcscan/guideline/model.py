"""What the guideline gives back. All are frozen; `Guidance.to_dict()` is the report's `guideline` object."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from calcscan.guideline.facts.statements import Value


class RuleKind(StrEnum):
    """What a rule suggests."""

    WORKUP_LABORATORY = "workup_laboratory"
    WORKUP_IMAGING = "workup_imaging"
    WORKUP_CLINICAL = "workup_clinical"
    REFERRAL = "referral"
    MANAGEMENT = "management"
    CAUSE = "cause"
    FOLLOW_UP = "follow_up"
    CAVEAT = "caveat"


class Priority(StrEnum):
    """How soon, the most urgent first. It is calcscan's own: no source names any."""

    URGENT = "urgent"
    SOON = "soon"
    ROUTINE = "routine"


class State(StrEnum):
    """What has become of a rule that applies."""

    SUGGESTED = "suggested"
    DONE = "done"
    """What it asks for is known."""
    HELD_BACK = "held_back"
    """Something else comes first, or speaks against it for now."""


class Group(StrEnum):
    """The parts of the page, in order."""

    ANSWER = "answer"
    NOW = "now"
    NEXT = "next"
    DONE = "done"
    ASK = "ask"
    KEEP_IN_MIND = "keep_in_mind"


class ConflictKind(StrEnum):
    """What disagrees: the documents, or facts about the person."""

    SOURCES = "sources"
    FACTS = "facts"


DISCLAIMER = (
    "Research use only, not for diagnosis. Every line is something to consider, drawn from secondary sources that are "
    "not all reviewed; check it against primary sources and clinical judgement."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Because:
    """One fact that a recommendation rests on, who says so (stated, image, derived), and how it was judged."""

    fact: str
    value: Value | None
    origin: str
    detail: str = ""
    label: str = ""
    """How a person would name it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a recommendation comes from: the document, its section, the ids of the facts in it."""

    document: str
    section: str
    facts: tuple[str, ...]
    date: str
    status: str
    publisher: str = ""
    address: str = ""
    nature: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caution:
    """What goes with a suggestion so that it does no harm: the rule that says so, and its words."""

    rule: str
    text: str
    covers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """One thing to consider. `text` ends with the words of its `cautions`."""

    id: str
    topic: str
    state: State
    kind: RuleKind
    text: str
    priority: Priority
    priority_why: str
    covers: tuple[str, ...]
    because: tuple[Because, ...]
    source: Source
    cautions: tuple[Caution, ...] = ()
    result: str = ""
    """For what is done: what came of it."""
    held_back_because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLine:
    """One line of the page: the rules that it joins, the facts of the documents that it states, and its reasons."""

    group: Group
    topic: str
    text: str
    rules: tuple[str, ...]
    covers: tuple[str, ...]
    because: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedsInput:
    """A fact that is unknown, and the rules that it alone could settle."""

    fact: str
    would_decide: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictSide:
    """One side of a conflict: what a document says, with its facts, or what was stated or measured, with its value."""

    text: str
    covers: tuple[str, ...] = ()
    fact: str = ""
    value: Value | None = None
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Two things that don't go together, both shown, and what calcscan does about it."""

    id: str
    kind: ConflictKind
    text: str
    sides: tuple[ConflictSide, ...]
    handling: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotApplicable:
    """A rule that the facts rule out, and the fact that does."""

    id: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Guidance:
    """Everything that the rules say about one case."""

    ruleset: str
    version: str
    sha256: str
    rules_added: tuple[str, ...]
    """The rules beside those that are always shipped: each with its file, and the rule that it replaces."""
    rules_left_out: tuple[str, ...]
    page: tuple[PageLine, ...]
    recommendations: tuple[Recommendation, ...]
    needs_input: tuple[NeedsInput, ...]
    conflicts: tuple[Conflict, ...]
    not_applicable: tuple[NotApplicable, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, texts and numbers, ready for JSON."""
        return {
            "ruleset": self.ruleset,
            "version": self.version,
            "sha256": self.sha256,
            "rules_added": list(self.rules_added),
            "rules_left_out": list(self.rules_left_out),
            "page": [_line(line) for line in self.page],
            "recommendations": [_recommendation(item) for item in self.recommendations],
            "needs_input": [{"fact": n.fact, "would_decide": list(n.would_decide)} for n in self.needs_input],
            "conflicts": [
                {
                    "id": item.id,
                    "kind": item.kind.value,
                    "text": item.text,
                    "sides": [_side(side) for side in item.sides],
                    "handling": item.handling,
                }
                for item in self.conflicts
            ],
            "not_applicable": [{"id": item.id, "because": item.because} for item in self.not_applicable],
        }


def _side(side: ConflictSide) -> dict[str, Any]:
    """A fact with its value and origin; a document with the facts that it covers."""
    if side.fact:
        return {"text": side.text, "fact": side.fact, "value": side.value, "origin": side.origin}
    return {"text": side.text, "covers": list(side.covers)}


def source_dict(source: Source) -> dict[str, Any]:
    """A source, ready for JSON; an unknown date is null."""
    return {
        "document": source.document,
        "section": source.section,
        "facts": list(source.facts),
        "date": source.date or None,
        "status": source.status,
        "publisher": source.publisher or None,
        "address": source.address or None,
        "nature": source.nature or None,
    }


def _line(line: PageLine) -> dict[str, Any]:
    return {
        "group": line.group.value,
        "topic": line.topic,
        "text": line.text,
        "rules": list(line.rules),
        "covers": list(line.covers),
        "because": list(line.because),
    }


def _recommendation(item: Recommendation) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "id": item.id,
        "topic": item.topic,
        "state": item.state.value,
        "kind": item.kind.value,
        "text": item.text,
        "priority": item.priority.value,
        "priority_why": item.priority_why,
        "covers": list(item.covers),
        "because": [
            {"fact": b.fact, "value": b.value, "origin": b.origin, **({"detail": b.detail} if b.detail else {})}
            for b in item.because
        ],
        "source": source_dict(item.source),
    }
    if item.cautions:
        plain["cautions"] = [{"rule": c.rule, "text": c.text, "covers": list(c.covers)} for c in item.cautions]
    if item.state is State.DONE:
        plain["result"] = item.result
    if item.state is State.HELD_BACK:
        plain["held_back_because"] = item.held_back_because
    return plain
