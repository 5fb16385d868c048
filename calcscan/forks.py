"""Processes forked while another thread works, as pools and data loaders do on Linux.

The new process has one thread only: a lock that another held at that moment is never let go of there, and whoever asks
for it waits for ever. Python sees to its own locks, but not to those of modules that are being loaded, nor to numba's
compiler. So a fork waits until nobody loads calcscan or compiles, which takes a moment.
"""

from __future__ import annotations

import concurrent.futures.thread  # noqa: F401 (its own hooks must be there before a fork that waits for ours begins)
import os
import threading
from typing import Protocol

LOADING = threading.RLock()
"""Held while modules of calcscan are loaded on first use. Taken before all others, which what is loaded may need."""


class Lock(Protocol):
    """What can be taken and let go of, by the same thread several times."""

    def acquire(self) -> object: ...

    def release(self) -> object: ...


_others: list[Lock] = []
_taken: list[Lock] = []
"""For the fork that goes on: one at a time, since it holds `LOADING`."""


def fork_waits_for(lock: Lock) -> None:
    """From now on a fork takes this lock too, and both processes let go of it afterwards."""
    if lock not in _others:
        _others.append(lock)


def _take_all() -> None:
    LOADING.acquire()
    for lock in tuple(_others):
        lock.acquire()
        _taken.append(lock)


def _let_go_of_all() -> None:
    while _taken:
        _taken.pop().release()
    LOADING.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_take_all, after_in_parent=_let_go_of_all, after_in_child=_let_go_of_all)
