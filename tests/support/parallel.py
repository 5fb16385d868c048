"""`python -m support.parallel HOW FILE …`: analyse the files in two workers.

Where workers are forked, the first file is analysed here before: they begin with all that is loaded by then, and with
its locks. Those that start afresh, and threads, begin with nothing.

Prints one JSON row for each file: what `brief` says of its result, as it came back from the worker.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np

import calcscan
from support.waiting import PATIENCE_S

WORKERS = 2


def brief(result: calcscan.Result) -> list[Any]:
    """What must be the same wherever it was worked out."""
    state, writeable = str(result.quality.state), result.scan.hu.flags.writeable
    if result.lesions is None:
        return [state, None, None, writeable]
    lesions = [(one.site, one.side, one.voxels, one.volume_mm3) for one in result.lesions.lesions]
    return [state, lesions, int(result.lesions.labels.sum()), writeable]


def pool(method: str) -> Callable[[Sequence[str]], list[calcscan.Result]]:
    def work(files: Sequence[str]) -> list[calcscan.Result]:
        with multiprocessing.get_context(method).Pool(WORKERS) as workers:
            return workers.map(calcscan.analyse, files)

    return work


def executor(files: Sequence[str]) -> list[calcscan.Result]:
    with ProcessPoolExecutor(WORKERS, mp_context=multiprocessing.get_context("fork")) as workers:
        return list(workers.map(calcscan.analyse, files))


def joblib(backend: str) -> Callable[[Sequence[str]], list[calcscan.Result]]:
    def work(files: Sequence[str]) -> list[calcscan.Result]:
        import joblib

        jobs = (joblib.delayed(calcscan.analyse)(file) for file in files)
        return list(joblib.Parallel(WORKERS, backend=backend)(jobs))

    return work


def dask(scheduler: str) -> Callable[[Sequence[str]], list[calcscan.Result]]:
    def work(files: Sequence[str]) -> list[calcscan.Result]:
        import dask

        jobs = [dask.delayed(calcscan.analyse)(file) for file in files]
        return list(dask.compute(*jobs, scheduler=scheduler, num_workers=WORKERS))

    return work


class Scans:
    """What a data loader is given."""

    def __init__(self, files: Sequence[str]) -> None:
        self.files = files

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, number: int) -> calcscan.Result:
        return calcscan.analyse(self.files[number])


def loader(files: Sequence[str]) -> list[calcscan.Result]:
    """As torch's DataLoader: forked workers that live on, a queue of numbers for each, one queue of what they load."""
    context = multiprocessing.get_context("fork")
    loaded, wanted = context.Queue(), [context.Queue() for _ in range(WORKERS)]
    workers = [context.Process(target=_load, args=(Scans(files), queue, loaded), daemon=True) for queue in wanted]
    for worker in workers:
        worker.start()
    for number in range(len(files)):
        wanted[number % WORKERS].put(number)
    results = dict(loaded.get() for _ in files)
    for queue, worker in zip(wanted, workers, strict=True):
        queue.put(None)
        worker.join()
    return [results[number] for number in range(len(files))]


def _load(scans: Scans, wanted: Any, loaded: Any) -> None:
    while (number := wanted.get()) is not None:
        loaded.put((number, scans[number]))


def forks_beside_a_thread(files: Sequence[str]) -> list[calcscan.Result]:
    """Processes forked again and again while a thread analyses: each must end. (None of its locks may be held.)"""
    done: list[calcscan.Result] = []
    thread = threading.Thread(target=lambda: done.extend(calcscan.analyse(file) for file in files))
    thread.start()
    context = multiprocessing.get_context("fork")
    compiled = os.environ.get("CALCSCAN_NUMBA_CACHE", "1") != "0"
    while thread.is_alive():
        answer = context.SimpleQueue()
        process = context.Process(target=_count if compiled else _compile, args=(answer,))
        process.start()
        process.join(PATIENCE_S / 2)
        if process.exitcode != 0:
            process.kill()
            raise AssertionError(f"a forked process did not end well: {process.exitcode}")
        assert answer.get() == 1
        thread.join(0.05)
    return done


def _count(answer: Any) -> None:
    hu = np.zeros((20, 20, 20), np.int16)
    hu[5:9, 5:9, 5:9] = 300
    answer.put(int(calcscan.lesion_table(hu)[0].max()))


def _compile(answer: Any) -> None:
    """Something small, so that there are many such processes while the thread compiles."""
    import numba

    answer.put(int(numba.njit(_is_one)(1)))


def _is_one(number: int) -> bool:
    return number == 1


WAYS: dict[str, Callable[[Sequence[str]], list[calcscan.Result]]] = {
    "fork": pool("fork"),
    "spawn": pool("spawn"),
    "executor": executor,
    "joblib-loky": joblib("loky"),
    "joblib-threading": joblib("threading"),
    "dask-processes": dask("processes"),
    "dask-threads": dask("threads"),
    "loader": loader,
}


FORKED = ("fork", "executor", "loader")


def main(how: str, files: Sequence[str]) -> None:
    if how == "beside-a-thread":
        results = forks_beside_a_thread(files)
    else:
        if how in FORKED:
            calcscan.analyse(files[0])
        results = WAYS[how](files)
    sys.stdout.write(json.dumps([brief(result) for result in results]) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
