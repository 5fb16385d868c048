"""How many processors this process may use, and work spread over them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

T = TypeVar("T")
U = TypeVar("U")


def processor_count() -> int:
    """Those that it is allowed (`taskset`, containers, schedulers), where the system says so; else all there are.

    >>> processor_count() >= 1
    True
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def at_once(calls: Iterable[Callable[[], T]]) -> list[T]:
    """The answers of calls that let go of the interpreter's lock and share nothing they write, in the order given.

    >>> at_once([lambda: 1, lambda: 2])
    [1, 2]
    """
    jobs = list(calls)
    count = min(processor_count(), len(jobs))
    if count <= 1:
        return [job() for job in jobs]
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda job: job(), jobs))


def both(one: Callable[[], T], other: Callable[[], U]) -> tuple[T, U]:
    """The answers of two calls as `at_once` makes them, each of its own kind.

    >>> both(lambda: 1, lambda: "2")
    (1, '2')
    """
    calls: list[Callable[[], Any]] = [one, other]
    first, second = at_once(calls)
    return cast(T, first), cast(U, second)
