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
    reasons_at_most: int


class PriorityEntry(Table, frozen=True, kw_only=True):
    """The part of the page in which a priority stands, and why a rule has it that gives no reason of its own."""

    name: Priority
    group: Group
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
        priorities=typed_entries(
            PriorityEntry, table["priority"], name_as="name", where="rules/page.toml: priority", names=list(Priority)
        ),
        topics=typed_entries(Topic, table["topic"], name_as="name", where="rules/page.toml: topic"),
    )
