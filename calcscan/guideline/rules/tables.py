"""Tables of a rules file: TOML in, text, names and known keys out, each problem with its address."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from calcscan.errors import RulesetError
from calcscan.guideline.facts.vocabulary import nearest

OTHER_WORDS = {
    "urgency": "priority", "if": "when", "condition": "when", "conditions": "when", "reason": "why",
    "reference": "citation", "source": "citation", "site": "sites", "name": "id", "replace": "replaces",
}  # fmt: skip


def text_of(table: Mapping[str, Any], key: str, where: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value.strip():
        raise RulesetError(f"{key!r} is missing or not text", where=f"{where}.{key}")
    return value


def texts_of(table: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise RulesetError(f"{key!r} is not a list of names", where=f"{where}.{key}")
    return tuple(value)


def known_keys(table: object, known: tuple[str, ...], where: str) -> Mapping[str, Any]:
    if not isinstance(table, Mapping):
        raise RulesetError("not a table", where=where)
    for error in unknown_keys(table, known, where):
        raise error
    return table


def unknown_keys(table: Mapping[str, Any], known: tuple[str, ...], where: str) -> Iterator[RulesetError]:
    """An error for each key that isn't known, with the nearest one that is."""
    for key in table:
        if key not in known:
            other = OTHER_WORDS.get(key, "")
            hint = f"write {other!r}" if other in known and other not in table else nearest(key, known)
            yield RulesetError(f"unknown key {key!r}", where=f"{where}.{key}", hint=hint)


def one_of(table: Mapping[str, Any], key: str, known: tuple[str, ...], where: str) -> str:
    word = text_of(table, key, where)
    if word not in known:
        raise RulesetError(f"unknown {key} {word!r}", where=f"{where}.{key}", hint=nearest(word, known))
    return word


def yes_no(table: Mapping[str, Any], key: str, where: str) -> bool:
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise RulesetError(f"{key!r} is neither true nor false", where=f"{where}.{key}")
    return value


_DEEPEST = 40
"""Tables and lists are nested less deeply than this."""


def load_toml(text: str, where: str) -> dict[str, Any]:
    """The tables of a TOML text; `RulesetError` where it is none."""
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RulesetError(f"not TOML: {error}", where=where) from error
    inner: list[Any] = [table]
    for _ in range(_DEEPEST):
        inner = [value for outer in inner for value in (outer.values() if isinstance(outer, dict) else outer)]
        inner = [value for value in inner if isinstance(value, dict | list)]
        if not inner:
            return table
    raise RulesetError("nested too deeply", where=where, hint="name parts of a condition with [concept.NAME]")
