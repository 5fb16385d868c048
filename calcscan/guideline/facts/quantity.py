"""Numbers as people write them: with a unit, a decimal comma, or as a bound."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from calcscan.errors import FactsError
from calcscan.guideline.facts.names import nearest

BOUNDS = {"<": "<", ">": ">", "<=": "<=", ">=": ">=", "≤": "<=", "≥": ">=", "=<": "<=", "=>": ">="}
_WRITTEN = re.compile(r"\s*(<=|>=|=<|=>|[<>≤≥])?\s*([-+]?\d[\d.,]*)\s*(.*?)\s*", re.DOTALL)
_DECIMAL = re.compile(r"([-+]?\d+)(?:([.,])(\d+))?")
_RANGE = re.compile(r"\s*(\d[\d.,]*)\s*(?:-|–|—|\bto\b)\s*(\d[\d.,]*)\s*(.*?)\s*", re.DOTALL)
_CUT_OFF = re.compile(r"\d+(\s*[^\s\d].*)?")
_PER_DECILITRE = re.compile(r"(?<=g)/100ml$|(?<=mg)%$")
_THOUSANDS = 3
_LARGEST = 1e9


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number, what it is a bound of ("", "<", ">", "<=" or ">="), and its unit as written."""

    number: float
    bound: str = ""
    unit: str = ""


def refuse_cut_off(given: Mapping[Any, object], where: str) -> None:
    """Refuses what YAML makes of a decimal comma in braces: `{calcium: 7,6 mg/dL}` is two entries, the second a number
    without a value.

    Raises `FactsError`.
    """
    before = ""
    for key, value in given.items():
        if value is None and before and _CUT_OFF.fullmatch(str(key)):
            hint = f"in braces a comma ends the value: write {before}: '{given[before]},{key}', or a decimal point"
            raise FactsError(f"{str(key)!r} is no name", where=f"{where}.{before}", hint=hint)
        before = key


def plain_unit(unit: str) -> str:
    """A unit without spaces, in small letters, micro as u, for a hundred millilitres a decilitre.

    >>> plain_unit("µg / L"), plain_unit("mg/100 mL"), plain_unit("mg%")
    ('ug/l', 'mg/dl', 'mg/dl')
    """
    plain = unit.strip().lower().replace(" ", "").replace("µ", "u").replace("μ", "u").replace("mcg", "ug")
    return _PER_DECILITRE.sub("/dl", plain)


def factor_of(units: Mapping[str, float], unit: object, label: str, where: str) -> float:
    """How much of the own unit is in one of `unit`. Raises `FactsError`."""
    if not isinstance(unit, str) or not unit.strip():
        raise FactsError(f"{label} needs a unit", where=where, hint="known: " + ", ".join(units))
    factor = units.get(plain_unit(unit))
    if factor is None:
        raise FactsError(f"{unit!r} is not a unit of {label}", where=where, hint=nearest(plain_unit(unit), units))
    return factor


def read_decimal(text: str, where: str) -> float | None:
    """A number with a decimal point or a decimal comma; None if it is neither.

    Raises `FactsError` where a comma could part thousands as well.

    >>> read_decimal("7,6", "labs.calcium")
    7.6
    """
    match = _DECIMAL.fullmatch(text)
    if match is None:
        return None
    whole, mark, part = match.groups()
    if mark == "," and len(part) == _THOUSANDS and whole.lstrip("+-0"):
        hint = f"write {whole}.{part} or {whole}{part}"
        raise FactsError(f"{text!r} could be two numbers", where=where, hint=hint)
    number = float(f"{whole}.{part}" if mark else whole)
    return number if abs(number) < _LARGEST else None


def read_quantity(text: str, where: str) -> Quantity | None:
    """What was written, or None if it holds no number.

    >>> read_quantity("≤ 3,5 pg/mL", "labs.pth")
    Quantity(number=3.5, bound='<=', unit='pg/mL')
    """
    match = _WRITTEN.fullmatch(text)
    if match is None:
        return None
    number = read_decimal(match[2], where)
    return None if number is None else Quantity(number, BOUNDS.get(match[1] or "", ""), match[3])


def read_number(value: object, where: str) -> float | None:
    """A plain number, or None; texts and truths are none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _LARGEST:
        return None
    return float(value)


def read_range(given: object, where: str) -> tuple[float, float, str]:
    """A laboratory's range: two numbers, or text such as "8.6-10.2 mg/dL" or "< 65", with its unit if one is written.

    Raises `FactsError`.

    >>> read_range("8,6 – 10,2 mg/dL", "labs.calcium.range")
    (8.6, 10.2, 'mg/dL')
    """
    hint = "such as [2.2, 2.6] or '8.6-10.2 mg/dL'"
    limits: list[float | None] = []
    unit = ""
    if isinstance(given, list | tuple) and len(given) == 2:
        for n, limit in enumerate(given):
            at = f"{where}[{n}]"
            limits.append(read_decimal(limit.strip(), at) if isinstance(limit, str) else read_number(limit, at))
    elif isinstance(given, str) and (match := _RANGE.fullmatch(given)):
        limits, unit = [read_decimal(match[1], where), read_decimal(match[2], where)], match[3]
    elif isinstance(given, str) and (one := read_quantity(given, where)) and one.bound:
        limits, unit = [0.0, one.number] if one.bound[0] == "<" else [one.number, math.inf], one.unit
    if len(limits) != 2 or limits[0] is None or limits[1] is None:
        raise FactsError("a laboratory's range is two numbers", where=where, hint=hint)
    low, high = limits[0], limits[1]
    if low >= high:
        raise FactsError(f"a range from {low:g} to {high:g}", where=where, hint="give the lower limit first")
    return low, high, unit
