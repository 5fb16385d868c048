"""A rule, as read from its file."""

from __future__ import annotations

from dataclasses import dataclass

from calcscan.guideline.model import Priority, RuleKind, Source
from calcscan.guideline.rules.condition_tree import Node


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceDocument:
    """A source document and the ids of the facts in it. `origin` is `seed`, `literature` or `local`."""

    key: str
    title: str
    publisher: str
    address: str
    nature: str
    date: str
    status: str
    version: str
    facts: tuple[str, ...]
    stated_twice: tuple[str, ...]
    """The facts that two rules state on purpose."""
    origin: str
    general: bool
    """If it speaks of deposits anywhere: its rules give way to those of a site's own document, topic by topic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Raise:
    """A higher priority where more is known."""

    to: Priority
    why: str
    when: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldBack:
    """What speaks against a suggestion for now."""

    why: str
    when: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a rule says the calcification most likely means. The answer of the highest rank leads the page."""

    rank: int
    text: str
    only: Node | None
    unless: Node | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule, as read. `where` is its file and address."""

    id: str
    topic: str
    kind: RuleKind
    priority: Priority
    why: str
    raised: Raise | None
    text: str
    """May hold `{asks}`, for what is still unknown of what it asks for, and `{sites}`, for where findings are."""
    page_text: str | None
    """How it is said on a line that it shares; None: as `text`; empty: only its source is named."""
    on_page: Node | bool
    """If it may stand on the page: always, never, or where this is known to be true."""
    off_page: Node | None
    """Where this is known to be true, it stands in the full list only."""
    answer: Answer | None
    asks: tuple[tuple[str, ...], ...]
    """The facts that its test or question would answer, each with others that answer it as well."""
    asks_the_person: bool
    """Whether it only asks for what a person can tell."""
    uses: tuple[str, ...]
    """What it exposes a person to, of which cautions speak."""
    cautions: str
    """What it is a caution about."""
    reassures: bool
    """Whether symptoms, abnormal values, known disorders and contradictions block it."""
    general: bool
    covers: tuple[str, ...]
    sites: tuple[str, ...]
    places: frozenset[str]
    """`sites`, with the groups among them spelt out."""
    body_only: bool
    """Whether all of them lie outside the skull and its vessels."""
    intervention: str
    when: Node
    rests_on: frozenset[str]
    """The facts in `when`."""
    weight: int
    """How much it matters that a fact could turn it on (`knowledge/rules/page.toml`)."""
    unless: Node | None
    """What, if true, makes the rule inapplicable; unlike a `not` in `when`, it need not be known."""
    hold_back: HoldBack | None
    source: Source
    document: str
    """The key of the document in whose file it stands."""
    replaces: str
    """The id of the rule that it stands for, if any."""
    where: str
    number: int
    """Where in its file it stands: rules of one line are said in that order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesFile:
    """One rules file, as read."""

    document: SourceDocument
    rules: tuple[Rule, ...]
