"""Logic, reasons, questions and conflicts, with the plain meaning of the rules as a twin of the compiled one."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calcscan.errors import RulesetError
from calcscan.guideline import Guidance, explain, load_ruleset, recommend
from calcscan.guideline.conditions import Branch, Leaf, Node, leaves, parse, truth
from calcscan.guideline.engine import build_case
from calcscan.guideline.logic import all_of, any_of, at_least, negate
from calcscan.guideline.program import Program
from calcscan.guideline.vocabulary import vocabulary

RULES = load_ruleset(literature=True)
TRUTHS = (True, False, None)


def ids(guidance: Guidance) -> set[str]:
    return {item.id for item in guidance.recommendations}


# Three-valued logic


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
def test_learning_a_fact_never_takes_a_suggestion_back(
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
    assert ids(less) <= ids(more)
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
    truths = RULES.program.run(case.values)
    for rule, root in zip(RULES.rules, RULES.program.roots, strict=False):
        assert truths[root] is truth(rule.when, case.values), rule.id


@settings(max_examples=60, deadline=None)
@given(flat=FLAT, findings=FINDINGS)
def test_every_rule_is_in_one_place(flat: dict[str, Any], findings: Any) -> None:
    guidance = recommend(spelt(flat, findings), rulesets=RULES)
    suggested, excluded = ids(guidance), {item.id for item in guidance.not_applicable}
    undecided = {rule for need in guidance.needs_input for rule in need.would_decide}
    assert not suggested & excluded
    assert not (suggested | excluded) & undecided
    counts = [len(need.would_decide) for need in guidance.needs_input]
    assert counts == sorted(counts, reverse=True)


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
    program = Program([tree])
    mask = program.deciders(program.roots, program.run(known))[0]
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


# Findings


def test_a_finding_without_presence_is_unknown_and_one_that_is_not_there_is_not() -> None:
    for entry in ({"site": "dura"}, {"site": "dura", "present": None}, {"site": "dura", "present": "unknown"}):
        given = recommend({"findings": [entry]})
        assert "findings.dura.present" in {need.fact for need in given.needs_input}
        assert "dura-causes" not in ids(given) | {item.id for item in given.not_applicable}
    given = recommend({"findings": [{"site": "dura", "present": False}]})
    assert "dura-causes" in {item.id for item in given.not_applicable}


def test_several_findings_at_one_site_are_several_deposits() -> None:
    twice = [{"site": "cortex", "present": True, "symmetric": False} for _ in range(2)]
    assert "brain-infection-causes" in ids(recommend({"findings": twice}))
    assert "brain-infection-causes" not in ids(recommend({"findings": twice[:1]}))
    one_each = [{"site": "cortex", "present": True, "bilateral": False} for _ in range(2)]
    assert "brain-infection-causes" not in ids(recommend({"findings": one_each}))


def test_body_sites_of_which_nobody_spoke_are_left_out_not_asked_for() -> None:
    given = recommend({"findings": [{"site": "dura", "present": True}]})
    assert not {need.fact for need in given.needs_input} & {"findings.skin.present", "findings.periarticular.present"}
    left_out = {item.id: item.because for item in given.not_applicable}
    assert "no finding was given" in left_out["heterotopic-nsaid"]
    assert explain("heterotopic-nsaid", {"findings": [{"site": "dura", "present": True}]}).result is None


# What was stated, and what the image shows


def test_the_image_adds_what_nobody_stated() -> None:
    given = recommend({"age_years": 60}, image={"findings": [{"site": "basal_ganglia", "present": True}]})
    reason = next(item for item in given.recommendations if item.id == "bg-mineral-labs").because[0]
    assert (reason.fact, reason.value, reason.origin) == ("findings.basal_ganglia.present", True, "image")
    assert not [item for item in given.conflicts if item.kind == "facts"]


@pytest.mark.parametrize(("stated", "seen"), [(True, False), (False, True)])
def test_the_image_never_overrides_a_person_and_the_difference_is_shown(stated: bool, seen: bool) -> None:
    given = recommend(
        {"findings": [{"site": "basal_ganglia", "present": stated}]},
        image={"findings": [{"site": "basal_ganglia", "present": seen}]},
    )
    assert ("bg-mineral-labs" in ids(given)) is stated
    conflict = next(item for item in given.conflicts if item.kind == "facts")
    assert conflict.id == "facts:findings.basal_ganglia.present"
    assert [(side.value, side.origin) for side in conflict.sides] == [(stated, "stated"), (seen, "image")]


def test_an_age_a_birthday_apart_is_the_same_and_twenty_years_are_not() -> None:
    def disputes(image_age: float) -> list[str]:
        return [item.id for item in recommend({"age_years": 52}, image={"age_years": image_age}).conflicts]

    assert disputes(52.6) == []
    assert disputes(32) == ["facts:age_years"]


def test_the_image_cannot_know_that_nothing_else_is_abnormal() -> None:
    stated = {"symptoms": {"asymptomatic": True}, "imaging": {"white_matter_lesions": True}}
    image = {"findings": [{"site": "dura", "present": True, "isolated": True}]}
    given = recommend(stated, image=image)
    assert "dura-monitor" in {item.id for item in given.not_applicable}
    stated = {"symptoms": {"asymptomatic": True}}
    assert "dura-monitor" in ids(recommend(stated, image=image))


def test_a_person_who_contradicts_himself_is_shown_both() -> None:
    given = recommend({"symptoms": {"headache": False, "severe_headache": True}})
    assert [item.id for item in given.conflicts] == ["facts:symptoms.severe_headache"]
    given = recommend(
        {"findings": [{"site": "dura", "present": True, "isolated": True}, {"site": "skin", "present": True}]}
    )
    assert "facts:findings.dura.isolated" in {item.id for item in given.conflicts}


# Reasons, sources, explanations


def test_each_reason_is_a_fact_that_was_given_or_follows() -> None:
    facts = {
        "findings": [{"site": "dura", "present": True}],
        "symptoms": {"positional_headache": True, "seizure": False},
        "labs": {"pth": {"value": 214, "unit": "pg/mL"}},
    }
    for item in recommend(facts).recommendations:
        assert item.because, item.id
        for reason in item.because:
            assert reason.value is not None
            assert reason.value is not False
    by_id = {item.id: item for item in recommend(facts).recommendations}
    assert {r.fact: r.origin for r in by_id["dura-mri"].because} == {
        "findings.dura.present": "stated",
        "symptoms.headache": "derived",
        "symptoms.positional_headache": "stated",
    }
    pth = by_id["dura-secondary-hyperparathyroidism"].because[1]
    assert (pth.value, pth.fact) == ("high", "labs.pth")
    assert "214 pg/mL" in pth.detail
    assert "15 to 65" in pth.detail


def test_the_report_object_is_the_contracts() -> None:
    given = recommend(
        {"findings": [{"site": "basal_ganglia", "present": True}], "symptoms": {"tetany": True}}
    ).to_dict()
    assert list(given) == [
        "ruleset",
        "version",
        "sha256",
        "recommendations",
        "needs_input",
        "conflicts",
        "not_applicable",
    ]
    for item in given["recommendations"]:
        assert list(item) == ["id", "kind", "text", "urgency", "covers", "because", "source"]
        assert item["source"]["document"]
        assert item["source"]["section"]
        assert item["source"]["facts"] == item["covers"]
    assert all(set(need) == {"fact", "would_decide"} for need in given["needs_input"])
    assert json.loads(json.dumps(given, allow_nan=False)) == given
    assert len(given["sha256"]) == 64


def test_urgent_things_come_first() -> None:
    facts = {"findings": [{"site": "dura", "present": True}], "conditions": {"venous_thrombosis": True}}
    urgencies = [item.urgency for item in recommend(facts).recommendations]
    assert urgencies == sorted(urgencies, key=["urgent", "soon", "routine"].index)
    assert urgencies[0] == "urgent"


def test_explain_shows_each_condition_with_value_origin_and_source() -> None:
    facts = {"findings": [{"site": "dura", "present": True}], "egfr": 28}
    told = explain("DU-32", facts)
    assert told.rule == "dura-gadolinium"
    assert told.result is True
    questions = {part.fact: part for part in told.tree.parts[1].parts}
    assert questions["egfr"].value == 28
    assert questions["egfr"].origin == "stated"
    assert questions["egfr"].question == "estimated glomerular filtration rate below 60 mL/min/1.73 m2"
    assert questions["conditions.dialysis"].result is None
    assert told.source.section == "Important Caveats"
    assert json.dumps(told.to_dict())


def test_explain_refuses_what_is_no_rule() -> None:
    with pytest.raises(RulesetError, match="context, not a rule"):
        explain("CA-01", {})
    with pytest.raises(RulesetError, match="no rule 'BG-99'"):
        explain("BG-99", {})


def test_results_can_not_be_changed() -> None:
    guidance = recommend({})
    with pytest.raises(AttributeError):
        guidance.ruleset = "other"  # type: ignore[misc]


def test_parse_refuses_mixed_branches_and_bad_counts() -> None:
    for condition, what in [
        ({"all": [{"site": "dura"}], "any": [{"site": "dura"}]}, "together with"),
        ({"sites_of": "brain"}, "count of sites"),
        ({"sites_of": "brain", "at_least": True}, "count of sites"),
        ([{"site": "dura"}], "is a table"),
        ({"fact": "egfr", "under": "egfr_reduced"}, "unknown comparison"),
    ]:
        with pytest.raises(RulesetError, match=what):
            parse(condition, "when")


def test_the_guideline_needs_no_image_library() -> None:
    code = (
        "import sys; from calcscan.guideline import recommend, load_ruleset, explain;"
        "recommend({'findings': [{'site': 'dura', 'present': True}]}); explain('BG-20', {});"
        "heavy = {'numpy', 'SimpleITK', 'pydicom', 'numba', 'scipy', 'yaml'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
