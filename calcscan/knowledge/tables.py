"""Every column of every table that calcscan writes: `tables.json`, which `calcscan.cli.table_dictionary` makes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import msgspec

from calcscan.knowledge.settings import Table

FILE = "tables.json"


class Column(Table, frozen=True, kw_only=True):
    """What a column holds. An empty cell is unknown."""

    description: str
    type: str
    """string, integer, number or boolean."""
    unit: str | None = None
    values: tuple[str, ...] | None = None
    """The only values that it may have."""
    minimum: float | None = None
    maximum: float | None = None


class TableColumns(Table, frozen=True, kw_only=True):
    """One table: what a row of it is, and its columns by name, in their order."""

    row: str
    columns: Mapping[str, Column]


@cache
def tables() -> Mapping[str, TableColumns]:
    """Every table by the name of its file.

    >>> tables()["lesions.csv"].columns["volume_mm3"].unit
    'mm³'
    """
    text = (files(__package__) / FILE).read_bytes()
    return msgspec.json.decode(text, type=dict[str, TableColumns])
