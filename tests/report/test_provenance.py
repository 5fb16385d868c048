"""What a report holds of how it came about, and nothing of whom it is."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime

import jsonschema
import pytest
from support.results import SMALL, make_provenance, make_result

from calcscan.model import Provenance, Result
from calcscan.report.build import build_report, report_json
from calcscan.report.json_schema import report_schema
from calcscan.report.sections.identifiers import hashed


def made(**changes: object) -> Result:
    return replace(make_result(SMALL), provenance=make_provenance(**changes))


def test_it_fits_the_schema() -> None:
    with_context = build_report(made(context={"age_years": 52})).provenance
    assert with_context is not None
    assert with_context.command.endswith("OUT --context FILE")
    for result in (made(), made(input=None), made(context={"age_years": 52}), make_result(SMALL)):
        jsonschema.validate(json.loads(report_json(build_report(result))), report_schema())


@pytest.mark.parametrize(
    ("options", "command"),
    [
        ({}, "calcscan run INPUT -o OUT"),
        ({"threshold_hu": 100.0, "kvp_kv": 80.0}, "calcscan run INPUT -o OUT --threshold 100 --kvp 80"),
        (
            {"slice_thickness_mm": 1.25, "kernel": "H 31"},
            "calcscan run INPUT -o OUT --thickness-mm 1.25 --kernel 'H 31'",
        ),
        (
            {"rules_sha256": ["ab", "cd"], "without": ["bg-age"], "literature": True, "series_uid": "1.2.3"},
            "calcscan run INPUT -o OUT --series UID --rules FILE --rules FILE --without bg-age --literature",
        ),
    ],
)
def test_the_command_is_that_of_the_options(options: dict[str, object], command: str) -> None:
    report = build_report(made(options=options))
    assert report.provenance is not None
    assert report.provenance.command == command


def test_neither_the_place_nor_an_identifier_is_written() -> None:
    result = made(options={"series_uid": "1.2.826.0.1.99.2"})
    text = report_json(build_report(result))
    assert not any(word in text for word in ("/data", "Mustermann", "Erika", "1.2.826.0.1.99"))
    report = build_report(result)
    assert report.provenance is not None
    assert report.provenance.options["series_uid_sha256"] == hashed("1.2.826.0.1.99.2")


def test_both_are_written_where_they_were_asked_for() -> None:
    result = made(options={"series_uid": "1.2.826.0.1.99.2"})
    found = build_report(result, keep_ids=True).provenance
    assert found is not None
    assert found.input is not None
    assert found.input.place == "/data/Mustermann_Erika/scan"
    assert found.options["series_uid"] == "1.2.826.0.1.99.2"
    assert found.command.endswith("--keep-ids")


def test_the_pipeline_says_what_it_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """`analyse` and `analyse_scan`, with the stages between them left out."""
    from calcscan import pipeline

    monkeypatch.setattr(pipeline, "_analysed", lambda *_: make_result(SMALL))
    scan = make_result(SMALL).scan
    found = pipeline.analyse_scan(scan, context={"age_years": 52}, threshold_hu=120, without=["bg-age"]).provenance
    assert isinstance(found, Provenance)
    assert found.context == {"age_years": 52}
    assert found.options["threshold_hu"] == 120.0
    assert found.options["without"] == ["bg-age"]
    assert found.input is None
    assert date.fromisoformat(found.date) <= datetime.now(UTC).date()
