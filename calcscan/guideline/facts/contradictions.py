"""Facts that can't both hold (`knowledge/contradictions.toml`)."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from functools import cache

import msgspec

from calcscan.errors import KnowledgeError
from calcscan.guideline.facts.case import Case, Dispute
from calcscan.guideline.facts.values import Value
from calcscan.guideline.facts.vocabulary import FINDINGS, vocabulary
from calcscan.knowledge.entries import read_toml
from calcscan.knowledge.settings import Table, converted


class Side(Table, frozen=True, kw_only=True):
    """A fact with the words that it is, or with a limit that it lies below, or not below."""

    fact: str
    is_: tuple[bool | str, ...] = msgspec.field(default=(), name="is")
    below: float | None = None
    at_least: float | None = None

    def holds(self, value: Value | None) -> bool:
        """If a value is of this side; the unknown never is."""
        if value is None:
            return False
        if self.below is not None:
            return float(value) < self.below
        if self.at_least is not None:
            return float(value) >= self.at_least
        return value in self.is_


class Contradiction(Table, frozen=True, kw_only=True):
    """Two facts that can't both hold."""

    first: Side
    second: Side
    text: str
    why: str
    date: datetime.date


class Absent(Table, frozen=True, kw_only=True):
    """What a finding that is absent can't have."""

    finding: tuple[str, ...]
    text: str


class _File(Table, frozen=True, kw_only=True):
    contradiction: tuple[Contradiction, ...]
    absent: Absent


@cache
def contradictions() -> tuple[tuple[Contradiction, ...], Absent]:
    """The pairs of facts that can't both hold, and what an absent finding can't have.

    Raises
    ------
    KnowledgeError
        A fact is not declared, or an entry is not as it should be.
    """
    where = "knowledge/contradictions.toml"
    try:
        file = converted(read_toml("contradictions.toml"), _File)
    except msgspec.ValidationError as error:
        raise KnowledgeError(f"{where}: {error}") from error
    words = vocabulary()
    named = [side.fact for entry in file.contradiction for side in (entry.first, entry.second)]
    for name in [name for name in named if name not in words.kinds]:
        raise KnowledgeError(f"{where}: {name} is not declared")
    for name in [name for name in file.absent.finding if name not in words.attributes]:
        raise KnowledgeError(f"{where}: absent: {name} is not declared")
    return file.contradiction, file.absent


def put_contradictions(case: Case, clashes: Iterable[str] = ()) -> None:
    """Lists every contradiction. `clashes` are sites of which one entry says present and another absent."""
    pairs, absent = contradictions()
    for pair in pairs:
        if pair.first.holds(case.values.get(pair.first.fact)) and pair.second.holds(case.values.get(pair.second.fact)):
            case.dispute(pair.first.fact, pair.second.fact, pair.text)
    for site in sorted(case.sites):
        _absent_but_described(case, site, absent)
    for site in clashes:
        path = f"{FINDINGS}.{site}.present"
        text = f"{vocabulary().kinds[path].label}: present in one entry and absent in another; one can't be right."
        origin = case.origins[path]
        case.list_dispute(Dispute(id=f"facts:{path}", text=text, sides=((path, True, origin), (path, False, origin))))


def _absent_but_described(case: Case, site: str, absent: Absent) -> None:
    path = f"{FINDINGS}.{site}.present"
    if case.values.get(path) is not False:
        return
    if any(dispute.id == f"facts:{path}" for dispute in case.disputes):
        return  # what was stated and what the scan shows: said already
    for name in absent.finding:
        value = case.values.get(f"{FINDINGS}.{site}.{name}")
        if value is True or (isinstance(value, float) and value > 0):
            text = f"{vocabulary().kinds[path].label}: {absent.text[0].lower()}{absent.text[1:]}"
            case.dispute(path, f"{FINDINGS}.{site}.{name}", text)
            return
