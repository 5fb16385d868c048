"""How many processors this process may use."""

from __future__ import annotations

import os


def processor_count() -> int:
    """Those that it is allowed (`taskset`, containers, schedulers), where the system says so; else all there are.

    >>> processor_count() >= 1
    True
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
