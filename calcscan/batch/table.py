"""The tables of a batch: batch.csv, a row per study; left_out.csv, the files that belong to none; and the lesions and
sites of all studies, each in one long table."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from calcscan.batch.columns import LeftOutRow, site_columns, study_row
from calcscan.batch.model import FAILED, LeftOut, Outcome, Task
from calcscan.errors import OutputError
from calcscan.report.outputs import REPORT, is_report
from calcscan.report.schema import Report
from calcscan.report.tables import LesionRow, SiteRow, cell, columns_of, lesion_rows, site_rows

TABLE, LEFT_OUT, LESIONS, SITES = "batch.csv", "left_out.csv", "lesions.csv", "sites.csv"
_DAMAGED = (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, MemoryError)


def check_tables(out: Path) -> None:
    """Raises `OutputError` where something stands in the way of a table: better before the work than after it."""
    for name in (TABLE, LEFT_OUT, LESIONS, SITES, REPORT):
        check_file(out / name)
    present = [name for name in (LESIONS, SITES) if (out / name).exists()]
    if present and is_report(out / REPORT):
        what = "the folder holds the report of a single study, whose tables those of the batch would replace"
        raise OutputError(what, where=str(out), hint="give another folder")
    if present and not _start_of(out / TABLE).startswith(b"study,state,"):
        what = "the output folder holds a file that calcscan would overwrite and did not write"
        raise OutputError(what, where=str(out / present[0]), hint="give another folder")


def check_file(path: Path) -> None:
    """Raises `OutputError` where what stands in a file's place is no file."""
    if is_odd(path):
        raise OutputError("what stands there is no file", where=str(path), hint="take it away, or give another folder")


def _start_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(64)
    except OSError:
        return b""


def is_odd(path: Path) -> bool:
    """Whether a folder or a pipe is in a file's place; reading a pipe would never end."""
    try:
        return path.exists() and not path.is_file()
    except OSError:
        return False


def same_series(tasks: Iterable[Task], outcomes: Mapping[str, Outcome]) -> dict[str, tuple[str, ...]]:
    """Study → the others in which the same series was measured, by its UIDs: a sum over rows would count it twice."""
    together: dict[tuple[str, str], list[str]] = defaultdict(list)
    for task in tasks:
        name = task.study.name
        uids = _uids(task.out) if name in outcomes and outcomes[name].state != FAILED else None
        if uids is not None:
            together[uids].append(name)
    return {
        name: tuple(other for other in names if other != name)
        for names in together.values()
        if len(names) > 1
        for name in names
    }


def _uids(folder: Path) -> tuple[str, str] | None:
    """Hashes of the measured study's and series' UIDs; None where a report has none (NIfTI)."""
    try:
        if not (folder / REPORT).is_file():
            return None
        study = json.loads((folder / REPORT).read_text(encoding="utf-8"))["study"]
        uids = study["study_uid_sha256"], study["series_uid_sha256"]
    except _DAMAGED:
        return None
    return (str(uids[0]), str(uids[1])) if all(uids) else None


def write_table(
    out: Path,
    tasks: Iterable[Task],
    outcomes: Mapping[str, Outcome],
    again: Mapping[str, tuple[str, ...]] | None = None,
) -> Path:
    """batch.csv: one row a study that has an outcome, with the volume at every site and side. Unknown is empty.

    `files` are how many are the study's own, `input` is where it lies below ROOT, `same_series_as` the other studies
    that are of the very same series (`again`, from `same_series`); `rules` and `rules_sha256` are those that were used.

    Raises
    ------
    OutputError
        It can't be written.
    """
    rows = []
    for task in tasks:
        outcome = outcomes.get(task.study.name)
        if outcome is not None:
            measured = row_of(task.out) if outcome.state != FAILED else {}
            error = outcome.error or ("its report can't be read" if measured is None else "")
            label = task.study.label
            about = {"study": task.study.name, "state": outcome.state, **(measured or {})}
            others = " ".join((again or {}).get(task.study.name, ())) or None
            about |= {"files": task.study.files or None, "input": task.study.place, "same_series_as": others}
            about |= {"participant": label.participant, "session": label.session, "run": label.run}
            rows.append(cells(about | {"seconds": outcome.seconds, "error": error}))
    return write_rows(out / TABLE, columns_of(study_row()), rows)


def write_left_out(out: Path, left_out: Iterable[LeftOut]) -> Path:
    """left_out.csv: each file below ROOT that is part of no study, and why. `path` is below ROOT; very many files of
    one kind are one row, `folder/*.ending`, where these are all files of the folder with that ending. `files` is how
    many; empty for a folder that can't be looked into, 0 for one whose files stand elsewhere.

    Raises
    ------
    OutputError
        It can't be written.
    """
    rows = (cells({"path": row.path, "reason": row.reason, "files": row.files}) for row in left_out)
    return write_rows(out / LEFT_OUT, columns_of(LeftOutRow), rows)


def write_cohort(out: Path, tasks: Sequence[Task], outcomes: Mapping[str, Outcome]) -> tuple[Path, Path]:
    """lesions.csv and sites.csv of all studies that have a report: the rows of each study's own tables, one study after
    the other, read from its report.json.

    Raises
    ------
    OutputError
        They can't be written.
    """
    done = [task for task in tasks if task.study.name in outcomes and outcomes[task.study.name].state != FAILED]
    lesions = (row for task in done for report in _report_of(task) for row in rows_of_lesions(report, _names(task)))
    sites = (row for task in done for report in _report_of(task) for row in rows_of_sites(report, _names(task)))
    return (
        write_rows(out / LESIONS, columns_of(LesionRow), lesions),
        write_rows(out / SITES, columns_of(SiteRow), sites),
    )


def rows_of_lesions(report: Report, names: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A study's rows in the lesions.csv of a batch, under the `names` that it has in batch.csv."""
    rows = lesion_rows(report.lesions or (), report.study, report.reviewed)
    return [cells({**msgspec.structs.asdict(row), **names}) for row in rows]


def rows_of_sites(report: Report, names: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The same in sites.csv."""
    return [cells({**msgspec.structs.asdict(row), **names}) for row in site_rows(report)]


def _report_of(task: Task) -> Iterator[Report]:
    """The report of a study; none where it is damaged, of which batch.csv tells."""
    try:
        if (task.out / REPORT).is_file():
            yield msgspec.json.decode((task.out / REPORT).read_bytes(), type=Report)
    except (*_DAMAGED, msgspec.MsgspecError):
        return


def _names(task: Task) -> dict[str, str | None]:
    label = task.study.label
    return {"study": task.study.name, "participant": label.participant, "session": label.session, "run": label.run}


def row_of(folder: Path) -> dict[str, Any] | None:
    """What a study's row of batch.csv takes from its report.json; None where there is no usable one."""
    try:
        if not (folder / REPORT).is_file():
            return None
        report = json.loads((folder / REPORT).read_text(encoding="utf-8"))
        return {
            "quality": str(report["quality"]["state"]),
            "flags": " ".join(dict.fromkeys(str(flag["code"]) for flag in report["quality"]["flags"])),
            **{name: report["study"][name] for name in ("kvp_kv", "slice_thickness_mm", "kernel")},
            **{name: _known(report, name) for name in ("age_years", "sex")},
            **_volumes(report["lesions"]),
            **_site_volumes(report["sites"]),
            **_rules(report.get("guideline")),
            "version": report["software"]["version"],
            "atlas": f"{report['atlas']['name']} {report['atlas']['version']}",
            "threshold_hu": report["settings"].get("threshold_hu"),
            "effective_thickness_mm": (report["settings"].get("blur") or {}).get("effective_thickness_mm"),
            "detection_floor_mm3": report["detection_floor_mm3"],
            "intracranial_ml": report["intracranial_ml"],
            **_reviewed(report.get("reviewed")),
        }
    except _DAMAGED:
        return None


def _rules(guideline: Mapping[str, Any] | None) -> dict[str, str]:
    """Which rules the guidance rests on: their name and version, what was added and left out, and the checksum."""
    if guideline is None:
        return {}
    parts = [f"{guideline['ruleset']} {guideline['version']}"]
    parts += [f"+ {line}" for line in guideline["rules_added"]]
    parts += [f"- {line}" for line in guideline["rules_left_out"]]
    return {"rules": " ".join(parts), "rules_sha256": str(guideline["sha256"])}


def _reviewed(said: Mapping[str, Any] | None) -> dict[str, Any]:
    """By whom and when; empty cells where nobody did."""
    return {"reviewed_by": said["reader"], "reviewed_at": said["at"]} if said else {}


def _known(report: Mapping[str, Any], name: str) -> Any:
    """Age or sex by the header, else as it was stated."""
    said = report["study"][name]
    return report["facts"].get(name) if said is None else said


def _volumes(lesions: Sequence[Mapping[str, Any]] | None) -> dict[str, Any]:
    """How many lesions, their volume and its interval; nothing where the scan was not analysed."""
    if lesions is None:
        return {}
    names = ("volume_mm3", "volume_low_mm3", "volume_high_mm3")
    return {"lesions": len(lesions)} | {name: round(sum(lesion[name] for lesion in lesions), 3) for name in names}


def _site_volumes(sites: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for row in sites:
        begin = site_columns()[row["site"], row["side"]]
        found |= {f"{begin}{end}_mm3": row[f"volume{end}_mm3"] for end in ("", "_low", "_high")}
    return found


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Path:
    """A CSV of rows of cells, as they are (`cells`); written atomically.

    Raises
    ------
    OutputError
        It can't be written.
    """
    part = path.with_name(f".{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        return part.replace(path)
    except OSError as error:
        _remove(part)
        what = f"the table can't be written ({error.strerror or error})"
        raise OutputError(what, where=str(path), hint="make room or choose another folder, and run again") from error


def cells(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row made safe for spreadsheets."""
    return {key: cell(value) for key, value in row.items()}


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return
