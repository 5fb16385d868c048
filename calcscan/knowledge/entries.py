"""Entries of a data file that share one form, such as sites or analytes: by name, each checked as it is read."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec

from calcscan.errors import KnowledgeError
from calcscan.knowledge.settings import Table, converted

T = TypeVar("T", bound=Table)


def read_toml(file: str) -> dict[str, Any]:
    """The tables of a data file of calcscan.

    >>> sorted(read_toml("units.toml"))
    ['adjustment', 'analyte', 'settings', 'threshold']
    """
    return tomllib.loads((files(__package__) / file).read_text(encoding="utf-8"))


def typed_entries(
    kind: type[T], entries: Mapping[str, Any], *, name_as: str, where: str, names: Iterable[str] = ()
) -> Mapping[str, T]:
    """The entries of a table, by name. `name_as` is the field of `kind` that takes an entry's name; `names` are those
    that must be there.

    Raises
    ------
    KnowledgeError
        An entry lacks a field, or has one that is unknown or of another type; the message begins with `where` and the
        name of the entry. Or one of `names` is missing.
    """
    typed = {}
    for name, entry in entries.items():
        try:
            typed[name] = converted({name_as: name, **entry}, kind)
        except msgspec.ValidationError as error:
            raise KnowledgeError(f"knowledge/{where}: {name}: {error}") from error
    missing = [name for name in names if name not in typed]
    if missing:
        raise KnowledgeError(f"knowledge/{where}: nothing is said of {', '.join(missing)}")
    return MappingProxyType(typed)
