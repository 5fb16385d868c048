"""A person's age as the user states it, where no header tells it."""

from __future__ import annotations

from dataclasses import replace

from calcscan.knowledge.reading import ReadingSettings
from calcscan.model import Flag, Scan
from calcscan.read.headers.flags import child_flag


def with_stated_age(scan: Scan, age_years: float | None, settings: ReadingSettings) -> Scan:
    """The scan with this age where it has none, flagged `stated`, and `child` where it is a child's."""
    if age_years is None or scan.study.age_years is not None:
        return scan
    message = f"Stated by the user, not read from the header: age {age_years:g} years."
    flags = (*scan.flags, Flag(code="stated", message=message), *child_flag(age_years, settings))
    return replace(scan, study=replace(scan.study, age_years=age_years), flags=flags)
