"""Published figures of agreement: `yardsticks.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Literal

from calcscan.knowledge.entries import read_toml, typed_entries
from calcscan.knowledge.settings import Table

FILE = "yardsticks.toml"


class Yardstick(Table, frozen=True, kw_only=True):
    """One published figure."""

    name: str
    site: str
    """Empty where it is about a whole group."""
    group: str
    between: Literal["automatic and reader", "readers"]
    figure: Literal["sensitivity", "ppv", "icc", "spearman", "pearson", "dice"]
    value: float
    of: str
    source: str
    date: str


@cache
def yardsticks() -> Mapping[str, Yardstick]:
    """All of them, by name.

    >>> yardsticks()["bortsova2021_icc"].value
    0.98
    """
    return typed_entries(Yardstick, read_toml(FILE), name_as="name", where=FILE)
