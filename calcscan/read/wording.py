"""Counts in sentences."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """A number and its noun.

    >>> counted(1, "slice"), counted(28, "slice")
    ('1 slice', '28 slices')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def were(count: int) -> str:
    """The verb that goes with a count."""
    return "was" if count == 1 else "were"
