"""Low, normal or high: by the laboratory's own range, or by the one that fits age, sex and what was measured."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import msgspec

from calcscan.errors import KnowledgeError
from calcscan.guideline.facts.labs import Analyte, LabResult, Limits, analytes
from calcscan.knowledge.entries import read_toml, typed_entries
from calcscan.knowledge.settings import Table, converted

_SEXES = ("F", "M")
_DIGITS = 9
"""2.40 - 0.20 is 2.20, not a hair less."""


class RangeSource(Table, frozen=True, kw_only=True):
    """Where ranges come from."""

    name: str
    text: str
    date: datetime.date


class AgeRange(Table, frozen=True, kw_only=True):
    """A reference range of an age, or of one sex."""

    analyte: str
    from_years: float
    below_years: float
    low: float
    high: float
    unit: str
    source: str
    sex: str = ""


class Adjustment(Table, frozen=True, kw_only=True):
    """Calcium is adjusted by `per_unit` for each unit that albumin lies below `reference`, and judged by `range`."""

    analyte: str
    by: str
    label: str
    per_unit: float
    reference: float
    range: Limits
    source: str
    date: datetime.date


@dataclass(frozen=True, slots=True)
class Fit:
    """A range that fits a person, in the analyte's own unit; `shift` is added to the value first."""

    low: float
    high: float
    whose: str
    source: str = ""
    shift: float = 0.0
    label: str = ""


@cache
def range_sources() -> Mapping[str, RangeSource]:
    """Where the ranges for ages come from, by name."""
    entries = read_toml("age_ranges.toml")["source"]
    return typed_entries(RangeSource, entries, name_as="name", where="age_ranges.toml: source")


@cache
def age_ranges() -> Mapping[str, tuple[AgeRange, ...]]:
    """The ranges for ages and sexes by analyte, in the analyte's own unit.

    Raises
    ------
    KnowledgeError
        A range is of an analyte, a unit or a source that nobody knows.
    """
    found: dict[str, list[AgeRange]] = {}
    for number, entry in enumerate(read_toml("age_ranges.toml")["range"]):
        where = f"knowledge/age_ranges.toml: range[{number}]"
        try:
            given = converted(entry, AgeRange)
        except msgspec.ValidationError as error:
            raise KnowledgeError(f"{where}: {error}") from error
        analyte = analytes().get(given.analyte)
        if analyte is None or given.unit not in analyte.per or given.source not in range_sources():
            raise KnowledgeError(f"{where}: an analyte, unit or source that is not declared")
        per = analyte.per[given.unit]
        own = msgspec.structs.replace(given, low=given.low * per, high=given.high * per, unit=analyte.unit)
        found.setdefault(given.analyte, []).append(own)
    return {name: tuple(ranges) for name, ranges in found.items()}


@cache
def adjustments() -> Mapping[str, Adjustment]:
    """How values are adjusted, by analyte."""
    return typed_entries(
        Adjustment, read_toml("units.toml")["adjustment"], name_as="analyte", where="units.toml: adjustment"
    )


@cache
def adult_from_years() -> float:
    """The age from which the ranges of `units.toml` hold."""
    return float(read_toml("units.toml")["settings"]["adult_from_years"])


def adult_fit(analyte: Analyte, albumin: float | None) -> Fit:
    """The adult range: the adjusted one if there is an albumin to adjust by."""
    rule = adjustments().get(analyte.name)
    if rule is None or albumin is None:
        whose = "range of all ages" if analyte.all_ages else "adult range"
        whose += " without albumin" if rule is not None else ""
        return Fit(analyte.low, analyte.high, whose, analyte.source)
    shift = rule.per_unit * (rule.reference - albumin)
    return Fit(rule.range.low, rule.range.high, "adult range", rule.range.source, shift, rule.label)


def _of_age(entry: AgeRange, age: float | None, adult: float) -> Fit:
    span = f"{entry.from_years:.3g} to {entry.below_years:.3g} years" if entry.from_years < adult else "adults"
    whose = f"range for {span}" + (f", {'female' if entry.sex == 'F' else 'male'}" if entry.sex else "")
    return Fit(entry.low, entry.high, whose, range_sources()[entry.source].text)


def fits(
    analyte: Analyte, result: LabResult, age: float | None, sex: str | None, albumin: float | None
) -> tuple[Fit, ...]:
    """Every range that may hold for this person; none if none is known here. Several if age or sex is unknown."""
    adult = adult_from_years()
    grown_up = adult_fit(analyte, albumin)
    if result.range is not None:
        own = (*result.range, "the laboratory's range")
        rule = adjustments().get(analyte.name)
        adjusted = rule is not None and albumin is not None and (age is None or age >= adult)
        return (Fit(*own, "", grown_up.shift, grown_up.label) if adjusted else Fit(*own),)
    if analyte.all_ages:
        return (grown_up,)
    entries = age_ranges().get(analyte.name, ())
    fitting = [
        entry
        for entry in entries
        if (age is None or entry.from_years <= age < entry.below_years)
        and (not entry.sex or sex not in _SEXES or sex == entry.sex)
    ]
    found = tuple(_of_age(entry, age, adult) for entry in fitting)
    grown_up_known = any(entry.from_years >= adult for entry in fitting)
    if age is None:
        children_known = any(entry.from_years < adult for entry in entries)
        return (*found, *(() if grown_up_known else (grown_up,))) if children_known else ()
    return found if age < adult or grown_up_known else (grown_up,)


def level_in(result: LabResult, low: float, high: float, shift: float = 0.0) -> str | None:
    """Where a value lies; None for a bound that does not decide.

    >>> level_in(LabResult(value=3.0, bound="<"), 15, 65), level_in(LabResult(value=70.0, bound="<"), 15, 65)
    ('low', None)
    """
    assert result.value is not None
    value, bound = (round(result.value + shift, _DIGITS) if shift else result.value), result.bound
    least = -math.inf if bound[:1] == "<" else value
    most = math.inf if bound[:1] == ">" else value
    if most < low or (bound == "<" and value <= low):
        return "low"
    if least > high or (bound == ">" and value >= high):
        return "high"
    if least == -math.inf and low <= 0:
        least = low
    return "normal" if least >= low and most <= high else None
