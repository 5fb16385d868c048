"""What the guideline suggests, and why."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from calcscan.report.quantities import Sha256
from calcscan.report.schema.part import Part


class BecauseEntry(Part, frozen=True, kw_only=True):
    """A fact that a recommendation rests on, and where it comes from."""

    fact: str
    value: bool | int | float | str | None
    origin: str
    detail: str | UnsetType = UNSET


class SourceEntry(Part, frozen=True, kw_only=True):
    """The publication behind a recommendation; `facts` are the ids of its statements, `nature` what it is."""

    document: str
    section: str
    facts: tuple[str, ...]
    date: str | None
    status: str
    publisher: str | None
    address: str | None
    nature: str | None


class CautionEntry(Part, frozen=True, kw_only=True):
    """What goes with a recommendation so that it does no harm; its words stand at the end of the text, too."""

    rule: str
    text: str
    covers: tuple[str, ...]


class RecommendationEntry(Part, frozen=True, kw_only=True):
    """One thing to consider. The priority is calcscan's own, for the reason beside it."""

    id: str
    topic: str
    state: Literal["suggested", "done", "held_back"]
    kind: str
    text: str
    priority: Literal["urgent", "soon", "routine"]
    priority_why: str
    covers: tuple[str, ...]
    because: tuple[BecauseEntry, ...]
    source: SourceEntry
    cautions: tuple[CautionEntry, ...] | UnsetType = UNSET
    result: Annotated[str | UnsetType, Meta(description="For what is done: what came of it.")] = UNSET
    held_back_because: str | UnsetType = UNSET


class PageLineEntry(Part, frozen=True, kw_only=True):
    """One line of the page that a person reads: the rules that it joins, and why."""

    group: Literal["answer", "now", "next", "done", "ask", "keep_in_mind"]
    topic: str
    text: str
    rules: tuple[str, ...]
    covers: tuple[str, ...]
    because: tuple[str, ...]


class NeedsInputEntry(Part, frozen=True, kw_only=True):
    """A fact that is unknown, and the rules that it would decide."""

    fact: str
    would_decide: tuple[str, ...]


class ConflictSideEntry(Part, frozen=True, kw_only=True):
    """One side of a conflict: a fact and who states it, or what a publication says."""

    text: str
    fact: str | UnsetType = UNSET
    value: bool | int | float | str | UnsetType | None = UNSET
    origin: str | UnsetType = UNSET
    covers: tuple[str, ...] | UnsetType = UNSET


class ConflictEntry(Part, frozen=True, kw_only=True):
    """Facts or publications that contradict each other, and how that is handled."""

    id: str
    kind: str
    text: str
    sides: tuple[ConflictSideEntry, ...]
    handling: str


class NotApplicableEntry(Part, frozen=True, kw_only=True):
    """A rule that the facts exclude, and the fact that does."""

    id: str
    because: str


class GuidelineSection(Part, frozen=True, kw_only=True):
    """What the guideline's rules suggest; the most decisive unknown fact first."""

    ruleset: str
    version: str
    sha256: Annotated[Sha256, Meta(description="Of what is active: rules added and left out count.")]
    rules_added: tuple[str, ...]
    rules_left_out: tuple[str, ...]
    page: Annotated[tuple[PageLineEntry, ...], Meta(description="In order, at most ten lines, the answer first.")]
    recommendations: tuple[RecommendationEntry, ...]
    needs_input: tuple[NeedsInputEntry, ...]
    conflicts: tuple[ConflictEntry, ...]
    not_applicable: tuple[NotApplicableEntry, ...]
