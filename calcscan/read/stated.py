"""What the user states of how a scan was made, where its header does not tell."""

from __future__ import annotations

import math
from dataclasses import dataclass

from calcscan.knowledge.reading import ReadingSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """Tube voltage, slice thickness and kernel as the user states them; None where nothing is stated."""

    kvp_kv: float | None = None
    slice_thickness_mm: float | None = None
    kernel: str | None = None


def checked(stated: Stated, settings: ReadingSettings) -> Stated:
    """The same as plain numbers and text.

    Raises
    ------
    ValueError
        A value is none that a CT can have.

    >>> from calcscan.knowledge.settings import load
    >>> checked(Stated(kvp_kv=80, kernel=" H31s "), load(ReadingSettings))
    Stated(kvp_kv=80.0, slice_thickness_mm=None, kernel='H31s')
    """
    kernel = None if stated.kernel is None else " ".join(str(stated.kernel).split())
    if kernel == "":
        raise ValueError("kernel must name one, such as H31s")
    return Stated(
        kvp_kv=_within(stated.kvp_kv, "kvp_kv", settings.min_kvp_kv, settings.max_kvp_kv, "kV"),
        slice_thickness_mm=_within(
            stated.slice_thickness_mm, "slice_thickness_mm", settings.min_step_mm, settings.max_step_mm, "mm"
        ),
        kernel=kernel,
    )


def _within(value: float | None, name: str, low: float, high: float, unit: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not (math.isfinite(value) and low <= value <= high):
        raise ValueError(f"{name} must lie between {low:g} and {high:g} {unit}, not {value!r}")
    return float(value)
