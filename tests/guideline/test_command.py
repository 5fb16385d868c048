"""`calcscan guide`."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from support.guideline_facts import BOMB, FACTS, run, write

from calcscan.guideline import recommend


def test_text_for_people(facts_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(facts_file) == 0
    output = capsys.readouterr()
    lines = output.out.splitlines()
    assert "[BG-20]" in output.out
    assert lines[0].startswith("ANSWER  ")
    assert "Research use only, not for diagnosis" in " ".join(lines[-3:])
    assert output.err == ""
    assert max(map(len, lines)) <= 140


def test_everything_behind_the_page(facts_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(facts_file, "--all") == 0
    output = " ".join(capsys.readouterr().out.split())
    assert "What are the implications of basal ganglia calcifications? (Dr.Oracle, 2025-05-20" in output
    assert "answer written by a machine" in output
    assert "SUGGESTED, ALL" in output
    assert "UNKNOWN, THE MOST DECISIVE FIRST" in output


def test_json_for_machines(facts_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(facts_file, "--json") == 0
    assert json.loads(capsys.readouterr().out) == recommend(FACTS).to_dict()


def test_explain_on_the_command_line(facts_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(facts_file, "--explain", "BG-15") == 0
    output = capsys.readouterr().out
    assert output.startswith("bg-hypoparathyroidism: applies")
    assert "yes     tetany = yes (stated)" in output
    assert "unknown seizures" in output
    assert run(facts_file, "--explain", "BG-20", "--json") == 0
    assert json.loads(capsys.readouterr().out)["tree"]["value"] is True


@pytest.mark.parametrize(
    ("text", "words", "output"),
    [
        ("labs: {calcum: low}", (), "facts.yaml: labs.calcum]: did you mean 'calcium'?"),
        ("age_years: -3", (), "facts.yaml: age_years]"),
        (BOMB, (), "anchor or alias"),
        ("age_years: 3", ("--explain", "BG-99"), "no rule 'BG-99'"),
        ("age_years: 3", ("--without", "x"), "no rule 'x'"),
        ("age_years: 3", ("--rules", "nowhere.toml"), "can't be read"),
    ],
)
def test_what_can_not_be_taken_ends_with_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: tuple[str, ...], output: str
) -> None:
    assert run(str(write(tmp_path, text)), *words) == 2
    seen = capsys.readouterr()
    assert output in seen.err
    assert seen.err.count("\n") == 1
    assert seen.out == ""


def test_no_facts_is_a_mistake_of_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 2
    assert "give a facts file" in capsys.readouterr().err


def test_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"findings: [{site: dura, present: true}]")))
    assert run("-") == 0
    assert "[DU-11]" in capsys.readouterr().out


def test_lint_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--lint") == 0
    assert capsys.readouterr().out == "no problems found\n"
    file = write(tmp_path, '[document]\nkey = "a"\ntitle = "A"\nstatus = "draft"\n[[rule]]\nid = "r"\n', "own.toml")
    assert run("--lint", str(file)) == 1
    assert f"{file}: rule[0] r.text: 'text' is missing" in capsys.readouterr().out


def test_left_out_and_literature_on_the_command_line(facts_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(facts_file, "--without", "BG-20", "--literature", "--json") == 0
    ids = {item["id"] for item in json.loads(capsys.readouterr().out)["recommendations"]}
    assert "bg-mineral-labs" not in ids
    assert "lit-more-labs" in ids


@pytest.mark.parametrize(("form", "key"), [("cards", "cards"), ("fhir", "entry")])
def test_export_on_the_command_line(facts_file: str, capsys: pytest.CaptureFixture[str], form: str, key: str) -> None:
    assert run(facts_file, "--export", form) == 0
    assert json.loads(capsys.readouterr().out)[key]
