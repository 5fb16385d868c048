"""Attributes of a DICOM dataset, however badly written: absent or unusable is None or empty text, never an error."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pydicom
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.tag import BaseTag

PARSE_ERRORS = (
    ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError, EOFError, OSError, RuntimeError,
    MemoryError, AssertionError,
    struct.error, zlib.error, BytesLengthException, InvalidDicomError,
)  # fmt: skip
"""What pydicom raises on damaged files: undeclared. Memory runs out where a damaged length asks for too much."""


def one_line(error: BaseException) -> str:
    """What a library's error says, short enough for a sentence."""
    return " ".join(str(error).split())[:120] or type(error).__name__


_TEXT_VRS = {"AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UI"}
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
    """The value as text; several values are separated by backslashes."""
    for layer in layers if isinstance(layers, list) else [layers]:
        found = _plain_text(layer, keyword)
        if found is None:
            value = get([layer], keyword)
            several = isinstance(value, pydicom.multival.MultiValue)
            found = "" if value is None else "\\".join(map(str, value)) if several else str(value)
        if found.strip():
            return found.strip()
    return ""


def _plain_text(layer: Any, keyword: str) -> str | None:
    """An attribute of plain ASCII text, unparsed: pydicom's own way costs more than reading the pixels."""
    try:
        raw = layer.get_item(_tag(keyword))
    except PARSE_ERRORS:
        return None
    if raw is None:
        return ""
    if not isinstance(raw, RawDataElement) or not isinstance(raw.value, bytes) or b"\x1b" in raw.value:
        return None
    if (raw.VR or dictionary_VR(raw.tag)) not in _TEXT_VRS or not raw.value.isascii():
        return None
    return raw.value.decode("ascii").strip(" \0\r\n\t")


@cache
def _tag(keyword: str) -> Any:
    found = tag_for_keyword(keyword)
    if found is None:
        raise ValueError(f"{keyword} is no DICOM attribute")
    return BaseTag(found)


def words(layers: list[Any], keyword: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text(layers, keyword).split("\\") if word.strip())


def numbers(layers: list[Any], keyword: str, count: int) -> tuple[float, ...] | None:
    """Exactly `count` finite numbers, or None."""
    try:
        found = tuple(float(one) for one in text(layers, keyword).split("\\"))
    except ValueError:
        return None
    return found if len(found) == count and all(map(math.isfinite, found)) else None


def number(layers: list[Any], keyword: str) -> float | None:
    found = numbers(layers, keyword, 1)
    return found[0] if found else None


def measure(layers: list[Any], keyword: str, *units: str) -> float | None:
    """A number, also one with its unit behind it, which doesn't belong there: `5.0 mm`."""
    found, written = number(layers, keyword), text(layers, keyword).casefold()
    for name in units if found is None else ():
        try:
            value = float(written.removesuffix(name.casefold()))
        except ValueError:
            continue
        return value if math.isfinite(value) else None
    return found


def whole(layers: list[Any], keyword: str) -> int | None:
    found = number(layers, keyword)
    return None if found is None else int(found)


def vector(values: Sequence[float]) -> Vector:
    return (float(values[0]), float(values[1]), float(values[2]))


def unit(values: Sequence[float]) -> Vector:
    return vector((np.asarray(values) / np.linalg.norm(values)).tolist())


def positive(value: float | None) -> float | None:
    return value if value is not None and value > 0 else None


def stored_value(layers: list[Any], keyword: str) -> int | None:
    """A value in the coding of the pixels (padding): two bytes where the VR depends on the pixels' sign."""
    value = get(layers, keyword)
    return int.from_bytes(value[:2], "little") if isinstance(value, bytes) else whole(layers, keyword)
