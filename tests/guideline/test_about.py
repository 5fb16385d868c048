"""What `calcscan guide` tells of itself: its facts, its sources, an example of a rules file; and `--lenient`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from calcscan.cli import guide
from calcscan.guideline import load_ruleset
from calcscan.guideline.facts.vocabulary import knowledge_text, vocabulary
from calcscan.guideline.reference.sources import reference

EVERY = load_ruleset(literature=True)


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    guide.add_arguments(parser)
    return guide.main(parser.parse_args(list(words)))


def said(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert run(*words, "--json") == 0
    return json.loads(capsys.readouterr().out)


def test_every_fact_is_listed_with_what_it_may_be(capsys: pytest.CaptureFixture[str]) -> None:
    listed = said(capsys, "--facts")
    facts = {row["fact"]: row for row in listed["facts"]}
    assert facts.keys() == {path for path in vocabulary().kinds if not path.startswith("findings.")}
    assert {row["site"] for row in listed["sites"]} == vocabulary().sites.keys()
    calcium = facts["labs.calcium"]
    assert calcium["units"]["mg/dL"] == pytest.approx(0.2495, abs=1e-4)
    assert "Ca" in calcium["other_names"]
    assert all(row["source"] and row["date"] for row in calcium["ranges"])
    child = next(row for row in facts["labs.phosphate"]["ranges"] if row["from_years"] <= 8 < row["below_years"])
    assert child["high"] > 1.7
    assert facts["egfr"]["unit"] == "mL/min/1.73 m2"
    assert facts["symptoms.tetany"]["kind"] == "yes_no"
    assert {row["threshold"] for row in listed["thresholds"]} == vocabulary().thresholds.keys()


def test_the_list_is_readable_and_can_be_searched(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--facts") == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 140
    assert "birth to 10 days" in text
    assert run("--facts", "Parathormone") == 0
    text = capsys.readouterr().out
    assert "pg/mL" in text
    assert "pmol/L" in text
    assert "calcium" not in text.partition("\n\n")[0]
    assert run("--facts", "xqz") == 2
    assert "no fact holds 'xqz'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name", [fact for document in EVERY.documents for fact in document.facts] + [rule.id for rule in EVERY.rules]
)
def test_every_id_resolves_inside_the_package(name: str) -> None:
    found = reference(name.lower(), load_ruleset())
    assert found.document.title
    assert found.document.nature
    assert found.rules or found.context
    assert "{" not in "".join(item.text for item in found.rules)


def test_a_fact_is_shown_with_its_document_and_the_rules_that_state_it(capsys: pytest.CaptureFixture[str]) -> None:
    shown = said(capsys, "--source", "BG-20")
    assert shown["document"]["title"] == "What are the implications of basal ganglia calcifications?"
    assert shown["document"]["publisher"] == "Dr.Oracle"
    assert "machine" in shown["document"]["nature"]
    assert [(rule["id"], rule["in_use"]) for rule in shown["rules"]] == [("bg-mineral-labs", True)]
    context = said(capsys, "--source", "CA-01")
    assert context["rules"] == []
    assert "definition" in context["context"]
    assert run("--source", "ca-01") == 0
    text = capsys.readouterr().out
    assert "https://www.medindia.net" in text
    assert "context" in text


def test_what_is_not_in_use_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "--source", "lit-pineal")["rules"][0]["unused_because"].endswith("--literature")
    assert said(capsys, "--source", "lit-pineal", "--literature")["rules"][0]["in_use"]
    assert said(capsys, "--source", "bg-age", "--without", "bg-age")["rules"][0]["unused_because"] == "left out"
    own = tmp_path / "ours.toml"
    own.write_text(knowledge_text("rules/example.toml"), encoding="utf-8")
    shown = said(capsys, "--source", "BG-20", "--rules", str(own))
    assert shown["rules"][0]["unused_because"] == "replaced by our-mineral-labs"
    assert said(capsys, "--source", "OUR-03", "--rules", str(own))["rules"][0]["id"] == "our-gout"
    assert said(capsys, "--source", "dura")["facts"][0] == "DU-01"
    facts = tmp_path / "facts.yaml"
    facts.write_text("age_years: 52")
    assert run(str(facts), "--rules", str(own), "--explain", "BG-20") == 2
    assert "our-mineral-labs stands in its place" in capsys.readouterr().err
    assert run("--source", "BG-99") == 2
    assert "did you mean" in capsys.readouterr().err


def test_the_example_is_written_and_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--example-rules") == 0
    own = tmp_path / "ours.toml"
    own.write_text(capsys.readouterr().out, encoding="utf-8")
    assert run("--lint", str(own)) == 0
    assert capsys.readouterr().out == "no problems found\n"
    facts = tmp_path / "facts.yaml"
    facts.write_text("{age_years: 40, ward: stroke, findings: [{site: dura, present: true, volume_mm3: 150}]}")
    assert run(str(facts), "--rules", str(own)) == 0
    text = capsys.readouterr().out
    assert "Refer to the dural clinic" in text
    assert "with ours.toml (our-mineral-labs replaces bg-mineral-labs)" in " ".join(text.split())
    assert run(str(facts), "--rules", str(own), "--explain", "our-dura-clinic") == 0
    assert "age below 45 years = 40" in capsys.readouterr().out


def test_clashes_are_problems_for_the_linter_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "ours.toml"
    own.write_text(knowledge_text("rules/example.toml").replace('replaces = "bg-mineral-labs"', ""), encoding="utf-8")
    assert run("--lint", str(own)) == 0
    own.write_text(own.read_text().replace('"our-mineral-labs"', '"bg-mineral-labs"'), encoding="utf-8")
    assert run("--lint", str(own)) == 1
    assert 'replaces = "bg-mineral-labs"' in capsys.readouterr().out


def test_lenient_leaves_out_what_nobody_knows_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = tmp_path / "facts.yaml"
    facts.write_text(
        "{age_years: 52, labs: {calcium: 1.9 mmol/L, feritin: low}, findings: [{site: dura, present: true}]}"
    )
    assert run(str(facts)) == 2
    assert "labs.feritin" in capsys.readouterr().err
    assert run(str(facts), "--lenient") == 0
    seen = capsys.readouterr()
    assert seen.err.count("\n") == 1
    assert "warning: unknown laboratory value 'feritin', left out" in seen.err
    assert f"{facts}: labs.feritin" in seen.err
    assert "1.9 mmol/L" in seen.out
    facts.write_text("{age_years: 520, colour: blue}")
    assert run(str(facts), "--lenient") == 2
    assert "age of 520" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--explain", "lit-pineal"), "it is a rule from the literature: add --literature"),
        (("--explain", "bg-age", "--without", "bg-age"), "left out by --without"),
        (("--explain", "BG-02", "--without", "BG-02"), "left out by --without"),
        (("--explain", "xyzzy"), "calcscan guide --source DOCUMENT"),
    ],
)
def test_a_rule_that_is_not_there_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], hint: str
) -> None:
    facts = tmp_path / "facts.yaml"
    facts.write_text("age_years: 52")
    assert run(str(facts), *words) == 2
    assert hint in capsys.readouterr().err


def test_an_unknown_name_says_where_the_names_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = tmp_path / "facts.yaml"
    facts.write_text("conditions: {xyzzy: true}")
    assert run(str(facts)) == 2
    assert "calcscan guide --facts" in capsys.readouterr().err
