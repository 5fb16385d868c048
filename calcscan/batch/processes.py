"""The local runner: one spawned process per task, so that a crash, a fault in C code or an endless task costs that task
only. (Not a pool: when one of its workers is killed, `ProcessPoolExecutor` loses every task.)
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from calcscan import memory
from calcscan.batch.model import FAILED, Outcome, Runner, Task, Work
from calcscan.processors import processor_count

_THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
)  # fmt: skip

_LONGEST_PAUSE_S = 86400.0
"""The system limits how long one wait may be; the wait is then repeated."""


def local_processes(jobs: int, timeout_s: float | None) -> Runner:
    """A runner with at most `jobs` processes at once, each stopped after `timeout_s`."""

    def run(tasks: Iterable[Task], work: Work) -> Iterator[tuple[Task, Outcome]]:
        waiting, active = iter(tasks), list[_Running]()
        try:
            while True:
                with _threads(max(1, processor_count() // jobs)):
                    while len(active) < jobs and (task := next(waiting, None)) is not None:
                        active.append(_start(task, work, timeout_s))
                if not active:
                    return
                for running, outcome in _ended(active):
                    active.remove(running)
                    yield running.task, outcome
        finally:
            for running in active:
                _stop(running)

    return run


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Running:
    task: Task
    process: SpawnProcess
    answer: Connection
    begun: float
    limit_s: float
    deadline: float | None


def _start(task: Task, work: Work, timeout_s: float | None) -> _Running:
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_in_process, args=(task, work, sending), daemon=True)
    process.start()
    sending.close()
    begun = time.monotonic()
    deadline = begun + timeout_s if timeout_s is not None else None
    return _Running(
        task=task, process=process, answer=receiving, begun=begun, limit_s=timeout_s or 0.0, deadline=deadline
    )


def _in_process(task: Task, work: Work, answer: Connection) -> None:
    """Runs in the new process. Only the parent handles ctrl-C; output of libraries is discarded."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    memory.for_one_study()
    if not os.environ.get("CALCSCAN_DEBUG"):
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123
    answer.send(work(task))
    answer.close()


def _end_with_parent() -> None:
    """End with the parent, however it was stopped: a batch that is restarted would share OUT with this process."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _ended(active: list[_Running]) -> Iterator[tuple[_Running, Outcome]]:
    """Waits until a process ends or times out, then yields all that did."""
    deadlines = [running.deadline for running in active if running.deadline is not None]
    pause = min(max(0.0, min(deadlines) - time.monotonic()), _LONGEST_PAUSE_S) if deadlines else None
    ready = wait([running.answer for running in active], pause)
    for running in list(active):
        if running.answer in ready:
            yield running, _answer(running)
        elif running.deadline is not None and time.monotonic() >= running.deadline:
            _stop(running)
            yield running, _failed(running, f"took longer than {running.limit_s:g} s and was stopped")


def _answer(running: _Running) -> Outcome:
    """What the process sent, or how it died: its end of the pipe closes in either case."""
    try:
        outcome = running.answer.recv()
    except EOFError:
        running.process.join()
        return _failed(running, f"its process ended without an answer ({_cause(running.process.exitcode)})")
    running.process.join(10.0)
    _stop(running)
    return outcome if isinstance(outcome, Outcome) else _failed(running, "its process gave no proper answer")


def _failed(running: _Running, error: str) -> Outcome:
    return Outcome(state=FAILED, error=error, seconds=round(time.monotonic() - running.begun, 1))


def _cause(code: int | None) -> str:
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}" + (": out of memory?" if -code == 9 else "")
    return f"exit status {code}"


def _stop(running: _Running) -> None:
    if running.process.is_alive():
        running.process.kill()
        running.process.join()
    running.answer.close()


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Threads for the processes started here, unless the user has set them; libraries read this as they load."""
    ours = [name for name in _THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(ours, str(count)))
    try:
        yield
    finally:
        for name in ours:
            del os.environ[name]
