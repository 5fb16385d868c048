"""Flags → how far the report may be trusted. What each code weighs is data: `knowledge/quality.toml`."""

from __future__ import annotations

from collections.abc import Iterable

from calcscan.knowledge.quality import FindingKey, FlagCode, QualityCode, QualityState, Severity, quality_codes
from calcscan.model import Flag, Quality

__all__ = [
    "FindingKey",
    "FlagCode",
    "QualityCode",
    "QualityState",
    "Severity",
    "judge_quality",
    "quality_codes",
    "severity",
]

_GRAVITY = tuple(Severity)
_STATES = dict(zip(Severity, QualityState, strict=True))


def severity(flag: Flag) -> Severity:
    """How grave a flag is, by its code and its value; a note where it only tells.

    Raises
    ------
    ValueError
        `knowledge/quality.toml` has no such code.

    >>> severity(Flag(code="child", message="4 years old")).value
    'caution'
    """
    code = quality_codes().get(flag.code)
    if code is None:
        raise ValueError(f"unknown quality code {flag.code!r}; known are {', '.join(quality_codes())}")
    if flag.note:
        return Severity.NOTE
    limit = code.abstain_above
    if limit is not None and isinstance(flag.value, int | float) and flag.value > limit:
        return Severity.ABSTAIN
    return code.severity


def judge_quality(flags: Iterable[Flag]) -> Quality:
    """The gravest severity among the flags as a state, and each flag once, the gravest first.

    Raises
    ------
    ValueError
        A flag has a code that `knowledge/quality.toml` does not.

    Examples
    --------
    >>> tilt = Flag(code="gantry_tilt", message="tilted by 18.5 degrees", value=18.5)
    >>> judge_quality([tilt, tilt]).flags
    (Flag(code='gantry_tilt', message='tilted by 18.5 degrees', value=18.5, limit=None, local=False, note=False),)
    >>> judge_quality([tilt, Flag(code="contrast", message="the header names a contrast agent")]).state.value
    'abstain'
    """
    unique = tuple(dict.fromkeys(flags))
    ordered = sorted(unique, key=lambda flag: -_GRAVITY.index(severity(flag)))
    gravest = severity(ordered[0]) if ordered else Severity.NOTE
    return Quality(state=_STATES[gravest], flags=tuple(ordered))
