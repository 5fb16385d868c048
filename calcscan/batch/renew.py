"""A study of a batch that was written anew by itself, as by a review: the tables of the batch, and its copy in a BIDS
derivative, follow."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from calcscan.batch.columns import study_row
from calcscan.batch.derivatives import renew_derivative
from calcscan.batch.model import ABSTAINED, DONE
from calcscan.batch.table import LESIONS, SITES, TABLE, cells, row_of, rows_of_lesions, rows_of_sites, write_rows
from calcscan.errors import InputError, OutputError
from calcscan.report.folder_lock import locked
from calcscan.report.quantities import State
from calcscan.report.read_back import read_report
from calcscan.report.tables import LesionRow, SiteRow, columns_of

Rows = list[dict[str, Any]]
_HINT = "run calcscan batch again with the same ROOT and OUT: it renews the tables, and keeps the reviews"


def renew_batch(out: Path, study: Path, *, replaced_sha256: str) -> None:
    """Put a study's rows anew into batch.csv, lesions.csv and sites.csv of the batch in `out`, in the places of the old
    ones, and its files into the BIDS derivative, if there is one.

    Parameters
    ----------
    study
        The folder of the study, within `out`.
    replaced_sha256
        The digest of the report.json that lay there before: its copy in a derivative is known by that.

    Raises
    ------
    OutputError
        A table can't be read, is of another version or can't be written; the study's own files are not touched.
    """
    name, report = study.resolve().name, read_report(study)
    with locked(out):
        studies = _read(out / TABLE, columns_of(study_row()))
        row = next((one for one in studies if one["study"] == name), None)
        measured = row_of(study)
        if row is None or measured is None:
            raise OutputError("the study has no row in it", where=str(out / TABLE), hint=_HINT)
        state = ABSTAINED if measured["quality"] == State.ABSTAIN else DONE
        row.update(cells({"reviewed_by": None, "reviewed_at": None} | measured | {"state": state}))
        names = {key: row[key] or None for key in ("study", "participant", "session", "run")}
        write_rows(out / TABLE, columns_of(study_row()), studies)
        order = [str(one["study"]) for one in studies]
        for table, kind, made in ((LESIONS, LesionRow, rows_of_lesions), (SITES, SiteRow, rows_of_sites)):
            others = _read(out / table, columns_of(kind))
            write_rows(out / table, columns_of(kind), _in_place(others, made(report, names), name, order))
        renew_derivative(out, study, replaced_sha256)


def _in_place(others: Rows, rows: Rows, name: str, order: list[str]) -> Iterator[Mapping[str, Any]]:
    """The rows of all studies, those of one of them new, in the order of batch.csv."""
    by_study: dict[str, Rows] = {}
    for row in others:
        by_study.setdefault(str(row["study"]), []).append(row)
    by_study[name] = rows
    for study in [*order, *(one for one in by_study if one not in order)]:
        yield from by_study.get(study, ())


def _read(path: Path, columns: tuple[str, ...]) -> Rows:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if tuple(reader.fieldnames or ()) != columns:
                raise OutputError("has other columns than this version writes", where=str(path), hint=_HINT)
            return [dict(row) for row in reader]
    except (OSError, ValueError, csv.Error, InputError) as error:
        raise OutputError(f"can't be read ({error})", where=str(path), hint=_HINT) from error
