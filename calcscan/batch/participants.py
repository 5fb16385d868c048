"""Age and sex of the participants of a BIDS dataset, from participants.tsv and the sessions.tsv of each."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from calcscan.knowledge.reading import ReadingSettings

PARTICIPANTS = "participants.tsv"
UNKNOWN_CELLS = frozenset({"", "n/a", "na", "nan", "none", "unknown"})
_SEXES = {"m": "M", "male": "M", "f": "F", "female": "F"}
_MOST_NOTES = 20


@dataclass(slots=True, kw_only=True)
class People:
    """Facts by participant, and by participant and session; and what of the tables was not used, a reason each."""

    facts: dict[tuple[str, str | None], dict[str, Any]] = field(default_factory=dict)
    notes: dict[Path, list[str]] = field(default_factory=dict)
    """By the table."""

    def of(self, participant: str | None, session: str | None, sessions: int) -> dict[str, Any] | None:
        """The facts of a scan; None where nothing is known.

        The age of participants.tsv is that of one time: where a participant has several `sessions`, only an age of
        sessions.tsv counts.
        """
        if participant is None:
            return None
        known = dict(self.facts.get((participant, None), {}))
        if sessions > 1:
            known.pop("age_years", None)
        if session is not None:
            known |= self.facts.get((participant, session), {})
        return known or None

    def told(self) -> Mapping[Path, str]:
        """What to say of each table: what of it was not used."""
        return {path: _listed(notes) for path, notes in self.notes.items()}


def people_of(root: Path, settings: ReadingSettings) -> People:
    """What participants.tsv below `root`, and sessions.tsv in each participant's folder, say of age and sex."""
    people = People()
    for path in tables_of(root):
        if path.name == PARTICIPANTS:
            for label, facts in _rows(path, "participant_id", "sub", people, settings):
                people.facts[label, None] = facts
        else:
            for label, facts in _rows(path, "session_id", "ses", people, settings):
                people.facts[path.parent.name, label] = facts
    return people


def tables_of(root: Path) -> tuple[Path, ...]:
    """The tables of a dataset that people are described in, as far as they are there."""
    first = root / PARTICIPANTS
    return (*([first] if first.is_file() else []), *sorted(root.glob("sub-*/sub-*_sessions.tsv")))


def with_key(label: str, key: str) -> str:
    """A label with its key, which people leave out.

    >>> with_key("01", "sub"), with_key("sub-01", "sub")
    ('sub-01', 'sub-01')
    """
    return label if label.startswith(f"{key}-") else f"{key}-{label}"


def _rows(
    path: Path, id_column: str, key: str, people: People, settings: ReadingSettings
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each label of a table with its facts; what can't be used is noted. A label that stands twice is used for neither,
    unless both rows say the same."""
    notes = people.notes.setdefault(path, [])
    table = _table(path, notes, settings)
    if table is None:
        return
    try:
        columns = {name.strip().casefold(): name for name in table.fieldnames or () if name}
    except csv.Error as error:
        notes.append(f"it can't be read ({error})")
        return
    if id_column not in columns:
        notes.append(f"it has no column {id_column}")
        return
    found: dict[str, dict[str, Any]] = {}
    twice: set[str] = set()
    for number, row in enumerate(_safely(table, notes), start=2):
        label = str(row.get(columns[id_column]) or "").strip()
        if label.casefold() in UNKNOWN_CELLS:
            notes.append(f"row {number} names no {id_column}")
            continue
        label = with_key(label, key)
        facts = _facts(label, row, columns, notes, settings)
        if label in found and found[label] != facts:
            twice.add(label)
        found[label] = facts
    for label in sorted(twice):
        notes.append(f"{label} stands in several rows that differ: none was used")
    yield from ((label, facts) for label, facts in found.items() if label not in twice)


def _table(path: Path, notes: list[str], settings: ReadingSettings) -> csv.DictReader[str] | None:
    try:
        if path.stat().st_size > settings.max_sidecar_bytes:
            notes.append(f"it is larger than {settings.max_sidecar_bytes / 1e6:g} MB")
            return None
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        notes.append(f"it can't be read ({error.strerror or type(error).__name__})")
        return None
    if "\t" not in text.partition("\n")[0] and "," in text.partition("\n")[0]:
        notes.append("its columns are not separated by tabs")
        return None
    return csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE)


def _safely(table: csv.DictReader[str], notes: list[str]) -> Iterator[Mapping[str, Any]]:
    try:
        yield from table
    except csv.Error as error:
        notes.append(f"it can't be read to its end ({error})")


def _facts(
    label: str, row: Mapping[str, Any], columns: Mapping[str, str], notes: list[str], settings: ReadingSettings
) -> dict[str, Any]:
    """Age and sex in the words of the guideline, as far as the row gives them."""
    facts: dict[str, Any] = {}
    age = str(row.get(columns.get("age", "")) or "").strip()
    if age.casefold() not in UNKNOWN_CELLS:
        years = _number(age)
        if years is not None and 0 <= years <= settings.max_age_years:
            facts["age_years"] = years
        else:
            notes.append(f"the age of {label} is no number of years from 0 to {settings.max_age_years:g}")
    sex = str(row.get(columns.get("sex", "")) or "").strip().casefold()
    if sex in _SEXES:
        facts["sex"] = _SEXES[sex]
    elif sex not in UNKNOWN_CELLS:
        notes.append(f"the sex of {label} is neither M nor F")
    return facts


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    if not math.isfinite(value):
        return None
    return int(value) if value == int(value) else value


def _listed(notes: Iterable[str]) -> str:
    notes = list(notes)
    more = f"; and {len(notes) - _MOST_NOTES} more" if len(notes) > _MOST_NOTES else ""
    return "; ".join(notes[:_MOST_NOTES]) + more
