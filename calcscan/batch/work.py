"""One study, inside the process that does it."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from calcscan.batch.model import ABSTAINED, DONE, FAILED, Outcome, Task
from calcscan.errors import CalcscanError


def do_study(task: Task) -> Outcome:
    """Analyse a study and write its report. Whatever goes wrong is an outcome, not an exception."""
    begin = time.perf_counter()
    try:
        state, error = _analyse(task), ""
    except CalcscanError as wrong:
        state, error = FAILED, str(wrong)
    except Exception as fault:
        state, error = FAILED, f"a fault in calcscan ({type(fault).__name__}: {fault})"
    return Outcome(state=state, error=" ".join(error.split()), seconds=round(time.perf_counter() - begin, 1))


def _analyse(task: Task) -> str:
    from calcscan.pipeline import analyse
    from calcscan.report.write import write_report

    with _one_path(task.study.paths) as path:
        result = analyse(path, threshold_hu=task.settings.threshold_hu)
        write_report(result, task.out, keep_ids=task.settings.keep_ids)
    return ABSTAINED if result.quality.state == "abstain" else DONE


@contextmanager
def _one_path(paths: tuple[Path, ...]) -> Iterator[Path]:
    """A study that lies among others' files, as one folder of links."""
    if len(paths) == 1:
        yield paths[0]
        return
    with tempfile.TemporaryDirectory(prefix="calcscan-") as folder:
        for number, path in enumerate(paths):
            _link(path.resolve(), Path(folder) / f"{number:06d}-{path.name}")
        yield Path(folder)


def _link(path: Path, at: Path) -> None:
    try:
        at.symlink_to(path)
    except OSError:  # where a user may not make links
        shutil.copyfile(path, at)
