"""Typed settings: one frozen class for each data file of numbers, loaded and checked once.

A file of settings is a TOML table of entries, each with `value`, `unit` and `why` or `source`; an entry without `value`
is a table of numbers by name. The class beside it (`intracranial.toml`, `intracranial.py`) names every entry with its
type: an entry that is missing, misspelt or of another type is refused when the file is loaded, with its name.
"""

from __future__ import annotations

import threading
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, ClassVar, TypeVar

import msgspec

from calcscan.errors import KnowledgeError

_NOTES = frozenset({"unit", "why", "source", "date"})
"""Keys of an entry that say what its number means; they are for readers."""


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of an entry that is a table of its own."""


class Settings(Table, frozen=True, kw_only=True):
    """Base of the settings classes. `file` is the name of the data file, without its ending."""

    file: ClassVar[str]


S = TypeVar("S", bound=Settings)
T = TypeVar("T")
ONE_AT_A_TIME = threading.RLock()
"""msgspec crashes the interpreter where two threads use a class for the first time (0.22)."""


def converted(value: Any, kind: type[T]) -> T:
    """`msgspec.convert(value, kind)`, safe in threads: raises `msgspec.ValidationError` as that does."""
    with ONE_AT_A_TIME:
        return msgspec.convert(value, kind)


@cache
def load(kind: type[S]) -> S:
    """The settings of one class, from its data file.

    Raises
    ------
    KnowledgeError
        An entry is missing, unknown, or of another type than the class says.

    >>> from calcscan.knowledge.intracranial import IntracranialSettings
    >>> load(IntracranialSettings).bone_hu
    180
    """
    text = (files(__package__) / f"{kind.file}.toml").read_text(encoding="utf-8")
    return parse(kind, tomllib.loads(text))


def parse(kind: type[S], entries: dict[str, Any]) -> S:
    """Settings from the entries of a data file; errors as of `load`."""
    try:
        return converted({name: _value(entry) for name, entry in entries.items()}, kind)
    except msgspec.ValidationError as error:
        raise KnowledgeError(f"knowledge/{kind.file}.toml: {error}") from error


def _value(entry: Any) -> Any:
    """What an entry sets: its `value`, or its table without what explains it."""
    if not isinstance(entry, dict):
        return entry
    if "value" in entry:
        return entry["value"]
    return {name: value for name, value in entry.items() if name not in _NOTES}
