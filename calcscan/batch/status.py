"""status.json beside a study's results: how its last run ended, and on what, so that it need not be done again."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from calcscan import __version__
from calcscan.batch.model import ABSTAINED, DONE, Outcome, Settings, Study, Task
from calcscan.report.folder import REPORT, is_report

STATUS = "status.json"
SCHEMA = "calcscan-status/1"


def fingerprint(task: Task) -> dict[str, str]:
    """What decides whether a result is still good: the input, the settings and the version."""
    return {
        "input_digest": input_digest(task.study),
        "settings_digest": settings_digest(task.settings),
        "version": __version__,
    }


def input_digest(study: Study) -> str:
    """Of names, sizes and times of change, not of contents: reading those would take as long as the work itself."""
    digest = sha256()
    for path in study.paths:
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in inside:
            if file.is_file():
                about = file.stat()
                name = file.relative_to(path) if file != path else file.name
                digest.update(f"{name}\0{about.st_size}\0{about.st_mtime_ns}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def settings_digest(settings: Settings) -> str:
    return sha256(json.dumps(asdict(settings), sort_keys=True).encode()).hexdigest()


def read_status(folder: Path) -> dict[str, Any]:
    """What status.json says; empty where there is none or it can't be read."""
    try:
        status = json.loads((folder / STATUS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return status if isinstance(status, dict) and status.get("schema") == SCHEMA else {}


def is_finished(task: Task) -> bool:
    """Done or abstained, on the same input, with the same settings and version, and the report is there."""
    status = read_status(task.out)
    same = all(status.get(key) == value for key, value in fingerprint(task).items())
    return same and status.get("state") in (DONE, ABSTAINED) and is_report(task.out / REPORT)


def write_status(task: Task, outcome: Outcome, marks: dict[str, str]) -> None:
    """In one step, so that nobody ever reads half of it. `marks` is the fingerprint from before the work."""
    task.out.mkdir(parents=True, exist_ok=True)
    content = {"schema": SCHEMA, "study": task.study.name, **asdict(outcome), **marks}
    part = task.out / f".{STATUS}-{os.getpid()}"
    part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    part.replace(task.out / STATUS)
