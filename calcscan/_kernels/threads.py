"""Slices over threads, without numba's own layers of threads.

Those can't be relied on: OpenMP ends a process that was forked after it had run, TBB then waits for ever, and
workqueue, the only one that is always there, aborts where two threads of a program call it at once. The kernels let go
of the interpreter's lock, so Python's threads, made for the call and gone after it, are as fast and none of that.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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
    parts = list(pairwise([*range(0, slices, SLICES_A_PART), slices]))
    count = min(thread_count() if threads is None else threads, len(parts))
    if count <= 1:
        for first, last in parts:
            work(first, last)
        return
    with ThreadPoolExecutor(count) as pool:
        for _ in pool.map(work, *zip(*parts, strict=True)):
            pass
