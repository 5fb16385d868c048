"""Limits and words of `knowledge/reading.toml`, looked up by name."""

from __future__ import annotations

import re
from functools import cache

from calcscan.knowledge import table, values


def limit(name: str) -> float:
    """A number of `reading.toml`.

    >>> limit("min_slices")
    8
    """
    return values("reading")[name]


def members(name: str) -> tuple[float | str, ...]:
    """A list of `reading.toml`."""
    return tuple(table("reading")[name]["values"])


@cache
def _compiled(name: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{one})" for one in table("reading")[name]["patterns"]), re.IGNORECASE)


def says(name: str, text: str) -> bool:
    """Does the text match any of the patterns so named?

    >>> says("sharp_kernel", "FC30"), says("sharp_kernel", "H31s"), says("sharp_kernel", "BONEPLUS")
    (True, False, True)
    """
    return _compiled(name).search(text) is not None


def without(name: str, text: str) -> str:
    """The text with what matches taken out."""
    return _compiled(name).sub(" ", text)
