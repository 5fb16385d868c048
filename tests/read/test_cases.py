"""Every case that benchmarks/reading/cases.py compares, read by calcscan."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.reading_case import Case, read_by_calcscan
from support.reading_cases import CASES


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_reading_is_right_or_explained(tmp_path: Path, case: Case) -> None:
    reading = read_by_calcscan(case.make(tmp_path))
    assert reading.verdict == case.verdict, reading
    if reading.verdict != "refused":
        assert set(reading.said.split()) == case.codes


def test_none_is_silently_wrong_or_refused_needlessly() -> None:
    assert len(CASES) >= 60
    assert {case.verdict for case in CASES} == {"right", "flagged", "refused"}
    assert len({case.name for case in CASES}) == len(CASES)
