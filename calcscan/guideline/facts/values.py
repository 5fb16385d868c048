"""One value of a facts file, checked against what the fact may be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from calcscan.errors import FactsError
from calcscan.guideline.facts.names import nearest
from calcscan.guideline.facts.quantity import Quantity, factor_of, plain_unit, read_quantity, refuse_cut_off
from calcscan.guideline.facts.vocabulary import FactKind, FactType, vocabulary

Value = bool | float | str
_KEYS = ("value", "unit", "confirmed")


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberGiven:
    """A number that was given as more than a number: `value` is None for a bound that does not decide."""

    value: float | None
    written: str
    confirmed: bool
    given: Any


def is_unknown(value: object) -> bool:
    """If a value says nothing."""
    return value is None or (isinstance(value, str) and value.strip().lower() == "unknown")


def read_value(kind: FactKind, value: object, where: str) -> Value | None:
    """One value, checked against what the fact may be; None is unknown.

    Raises `FactsError`.
    """
    if is_unknown(value):
        return None
    if kind.kind is FactType.YES_NO:
        if isinstance(value, bool):
            return value
        raise FactsError(f"{value!r} is neither true nor false", where=where, hint="write true, false or unknown")
    if kind.kind is FactType.NUMBER:
        return read_number(kind, value, where).value
    if not isinstance(value, str):
        raise FactsError(f"{value!r} is not a word", where=where, hint="known: " + ", ".join(kind.values))
    word = value.strip().lower()
    for known in kind.values:
        if known.lower() == word:
            return None if known in kind.no_answer else known
    raise FactsError(f"unknown value {value!r}", where=where, hint=nearest(word, (*kind.values, "unknown")))


def read_number(kind: FactKind, value: object, where: str) -> NumberGiven:
    """A number, as such, as text with its unit, or as `{value, unit, confirmed?}`.

    Raises `FactsError`.
    """
    given, confirmed, unit = value, False, ""
    if isinstance(value, Mapping):
        refuse_cut_off(value, where)
        for key in value:
            if key not in _KEYS:
                raise FactsError(f"unknown key {key!r}", where=f"{where}.{key}", hint=nearest(str(key), _KEYS))
        given, confirmed, unit = value.get("value"), value.get("confirmed", False), value.get("unit", "")
        if is_unknown(given):
            return NumberGiven(value=None, written="", confirmed=False, given=None)
        if not isinstance(confirmed, bool):
            raise FactsError("neither true nor false", where=f"{where}.confirmed", hint="write true if it is right")
    read = _quantity(kind, given, unit, where)
    number = read.number
    if not kind.low <= number <= kind.high:  # which nan never is
        limits = f"{kind.low:g} to {kind.high:g} {kind.unit}"
        shown = str(given) if abs(number) < 1e6 else "so much"
        raise FactsError(f"{kind.label} of {shown} is not possible", where=where, hint=f"it lies within {limits}")
    written = f"{read.bound}{' ' if read.bound else ''}{number:g} {kind.unit}"
    return NumberGiven(value=_decided(kind, read, where), written=written, confirmed=confirmed, given=value)


def _quantity(kind: FactKind, given: object, unit: object, where: str) -> Quantity:
    """A number in the fact's own unit."""
    units = kind.units or {plain_unit(kind.unit): 1.0}
    hint = f"give {kind.label} in {kind.unit}"
    if isinstance(given, str) and (read := read_quantity(given, where)):
        if read.unit and unit and plain_unit(read.unit) != plain_unit(str(unit)):
            raise FactsError(f"two units, {read.unit!r} and {unit!r}", where=where, hint="keep one")
        said = read.unit or unit
        factor = factor_of(units, said, kind.label, where) if said else 1.0  # as a number without a unit is taken
        return Quantity(read.number * factor, read.bound, kind.unit)
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise FactsError(f"{given!r} is not a number", where=where, hint=hint)
    if not kind.low <= given <= kind.high * 10000:  # an integer may be too large for a float
        given = math.inf if given > 0 else -math.inf if given < 0 else math.nan
    factor = factor_of(units, unit, kind.label, where) if unit else 1.0
    return Quantity(float(given) * factor, "", kind.unit)


def _decided(kind: FactKind, read: Quantity, where: str) -> float | None:
    """The number to compare with thresholds: for a bound the next number beyond it, if that decides all of them."""
    if not read.bound:
        return float(read.number)
    if not kind.bounds:
        raise FactsError(f"{kind.label} is given as a bound", where=where, hint="give the number")
    limits = [*(vocabulary().thresholds[name].value for name in kind.bounds), *kind.limits]
    if read.bound[0] == ">":
        beyond = math.nextafter(read.number, math.inf) if read.bound == ">" else read.number
        return beyond if beyond > max(limits) else None
    beyond = math.nextafter(read.number, -math.inf) if read.bound == "<" else read.number
    return beyond if beyond < min(limits) else None
