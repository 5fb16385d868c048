"""status.json beside a study's results: how its last run ended, and on which input, so that it is not repeated.

Files in OUT may be damaged in any way; a damaged file counts as missing.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from calcscan import __version__
from calcscan.atlas import read_manifest
from calcscan.batch.model import ABSTAINED, DONE, FAILED, Outcome, Settings, Study, Task
from calcscan.batch.table import is_odd, row_of
from calcscan.errors import CalcscanError
from calcscan.guideline import ruleset_of
from calcscan.read.files.tree import walk
from calcscan.report.atomic_folder import check_output
from calcscan.report.kept_review import review_in
from calcscan.report.outputs import EARLIER, OURS, PAGE, PROGRAM, REPORT, is_report, state_of
from calcscan.report.quantities import State

STATUS = "status.json"
SCHEMA = "calcscan-status/1"


def fingerprint(task: Task) -> dict[str, str]:
    """What a result is valid for: the input, what is known of the person beside it, label maps of the user's own, the
    settings and the version."""
    marks = {
        "input_digest": input_digest(task.study),
        "settings_digest": settings_digest(task.settings),
        "version": __version__,
    }
    if task.study.context is not None:
        known = json.dumps(task.study.context, sort_keys=True)
        marks["context_digest"] = sha256(known.encode()).hexdigest()
    if task.study.own:
        marks["own_digest"] = own_digest(task.study)
    return marks


def own_digest(study: Study) -> str:
    """Digest of the user's own label maps: what each is for, its name, size and modification time."""
    digest = sha256()
    for name, path in sorted(study.own.items()):
        digest.update(f"{name}\0{path.name}\0{_mark(path)}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def input_digest(study: Study) -> str:
    """Digest of names, sizes and modification times; contents would take as long to read as the analysis."""
    digest = sha256()
    for path in study.paths:
        for name, file, problem in _files(study, path):
            digest.update(f"{name}\0{problem or _mark(file)}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _mark(path: Path) -> str:
    """Size and modification time, or why they can't be had."""
    try:
        about = path.stat()
    except OSError as error:
        return str(error.strerror)
    return f"{about.st_size}\0{about.st_mtime_ns}"


def _files(study: Study, path: Path) -> list[tuple[str, Path, str]]:
    """Name within the study, path and problem of each file at a path."""
    try:
        if not path.is_dir():
            return [(str(path.relative_to(study.top)) if study.top is not None else path.name, path, "")]
        found = [entry for folder in walk(path) for entry in folder.entries]
    except OSError as error:
        return [(path.name, path, str(error.strerror))]
    return [(str(entry.path.relative_to(path)), entry.path, entry.problem) for entry in found]


def settings_digest(settings: Settings) -> str:
    """The rules and an atlas count by what they hold, wherever their files lie. Whether there is a page, and what
    becomes of reviews, changes no result."""
    used = asdict(settings) | {"rules": ruleset_of(settings.rules).sha256}
    del used["html"], used["discard_review"]
    if not used["resample"]:
        del used["resample"]
    atlas = used.pop("atlas")
    if atlas is not None:
        used["atlas"] = read_manifest(Path(atlas)).digest_with_sites
    return sha256(json.dumps(used, sort_keys=True).encode()).hexdigest()


def read_status(folder: Path) -> dict[str, Any]:
    """The content of status.json; empty where there is none or it can't be read."""
    try:
        if not (folder / STATUS).is_file():  # a pipe by that name would never end
            return {}
        status = json.loads((folder / STATUS).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, MemoryError):
        return {}
    return status if isinstance(status, dict) and status.get("schema") == SCHEMA else {}


def finished(task: Task) -> Outcome | None:
    """How it ended: done or abstained, on the same input, with the same settings and version, and each file of the
    report is there as it was written, or as a person reviewed it since; else None."""
    if is_odd(task.out / REPORT):
        return None
    status = read_status(task.out)
    state = status.get("state")
    if state not in (DONE, ABSTAINED) or _changed_since(task, status):
        return None
    if review_in(task.out) is not None:
        return None if task.settings.discard_review else _as_reviewed(task, status)
    written = status.get("report_sha256", "")  # another program may have written another report since
    if written and written != state_of(task.out):
        return None
    there = report_files(task.out)
    if status.get("files") != there or row_of(task.out) is None:
        return None
    if task.settings.html and PAGE not in there:
        return None
    return Outcome(state=state, seconds=_seconds(status), report_sha256=str(written))


def _as_reviewed(task: Task, status: dict[str, Any]) -> Outcome | None:
    """How a study stands that a person has reviewed since this batch wrote its report; None for another report."""
    row, written = row_of(task.out), status.get("report_sha256")
    if row is None or (written and written != state_of(task.out, PROGRAM)):
        return None
    state = ABSTAINED if row["quality"] == State.ABSTAIN else DONE
    return Outcome(state=state, seconds=_seconds(status), report_sha256=state_of(task.out), reviewed=True)


def is_finished(task: Task) -> bool:
    return finished(task) is not None


def held_by_review(task: Task) -> Outcome | None:
    """For a study that is to be analysed (again): a failure where that would cost a person's review, which stays as it
    is."""
    kept = None if task.settings.discard_review else review_in(task.out)
    if kept is None:
        return None
    status = read_status(task.out)
    changed = ", ".join(_changed_since(task, status)) if status else ""
    why = f"{changed} changed since" if changed else "it is not what this batch had written there"
    what = f"not analysed: its report was reviewed by {kept}, and {why}"
    hint = "give another OUT, or drop the reviews with --discard-review"
    return Outcome(state=FAILED, error=f"{what}; {hint}", report_sha256=state_of(task.out), reviewed=True)


def _changed_since(task: Task, status: dict[str, Any]) -> list[str]:
    """In words, what of a study is another than when its status was written."""
    marks = fingerprint(task)
    names = {
        "input_digest": "the input", "settings_digest": "the settings", "version": "the version of calcscan",
        "context_digest": "what is known of the person", "own_digest": "a label map that was given",
    }  # fmt: skip
    return [words for key, words in names.items() if status.get(key) != marks.get(key)]


def _seconds(status: dict[str, Any]) -> float:
    seconds = status.get("seconds")
    return float(seconds) if isinstance(seconds, int | float) else 0.0


def report_files(folder: Path) -> dict[str, int]:
    """The files of the report, each with its size in bytes."""
    found = {}
    for name in sorted(OURS):
        try:
            if (folder / name).is_file():
                found[name] = (folder / name).stat().st_size
        except OSError:
            continue
    return found


def write_status(task: Task, outcome: Outcome, marks: dict[str, str]) -> None:
    """Atomically. `marks` is the fingerprint from before the analysis.

    Raises
    ------
    OSError
        It can't be written; nothing of it is left then.
    """
    task.out.mkdir(parents=True, exist_ok=True)
    content = {"schema": SCHEMA, "study": task.study.name, **_told(outcome), **marks, "files": report_files(task.out)}
    if outcome.state == FAILED and is_report(task.out / EARLIER / REPORT):
        content["earlier_report"] = EARLIER
    part = task.out / f".{STATUS}-{os.getpid()}"
    try:
        part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        part.replace(task.out / STATUS)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _told(outcome: Outcome) -> dict[str, Any]:
    told = asdict(outcome)
    del told["reviewed"]  # told by the report itself, which may be reviewed at any time
    return told


def clear_remains(task: Task) -> None:
    """Remove the rest of a report of this study whose report.json is missing or damaged: it would block a new one.
    A folder without our status.json is never touched."""
    with suppress(OSError, CalcscanError):
        check_output(task.out)  # makes whole what a killed run has put aside
    if read_status(task.out).get("study") != task.study.name or has_report(task.out):
        return
    for name in sorted(OURS):
        try:
            (task.out / name).unlink(missing_ok=True)
        except OSError:
            continue


def has_report(folder: Path) -> bool:
    """Whether there is a report.json of calcscan's; what is not a regular file is not opened."""
    try:
        return (folder / REPORT).is_file() and is_report(folder / REPORT)
    except (OSError, RecursionError, MemoryError):
        return False
