"""Numba kernels: arrays and scalars in, numbers out; no unit, no file, no object of ours.

Every kernel is made by one of the two decorators here, so that caching and threads are decided in one place.
Volumes come in read-only (a frozen `Scan` holds them so) and a read-only array is another type to numba, compiled for
anew: a wrapper should always hand its kernel the same one of the two.

`CALCSCAN_NUMBA_CACHE=0` turns the on-disk cache off (default 1).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])

_SWITCH = os.environ.get("CALCSCAN_NUMBA_CACHE", "1")
if _SWITCH not in ("0", "1"):
    raise ValueError(f"CALCSCAN_NUMBA_CACHE is {_SWITCH!r}; it must be 0 or 1")
_CACHE = _SWITCH == "1"


def kernel(function: F) -> F:
    """Compile for one thread."""
    return cast(F, numba.njit(cache=_CACHE, nogil=True, fastmath=False)(function))


def parallel_kernel(function: F) -> F:
    """Compile with `prange` over threads. Each turn of the loop writes its own part of the output and adds to nothing
    that others add to, so that the answer is the same for any number of threads."""
    return cast(F, numba.njit(cache=_CACHE, nogil=True, fastmath=False, parallel=True)(function))
