"""What holds for all facts: more knowledge takes nothing back, order does not matter, questions are the right ones."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calcscan.guideline import Guidance, load_ruleset, merged_facts, recommend
from calcscan.guideline.engine import build_case
from calcscan.guideline.facts.vocabulary import vocabulary
from calcscan.guideline.logic import all_of, any_of, at_least, negate
from calcscan.guideline.model import Group
from calcscan.guideline.rules.compiled import CompiledConditions
from calcscan.guideline.rules.condition_tree import Branch, Leaf, Node, leaves, truth

RULES = load_ruleset(literature=True)
TRUTHS = (True, False, None)
DEFEATED = {rule.id for rule in RULES.rules if rule.unless or rule.reassures or rule.cautions}
"""What more knowledge may rule out: reassurance, what an `unless` names, and cautions that nothing needs any more."""


def ids(guidance: Guidance) -> set[str]:
    return {item.id for item in guidance.recommendations}


@pytest.mark.parametrize("values", list(product(TRUTHS, repeat=3)))
def test_unknown_only_while_it_matters(values: tuple[bool | None, ...]) -> None:
    """Kleene's logic is: fill in the unknown in every way; if all agree that is the answer."""

    def by_filling_in(decide: Any) -> bool | None:
        ways = product(*[[value] if value is not None else [True, False] for value in values])
        answers = {decide(way) for way in ways}
        return answers.pop() if len(answers) == 1 else None

    assert all_of(values) is by_filling_in(all)
    assert any_of(values) is by_filling_in(any)
    assert at_least(2, values) is by_filling_in(lambda way: sum(way) >= 2)
    assert negate(values[0]) is (None if values[0] is None else not values[0])


# Facts, drawn from the vocabulary

KINDS = {path: kind for path, kind in vocabulary().kinds.items() if not path.startswith("findings.")}
NUMBERS = {"age_years": st.integers(18, 99), "egfr": st.integers(1, 140)}


def _value(path: str) -> st.SearchStrategy[Any]:
    kind = KINDS[path]
    if kind.kind == "number":
        return NUMBERS[path]
    return st.booleans() if kind.kind == "yes_no" else st.sampled_from(kind.values)


def _finding(site: str) -> st.SearchStrategy[dict[str, Any]]:
    marks = {name: st.booleans() for name, kind in vocabulary().attributes.items() if kind.kind == "yes_no"}
    marks["progression"] = st.sampled_from(["stable", "progressive", "not_comparable", "unknown"])
    return st.fixed_dictionaries({"site": st.just(site)}, optional=marks)


FLAT = st.lists(st.sampled_from(sorted(KINDS)), unique=True, max_size=25).flatmap(
    lambda paths: st.fixed_dictionaries({path: _value(path) for path in paths})
)
FINDINGS = st.lists(st.sampled_from(sorted(vocabulary().sites)), unique=True, max_size=6).flatmap(
    lambda sites: st.tuples(*[_finding(site) for site in sites])
)


def spelt(flat: dict[str, Any], findings: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {"findings": [dict(finding) for finding in findings]}
    for path, value in flat.items():
        section, _, name = path.partition(".")
        if name:
            facts.setdefault(section, {})[name] = value
        else:
            facts[path] = value
    return facts


@settings(max_examples=150, deadline=None)
@given(flat=FLAT, findings=FINDINGS, data=st.data())
def test_learning_a_fact_never_takes_a_suggestion_back_unless_the_rule_says_so(
    flat: dict[str, Any], findings: Any, data: st.DataObject
) -> None:
    kept = [path for path in flat if data.draw(st.booleans())]
    fewer = []
    for finding in findings:
        if data.draw(st.booleans()):
            names = [name for name in finding if name == "site" or data.draw(st.booleans())]
            fewer.append({name: finding[name] for name in names})
    less = recommend(spelt({path: flat[path] for path in kept}, fewer), rulesets=RULES)
    more = recommend(spelt(flat, findings), rulesets=RULES)
    assert ids(less) - DEFEATED <= ids(more)
    before = {item.id for item in less.conflicts if item.kind == "sources"}
    assert before <= {item.id for item in more.conflicts}


@settings(max_examples=100, deadline=None)
@given(flat=FLAT, findings=FINDINGS, seed=st.randoms(use_true_random=False))
def test_order_changes_nothing(flat: dict[str, Any], findings: Any, seed: Any) -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            keys = list(value)
            seed.shuffle(keys)
            return {key: shuffled(value[key]) for key in keys}
        if isinstance(value, list):
            items = [shuffled(item) for item in value]
            seed.shuffle(items)
            return items
        return value

    facts = spelt(flat, findings)
    assert recommend(facts, rulesets=RULES).to_dict() == recommend(shuffled(facts), rulesets=RULES).to_dict()


def test_order_of_rules_changes_nothing() -> None:
    turned = RULES.__class__(
        name=RULES.name,
        version=RULES.version,
        sha256=RULES.sha256,
        documents=RULES.documents,
        rules=RULES.rules[::-1],
        divergences=RULES.divergences,
        context=RULES.context,
    )
    facts = {"findings": [{"site": "dura", "present": True}, {"site": "skin", "present": True}], "egfr": 20}
    one, other = recommend(facts, rulesets=RULES), recommend(facts, rulesets=turned)
    assert one.recommendations == other.recommendations
    assert {n.fact: set(n.would_decide) for n in one.needs_input} == {
        n.fact: set(n.would_decide) for n in other.needs_input
    }


@settings(max_examples=100, deadline=None)
@given(flat=FLAT, findings=FINDINGS)
def test_the_compiled_rules_mean_what_the_trees_mean(flat: dict[str, Any], findings: Any) -> None:
    case = build_case(spelt(flat, findings))
    truths = RULES.compiled.run(case.values)
    for rule, roots in zip(RULES.rules, RULES.roots, strict=True):
        assert truths[roots.when] is truth(rule.when, case.values), rule.id
        if rule.unless is not None:
            assert truths[roots.unless] is truth(rule.unless, case.values), rule.id


@settings(max_examples=60, deadline=None)
@given(flat=FLAT, findings=FINDINGS)
def test_every_rule_is_in_one_place(flat: dict[str, Any], findings: Any) -> None:
    guidance = recommend(spelt(flat, findings), rulesets=RULES)
    suggested, excluded = ids(guidance), {item.id for item in guidance.not_applicable}
    undecided = {rule for need in guidance.needs_input for rule in need.would_decide}
    assert not suggested & excluded
    assert not (suggested | excluded) & undecided
    assert all(need.would_decide for need in guidance.needs_input)


REASSURING = {rule.id for rule in RULES.rules if rule.reassures}
ALARMS = (
    {"symptoms": {"seizure": True}},
    {"symptoms": {"tetany": True}},
    {"labs": {"calcium": "low"}},
    {"labs": {"phosphate": "high"}},
    {"conditions": {"hypoparathyroidism": True}},
    {"conditions": {"dialysis": True}},
    {"conditions": {"cytomegalovirus": True}},
    {"imaging": {"possible_haemorrhage": True}},
    {"family_history": True},
    {"findings": [{"site": "thalamus", "present": True, "progression": "progressive"}]},
    {"symptoms": {"asymptomatic": True, "headache": True}},
)


@settings(max_examples=150, deadline=None)
@given(flat=FLAT, findings=FINDINGS, alarm=st.sampled_from(ALARMS))
def test_whatever_else_is_known_an_alarming_fact_takes_all_reassurance(
    flat: dict[str, Any], findings: Any, alarm: dict[str, Any]
) -> None:
    facts = spelt(flat, findings)
    for section, value in alarm.items():
        if isinstance(value, dict):
            facts[section] = {**facts.get(section, {}), **value}
        else:
            facts[section] = facts[section] + value if section == "findings" else value
    guidance = recommend(facts, rulesets=RULES)
    assert not REASSURING & ids(guidance)
    assert not REASSURING & {rule for line in guidance.page for rule in line.rules}


@settings(max_examples=150, deadline=None)
@given(flat=FLAT, findings=FINDINGS)
def test_the_page_is_short_in_order_and_of_what_applies(flat: dict[str, Any], findings: Any) -> None:
    guidance = recommend(spelt(flat, findings), rulesets=RULES)
    groups = [list(Group).index(line.group) for line in guidance.page]
    assert groups == sorted(groups)
    assert groups.count(0) == 1
    assert len(groups) <= 10
    assert {rule for line in guidance.page for rule in line.rules} <= ids(guidance)
    urgent = {item.id for item in guidance.recommendations if item.priority == "urgent" and item.state == "suggested"}
    assert urgent <= {rule for line in guidance.page for rule in line.rules}


LABS = st.fixed_dictionaries(
    {},
    optional={
        "calcium": st.sampled_from(["HIGH", None, "8 mg/dL", {"value": None}, {"value": 2.2, "unit": "mmol/L"}]),
        "albumin": st.sampled_from(["low", "unknown", "25 g/L", {"value": 30, "unit": "g/L", "range": [20, 29]}]),
    },
)


@settings(max_examples=150, deadline=None)
@given(stated=st.tuples(FLAT, FINDINGS, FINDINGS, LABS), image=st.tuples(FLAT, FINDINGS))
def test_merged_facts_are_those_that_are_judged(stated: Any, image: Any) -> None:
    """Also where several findings of one site were stated."""
    facts, seen = spelt(stated[0], (*stated[1], *stated[2])), spelt(*image)
    facts["labs"] = facts.get("labs", {}) | stated[3]
    case, merged = build_case(facts, seen), merged_facts(facts, seen)
    again = build_case(merged)
    for one in (case, again):
        for path in [path for path in one.values if path.endswith(".stated")]:
            del one.values[path]
    assert again.values == case.values
    assert again.sites == case.sites
    assert merged_facts(merged) == merged


# What a fact would decide, against trying it out

NAMES = ["symptoms.headache", "symptoms.seizure", "symptoms.pain", "symptoms.tetany"]
LEAF = st.sampled_from(NAMES).map(lambda name: Leaf(fact=name, key=name, op="is", values=(True,)))


def _trees(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(inner, min_size=1, max_size=3).map(tuple)
    both = st.tuples(st.sampled_from(["all", "any"]), several).map(lambda made: Branch(op=made[0], parts=made[1]))
    return both | inner.map(lambda part: Branch(op="not", parts=(part,)))


@settings(max_examples=200, deadline=None)
@given(tree=st.recursive(LEAF, _trees, max_leaves=6), known=st.dictionaries(st.sampled_from(NAMES), st.booleans()))
def test_a_fact_that_could_decide_is_asked_for(tree: Node, known: dict[str, bool]) -> None:
    """Trying out both answers, one fact at a time. Where a fact stands only once, asking is exact."""
    if truth(tree, known) is not None:
        return
    program = CompiledConditions([tree])
    makes_true, makes_false = program.deciders(program.roots, program.run(known))[0]
    mask = makes_true | makes_false
    asked = {fact for n, fact in enumerate(program.facts) if mask >> n & 1}
    tried = {
        name
        for name in program.facts
        if name not in known and any(truth(tree, {**known, name: answer}) is not None for answer in (True, False))
    }
    names = [leaf.fact for leaf in leaves(tree)]
    if len(names) == len(set(names)):
        assert asked == tried
    else:
        assert asked <= set(program.facts) - set(known)
