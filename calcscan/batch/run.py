"""A folder of studies → a folder of results and one table."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calcscan.batch.discover import find_studies
from calcscan.batch.model import FAILED, Outcome, Runner, Settings, Task
from calcscan.batch.peek import study_of
from calcscan.batch.processes import cores, local_processes
from calcscan.batch.status import fingerprint, is_finished, read_status, write_status
from calcscan.batch.work import do_study
from calcscan.errors import NoCTError, UnreadableError
from calcscan.report.folder import REPORT, check_output, remove_report
from calcscan.sites import all_sites

TABLE = "batch.csv"
MOST_JOBS = 8
"""Unless more are asked for: each needs one or two GB."""

Report = Callable[[int, int, str, str], None]
"""(how many are finished, of how many, name, state)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """How each study ended, by name, and which of them were finished before and left alone."""

    outcomes: Mapping[str, Outcome]
    skipped: tuple[str, ...]
    table: Path

    @property
    def failed(self) -> tuple[str, ...]:
        return tuple(name for name, outcome in self.outcomes.items() if outcome.state == FAILED)


def run_batch(
    root: str | Path,
    out: str | Path,
    *,
    jobs: int | None = None,
    timeout_s: float | None = 1800.0,
    settings: Settings | None = None,
    runner: Runner | None = None,
    progress: Report | None = None,
) -> BatchResult:
    """Analyse every study under `root`; results go to `out`/<name>/, a table of all to `out`/batch.csv.

    Studies that were finished earlier, on the same input with the same settings and version, are not done again; those
    that failed are. One that fails, crashes or takes longer than `timeout_s` leaves the others alone.

    Parameters
    ----------
    jobs
        How many at once; by default one for each processor, eight at most.
    runner
        Where the work is done (`calcscan.batch.model.Runner`); by default in processes on this machine.

    Raises
    ------
    UnreadableError, NoCTError
        `root` is not there, or holds no study.
    OutputError
        `out` can't be written to.
    """
    root, out = Path(root), Path(out)
    if not root.exists():
        raise UnreadableError("no such folder", where=str(root), hint="give the folder that holds the studies")
    check_output(out)
    wanted = settings or Settings()
    studies = find_studies(root, out, study_of)
    if not studies:
        raise NoCTError("no study found", where=str(root), hint="give a folder with DICOM, ZIP or NIfTI files below it")
    tasks = [Task(study=study, out=out / study.name, settings=wanted) for study in studies]
    outcomes, todo = _sorted_out(tasks)
    skipped = tuple(outcomes)
    run = runner or local_processes(jobs or min(cores(), MOST_JOBS, max(1, len(todo))), timeout_s)
    try:
        _do(run, todo, outcomes, len(tasks), progress)
    finally:
        table = write_table(out, tasks, outcomes)
    ordered = {task.study.name: outcomes[task.study.name] for task in tasks}
    return BatchResult(outcomes=ordered, skipped=skipped, table=table)


def _sorted_out(tasks: Iterable[Task]) -> tuple[dict[str, Outcome], list[Task]]:
    """What is finished already, and what is still to do."""
    outcomes: dict[str, Outcome] = {}
    todo: list[Task] = []
    for task in tasks:
        if is_finished(task):
            status = read_status(task.out)
            outcomes[task.study.name] = Outcome(state=status["state"], seconds=status["seconds"])
        else:
            todo.append(task)
    return outcomes, todo


def _do(run: Runner, todo: list[Task], outcomes: dict[str, Outcome], total: int, progress: Report | None) -> None:
    marks = {task.study.name: fingerprint(task) for task in todo}
    if progress is not None:
        progress(len(outcomes), total, "", "")
    for task, outcome in run(todo, do_study):
        name = task.study.name
        if outcome.state == FAILED:
            remove_report(task.out)
        write_status(task, outcome, marks[name])
        outcomes[name] = outcome
        if progress is not None:
            progress(len(outcomes), total, name, outcome.state)


def write_table(out: Path, tasks: Iterable[Task], outcomes: Mapping[str, Outcome]) -> Path:
    """batch.csv: one row a study that has an outcome, with the volume at every site and side. Unknown is empty."""
    places = [(info.site, side) for info in all_sites().values() for side in info.sides]
    named = {place: "_".join(part for part in (*place, "mm3") if part) for place in places}
    columns = ["study", "state", "quality", "flags", "age_years", "sex", "lesions", "volume_mm3", *named.values()]
    out.mkdir(parents=True, exist_ok=True)
    part = out / f".{TABLE}"
    with part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*columns, "seconds", "error"], lineterminator="\n")
        writer.writeheader()
        for task in tasks:
            outcome = outcomes.get(task.study.name)
            if outcome is not None:
                about = {"study": task.study.name, "state": outcome.state}
                ending = {"seconds": outcome.seconds, "error": outcome.error}
                writer.writerow(about | _row(task.out, outcome, named) | ending)
    return part.replace(out / TABLE)


def _row(folder: Path, outcome: Outcome, named: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    if outcome.state == FAILED:
        return {}
    report = json.loads((folder / REPORT).read_text(encoding="utf-8"))
    lesions = report["lesions"]
    return {
        "quality": report["quality"]["state"],
        "flags": " ".join(dict.fromkeys(flag["code"] for flag in report["quality"]["flags"])),
        "age_years": report["study"]["age_years"],
        "sex": report["study"]["sex"],
        "lesions": len(lesions) if lesions is not None else None,
        "volume_mm3": round(sum(lesion["volume_mm3"] for lesion in lesions), 3) if lesions is not None else None,
        **{named[row["site"], row["side"]]: row["volume_mm3"] for row in report["sites"]},
    }
