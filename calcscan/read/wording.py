"""Counts in sentences."""

from __future__ import annotations

from collections.abc import Iterable

_FEW = 5


def counted(count: int, noun: str) -> str:
    """A number and its noun.

    >>> counted(1, "slice"), counted(28, "slice")
    ('1 slice', '28 slices')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def were(count: int) -> str:
    """The verb that goes with a count."""
    return "was" if count == 1 else "were"


def first_few(items: Iterable[object], *, between: str = ", ") -> str:
    """The first five of a list, and whether there are more.

    >>> first_few([1, 2]), first_few(range(9))
    ('1, 2', '0, 1, 2, 3, 4 …')
    """
    texts = [str(item) for item in items]
    return between.join(texts[:_FEW]) + " …" * (len(texts) > _FEW)
