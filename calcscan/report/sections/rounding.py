"""What JSON can hold: rounded numbers, Python's own types, and text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec


def rounded(value: Any) -> Any:
    """The same with floats of six significant digits, None for NaN and infinity, Python's own types for numpy's, and
    text for anything that JSON has no type for."""
    if isinstance(value, msgspec.Struct):
        return type(value)(**{name: rounded(getattr(value, name)) for name in value.__struct_fields__})
    if isinstance(value, Mapping):
        return {str(key): rounded(item) for key, item in value.items()}
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, str) and not isinstance(value, StrEnum):
        return value.encode("utf-8", "replace").decode()  # a file's name may hold bytes that are no text
    if isinstance(value, list | tuple | set | frozenset):
        return tuple(rounded(item) for item in value)
    if value is None or value is msgspec.UNSET or isinstance(value, int | StrEnum):
        return value
    return str(value)
