"""How guidance is laid out on its page, from `knowledge/rules/page.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from calcscan.guideline.model import Group, Priority
from calcscan.knowledge.entries import read_toml, typed_entries
from calcscan.knowledge.settings import Table


class PageSize(Table, frozen=True, kw_only=True):
    """How much a page holds."""

    lines_at_most: int
    asked_at_most: int
    asked_from_weight: int
    """The least that a rule weighs which a fact that is asked for could turn on (`weight` of the priorities)."""
    second_answer_from_rank: int
    """An answer for another site stands beside the first one from this rank on."""
    alone_from_rank: int
    """An answer of this rank stands alone."""
    reasons_at_most: int


class PriorityEntry(Table, frozen=True, kw_only=True):
    """The part of the page in which a priority stands, and why a rule has it that gives no reason of its own."""

    name: Priority
    group: Group
    weight: int
    """How much a rule counts when it is ranked what to ask next."""
    why: str


class Topic(Table, frozen=True, kw_only=True):
    """What several rules speak of: one line of the page.

    `lead` stands before the page texts of its rules. `with_answer`: if the answer comes from this topic, whatever its
    rules say belongs to it.
    """

    name: str
    label: str
    lead: str = ""
    with_answer: bool = False


class Layout(Table, frozen=True, kw_only=True):
    """The page as a whole. Topics stand in the order of the file where they are equally urgent."""

    page: PageSize
    answer_weight: int
    """What a rule weighs that could give the answer, on top of its priority."""
    known_disorder_weight: int
    """What a rule weighs that treats or follows a disorder found: whoever has it would have said so."""
    priorities: Mapping[str, PriorityEntry]
    topics: Mapping[str, Topic]


@cache
def layout() -> Layout:
    """The layout that calcscan ships.

    >>> layout().topics["causes"].lead
    'Think of '
    """
    table = read_toml("rules/page.toml")
    return Layout(
        page=PageSize(**table["page"]),
        **table["weight"],
        priorities=typed_entries(
            PriorityEntry, table["priority"], name_as="name", where="rules/page.toml: priority", names=list(Priority)
        ),
        topics=typed_entries(Topic, table["topic"], name_as="name", where="rules/page.toml: topic"),
    )
