"""Every column of every table is described once, and nothing else is."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest
from support.results import SMALL, make_provenance, make_result

from calcscan.cli import main
from calcscan.cli.table_dictionary import dictionary, dictionary_text, table_rows
from calcscan.knowledge.tables import FILE, tables
from calcscan.model import StudyLabel
from calcscan.report.build import build_report
from calcscan.report.tables import columns_of, lesions_csv, sites_csv


def test_the_dictionary_is_what_the_classes_give() -> None:
    from importlib.resources import files

    assert (files("calcscan.knowledge") / FILE).read_text(encoding="utf-8") == dictionary_text()


@pytest.mark.parametrize("name", list(table_rows()))
def test_no_column_is_without_description_and_no_description_without_column(name: str) -> None:
    _, kind = table_rows()[name]
    described = tables()[name].columns
    assert tuple(described) == columns_of(kind)
    assert all(column.description.strip() for column in described.values())


def test_columns_with_a_unit_in_their_name_have_it_described() -> None:
    for name, about in dictionary().items():
        for column, found in about["columns"].items():
            if column.endswith(("_mm3", "_mm", "_hu", "_kv", "_ml", "_years")):
                assert found["unit"], (name, column)


def test_the_command_prints_the_dictionary_and_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "calcscan-report/1"
    assert main(["schema", "--tables", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == dictionary()
    assert main(["schema", "--tables"]) == 0
    shown = capsys.readouterr().out
    for name, table in tables().items():
        assert name in shown
        assert all(column.description in shown for column in table.columns.values())


@pytest.mark.parametrize(
    "label",
    [
        StudyLabel(study="anna", participant="sub-01", session="ses-2", run="run-1"),
        StudyLabel(study="=CMD|' /C calc'!A0", participant="+1", session="a\nb", run="\t@x"),
        StudyLabel(),
    ],
)
def test_each_row_carries_its_study(label: StudyLabel) -> None:
    report = build_report(make_result(SMALL), label=label)
    for text in (lesions_csv(report), sites_csv(report)):
        for row in csv.DictReader(io.StringIO(text)):
            for name in ("study", "participant", "session", "run"):
                given = getattr(label, name)
                assert row[name].isprintable()
                assert not row[name].startswith(("=", "+", "@"))
                if given is not None and given.isalnum():
                    assert row[name] == given


def test_a_study_that_nobody_named_is_called_by_a_hash() -> None:
    result = make_result(SMALL)
    by_uid = build_report(result).study
    assert by_uid.study == (by_uid.study_uid_sha256 or "")[:12]
    # a scan without UIDs goes by the contents of its files
    scan = replace(result.scan, study=replace(result.scan.study, study_uid=""))
    made = build_report(replace(result, scan=scan, provenance=make_provenance()))
    assert made.study.study == ("cd" * 32)[:12]


def test_a_label_of_bids_in_the_header_too_stays() -> None:
    result = make_result(SMALL)
    study = replace(result.scan.study, patient_id="sub-01")
    result = replace(result, scan=replace(result.scan, study=study))
    assert build_report(result, label=StudyLabel(participant="sub-01")).study.participant == "sub-01"
    named = build_report(result, label=StudyLabel(study="Mustermann_CT", participant="sub-02"))
    assert named.study.study == "***_CT"
