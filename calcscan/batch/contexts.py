"""What is known of the people of a batch, from one table: a row a study, or a participant and session; never guessed.

Beside the columns that say whose row it is (`study`, or `participant` and `session`), each column is a fact by its
address in a facts file, such as `age_years`, `symptoms.headache` or `labs.calcium [mmol/L]`, whose cells may then be
plain numbers. An empty cell is not known.
"""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from calcscan.batch.model import LeftOut, Study
from calcscan.batch.names import shown
from calcscan.batch.participants import UNKNOWN_CELLS, with_key
from calcscan.errors import FactsError
from calcscan.guideline import merged_facts
from calcscan.guideline.facts.vocabulary import FINDINGS, Vocabulary

_MAX_BYTES = 20_000_000
_KEYS = {"study": "study", "participant": "participant", "participant_id": "participant", "session": "session",
         "session_id": "session"}  # fmt: skip
_TRUTHS = {"true": True, "yes": True, "false": False, "no": False}
UNKNOWN = "unknown"
_WITH_UNIT = re.compile(r"(.+?)\s*\[(.+)\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextRow:
    """One row: whose it is (a name, or labels with their keys), and its facts as a facts file has them."""

    number: int
    """Of its line in the file; the header is 1."""
    study: str | None
    participant: str | None
    session: str | None
    facts: Mapping[str, Any]

    def fits(self, study: Study) -> bool:
        """Whether all that the row says of whose it is holds for a study."""
        label = study.label
        if self.study is not None:
            return self.study == study.name
        return self.participant == label.participant and self.session in (None, label.session)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contexts:
    """The table, by the file's name."""

    name: str = ""
    rows: tuple[ContextRow, ...] = ()


def read_contexts(path: str | Path, words: Vocabulary | None = None) -> Contexts:
    """The table in a CSV or TSV file (separated by comma, semicolon or tab), every cell checked.

    Raises `FactsError` that names the row and column: a fact or value that can't be taken, no column that says whose a
    row is, or two rows of the same.
    """
    file = Path(path)
    lines = _lines(file)
    header = [name.strip() for name in next(iter(lines), [])]
    keys = {_KEYS[name.casefold()]: at for at, name in enumerate(header) if name.casefold() in _KEYS}
    if not {"study", "participant"} & set(keys):
        hint = "name one 'study' (as calcscan batch --dry-run lists them) or 'participant'"
        raise FactsError("no column says whose a row is", where=str(path), hint=hint)
    _refuse_twice(header, str(path))
    columns = {at: name for at, name in enumerate(header) if name.casefold() not in _KEYS}
    _checked(dict.fromkeys(columns.values(), ""), f"{path}: header", words)
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        if not any(cell.strip() for cell in line):
            continue
        if len(line) != len(header):
            what = f"{len(line)} cells, where the header has {len(header)}"
            raise FactsError(what, where=f"{path}: row {number}", hint="put text with a separator in quotes")
        whose = {key: cell for key, at in keys.items() if (cell := line[at].strip()).casefold() not in UNKNOWN_CELLS}
        facts = _checked({name: line[at] for at, name in columns.items()}, f"{path}: row {number}", words)
        rows.append(_row(number, whose, facts, f"{path}: row {number}"))
    seen: dict[tuple[str | None, ...], int] = {}
    for row in rows:
        whose_row = (row.study,) if row.study is not None else (None, row.participant, row.session)
        if seen.setdefault(whose_row, row.number) != row.number:
            where = f"{path}: row {row.number}"
            raise FactsError(f"the same as row {seen[whose_row]} names", where=where, hint="keep one row of each")
    return Contexts(name=shown(file.name), rows=tuple(rows))


def with_contexts(studies: Sequence[Study], contexts: Contexts) -> tuple[tuple[Study, ...], tuple[LeftOut, ...]]:
    """The studies with the facts of their rows, beside those of participants.tsv, over which they go; and each row, or
    fact, that was not used, with the reason.

    A row that names a participant alone is of one time: it is used where that participant has one session.

    Raises
    ------
    FactsError
        No row fits any study.
    """
    given: dict[str, list[ContextRow]] = defaultdict(list)
    unused: list[LeftOut] = []
    for row in contexts.rows:
        fitting = [study for study in studies if row.fits(study)]
        if len({study.label.session for study in fitting}) > 1:
            why = f"names no session, and {row.participant} has several: what is known may be of one of them only"
        elif not fitting:
            why = "fits no study that is analysed"
        elif clash := _clash(row, fitting):
            why = clash
        else:
            for study in fitting:
                given[study.name].append(row)
            continue
        unused.append(LeftOut(path=f"{contexts.name}, row {row.number}", reason=why, files=0))
    if contexts.rows and not given:
        names = ", ".join(study.name for study in studies[:4])
        hint = f"the studies are called {names}{' …' if len(studies) > 4 else ''}"
        raise FactsError(f"none of its {len(contexts.rows)} rows fits a study", where=contexts.name, hint=hint)
    kept = []
    for study in studies:
        known = dict(study.context or {})
        for row in sorted(given[study.name], key=lambda row: (row.study is not None, row.session is not None)):
            for name in sorted((study.context or {}).keys() & row.facts.keys()):
                mine, other = row.facts[name], known[name]
                if mine != other:
                    told = f"its {name} {mine} is used for {study.name}, not {other} of participants.tsv"
                    unused.append(LeftOut(path=f"{contexts.name}, row {row.number}", reason=told, files=0))
            known = _over(known, row.facts)
        kept.append(replace(study, context=known or None))
    return tuple(kept), tuple(unused)


def _lines(file: Path) -> list[list[str]]:
    try:
        with file.open("rb") as opened:
            data = opened.read(_MAX_BYTES + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise FactsError(f"can't be read: {error.strerror or error}", where=str(file)) from error
    except UnicodeDecodeError as error:
        raise FactsError("not UTF-8 text", where=str(file), hint="save it as UTF-8") from error
    if len(data) > _MAX_BYTES:
        raise FactsError("too large for a table of facts", where=str(file), hint="at most 20 MB")
    first = text.partition("\n")[0]
    separator = max("\t,;", key=first.count)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise FactsError(f"no table ({error})", where=str(file)) from error


def _refuse_twice(header: Iterable[str], where: str) -> None:
    names = [_KEYS.get(name.casefold(), name) for name in header]
    for name in names:
        if names.count(name) > 1:
            raise FactsError(f"two columns are called {name!r}", where=where, hint="keep one")


def _row(number: int, whose: Mapping[str, str], facts: Mapping[str, Any], where: str) -> ContextRow:
    study, participant, session = (whose.get(key) for key in ("study", "participant", "session"))
    if not (study or participant):
        raise FactsError("it does not say whose it is", where=where, hint="name a study or a participant, or delete it")
    return ContextRow(
        number=number,
        study=study,
        participant=with_key(participant, "sub") if participant else None,
        session=with_key(session, "ses") if session else None,
        facts=facts,
    )


def _checked(cells: Mapping[str, str], where: str, words: Vocabulary | None) -> dict[str, Any]:
    """The facts of a row, nested as in a facts file. A cell that can't be taken is refused by its column."""
    found = {column: _fact(column, cell, where) for column, cell in cells.items()}
    facts: dict[str, Any] = {}
    for fact in found.values():
        facts = _over(facts, fact)
    try:
        merged_facts(facts, words=words)
    except FactsError as error:
        for column, fact in found.items():
            try:
                merged_facts(fact, words=words)
            except FactsError as alone:
                raise FactsError(alone.what, where=f"{where}, column {column}", hint=alone.hint) from alone
        raise FactsError(error.what, where=where, hint=error.hint) from error
    return _known(facts)


def _known(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is not known, which must not stand in place of what another table knows."""
    inner = {name: _known(value) if isinstance(value, dict) else value for name, value in facts.items()}
    return {name: value for name, value in inner.items() if value not in (UNKNOWN, {})}


def _fact(column: str, cell: str, where: str) -> dict[str, Any]:
    match = _WITH_UNIT.fullmatch(column)
    address, unit = (match[1], match[2]) if match else (column, "")
    section, _, name = address.partition(".")
    if section == FINDINGS:
        hint = "leave the column out: findings are what calcscan measures"
        raise FactsError("findings can't be stated for a scan that is analysed", where=where, hint=hint)
    value = _value(cell, unit)
    return {section: {name: value}} if name else {section: value}


def _value(cell: str, unit: str) -> Any:
    """A cell as a facts file would have it."""
    text = cell.strip()
    if text.casefold() in UNKNOWN_CELLS:
        return UNKNOWN
    if text.casefold() in _TRUTHS and not unit:
        return _TRUTHS[text.casefold()]
    if re.fullmatch(r"[+-]?\d+(\.\d+)?", text):
        number: float = int(text) if re.fullmatch(r"[+-]?\d+", text) else float(text)
        return {"value": number, "unit": unit} if unit else number
    return text


def _clash(row: ContextRow, fitting: Iterable[Study]) -> str:
    """Where a row that names a study names another participant or session than the study has."""
    for study in fitting:
        for said, known in ((row.participant, study.label.participant), (row.session, study.label.session)):
            if said and known and said != known:
                return f"names {said} for {study.name}, which is {known}"
    return ""


def _over(known: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Both, each section with the facts of both; `facts` go first."""
    merged = dict(known)
    for name, value in facts.items():
        both = isinstance(value, dict) and isinstance(merged.get(name), dict)
        merged[name] = {**merged[name], **value} if both else value
    return merged
