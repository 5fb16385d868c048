"""Work for batch processes in tests; a module of its own, so that a spawned process can import it."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import cache

from calcscan.batch.model import ABSTAINED, DONE, FAILED, Outcome, Task, Work


def by_name(task: Task) -> Outcome:
    """Does what the study's name says."""
    name = task.study.name
    if name.startswith("crash"):
        os.kill(os.getpid(), signal.SIGSEGV)
    if name.startswith("exit"):
        os._exit(7)
    if name.startswith("endless"):
        time.sleep(600)
    if name.startswith("threads"):
        return Outcome(state=DONE, error=f"{os.environ['NUMBA_NUM_THREADS']} {os.environ['OMP_NUM_THREADS']}")
    if name.startswith("noisy"):
        os.write(1, b"noise")
        os.write(2, b"noise")
        sys.stdout.write("noise")
    task.out.mkdir()
    (task.out / "results").write_text("written")
    return Outcome(state=DONE)


@cache
def synthetic(refused: bool) -> dict[str, bytes]:
    from calcscan.report.write import report_files
    from support.results import SMALL, make_result

    return report_files(make_result(SMALL, refused=refused))


def write_synthetic(task: Task) -> Outcome:
    """A report without any analysis; a study named abstain… abstains."""
    from calcscan.report.atomic_folder import put_files

    refused = task.study.name.startswith("abstain")
    put_files(task.out, synthetic(refused))
    return Outcome(state=ABSTAINED if refused else DONE, seconds=0.1)


def write_unless_broken(task: Task) -> Outcome:
    """`write_synthetic`, but a study named broken, bad or locked fails."""
    if any(word in task.study.name for word in ("broken", "bad", "locked")):
        return Outcome(state=FAILED, error="no CT in it")
    return write_synthetic(task)


class InLine:
    """A runner without processes: writes for each study in turn, and remembers their names."""

    def __init__(self, write: Callable[[Task], Outcome] = write_unless_broken) -> None:
        self.write = write
        self.done: list[str] = []

    def __call__(self, tasks: Iterable[Task], work: Work) -> Iterator[tuple[Task, Outcome]]:
        for task in tasks:
            self.done.append(task.study.name)
            yield task, self.write(task)


def leave_pid(task: Task) -> Outcome:
    """Says which process it is, and never ends."""
    task.out.with_suffix(".pid").write_text(str(os.getpid()))
    while True:
        time.sleep(1)
