"""Laboratory results: units, and low, normal or high, from `knowledge/units.toml`."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from calcscan.errors import FactsError
from calcscan.guideline.facts.vocabulary import nearest
from calcscan.knowledge.entries import read_toml, typed_entries
from calcscan.knowledge.settings import Table

LEVELS = ("low", "normal", "high")
_LARGEST = 1e9
_WRITTEN = re.compile(r"\s*([-+]?\d+(?:\.\d+)?)\s*([^\s\d].*?)\s*")


class Analyte(Table, frozen=True, kw_only=True):
    """One quantity that a laboratory measures; `per` is how much of `unit` is in one of each accepted unit."""

    name: str
    label: str
    unit: str
    low: float
    high: float
    possible: tuple[float, float]
    source: str
    date: datetime.date
    per: Mapping[str, float]


class Adjustment(Table, frozen=True, kw_only=True):
    """Calcium is adjusted by `per_unit` for each unit that albumin lies below `reference`."""

    analyte: str
    by: str
    label: str
    per_unit: float
    reference: float
    source: str
    date: datetime.date


@dataclass(frozen=True, slots=True, kw_only=True)
class LabResult:
    """A laboratory result: a level in words, or a value in the analyte's own unit (and whose range). `given` is the
    entry of the facts that it was read from."""

    level: str | None = None
    value: float | None = None
    range: tuple[float, float] | None = None
    written: str = ""
    given: Any = field(default=None, compare=False)


@cache
def analytes() -> Mapping[str, Analyte]:
    """Every analyte by name.

    >>> analytes()["pth"].unit
    'pg/mL'
    """
    return typed_entries(Analyte, read_toml("units.toml")["analyte"], name_as="name", where="units.toml: analyte")


@cache
def _adjustments() -> tuple[Adjustment, ...]:
    entries = read_toml("units.toml")["adjustment"]
    return tuple(typed_entries(Adjustment, entries, name_as="analyte", where="units.toml: adjustment").values())


@cache
def adult_from_years() -> float:
    """The age from which the reference ranges hold."""
    return float(read_toml("units.toml")["settings"]["adult_from_years"])


def _factor(analyte: Analyte, unit: object, where: str) -> float:
    if not isinstance(unit, str):
        raise FactsError(f"{analyte.label} needs a unit", where=where, hint="known: " + ", ".join(analyte.per))
    plain = unit.strip().lower().replace(" ", "").replace("µ", "u").replace("μ", "u").replace("mcg", "ug")
    if plain not in analyte.per:
        hint = nearest(plain, analyte.per)
        raise FactsError(f"{unit!r} is not a unit of {analyte.label}", where=where, hint=hint)
    return analyte.per[plain]


def _number(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _LARGEST:
        raise FactsError("not a number that a laboratory reports", where=where, hint="give a value such as 2.1")
    return float(value)


def _in_reach(analyte: Analyte, value: float, written: str, where: str) -> None:
    low, high = analyte.possible
    if not low <= value <= high:
        raise FactsError(
            f"{analyte.label} of {written} is not possible",
            where=where,
            hint=f"it must lie between {low:g} and {high:g} {analyte.unit}; is the unit right?",
        )


def _from_table(analyte: Analyte, given: Mapping[str, Any], where: str) -> LabResult:
    for key in given:
        if key not in ("value", "unit", "range"):
            hint = nearest(str(key), ("value", "unit", "range"))
            raise FactsError(f"unknown key {key!r}", where=f"{where}.{key}", hint=hint)
    if given.get("value") is None or given["value"] == "unknown":
        return LabResult()
    factor = _factor(analyte, given.get("unit"), f"{where}.unit")
    value = _number(given["value"], f"{where}.value")
    written = f"{value:g} {str(given['unit']).strip()}"
    _in_reach(analyte, value * factor, written, f"{where}.value")
    limits = given.get("range")
    if limits is None:
        return LabResult(value=value * factor, written=written)
    if not isinstance(limits, list | tuple) or len(limits) != 2:
        raise FactsError("a laboratory's range is two numbers", where=f"{where}.range", hint="such as [2.2, 2.6]")
    low, high = (_number(limit, f"{where}.range[{n}]") for n, limit in enumerate(limits))
    if low >= high:
        raise FactsError(f"a range from {low:g} to {high:g}", where=f"{where}.range", hint="give the lower limit first")
    return LabResult(value=value * factor, range=(low * factor, high * factor), written=written)


def read_result(name: str, given: object, where: str) -> LabResult:
    """A laboratory result as it stands in a facts file: a level, `{value, unit, range?}`, or text such as "1.9 mmol/L".

    Raises `FactsError` for a unit that does not fit the quantity and for a value that no person has.

    >>> read_result("calcium", {"value": 8.0, "unit": "mg/dL"}, "labs.calcium").value
    1.99608
    """
    analyte = analytes()[name]
    if isinstance(given, Mapping):
        return _from_table(analyte, given, where)
    if isinstance(given, str):
        word = given.strip().lower()
        if word == "unknown":
            return LabResult()
        if word in LEVELS:
            return LabResult(level=word)
        if match := _WRITTEN.fullmatch(given):
            return _from_table(analyte, {"value": float(match[1]), "unit": match[2]}, where)
    what = f"{given!r} says nothing about {analyte.label}"
    raise FactsError(what, where=where, hint="write low, normal or high, or {value: 1.9, unit: mmol/L}")


def _classify(analyte: Analyte, result: LabResult, value: float, label: str, adult: bool) -> tuple[str | None, str]:
    if result.range is None and not adult:
        hint = "give low, normal or high, or the laboratory's own range"
        return None, f"{result.written}: the ranges known here are for adults; {hint}"
    low, high = result.range or (analyte.low, analyte.high)
    whose = "the laboratory's range" if result.range else "adult range"
    level = "low" if value < low else "high" if value > high else "normal"
    shown = f"{label} {value:.3g} {analyte.unit}" if label else result.written
    source = "" if result.range else f" ({analyte.source})"
    return level, f"{shown}, {whose} {low:.4g} to {high:.4g} {analyte.unit}{source}"


def classify(results: Mapping[str, LabResult], age_years: float | None) -> dict[str, tuple[str | None, str]]:
    """Low, normal, high or None for every result, with how it was judged. Calcium is adjusted where albumin is given.

    >>> classify({"calcium": LabResult(value=1.9, written="1.9 mmol/L")}, 52)["calcium"][0]
    'low'
    """
    adult = age_years is None or age_years >= adult_from_years()
    judged: dict[str, tuple[str | None, str]] = {}
    for name, result in results.items():
        if result.value is None:
            judged[name] = (result.level, "")
            continue
        value, label = result.value, ""
        for rule in _adjustments():
            by = results.get(rule.by)
            if rule.analyte == name and by is not None and by.value is not None:
                value += rule.per_unit * (rule.reference - by.value)
                label = f"{result.written}, {rule.label}"
        judged[name] = _classify(analytes()[name], result, value, label, adult)
    return judged
