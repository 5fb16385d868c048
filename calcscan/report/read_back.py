"""report.json → `Report`, of one study or of every study of a batch."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import msgspec

from calcscan.errors import InputError, UnreadableError
from calcscan.report.outputs import REPORT, is_report
from calcscan.report.schema import Report

_TABLE, _HIDDEN = "batch.csv", ".calcscan"
_AGAIN = "run it again with this version"


def read_report(folder: Path) -> Report:
    """The report in a folder that `calcscan run` wrote.

    Raises
    ------
    InputError
        There is none, or it was written by another version that did not hold the same.
    UnreadableError
        It can't be read.
    """
    path = folder if folder.is_file() else folder / REPORT
    try:
        if not is_report(path):
            what = "there is no report of calcscan's" if not path.is_file() else "it is no report of calcscan's"
            of_batch = " for one study: this is the folder of a batch" if (path.parent / _TABLE).is_file() else ""
            raise InputError(what, where=str(path), hint=f"give the folder that calcscan run wrote{of_batch}")
        content = path.read_bytes()
    except OSError as error:
        what = f"can't be read ({error.strerror or error})"
        raise UnreadableError(what, where=str(path), hint="check its permissions") from error
    try:
        return msgspec.json.decode(content, type=Report)
    except (msgspec.MsgspecError, RecursionError) as error:
        version = _version_of(content)
        what = f"was written by calcscan {version}, and differs from what this version writes ({error})"
        raise InputError(what, where=str(path), hint=_AGAIN) from error


def read_reports(folder: Path) -> tuple[Report, ...]:
    """The report of a run; or those of the studies of a batch, as its last call left them, in the order of its table.
    Errors as of `read_report`."""
    if (folder / REPORT).is_file() or not (folder / _TABLE).is_file():
        return (read_report(folder),)
    places = [place / name for name in _states(folder) for place in (folder, folder / _HIDDEN)]
    found = [place for place in places if (place / REPORT).is_file()]
    return tuple(read_report(study) for study in found or [folder])


def failed_studies(folder: Path) -> int:
    """How many studies of a batch gave no report."""
    return sum(state == "failed" for state in _states(folder).values())


def _states(folder: Path) -> dict[str, str]:
    """How each study of a batch ended, by its table; none where there is no table."""
    try:
        with (folder / _TABLE).open(encoding="utf-8", newline="") as file:
            return {row["study"]: row["state"] for row in csv.DictReader(file)}
    except (OSError, UnicodeDecodeError, KeyError, csv.Error):
        return {}


def _version_of(content: bytes) -> str:
    try:
        return str(json.loads(content)["software"]["version"])
    except (ValueError, KeyError, TypeError):
        return "of another version"
