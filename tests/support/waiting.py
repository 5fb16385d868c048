"""Waiting for another process: long enough for a busy machine, and only as long as it takes."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 600.0
"""Longer than anything takes that a test waits for, wherever it runs. Only what hangs takes so long."""


def wait_until(true: Callable[[], object]) -> None:
    """Return as soon as it is; fail where it never is."""
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end, "what was waited for never came"
        time.sleep(0.02)
