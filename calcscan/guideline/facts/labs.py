"""Laboratory results as a facts file holds them: their units, bounds and ranges, from `knowledge/units.toml`."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from calcscan.errors import FactsError
from calcscan.guideline.facts.names import nearest
from calcscan.guideline.facts.quantity import (
    Quantity,
    factor_of,
    plain_unit,
    read_number,
    read_quantity,
    read_range,
    refuse_cut_off,
)
from calcscan.knowledge.entries import read_toml, typed_entries
from calcscan.knowledge.settings import Table

LEVELS = ("low", "normal", "high")
_CRITICAL = {"criticallylow": "low", "criticallyhigh": "high"}
_TOUCHING = 0.95
"""A laboratory's range that begins at this share of the upper limit of the adult range lies beside it."""
_KEYS = ("value", "unit", "range", "range_unit", "confirmed")


class Limits(Table, frozen=True, kw_only=True):
    """Two limits in the analyte's own unit, with their source."""

    low: float
    high: float
    source: str
    date: datetime.date


class Analyte(Table, frozen=True, kw_only=True):
    """One quantity that a laboratory measures; `per` is how much of `unit` is in one of each accepted unit.

    `low` and `high` are the adult range, of all ages where `all_ages` says so. What lies outside `possible` is refused;
    outside `plausible` it is questioned; outside `usual` it is questioned if another unit or one of `mistaken_for`
    would make it ordinary, unless one of the facts that explain it holds; outside `critical` it calls for action.
    """

    name: str
    label: str
    unit: str
    low: float
    high: float
    possible: tuple[float, float]
    plausible: tuple[float, float]
    usual: tuple[float, float]
    source: str
    date: datetime.date
    per: Mapping[str, float]
    critical: Limits | None = None
    mistaken_for: tuple[str, ...] = ()
    explained_low: tuple[str, ...] = ()
    explained_high: tuple[str, ...] = ()
    all_ages: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LabResult:
    """A laboratory result: a level in words, or a value in the analyte's own unit (and whose range). `given` is the
    entry of the facts that it was read from; `per` is how much of the own unit is in one of `unit`, as written."""

    level: str | None = None
    critical: str | None = None
    value: float | None = None
    bound: str = ""
    unit: str = ""
    per: float = 1.0
    range: tuple[float, float] | None = None
    confirmed: bool = False
    written: str = ""
    given: Any = field(default=None, compare=False)

    @property
    def number(self) -> float | None:
        """The value in the unit that it was written in."""
        return None if self.value is None else self.value / self.per

    @property
    def exact(self) -> float | None:
        """The value, if it is no bound."""
        return None if self.bound else self.value


@cache
def analytes() -> Mapping[str, Analyte]:
    """Every analyte by name.

    >>> analytes()["pth"].unit
    'pg/mL'
    """
    return typed_entries(Analyte, read_toml("units.toml")["analyte"], name_as="name", where="units.toml: analyte")


def ordinary_as(analyte: Analyte, number: float, unit: str) -> list[str]:
    """The other units, and other quantities, in which a number would lie in the adult range.

    >>> ordinary_as(analytes()["calcium"], 2.3, "mg/dL")
    ['2.3 mmol/L would be ordinary']
    """
    own = analyte.per[plain_unit(unit)]
    by_factor = {per: other for other, per in reversed(list(analyte.per.items())) if per != own}
    found = [
        f"{number:g} {_shown_unit(analyte, other)} would be ordinary"
        for per, other in by_factor.items()
        if analyte.low <= number * per <= analyte.high
    ]
    for name in analyte.mistaken_for:
        other_quantity = analytes()[name]
        of_other = other_quantity.per.get(plain_unit(unit))
        if of_other is not None and other_quantity.usual[0] <= number * of_other <= other_quantity.usual[1]:
            found.append(f"as {other_quantity.label} it would be ordinary")
    return found


def _shown_unit(analyte: Analyte, unit: str) -> str:
    shown = unit.replace("/dl", "/dL").replace("/l", "/L").replace("/ml", "/mL")
    return analyte.unit if unit == plain_unit(analyte.unit) else shown


def _in_reach(analyte: Analyte, quantity: Quantity, value: float, written: str, where: str) -> None:
    low, high = analyte.possible
    if not low <= value <= high:
        instead = "; ".join(ordinary_as(analyte, quantity.number, quantity.unit))
        hint = f"it must lie between {low:g} and {high:g} {analyte.unit}; is the unit right?"
        raise FactsError(f"{analyte.label} of {written} is not possible", where=where, hint=f"{hint} {instead}".strip())


def _quantity(analyte: Analyte, given: Mapping[str, Any], where: str) -> Quantity:
    """The value and unit of a table; the value may be text with a bound, a decimal comma or its own unit."""
    value, unit = given["value"], given.get("unit")
    number = read_number(value, where)
    read = Quantity(number) if number is not None else None
    if isinstance(value, str):
        read = read_quantity(value, f"{where}.value")
    if read is None:
        raise FactsError(
            "not a number that a laboratory reports", where=f"{where}.value", hint="give a value such as 2.1"
        )
    if not read.unit:
        factor_of(analyte.per, unit, analyte.label, f"{where}.unit")
        return Quantity(read.number, read.bound, str(unit).strip())
    if isinstance(unit, str) and plain_unit(unit) != plain_unit(read.unit):
        raise FactsError(f"two units, {read.unit!r} and {unit!r}", where=f"{where}.unit", hint="keep one")
    factor_of(analyte.per, read.unit, analyte.label, f"{where}.unit")
    return read


def _fitting_unit(analyte: Analyte, low: float, high: float) -> str | None:
    """The unit in which two limits come closest to the adult range, if their middle lies in it."""

    def away(per: float) -> float:
        return abs(low * per - analyte.low) + abs(high * per - analyte.high)

    fitting = [unit for unit, per in analyte.per.items() if analyte.low <= (low + high) / 2 * per <= analyte.high]
    return _shown_unit(analyte, min(fitting, key=lambda unit: away(analyte.per[unit]))) if fitting else None


def _own_range(
    analyte: Analyte, given: Mapping[str, Any], value: float, unit: str, where: str
) -> tuple[float, float] | None:
    """The laboratory's own range in the analyte's unit.

    It is refused where the limits make no sense in the unit of the value but would in another, and where they are
    nobody's in any: then values would be called low, normal or high by a slip of the pen."""
    if given.get("range") is None:
        return None
    low, high, written = read_range(given["range"], f"{where}.range")
    said = given.get("range_unit") or written or unit
    own = factor_of(analyte.per, said, analyte.label, f"{where}.range_unit")
    hardly = _TOUCHING * analyte.high <= low * own or high * own <= analyte.low  # nobody's, unless a child's
    instead = _fitting_unit(analyte, low, high) if hardly else None
    if instead is not None:
        what = f"a range from {low:g} to {high:g} {said} fits no {analyte.label}"
        hint = f"it looks like {instead}: give range_unit: {instead}, or mend the unit of both"
        raise FactsError(what, where=f"{where}.range", hint=hint)
    questioned = not analyte.plausible[0] <= value <= analyte.plausible[1]  # which says it better
    if not questioned and _nobodys(analyte, low * own, high * own, hardly=hardly):
        what = f"a range from {low:g} to {high:g} {said} fits no {analyte.label}"
        hint = f"that of adults is about {analyte.low:g} to {analyte.high:g} {analyte.unit}: mend the range or its unit"
        raise FactsError(what, where=f"{where}.range", hint=hint)
    return low * own, high * own


def _nobodys(analyte: Analyte, low: float, high: float, *, hardly: bool) -> bool:
    """Can no laboratory have such a range, in the analyte's own unit? A limit that no value reaches, or a middle that
    would itself be questioned; a range with one limit has 0 or infinity for the other."""
    least, most = analyte.possible
    beyond = 0 < low < least or most < high < math.inf
    return beyond or (hardly and not analyte.plausible[0] <= (low + min(high, most)) / 2 <= analyte.plausible[1])


def _from_table(analyte: Analyte, given: Mapping[str, Any], where: str) -> LabResult:
    refuse_cut_off(given, where)
    for key in given:
        if key not in _KEYS:
            raise FactsError(f"unknown key {key!r}", where=f"{where}.{key}", hint=nearest(str(key), _KEYS))
    if given.get("value") is None or given["value"] == "unknown":
        return LabResult()
    if not isinstance(given.get("confirmed", False), bool):
        raise FactsError("neither true nor false", where=f"{where}.confirmed", hint="write true if the value is right")
    read = _quantity(analyte, given, where)
    per = analyte.per[plain_unit(read.unit)]
    written = f"{read.bound}{' ' if read.bound else ''}{read.number:g} {read.unit}"
    _in_reach(analyte, read, read.number * per, written, f"{where}.value")
    return LabResult(
        value=read.number * per,
        bound=read.bound,
        unit=read.unit,
        per=per,
        range=_own_range(analyte, given, read.number * per, read.unit, where),
        confirmed=given.get("confirmed", False),
        written=written,
    )


def read_result(name: str, given: object, where: str) -> LabResult:
    """A laboratory result as it stands in a facts file: a level, `{value, unit, range?, range_unit?, confirmed?}`, or
    text such as "1.9 mmol/L", "7,6 mg/dL" or "<3 pg/mL".

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
        critical = _CRITICAL.get(word.replace("_", "").replace(" ", "").replace("-", ""))
        if critical:
            return LabResult(level=critical, critical=critical)
        if read := read_quantity(given, where):
            return _from_table(analyte, {"value": given, "unit": read.unit or None}, where)
    what = f"{given!r} says nothing about {analyte.label}"
    raise FactsError(what, where=where, hint="write low, normal or high, or {value: 1.9, unit: mmol/L}")
