"""The rules themselves: nothing missing, nothing twice unless meant, cited, reachable, and safe inside the skull."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest

from calcscan.errors import RulesetError
from calcscan.guideline import load_ruleset, recommend
from calcscan.guideline.conditions import leaves
from calcscan.guideline.guards import check_guard
from calcscan.guideline.lint import lint
from calcscan.guideline.rules import Rule, parse_rules
from calcscan.guideline.vocabulary import vocabulary
from calcscan.guideline.witness import witnesses

RULES = load_ruleset()
EVERY = load_ruleset(literature=True)
COUNTS = {"BG": 23, "DU": 39, "CA": 27, "EC": 30, "HE": 23}
HANDS_ON = re.compile(
    r"surg|excis|remov|shock|calcitonin|physical therap|anti-inflammatory|dissolve|biopsy", re.IGNORECASE
)


def rule_ids(rules: tuple[Rule, ...]) -> list[Any]:
    return [pytest.param(rule, id=rule.id) for rule in rules]


def test_all_142_facts_are_there_once() -> None:
    facts = [fact for document in RULES.documents for fact in document.facts]
    assert len(facts) == len(set(facts)) == 142
    assert Counter(fact[:2] for fact in facts) == COUNTS


def test_each_fact_is_a_rule_or_context_with_a_reason_and_twice_only_on_purpose() -> None:
    covers = Counter(fact for rule in RULES.rules for fact in rule.covers)
    for document in RULES.documents:
        for fact in document.facts:
            times = covers[fact] + (fact in RULES.context)
            assert times == 1 or (times == 2 and fact in document.stated_twice), fact
    assert all(len(reason) > 20 for reason in RULES.context.values())


def test_documents_have_title_and_status_and_the_dates_that_are_known() -> None:
    assert {document.key: document.date for document in RULES.documents} == {
        "basal_ganglia": "2025-05-20",
        "dura": "2025-09-12",
        "calcinosis": "2016-10-18",
        "ectopic": "",
        "heterotopic": "",
    }
    for document in RULES.documents:
        assert document.title
        assert "secondary source" in document.status
    pending = {document.key for document in RULES.documents if "pending human review" in document.status}
    assert pending == {"basal_ganglia", "dura"}


def test_the_key_rule() -> None:
    rule = RULES.rule("BG-20")
    assert rule.kind == "workup_laboratory"
    assert all(word in rule.text for word in ("calcium", "phosphate", "PTH"))
    assert rule.source.document == "What are the implications of basal ganglia calcifications?"
    assert "Diagnosis and Management" in rule.source.section
    assert [leaf.fact for leaf in leaves(rule.when)] == ["findings.basal_ganglia.present"]


@pytest.mark.parametrize("rule", rule_ids(EVERY.rules))
def test_every_rule_can_hold_and_can_fail(rule: Rule) -> None:
    held = next(facts for facts in witnesses(rule.when, True) if rule.id in suggested(facts))
    failed = next(facts for facts in witnesses(rule.when, False) if rule.id in excluded(facts))
    assert held != failed


def suggested(facts: dict[str, Any]) -> set[str]:
    return {item.id for item in recommend(facts, rulesets=EVERY).recommendations}


def excluded(facts: dict[str, Any]) -> set[str]:
    return {item.id for item in recommend(facts, rulesets=EVERY).not_applicable}


@pytest.mark.parametrize("rule", rule_ids(EVERY.rules))
def test_every_rule_suggests_and_cites(rule: Rule) -> None:
    assert rule.text.startswith("Consider")
    assert not re.search(r"\b(must|should|always|never|\d+ ?mg)\b", rule.text)
    assert rule.source.document
    assert rule.source.section
    assert rule.covers or rule.source.document != "Literature beyond the documents"


@pytest.mark.parametrize("item", [pytest.param(item, id=item.id) for item in RULES.divergences])
def test_every_conflict_can_be_shown_and_can_stay_away(item: Any) -> None:
    def shown(facts: dict[str, Any]) -> bool:
        return item.id in {conflict.id for conflict in recommend(facts).conflicts}

    assert shown(next(witnesses(item.when, True)))
    assert not shown(next(witnesses(item.when, False)))
    assert len(item.sides) >= 2
    known = {fact for document in RULES.documents for fact in document.facts}
    assert {fact for side in item.sides for fact in side.covers} <= known


def test_there_are_sixteen_conflicts() -> None:
    assert len({item.id for item in RULES.divergences}) == 16


def test_thresholds_and_ranges_name_their_source() -> None:
    assert all(len(threshold.source) > 20 for threshold in vocabulary().thresholds.values())


def test_literature_is_off_unless_asked_for() -> None:
    facts = {"age_years": 30, "findings": [{"site": "basal_ganglia", "present": True}]}
    assert "lit-young-basal-ganglia" not in {item.id for item in recommend(facts).recommendations}
    told = recommend(facts, literature=True)
    item = next(item for item in told.recommendations if item.id == "lit-young-basal-ganglia")
    assert "Cohen" in item.source.document
    assert "literature" in item.source.status
    assert told.sha256 != recommend(facts).sha256


# Guards


def everything_inside_the_skull() -> dict[str, Any]:
    """All that can be said to be wrong, with findings inside the skull and in its vessels only."""
    words = vocabulary()
    sites = [site for site, kind in words.sites.items() if kind.place != "body"]
    facts: dict[str, Any] = {"age_years": 60, "egfr": 10, "family_history": True}
    marks = [name for name, kind in words.attributes.items() if kind.kind == "yes_no"]
    facts["findings"] = [{"site": site, **dict.fromkeys(marks, True), "progression": "progressive"} for site in sites]
    for section in ("imaging", "symptoms", "conditions", "medications"):
        names = [path.split(".")[1] for path in words.kinds if path.startswith(f"{section}.")]
        facts[section] = dict.fromkeys(names, True)
    facts["symptoms"]["asymptomatic"] = False
    facts["labs"] = {"calcium": "high", "phosphate": "high", "pth": "high", "vitamin_d": "high", "magnesium": "high"}
    return facts


def test_nothing_is_done_to_a_deposit_inside_the_skull_whatever_else_is_wrong() -> None:
    given = recommend(everything_inside_the_skull(), literature=True)
    covers = {fact for item in given.recommendations for fact in item.covers}
    hands_on = {"CA-20", "CA-21", "CA-24", "CA-25", "CA-26", "EC-21", "EC-25", "EC-26", "EC-27", "EC-29", "EC-30"}
    hands_on |= {"HE-10", "HE-11", "HE-12", "HE-13", "HE-14", "HE-15", "HE-16", "HE-17", "HE-19", "HE-20"}
    assert not covers & hands_on
    assert len(given.recommendations) > 50
    for item in given.recommendations:
        if item.id not in ("dura-fistula-referral",):
            assert not HANDS_ON.search(item.text), item.text


def test_a_deposit_that_only_the_image_shows_in_the_scalp_is_left_alone_too() -> None:
    stated = {"symptoms": {"pain": True, "ulceration": True}}
    image = {"findings": [{"site": "skin", "present": True, "large": True}]}
    covers = {fact for item in recommend(stated, image=image).recommendations for fact in item.covers}
    assert "EC-14" in covers
    assert not covers & {"CA-24", "EC-29", "HE-19", "HE-12", "CA-20", "EC-26"}
    person = {**stated, "findings": [{"site": "skin", "present": True}]}
    covers = {fact for item in recommend(person, image=image).recommendations for fact in item.covers}
    assert {"CA-24", "EC-29", "HE-19", "HE-12"} <= covers


RULE = """
[document]
key = "local"
title = "A local protocol"
status = "draft"
facts = ["L-1"]

[[rule]]
id = "local-1"
kind = "management"
urgency = "routine"
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
    check_guard(rule.when, rule.text, "the disorder", rule.sites, "here")
    with pytest.raises(RulesetError, match="no disorder"):
        check_guard(RULES.rule("BG-20").when, "Consider an operation.", "the disorder", ("dura",), "here")


# Linter


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
        (local("Do it.", '{ site = "skin" }'), "local-1.text", "never orders"),
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
    for file in (first, second):
        file.write_text(local("Consider it.", '{ site = "skin" }'), encoding="utf-8")
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
    with pytest.raises(RulesetError, match="two rules called"):
        load_ruleset([file])


def test_a_rule_can_be_left_out() -> None:
    facts = {"findings": [{"site": "basal_ganglia", "present": True}]}
    assert "bg-mineral-labs" not in {i.id for i in recommend(facts, without=["bg-mineral-labs"]).recommendations}
    with pytest.raises(RulesetError, match="did you mean 'bg-mineral-labs'"):
        recommend(facts, without=["bg-mineral-lab"])
