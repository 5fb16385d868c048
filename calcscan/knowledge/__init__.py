"""Data that a clinician could dispute: every number with its unit, its reason or source. Code holds none of them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from numbers import Real
from types import MappingProxyType
from typing import Any


@cache
def table(name: str) -> Mapping[str, Any]:
    """One data file, as it stands.

    >>> table("intracranial")["bone_hu"]["unit"]
    'HU'
    """
    text = (files(__name__) / f"{name}.toml").read_text(encoding="utf-8")
    return MappingProxyType(tomllib.loads(text))


def asked_threshold(value: object, *, name: str = "threshold_hu") -> float | None:
    """A threshold in HU that somebody asks for, as a float; None stays None. Numbers of numpy will do.

    Raises
    ------
    ValueError
        It is no number, or out of range; the message begins with `name`.

    >>> asked_threshold(100), asked_threshold(None)
    (100.0, None)
    """
    if value is None:
        return None
    from calcscan.knowledge.settings import load
    from calcscan.knowledge.thresholds import ThresholdSettings

    settings = load(ThresholdSettings)
    low, high = settings.asked_above_hu, settings.asked_below_hu
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not low < float(value) < high:  # type: ignore[arg-type]  # NaN is in no range
        raise ValueError(f"{name} must be a number of HU above {low:g} and below {high:g}, not {value!r}")
    return float(value)  # type: ignore[arg-type]
