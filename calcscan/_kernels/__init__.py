"""Numba kernels: arrays and scalars in, numbers out; no unit, no file, no object of ours.

Every kernel is made by the decorator here, so that caching is decided in one place (`cache`). None has threads of its
own: what shall run on several goes through `threads.in_parts`.
Volumes come in read-only (a frozen `Scan` holds them so) and a read-only array is another type to numba, compiled for
anew: a wrapper should always hand its kernel the same one of the two.

`CALCSCAN_NUMBA_CACHE=0` turns the on-disk cache off (default 1).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])


def wrong_setting() -> str:
    """What is wrong with an environment variable that decides about kernels; empty if nothing is."""
    switch = os.environ.get("CALCSCAN_NUMBA_CACHE", "1")
    if switch not in ("0", "1"):
        return f"CALCSCAN_NUMBA_CACHE is {switch!r}; it must be 0 or 1"
    threads = os.environ.get("NUMBA_NUM_THREADS", "1").strip()
    if not threads.isdecimal() or int(threads) < 1:
        return f"NUMBA_NUM_THREADS is {threads!r}; it must be a whole number, 1 or more"
    return ""


if wrong_setting():
    raise ValueError(wrong_setting())

import numba  # noqa: E402  (it reads NUMBA_NUM_THREADS, and says less clearly what is wrong with it)
from numba.core.compiler_lock import global_compiler_lock  # noqa: E402

from calcscan._kernels import cache  # noqa: E402
from calcscan.forks import fork_waits_for  # noqa: E402

fork_waits_for(global_compiler_lock)


def kernel(function: F) -> F:
    """Compile for one thread."""
    return cast(F, cache.keep(numba.njit(nogil=True, fastmath=False)(function)))
