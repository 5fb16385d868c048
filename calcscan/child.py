"""A call in a process of its own, forked from this one: while Python loads modules, no thread beside it can work."""

from __future__ import annotations

import mmap
import os
import pickle
import signal
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar, cast

from calcscan.processors import processor_count

T = TypeVar("T")
_ALIGNED = 64
"""Arrays begin at multiples of so many bytes."""


@contextmanager
def in_child(call: Callable[[], T]) -> Iterator[Callable[[], T]]:
    """Begin a call in another process; what is yielded waits for its answer.

    Where the call fails there, by an error or because the process was ended, it is made again here, and so it is where
    no process can be forked: a single processor, threads beside this one, a system that is not Linux. The answer must
    be one that can be pickled; its arrays are read-only and not copied. The process ends with the block at the latest.

    >>> with in_child(lambda: sum(range(10))) as answer:
    ...     answer()
    45
    """
    if not _alone():
        yield call
        return
    try:
        memory = os.memfd_create("calcscan")
    except OSError:
        yield call
        return
    try:
        number = os.fork()
    except OSError:  # no memory for it, or too many processes
        os.close(memory)
        yield call
        return
    if number == 0:
        _work(call, memory)
    running = True

    def answer() -> T:
        nonlocal running
        status = _ended(number)
        running = False
        return cast(T, _read(memory)) if status == 0 else call()

    try:
        yield answer
    finally:
        if running:
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGTERM)
            _ended(number)
        os.close(memory)


def _ended(number: int) -> int:
    """Wait for a process: 0 if it did its work."""
    try:
        return os.waitpid(number, 0)[1]
    except ChildProcessError:  # the system keeps no account: who started this program had SIGCHLD ignored
        return 1


def _alone() -> bool:
    """Whether this process can be forked, and gains by it: it has one thread only, those of libraries counted."""
    if processor_count() < 2 or not hasattr(os, "memfd_create"):
        return False
    try:
        return len(os.listdir("/proc/self/task")) == 1  # noqa: PTH208
    except OSError:
        return False


def _work(call: Callable[[], Any], memory: int) -> None:
    """In the new process: it ends here, and nothing that the old one would do at its end is done."""
    status = 1
    try:
        _write(call(), memory)
        status = 0
    except BaseException:  # the call is made again, and fails, where somebody is told
        pass
    finally:
        os._exit(status)


def _write(answer: object, memory: int) -> None:
    """The sizes of the parts, the pickle, and the arrays that it needs."""
    arrays: list[pickle.PickleBuffer] = []
    body = pickle.dumps(answer, protocol=5, buffer_callback=arrays.append)
    parts = [memoryview(body), *(array.raw() for array in arrays)]
    with open(memory, "wb", buffering=0, closefd=False) as file:
        sizes = [len(part) for part in parts]
        for part in (memoryview(struct.pack(f"<{1 + len(sizes)}Q", len(sizes), *sizes)), *parts):
            file.seek(_aligned(file.tell()))
            while part:  # the system may take less than all at once
                part = part[file.write(part) :]


def _read(memory: int) -> object:
    held = memoryview(mmap.mmap(memory, 0, prot=mmap.PROT_READ))
    (count,) = struct.unpack_from("<Q", held)
    at, parts = _aligned(8 * (1 + count)), []
    for size in struct.unpack_from(f"<{count}Q", held, 8):
        parts.append(held[at : at + size])
        at = _aligned(at + size)
    return pickle.loads(parts[0], buffers=parts[1:])


def _aligned(at: int) -> int:
    return -(-at // _ALIGNED) * _ALIGNED
