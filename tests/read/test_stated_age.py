"""An age that no header tells may be stated."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.results import SMALL, make_result

from calcscan.knowledge.reading import ReadingSettings
from calcscan.knowledge.settings import load
from calcscan.read import with_stated_age

SETTINGS = load(ReadingSettings)


@pytest.mark.parametrize(("header", "stated", "age", "codes"), [
    (None, 52.0, 52.0, {"stated"}),
    (None, 4.0, 4.0, {"stated", "child"}),
    (40.0, 52.0, 40.0, set()),
    (None, None, None, set()),
])  # fmt: skip
def test_it_counts_where_the_header_tells_none(header, stated, age, codes) -> None:
    scan = make_result(SMALL).scan
    scan = replace(scan, study=replace(scan.study, age_years=header), flags=())
    found = with_stated_age(scan, stated, SETTINGS)
    assert found.study.age_years == age
    assert {flag.code for flag in found.flags} == codes
