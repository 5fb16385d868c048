"""The rules themselves: as PlanDefinitions with test cases, and as a readable page."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from support.fhir_r4 import problems

from calcscan.errors import RulesetError
from calcscan.guideline import load_ruleset, recommend
from calcscan.guideline.export.condition_words import plain
from calcscan.guideline.export.handbook import handbook
from calcscan.guideline.export.plan_definition import plan_definitions, url
from calcscan.guideline.export.rule_cases import outcome, rule_cases, written_cases
from calcscan.guideline.facts.vocabulary import vocabulary
from calcscan.guideline.rules.condition_tree import Branch, Leaf, Node, truth

RULES = load_ruleset(literature=True)
WRITTEN = written_cases([Path(__file__).parents[1] / "cases"])
BUNDLE = plan_definitions(RULES, WRITTEN)
PLANS = {
    entry["resource"]["url"]: entry["resource"]
    for entry in BUNDLE["entry"]
    if entry["resource"]["resourceType"] == "PlanDefinition"
}
LOCAL = """
[document]
key = "local"
title = "Ours <b>& more</b>"
status = "local"
date = 2026-01-05
version = "3"

[[rule]]
id = "local-rule"
kind = "management"
priority = "urgent"
why = "<script>alert(1)</script>"
citation = "Our own | [link](javascript:alert(1))"
section = "A"
sites = ["dura"]
text = "Avoid <img src=x onerror=alert(1)> & *nothing*."
when = { site = "dura" }
"""


def test_every_rule_has_two_cases_that_come_out() -> None:
    for rule in RULES.rules:
        cases = rule_cases(RULES, rule)
        assert [case.applies for case in cases] == [True, False], rule.id
        for case in cases:
            assert outcome(recommend(case.facts, rulesets=RULES), rule.id) is case.applies


def test_a_plan_definition_for_each_rule_keeps_to_r4() -> None:
    assert set(PLANS) == {url(rule.id) for rule in RULES.rules}
    assert problems(BUNDLE) == []
    cases = [entry["resource"] for entry in BUNDLE["entry"] if entry["resource"]["resourceType"] == "Bundle"]
    assert len(cases) == 2 * len(RULES.rules) + len(WRITTEN)
    assert [found for case in cases for found in problems(case)] == []


def test_metadata_direction_strength_and_source() -> None:
    plan = PLANS[url("dura-mri")]
    assert plan["publisher"]
    assert plan["version"] == RULES.version
    assert plan["experimental"] is True
    assert "Apache-2.0" in plan["copyright"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", plan["date"])
    assert "Dr.Oracle" in plan["relatedArtifact"][0]["citation"]
    (action,) = plan["action"]
    direction, strength = (extension["valueCodeableConcept"] for extension in action["extension"])
    assert direction["coding"][0]["code"] == "for"
    assert strength["text"].startswith("not graded")
    assert action["priority"] == "urgent"
    assert action["output"] == [{"type": "ServiceRequest"}]
    asked = [need["codeFilter"][0]["code"][0]["code"] for need in action["input"]]
    assert "findings.dura.present" in asked
    assert "symptoms.headache" in asked


def test_the_condition_as_json_means_the_same() -> None:
    """Read back, each condition holds for the facts that make its rule apply, and fails for those that rule it out."""

    def read(given: dict[str, Any]) -> Node:
        if "fact" in given:
            kind = vocabulary().kinds[given["fact"]]
            key = re.sub(r"present$", "stated", given["fact"]) if given.get("stated") else given["fact"]
            op = next(op for op in ("is", "below", "at_least", "above") if op in given)
            if op == "is":
                return Leaf(fact=kind.path, key=key, op=op, values=tuple(given[op]))
            return Leaf(fact=kind.path, key=key, op=op, limit=given[op])
        op = next(op for op in ("all", "any", "not", "at_least") if op in given)
        parts = [given[op]] if op == "not" else given[op]
        return Branch(op=op, parts=tuple(map(read, parts)), count=given.get("count", 0))

    values: dict[str, Any] = {path: True for path, kind in vocabulary().kinds.items() if kind.kind == "yes_no"}
    for rule in RULES.rules:
        for given in ({}, values, {**values, "age_years": 60.0, "egfr": 5.0, "labs.calcium": "low"}):
            assert truth(read(plain(rule.when)), given) is truth(rule.when, given)


def test_the_same_rules_give_the_same_bundle_and_fewer_rules_another() -> None:
    assert plan_definitions(RULES, WRITTEN) == BUNDLE
    assert plan_definitions(RULES.without(["dura-mri"]))["id"] != BUNDLE["id"]


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(page: str) -> _Page:
    parsed = _Page()
    parsed.feed(page)
    assert parsed.open == []
    return parsed


def test_the_handbook_is_one_file_with_every_rule_and_no_dead_link() -> None:
    page = read(handbook(RULES, "html", WRITTEN))
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {f"rule-{rule.id}" for rule in RULES.rules} <= set(ids)
    links = [str(attrs["href"]) for tag, attrs in page.tags if tag == "a"]
    assert {link.removeprefix("#") for link in links} <= set(ids)
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe"}
    assert "{asks}" not in page.text
    for words in (
        "Unless it is known that:",
        "Raised to:",
        "Held back:",
        "Is ruled out:",
        "must not come",
        "Dr.Oracle",
    ):
        assert words in page.text
    assert all(item.text in page.text for item in RULES.divergences)


def test_markdown_says_the_same() -> None:
    text = handbook(RULES, "markdown", WRITTEN)
    assert all(f'<a id="rule-{rule.id}"></a>' in text for rule in RULES.rules)
    anchors, links = re.findall(r'<a id="([^"]+)"', text), re.findall(r"\]\(#([^)]+)\)", text)
    assert set(links) <= set(anchors)


def test_what_a_local_file_says_is_escaped(tmp_path: Path) -> None:
    file = tmp_path / "local.toml"
    file.write_text(LOCAL, encoding="utf-8")
    rules = load_ruleset([file])
    page = read(handbook(rules))
    assert not {tag for tag, _ in page.tags} & {"script", "img", "b>"}
    assert "Avoid <img src=x onerror=alert(1)> & *nothing*." in page.text
    assert file.name in page.text
    markdown = handbook(rules, "markdown")
    assert "<img" not in markdown.replace(r"\<", "")
    assert "](javascript" not in markdown.replace(r"\]", "")
    assert problems(plan_definitions(rules)) == []
    plan = next(
        e["resource"] for e in plan_definitions(rules)["entry"] if e["resource"].get("url") == url("local-rule")
    )
    assert plan["date"] == "2026-01-05"
    direction = plan["action"][0]["extension"][0]["valueCodeableConcept"]["coding"][0]["code"]
    assert (direction, plan["action"][0]["priority"]) == ("against", "stat")


def test_cases_that_can_not_be_read_say_where(tmp_path: Path) -> None:
    file = tmp_path / "cases.toml"
    file.write_text("[[case]]\nwho = 3\n", encoding="utf-8")
    with pytest.raises(RulesetError, match=r"case\[0\]"):
        written_cases([file])
