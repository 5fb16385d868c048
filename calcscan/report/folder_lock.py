"""A lock on a folder: one writer at a time, on this machine and, where the file system supports it, on others.

The lock is one of the kernel's (`flock`, on the folder itself): it ends with the process that holds it, however that
ends, and leaves no file behind. Where there are no such locks (Windows, some network file systems) none is held.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from calcscan.errors import OutputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

WAIT_S = 60.0
"""Writing a report takes about a second: a wait longer than this is for something that hangs."""
_PAUSE_S = 0.02
_NO_LOCKS = frozenset({errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EACCES, errno.EPERM})
_NOTHING = -1


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock the folder, as soon as whoever holds the lock releases it.

    Raises
    ------
    OutputError
        Somebody else holds the lock for longer than `WAIT_S`.
    FileNotFoundError
        There is no such folder, or no longer.
    """
    deadline = time.monotonic() + WAIT_S
    while (held := take(folder)) is None:
        if time.monotonic() > deadline:
            hint = "wait until it has ended, or give another folder"
            raise OutputError("another calcscan is writing there", where=str(folder), hint=hint)
        time.sleep(_PAUSE_S)
    try:
        yield
    finally:
        release(held)


def take(folder: Path) -> int | None:
    """Lock the folder until `release`; None if somebody else has, or another folder took its place meanwhile."""
    if fcntl is None:
        return _NOTHING
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(held), folder.stat()):
            return held
    except BlockingIOError:
        pass
    except FileNotFoundError:
        os.close(held)
        raise
    except OSError as error:
        os.close(held)
        if error.errno in _NO_LOCKS:
            return _NOTHING
        raise
    os.close(held)
    return None


def is_left_behind(folder: Path) -> bool:
    """Whether a folder that its maker locks for as long as it lives has outlived its maker. False in doubt."""
    try:
        held = take(folder)
    except OSError:
        return False
    if held is None or held == _NOTHING:
        return False
    release(held)
    return True


def release(held: int) -> None:
    """Release the lock that `take` returned."""
    if held != _NOTHING:
        os.close(held)
