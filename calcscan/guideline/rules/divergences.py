"""Where the documents contradict each other, and what of them is no rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from calcscan.errors import RulesetError
from calcscan.guideline.rules.condition_tree import Node
from calcscan.guideline.rules.conditions import parse
from calcscan.guideline.rules.tables import load_toml
from calcscan.guideline.rules.terms import Terms
from calcscan.knowledge.settings import Table, converted

E = TypeVar("E", bound=Table)


class DivergenceSide(Table, frozen=True, kw_only=True):
    """One side of a conflict between sources."""

    text: str
    covers: tuple[str, ...] = ()


class ConflictEntry(Table, frozen=True, kw_only=True):
    """One `[[conflict]]` of `conflicts.toml`."""

    id: str
    text: str
    sides: tuple[DivergenceSide, ...]
    handling: str
    when: dict[str, Any]


class ContextEntry(Table, frozen=True, kw_only=True):
    """One `[[context]]` of `context.toml`: facts of the documents that are no rules, and why."""

    covers: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """A conflict between, or within, the documents; shown when `when` is true."""

    id: str
    text: str
    sides: tuple[DivergenceSide, ...]
    handling: str
    when: Node


def parse_divergences(text: str, name: str, terms: Terms | None = None) -> tuple[Divergence, ...]:
    """The `[[conflict]]` tables of `conflicts.toml`.

    Raises `RulesetError` with file, number and key.
    """
    entries = _entries(load_toml(text, name).get("conflict", []), ConflictEntry, f"{name}: conflict")
    return tuple(
        Divergence(
            id=entry.id,
            text=entry.text,
            sides=entry.sides,
            handling=entry.handling,
            when=parse(entry.when, f"{name}: conflict[{n}] {entry.id}.when", terms),
        )
        for n, entry in enumerate(entries)
    )


def parse_context(table: Mapping[str, Any], name: str) -> dict[str, str]:
    """Fact id → why it is no rule; errors as of `parse_divergences`."""
    entries = _entries(table.get("context", []), ContextEntry, f"{name}: context")
    return {fact: entry.reason for entry in entries for fact in entry.covers}


def _entries(given: Iterable[object], kind: type[E], where: str) -> list[E]:
    entries = []
    for n, entry in enumerate(given):
        try:
            entries.append(converted(entry, kind))
        except msgspec.ValidationError as error:
            raise RulesetError(str(error), where=f"{where}[{n}]") from error
    return entries
