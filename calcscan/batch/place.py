"""Where the results of one study lie, by whatever name a person gives them: its folder, its report.json, its copy in a
BIDS derivative, or the whole batch."""

from __future__ import annotations

import csv
from hashlib import sha256
from pathlib import Path

from calcscan.batch.derivatives import REPORT_ENDS, WORK
from calcscan.batch.table import TABLE
from calcscan.errors import InputError
from calcscan.report.outputs import REPORT, state_of


def study_folder(given: Path, report_sha256: str | None = None) -> Path:
    """The folder that calcscan wrote the results of a study into; `given` itself where nothing better is known.

    Parameters
    ----------
    given
        That folder, or its report.json; the folder of a study in a BIDS derivative, or its report there; or the
        results of a batch, where `report_sha256` says which study.

    Raises
    ------
    InputError
        It may be one of several studies, or is of none.
    """
    if given.name == REPORT and given.is_file():
        return given.parent
    if (given / REPORT).exists():
        return given
    wanted = report_sha256 if is_batch(given) else _copied(given)
    if wanted is None:
        return given
    batch = next((folder for folder in (given, *given.resolve().parents) if (folder / TABLE).is_file()), None)
    found = None if batch is None else _study_with(batch, wanted)
    if found is None:
        what = f"no study of this batch has the report that is meant (its SHA-256 begins {wanted[:12]})"
        raise InputError(what, where=str(given), hint="open the report.html that lies there now; give its folder")
    return found


def is_batch(given: Path) -> bool:
    """Whether it is the folder of a whole batch."""
    return (given / TABLE).is_file() and not (given / REPORT).exists()


def batch_of(study: Path) -> Path | None:
    """The folder of the batch that a study's folder belongs to; None where it is of none."""
    folder = study.resolve()
    out = folder.parent.parent if folder.parent.name == WORK else folder.parent
    try:
        with (out / TABLE).open(encoding="utf-8", newline="") as file:
            found = any(row.get("study") == folder.name for row in csv.DictReader(file))
    except (OSError, ValueError, csv.Error):
        return None
    return out if found else None


def _copied(given: Path) -> str | None:
    """The digest of the report in a BIDS derivative; None where there is none."""
    copies = [given] if given.is_file() else sorted(given.glob(f"*{REPORT_ENDS}")) if given.is_dir() else []
    copies = [copy for copy in copies if copy.name.endswith(REPORT_ENDS)]
    if len(copies) > 1:
        what = f"holds the reports of {len(copies)} studies"
        raise InputError(what, where=str(given), hint=f"give one of them, such as {copies[0].name}")
    return sha256(copies[0].read_bytes()).hexdigest() if copies else None


def _study_with(batch: Path, report_sha256: str) -> Path | None:
    for place in ("*", f"{WORK}/*"):
        for report in sorted(batch.glob(f"{place}/{REPORT}")):
            if state_of(report.parent) == report_sha256:
                return report.parent
    return None
