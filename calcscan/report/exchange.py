"""Steps that must not be seen half done: two folders exchange their names, and signals wait meanwhile."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
"""Constants of Linux, for `renameat2`."""


def exchange(one: Path, other: Path) -> bool:
    """Give two folders each other's name in one step; False where the system can't, and nothing has happened."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    return bool(call(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), ctypes.c_uint(_RENAME_EXCHANGE)) == 0)


def is_working_directory(folder: Path) -> bool:
    """Whether a program (a shell, say) works in this folder, and would be left in the old one by `exchange`."""
    try:
        about = folder.stat()
        programs = [path for path in Path("/proc").iterdir() if path.name.isdecimal()]
    except OSError:
        return True
    for program in programs:
        try:
            if os.path.samestat(about, (program / "cwd").stat()):
                return True
        except OSError:  # ended, or another user's
            continue
    return False


@contextmanager
def undisturbed() -> Iterator[None]:
    """Signals that would stop the program are held back until the end of the `with`, and not lost."""
    waiting: list[int] = []
    kept = {}

    def later(number: int, frame: FrameType | None) -> None:
        waiting.append(number)

    if threading.current_thread() is threading.main_thread():
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            before = None if number is None else signal.getsignal(number)
            if number is not None and before not in (None, signal.SIG_IGN):
                kept[number] = before
                signal.signal(number, later)
    try:
        yield
    finally:
        for number, before in kept.items():
            signal.signal(number, before)
        for number in dict.fromkeys(waiting):
            signal.raise_signal(number)
