"""Rules files: what the loader refuses, what the linter finds, and what no rule may do inside the skull."""

from __future__ import annotations

from typing import Any

import pytest

from calcscan.errors import RulesetError
from calcscan.guideline import load_ruleset, recommend
from calcscan.guideline.rules.divergences import parse_divergences
from calcscan.guideline.rules.lint import lint
from calcscan.guideline.rules.read import parse_rules
from calcscan.guideline.rules.safety import check_safety

RULES = load_ruleset()

RULE = """
[document]
key = "local"
title = "A local protocol"
status = "draft"
facts = ["L-1"]

[[rule]]
id = "local-1"
kind = "management"
priority = "routine"
covers = ["L-1"]
section = "1"
sites = ["SITE"]
text = "TEXT"
when = WHEN
"""


def local(text: str, when: str, site: str = "skin", extra: str = "") -> str:
    return RULE.replace("TEXT", text).replace("WHEN", when).replace("SITE", site) + extra


@pytest.mark.parametrize(
    "text", ["Consider excision.", "Consider shock wave therapy.", "Consider calcitonin.", "Consider an NSAID."]
)
@pytest.mark.parametrize(
    ("when", "site"),
    [
        ('{ site = "basal_ganglia" }', "basal_ganglia"),
        ('{ site = "dura" }', "skin"),
        ('{ site = "skin" }', "skin"),
        ('{ any = [{ stated = "skin" }, { site = "dura" }] }', "skin"),
        ('{ not = { stated = "skin" } }', "skin"),
        ('{ stated = "vascular" }', "skin"),
    ],
)
def test_a_rule_that_works_on_a_deposit_is_refused_unless_a_person_stated_one_outside(
    text: str, when: str, site: str
) -> None:
    with pytest.raises(RulesetError, match="intervention"):
        parse_rules(local(text, when, site), "local.toml")


def test_such_a_rule_is_taken_where_a_person_stated_a_deposit_outside() -> None:
    read = parse_rules(local("Consider excision.", '{ all = [{ stated = "skin" }, { fact = "symptoms.pain" }] }'), "x")
    assert read.rules[0].id == "local-1"


def test_an_intervention_for_a_disorder_has_to_ask_for_the_disorder() -> None:
    rule = RULES.rule("dura-fistula-treatment")
    check_safety(rule.when, rule.text, "the disorder", rule.sites, "here")
    with pytest.raises(RulesetError, match="no disorder"):
        check_safety(RULES.rule("BG-20").when, "Consider an operation.", "the disorder", ("dura",), "here")


def test_the_shipped_rules_are_clean() -> None:
    assert lint() == []


@pytest.mark.parametrize(
    ("text", "address", "what"),
    [
        (local("Consider it.", '{ site = "durra" }'), "rule[0] local-1.when.site", "unknown site"),
        (local("Consider it.", '{ fact = "symptoms.hedache" }'), "when.fact", "unknown fact 'symptoms.hedache'"),
        (local("Consider it.", '{ fact = "labs.calcium", is = "hi" }'), "when.is", "never 'hi'"),
        (local("Consider it.", '{ fact = "egfr", below = "sixty" }'), "when.below", "can't be compared"),
        (local("Consider it.", "{ all = [] }"), "when.all", "needs a list"),
        (local("Consider it.", '{ concept = "worry" }'), "when.concept", "unknown concept"),
        (local("Consider it.", '{ site = "skin", colour = true }'), "when.colour", "unknown fact"),
        (local("Consider it.", "{ when = 1 }"), "when", "unknown condition"),
        (local("Do it.", '{ site = "skin" }'), "local-1.text", "begins with what is to be considered"),
        (
            local("Consider it.", '{ site = "skin" }').replace('covers = ["L-1"]', ""),
            "rule[0] local-1",
            "without a source",
        ),
        (
            local("Consider it.", '{ site = "skin" }').replace('covers = ["L-1"]', 'covers = ["L-2"]'),
            "covers",
            "no fact 'L-2'",
        ),
        (
            local("Consider it.", '{ site = "skin" }').replace('["L-1"]\n\n', '["L-1", "L-9"]\n\n'),
            "document.facts",
            "L-9",
        ),
        (
            local("Consider it.", '{ all = [{ fact = "family_history" }, { fact = "family_history", is = false }] }'),
            "local-1.when",
            "unreachable",
        ),
        (
            local(
                "Consider it.",
                '{ all = [{ fact = "egfr", below = "egfr_failure" }, { fact = "egfr", at_least = "egfr_reduced" }] }',
            ),
            "local-1.when",
            "unreachable",
        ),
        (
            local("Consider it.", '{ any = [{ fact = "family_history" }, { fact = "family_history", is = false }] }'),
            "local-1.when",
            "never fails",
        ),
    ],
)
def test_the_linter_finds(tmp_path: Any, text: str, address: str, what: str) -> None:
    file = tmp_path / "local.toml"
    file.write_text(text, encoding="utf-8")
    problems = lint([file])
    assert len(problems) == 1, problems
    assert problems[0].where.startswith(str(file))
    assert address in problems[0].where
    assert what in str(problems[0])


def test_the_linter_finds_all_problems_at_once_and_doubles_across_files(tmp_path: Any) -> None:
    first, second = tmp_path / "a.toml", tmp_path / "b.toml"
    text = local("Consider it.", '{ site = "skin" }')
    first.write_text(text, encoding="utf-8")
    second.write_text(text.replace('"local"', '"other"').replace('"L-1"', '"M-1"'), encoding="utf-8")
    assert [p.what for p in lint([first, second])] == ["a second rule called 'local-1'", "says the same as 'local-1'"]
    assert "not TOML" in str(lint([bad(tmp_path, "rule = [")])[0])
    assert "can't be read" in str(lint([tmp_path / "nothing.toml"])[0])
    assert "not UTF-8" in str(lint([bad(tmp_path, b"\xff\xfe")])[0])


def bad(folder: Any, content: str | bytes) -> Any:
    file = folder / "bad.toml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def test_own_rules_stand_beside_the_shipped_ones(tmp_path: Any) -> None:
    file = tmp_path / "local.toml"
    file.write_text(local("Consider the local clinic.", '{ site = "skin" }'), encoding="utf-8")
    facts = {"findings": [{"site": "skin", "present": True}]}
    given = recommend(facts, rulesets=[file])
    assert given.ruleset == "calcscan+local"
    assert given.sha256 != RULES.sha256
    assert {"local-1", "ectopic-skin"} <= {item.id for item in given.recommendations}
    file.write_text(local("Consider it.", '{ site = "skin" }').replace("local-1", "ectopic-skin"), encoding="utf-8")
    with pytest.raises(RulesetError, match=r'id of a shipped rule.*replaces = "ectopic-skin"'):
        load_ruleset([file])


def test_a_rule_can_be_left_out() -> None:
    facts = {"findings": [{"site": "basal_ganglia", "present": True}]}
    assert "bg-mineral-labs" not in {i.id for i in recommend(facts, without=["bg-mineral-labs"]).recommendations}
    with pytest.raises(RulesetError, match="did you mean 'bg-mineral-labs'"):
        recommend(facts, without=["bg-mineral-lab"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'id = "a"\ntext = "b"\nsides = []\nwhen = { site = "dura" }',
            r"missing required field `handling`.*conflict\[0\]",
        ),
        ('id = "a"\ntext = 1\nsides = []\nhandling = "c"\nwhen = {}', r"text.*conflict\[0\]"),
        (
            'id = "a"\ntext = "b"\nsides = []\nhandling = "c"\nwhen = { site = "durra" }',
            r"durra.*conflict\[0\] a.when.site",
        ),
    ],
)
def test_a_slip_in_a_conflict_is_refused_with_its_address(text: str, message: str) -> None:
    with pytest.raises(RulesetError, match=message):
        parse_divergences(f"[[conflict]]\n{text}\n", "conflicts.toml")
