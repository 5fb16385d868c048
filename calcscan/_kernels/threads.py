"""Slices over threads, without numba's own layers of threads.

Those can't be relied on: OpenMP ends a process that was forked after it had run, TBB then waits for ever, and
workqueue, the only one that is always there, aborts where two threads of a program call it at once. The kernels let go
of the interpreter's lock, so Python's threads, made for the call and gone after it, are as fast and none of that.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from itertools import pairwise

from calcscan.processors import processor_count

SLICES_A_PART = 16


def thread_count() -> int:
    """`NUMBA_NUM_THREADS` if that is a number, else the processors this process may use."""
    named = os.environ.get("NUMBA_NUM_THREADS", "").strip()
    return max(1, int(named)) if named.isdecimal() else processor_count()


def in_parts(slices: int, work: Callable[[int, int], None], *, threads: int | None = None) -> None:
    """Call `work(first, last)` for every part of the slices 0 … slices − 1.

    Each part must write to its own part of the output only, and add to nothing that others add to, so that the answer
    is the same for any number of threads.

    >>> done = []
    >>> in_parts(20, lambda first, last: done.append((first, last)))
    >>> sorted(done)
    [(0, 16), (16, 20)]
    """
    parts = deque(pairwise([*range(0, slices, SLICES_A_PART), slices]))
    count = min(thread_count() if threads is None else threads, len(parts))
    failed: list[BaseException] = []

    def take_parts() -> None:
        while parts and not failed:
            try:
                first, last = parts.popleft()
            except IndexError:  # another took the last one
                return
            try:
                work(first, last)
            except BaseException as error:
                failed.append(error)

    others = [threading.Thread(target=take_parts) for _ in range(count - 1)]
    for other in others:
        other.start()
    take_parts()
    for other in others:
        other.join()
    if failed:
        raise failed[0]
