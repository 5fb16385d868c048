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


class OneSided(Table, frozen=True, kw_only=True):
    """Sites at which what is on one side only can't be symmetric."""

    sites: tuple[str, ...]
    text: str


class NoRoom(Table, frozen=True, kw_only=True):
    """Measures of which none of what is present can be zero."""

    finding: tuple[str, ...]
    text: str


class Contradictions(Table, frozen=True, kw_only=True):
    """The pairs of facts that can't both hold, and what can't hold of one finding."""

    contradiction: tuple[Contradiction, ...]
    absent: Absent
    one_sided: OneSided
    no_room: NoRoom


@cache
def contradictions() -> Contradictions:
    """What can't hold together.

    Raises
    ------
    KnowledgeError
        A fact is not declared, or an entry is not as it should be.
    """
    where = "knowledge/contradictions.toml"
    try:
        file = converted(read_toml("contradictions.toml"), Contradictions)
    except msgspec.ValidationError as error:
        raise KnowledgeError(f"{where}: {error}") from error
    words = vocabulary()
    named = [side.fact for entry in file.contradiction for side in (entry.first, entry.second)]
    for name in [name for name in named if name not in words.kinds]:
        raise KnowledgeError(f"{where}: {name} is not declared")
    for name in (*file.absent.finding, *file.no_room.finding):
        if name not in words.attributes:
            raise KnowledgeError(f"{where}: {name} is not declared")
    for name in [name for name in file.one_sided.sites if name not in words.sites]:
        raise KnowledgeError(f"{where}: one_sided: {name} is not declared")
    return file


def put_contradictions(case: Case, clashes: Iterable[str] = ()) -> None:
    """Lists every contradiction. `clashes` are sites of which one entry says present and another absent."""
    known = contradictions()
    for pair in known.contradiction:
        if pair.first.holds(case.values.get(pair.first.fact)) and pair.second.holds(case.values.get(pair.second.fact)):
            case.dispute(pair.first.fact, pair.second.fact, pair.text)
    for site in sorted(case.sites):
        _absent_but_described(case, site, known.absent)
        _one_sided_but_even(case, site, known.one_sided)
        _present_without_size(case, site, known.no_room)
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
            case.dispute(path, f"{FINDINGS}.{site}.{name}", _of_finding(site, absent.text))
            return


def _one_sided_but_even(case: Case, site: str, rule: OneSided) -> None:
    bilateral, symmetric = (f"{FINDINGS}.{site}.{name}" for name in ("bilateral", "symmetric"))
    if site in rule.sites and case.values.get(bilateral) is False and case.values.get(symmetric) is True:
        case.dispute(bilateral, symmetric, _of_finding(site, rule.text))


def _present_without_size(case: Case, site: str, rule: NoRoom) -> None:
    path = f"{FINDINGS}.{site}.present"
    if case.values.get(path) is not True:
        return
    for name in rule.finding:
        if case.values.get(f"{FINDINGS}.{site}.{name}") == 0.0:
            case.dispute(path, f"{FINDINGS}.{site}.{name}", _of_finding(site, rule.text))
            return


def _of_finding(site: str, text: str) -> str:
    label = vocabulary().kinds[f"{FINDINGS}.{site}.present"].label
    return f"{label}: {text[0].lower()}{text[1:]}"
