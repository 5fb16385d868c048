"""How a process that works on one study and ends holds its memory."""

from __future__ import annotations

import atexit
import ctypes
import gc
from contextlib import suppress

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Of glibc's `mallopt`: what it is asked to set."""
_KEPT_BYTES = 1 << 30
"""Less than this of freed memory is not given back."""


def for_one_study() -> None:
    """Keep freed memory for the next array, and look for no rings of garbage, not at the end either: the process ends
    before it matters.

    Volumes come and go by the dozen. The system clears each page that it hands out, which took a twentieth of the
    processor time of a run; rings, of which a run makes a few thousand small objects, took as much.
    """
    gc.disable()
    atexit.register(gc.freeze)
    with suppress(AttributeError, OSError, TypeError):  # not glibc
        library = ctypes.CDLL(None)
        library.mallopt(_MMAP_THRESHOLD, _KEPT_BYTES)
        library.mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
