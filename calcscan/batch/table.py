"""The tables of a batch: batch.csv, a row per study, and left_out.csv, the files that belong to none."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from calcscan.batch.model import FAILED, LeftOut, Outcome, Task
from calcscan.batch.names import cell
from calcscan.errors import OutputError
from calcscan.knowledge.sites import all_sites
from calcscan.report.outputs import REPORT

TABLE, LEFT_OUT = "batch.csv", "left_out.csv"
_DAMAGED = (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, MemoryError)


def check_tables(out: Path) -> None:
    """Raises `OutputError` where something stands in the way of a table: better before the work than after it."""
    for name in (TABLE, LEFT_OUT, REPORT):
        check_file(out / name)


def check_file(path: Path) -> None:
    """Raises `OutputError` where what stands in a file's place is no file."""
    if is_odd(path):
        raise OutputError("what stands there is no file", where=str(path), hint="take it away, or give another folder")


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
            about = {"study": task.study.name, "state": outcome.state, **(measured or {})}
            others = " ".join((again or {}).get(task.study.name, ())) or None
            ending = {"files": task.study.files or None, "input": task.study.place, "same_series_as": others}
            rows.append(about | ending | {"seconds": outcome.seconds, "error": error})
    columns = ["study", "state", "quality", "flags", "age_years", "sex", "lesions", "volume_mm3", *_named().values()]
    return _written(
        out / TABLE, [*columns, "rules", "rules_sha256", "files", "input", "same_series_as", "seconds", "error"], rows
    )


def write_left_out(out: Path, left_out: Iterable[LeftOut]) -> Path:
    """left_out.csv: each file below ROOT that is part of no study, and why. `path` is below ROOT; very many files of
    one kind are one row, `folder/*.ending`, where these are all files of the folder with that ending. `files` is how
    many; empty for a folder that can't be looked into, 0 for one whose files stand elsewhere.

    Raises
    ------
    OutputError
        It can't be written.
    """
    rows = ({"path": row.path, "reason": row.reason, "files": row.files} for row in left_out)
    return _written(out / LEFT_OUT, ["path", "reason", "files"], rows)


def row_of(folder: Path) -> dict[str, Any] | None:
    """A study's row of batch.csv, from its report.json; None where there is no usable one."""
    try:
        if not (folder / REPORT).is_file():
            return None
        report = json.loads((folder / REPORT).read_text(encoding="utf-8"))
        lesions = report["lesions"]
        return {
            "quality": str(report["quality"]["state"]),
            "flags": " ".join(dict.fromkeys(str(flag["code"]) for flag in report["quality"]["flags"])),
            "age_years": report["study"]["age_years"],
            "sex": report["study"]["sex"],
            "lesions": len(lesions) if lesions is not None else None,
            "volume_mm3": round(sum(lesion["volume_mm3"] for lesion in lesions), 3) if lesions is not None else None,
            **{_named()[row["site"], row["side"]]: row["volume_mm3"] for row in report["sites"]},
            **_rules(report.get("guideline")),
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


@cache
def _named() -> Mapping[tuple[str, str], str]:
    """Site and side → column."""
    places = [(info.site, side) for info in all_sites().values() for side in info.sides]
    return {place: "_".join(part for part in (*place, "mm3") if part) for place in places}


def _written(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Path:
    """Written atomically."""
    part = path.with_name(f".{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows({key: cell(value) for key, value in row.items()} for row in rows)
        return part.replace(path)
    except OSError as error:
        _remove(part)
        what = f"the table can't be written ({error.strerror or error})"
        raise OutputError(what, where=str(path), hint="make room or choose another folder, and run again") from error


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return
