"""Signals as an ordinary shell leaves them, wherever pytest was started: nohup and background jobs ignore some."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def not_ignored(number: signal.Signals) -> Iterator[None]:
    """The signal does here what it does by default, and in what is started meanwhile."""
    usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
    before = signal.signal(number, usual)
    try:
        yield
    finally:
        signal.signal(number, before)
