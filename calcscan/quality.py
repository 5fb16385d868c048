"""Flags → how far the report may be trusted. What each code weighs is data: `knowledge/quality.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from calcscan.model import Flag, Quality

_WEIGHT = {"note": 0, "caution": 1, "abstain": 2}
_STATE = ("ok", "caution", "abstain")


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityCode:
    """One entry of `quality.toml`."""

    code: str
    severity: str
    meaning: str
    drops: tuple[str, ...]
    drops_false: tuple[str, ...]
    abstain_above: float | None


@cache
def quality_codes() -> Mapping[str, QualityCode]:
    """Every quality code of the contract, by name.

    >>> quality_codes()["gantry_tilt"].severity
    'note'
    """
    table = tomllib.loads((files("calcscan") / "knowledge" / "quality.toml").read_text(encoding="utf-8"))
    return MappingProxyType(
        {
            code: QualityCode(
                code=code,
                severity=entry["severity"],
                meaning=entry["meaning"],
                drops=tuple(entry["drops"]),
                drops_false=tuple(entry.get("drops_false", ())),
                abstain_above=entry.get("abstain_above"),
            )
            for code, entry in table.items()
        }
    )


def severity(flag: Flag) -> str:
    """`note`, `caution` or `abstain`.

    Raises
    ------
    ValueError
        The code is not one of the contract's.
    """
    code = quality_codes().get(flag.code)
    if code is None:
        raise ValueError(f"unknown quality code {flag.code!r}; known are {', '.join(quality_codes())}")
    limit = code.abstain_above
    if limit is not None and isinstance(flag.value, int | float) and flag.value > limit:
        return "abstain"
    return code.severity


def judge_quality(flags: Iterable[Flag]) -> Quality:
    """The worst severity among the flags, and each flag once, the gravest first.

    Examples
    --------
    >>> tilt = Flag(code="gantry_tilt", message="tilted by 18.5 degrees", value=18.5)
    >>> judge_quality([tilt, tilt])
    Quality(state='ok', flags=(Flag(code='gantry_tilt', message='tilted by 18.5 degrees', value=18.5, limit=None),))
    >>> judge_quality([tilt, Flag(code="contrast", message="the header names a contrast agent")]).state
    'abstain'
    """
    once = tuple(dict.fromkeys(flags))
    ordered = sorted(once, key=lambda flag: -_WEIGHT[severity(flag)])
    worst = max((_WEIGHT[severity(flag)] for flag in ordered), default=0)
    return Quality(state=_STATE[worst], flags=tuple(ordered))
