"""Findings, what was stated and what was measured, reasons, conflicts, explanations."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from calcscan.errors import RulesetError
from calcscan.guideline import Guidance, explain, recommend
from calcscan.guideline.rules.conditions import parse


def ids(guidance: Guidance) -> set[str]:
    return {item.id for item in guidance.recommendations}


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


def test_dots_of_unlike_size_on_both_sides_are_mirror_images() -> None:
    finding = {"site": "basal_ganglia", "present": True, "bilateral": True, "symmetric": False, "multiple": True}
    given = recommend({"age_years": 82, "findings": [finding]})
    assert not {"deep-nuclei-infection-causes", "brain-infection-causes"} & ids(given)


@pytest.mark.parametrize("symmetric", [True, False])
def test_symmetry_rules_no_cause_out(symmetric: bool) -> None:
    finding = {
        "site": "basal_ganglia",
        "present": True,
        "bilateral": symmetric,
        "symmetric": symmetric,
        "multiple": True,
    }
    given = recommend({"findings": [finding]})
    causes = {"bg-inherited-causes", "brain-infection-causes"}
    assert ("deep-nuclei-infection-causes" in ids(given)) is not symmetric
    assert not causes & {item.id for item in given.not_applicable}
    assert ("bg-inherited-causes" in ids(given)) is symmetric
    assert "symmetry" in {item.id for item in given.conflicts}


def test_a_person_who_contradicts_himself_is_shown_both() -> None:
    given = recommend({"symptoms": {"headache": False, "severe_headache": True}})
    assert [item.id for item in given.conflicts] == ["facts:symptoms.severe_headache"]
    given = recommend(
        {"findings": [{"site": "dura", "present": True, "isolated": True}, {"site": "organ", "present": True}]}
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
        "rules_added",
        "rules_left_out",
        "page",
        "recommendations",
        "needs_input",
        "conflicts",
        "not_applicable",
    ]
    for item in given["recommendations"]:
        keys = ["id", "topic", "state", "kind", "text", "priority", "priority_why", "covers", "because", "source"]
        assert list(item)[: len(keys)] == keys
        assert set(list(item)[len(keys) :]) <= {"cautions", "result", "held_back_because"}
        assert item["source"]["document"]
        assert item["source"]["section"]
        assert item["source"]["facts"] == item["covers"]
    for line in given["page"]:
        assert list(line) == ["group", "topic", "text", "rules", "covers", "because"]
        assert line["text"]
    assert all(set(need) == {"fact", "would_decide"} for need in given["needs_input"])
    assert json.loads(json.dumps(given, allow_nan=False)) == given
    assert len(given["sha256"]) == 64


def test_urgent_things_come_first() -> None:
    facts = {"findings": [{"site": "dura", "present": True}], "conditions": {"cerebral_venous_thrombosis": True}}
    urgencies = [item.priority for item in recommend(facts).recommendations if item.state == "suggested"]
    assert urgencies == sorted(urgencies, key=["urgent", "soon", "routine"].index)
    assert urgencies[0] == "urgent"


def test_explain_shows_each_condition_with_value_origin_and_source() -> None:
    facts = {"findings": [{"site": "dura", "present": True}], "egfr": 28}
    told = explain("DU-32", facts)
    assert told.rule == "dura-gadolinium"
    assert told.result is True
    reduced = told.tree.parts[1]
    known, filtration = reduced.parts
    questions = {part.fact: part for part in known.parts[1].parts} | {filtration.fact: filtration}
    assert told.outcome.startswith("suggested, soon (harm that can be avoided)")
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
