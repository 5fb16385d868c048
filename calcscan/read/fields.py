"""Attributes of a DICOM dataset, however badly written: absent or senseless is None or empty text, never an error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pydicom
from pydicom.errors import InvalidDicomError

PARSE_ERRORS = (
    ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, EOFError, OSError, RuntimeError,
    InvalidDicomError,
)  # fmt: skip
"""What pydicom raises on damaged files: it declares none."""

Vector = tuple[float, float, float]


def get(layers: Sequence[Any], keyword: str) -> Any:
    """The first layer's value that is there and can be read."""
    for layer in layers:
        try:
            value = layer.get(keyword)
        except PARSE_ERRORS:
            continue
        if value is not None and value != "" and not (hasattr(value, "__len__") and len(value) == 0):
            return value
    return None


def text(layers: Any, keyword: str) -> str:
    value = get(layers if isinstance(layers, list) else [layers], keyword)
    if value is None:
        return ""
    return "\\".join(map(str, value)).strip() if isinstance(value, pydicom.multival.MultiValue) else str(value).strip()


def words(layers: list[Any], keyword: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text(layers, keyword).split("\\") if word.strip())


def numbers(layers: list[Any], keyword: str, count: int) -> tuple[float, ...] | None:
    value = get(layers, keyword)
    try:
        found = tuple(float(one) for one in (value if count > 1 else [value]))
    except PARSE_ERRORS:
        return None
    return found if len(found) == count and np.isfinite(found).all() else None


def number(layers: list[Any], keyword: str) -> float | None:
    found = numbers(layers, keyword, 1)
    return found[0] if found else None


def whole(layers: list[Any], keyword: str) -> int | None:
    found = number(layers, keyword)
    return None if found is None else int(found)


def vector(values: Sequence[float]) -> Vector:
    return (float(values[0]), float(values[1]), float(values[2]))


def unit(values: Sequence[float]) -> Vector:
    return vector(np.asarray(values) / np.linalg.norm(values))


def positive(value: float | None) -> float | None:
    return value if value is not None and value > 0 else None


def stored_value(layers: list[Any], keyword: str) -> int | None:
    """A value in the coding of the pixels (padding): two bytes where the VR hangs on the pixels' sign."""
    value = get(layers, keyword)
    return int.from_bytes(value[:2], "little") if isinstance(value, bytes) else whole(layers, keyword)
