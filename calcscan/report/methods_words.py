"""Words for the values that the reports of a cohort share, or do not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from calcscan.report.schema import Report


def cite(key: str) -> str:
    """A citation as pandoc reads it, with a space before it."""
    return f" [@{key}]"


def setting(report: Report, *names: str) -> float | None:
    """A number among the settings of a report, or in a group of them; None where there is none."""
    value: Any = report.settings
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def each(values: Iterable[str | None]) -> str:
    """Every different value once."""
    return ", ".join(sorted({value or "unknown" for value in values}))


def in_range(values: Iterable[float | None], unit: str) -> str:
    """One value, or from the least to the most with the median."""
    known = sorted(value for value in values if value is not None)
    end = f" {unit}" if unit else ""
    if not known:
        return f"an unknown number of {unit}" if unit else "unknown"
    if known[0] == known[-1]:
        return f"{known[0]:.3g}{end}"
    return f"{known[0]:.3g} to {known[-1]:.3g}{end} (median {median(known):.3g})"


def known_or_not(values: Sequence[float | None], unit: str, what: str, unknown_means: str) -> str:
    """What is known of a value, and in how many it is not."""
    known = [value for value in values if value is not None]
    beside = f", {unknown_means}" if unknown_means else ""
    if not known:
        return f"an unknown {what}{f' ({unknown_means})' if unknown_means else ''}"
    text = f"a {what} of {in_range(known, unit)}"
    if len(known) < len(values):
        text += f" (unknown in {len(values) - len(known)} of {len(values)}{beside})"
    return text


def measured_share(measured: int, count: int) -> str:
    """In how many of a cohort a blur was measured."""
    if measured == count:
        return "measured at the skin"
    return f"measured at the skin in {measured} of {count}, else assumed" if measured else "assumed"
