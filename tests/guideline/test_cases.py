"""The cases in `cases/`, written for clinicians to read: who, what is known, what must and must not come."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from calcscan.guideline import load_ruleset, recommend

FOLDER = Path(__file__).parent / "cases"
CASES = [
    pytest.param(case, id=f"{file.stem}: {case['who']}")
    for file in sorted(FOLDER.glob("*.toml"))
    for case in tomllib.loads(file.read_text(encoding="utf-8"))["case"]
]
RULES = load_ruleset()


def covered(rule_ids: list[str]) -> set[str]:
    return {fact for rule_id in rule_ids for fact in RULES.rule(rule_id).covers}


@pytest.mark.parametrize("case", CASES)
def test_case(case: dict[str, Any]) -> None:
    given = recommend(case.get("facts", {}))
    suggested = {fact for item in given.recommendations for fact in item.covers}
    excluded = covered([item.id for item in given.not_applicable])
    asked = {need.fact for need in given.needs_input}
    open_rules = covered([rule for need in given.needs_input for rule in need.would_decide])

    assert set(case["expect"]) <= suggested
    assert not set(case["never"]) & suggested
    assert set(case.get("excludes", [])) <= excluded - suggested
    assert set(case.get("undecided", [])) <= open_rules - suggested - excluded
    assert set(case.get("asks", [])) <= asked
    assert set(case.get("conflicts", [])) <= {item.id for item in given.conflicts}


def test_there_are_cases_for_every_fact_that_is_a_rule() -> None:
    expected = {fact for case in CASES for fact in case.values[0]["expect"]}
    avoided = {fact for case in CASES for fact in case.values[0]["never"]}
    facts = {fact for rule in RULES.rules for fact in rule.covers}
    assert len(CASES) >= 60
    assert facts <= expected
    assert len(avoided) > 60


def test_names_in_the_cases_exist() -> None:
    facts = {fact for document in RULES.documents for fact in document.facts}
    for case in CASES:
        table = case.values[0]
        for key in ("expect", "never", "excludes", "undecided"):
            assert set(table.get(key, [])) <= facts, table["who"]
