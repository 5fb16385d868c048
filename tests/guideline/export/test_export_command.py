"""The exports as `calcscan guide` writes them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.guideline_facts import run

CASES = str(Path(__file__).parents[1] / "cases")


def test_fhir_for_a_person_as_a_transaction(facts_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--export", "fhir", "--subject", "Patient/1", "--transaction", "--effective", "2026-11-02")
    assert run(facts_file, *words) == 0
    bundle = json.loads(capsys.readouterr().out)
    assert bundle["type"] == "transaction"
    report = next(e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "DiagnosticReport")
    assert (report["subject"]["reference"], report["effectiveDateTime"]) == ("Patient/1", "2026-11-02")


@pytest.mark.parametrize(("option", "value"), [("--subject", "somebody"), ("--effective", "yesterday")])
def test_an_option_that_can_not_be_taken_is_named(
    facts_file: str, option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(facts_file, "--export", "fhir", option, value) == 2
    error = capsys.readouterr().err
    assert option in error
    assert value in error
    assert "such as" in error


def test_cards_for_a_person(facts_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(facts_file, "--export", "cards", "--subject", "Patient/1") == 0
    assert 1 <= len(json.loads(capsys.readouterr().out)["cards"]) <= 3


@pytest.mark.parametrize(("form", "begins"), [("html", "<!doctype html>"), ("markdown", "# calcscan: the rules")])
def test_rules_as_a_page_need_no_facts(form: str, begins: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--format", form, "--without", "dura-mri", "--cases", CASES) == 0
    page = capsys.readouterr().out
    assert page.startswith(begins)
    assert "dura-mri" in page  # said to be left out
    assert 'id="rule-dura-mri"' not in page


def test_rules_as_fhir_need_no_facts(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--export", "rules") == 0
    assert json.loads(capsys.readouterr().out)["resourceType"] == "Bundle"


def test_cases_that_are_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--export", "rules", "--cases", "nowhere.toml") == 2
    assert "nowhere.toml" in capsys.readouterr().err
