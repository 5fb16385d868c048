"""The order of the stages and what is made of what they say; the stages themselves are replaced by what they return."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from support.results import make_atlas, make_result

from calcscan import examination, pipeline
from calcscan.blur import MeasuredBlur
from calcscan.errors import FactsError, NoCTError, RefusedError, RulesetError
from calcscan.guideline.engine import build_case
from calcscan.guideline.export.text import page_block
from calcscan.knowledge.blur import BlurSettings
from calcscan.knowledge.settings import load
from calcscan.knowledge.stage_settings import StageSettings
from calcscan.measurement.blur import assumed_blur
from calcscan.model import Flag
from calcscan.read import Stated, read_input
from calcscan.report import write_report
from calcscan.report.build import build_report
from calcscan.report.text import summary_text


@pytest.fixture
def stages(monkeypatch):
    """Every stage, answering from one synthetic Result; an exception in its place is raised instead."""
    good = make_result()
    answers = {
        "read_scan": good.scan,
        "load_atlas": make_atlas(),
        "segment_intracranial": good.intracranial,
        "measure_blur": MeasuredBlur(blur=assumed_blur(good.scan, load(BlurSettings))),
        "recover_bone_contact": good.intracranial,
        "inspect_scan": (),
        "detect_lesions": good.lesions,
        "judge_material": good.lesions,
        "register_atlas": good.registration,
        "locate_lesions": good.lesions,
        "summarise_lesions": good.summary,
        "image_facts": {
            "age_years": 52.0,
            "findings": [{"site": "basal_ganglia", "present": True, "volume_mm3": 900.0}],
        },
    }
    calls: list[tuple[str, tuple, dict]] = []

    def stage(name):
        def run(*arguments, **named):
            calls.append((name, arguments, named))
            if isinstance(answers[name], BaseException):
                raise answers[name]
            return answers[name]

        return run

    for name in answers:
        module = next(one for one in (pipeline, examination, read_input) if hasattr(one, name))
        monkeypatch.setattr(module, name, stage(name))
    return answers, calls


def test_the_stages_run_in_order_and_are_timed(stages):
    seen: list[str] = []
    result = pipeline.analyse("scan", progress=seen.append)
    assert seen == [
        "read",
        "segment",
        "blur",
        "register",
        "recover",
        "inspect",
        "detect",
        "material",
        "locate",
        "summarise",
        "advise",
    ]
    assert list(result.timings_s) == seen
    names = [name for name, _, _ in stages[1]]
    assert names == [
        "read_scan", "load_atlas", "segment_intracranial", "measure_blur", "register_atlas", "recover_bone_contact",
        "inspect_scan",
        "detect_lesions", "judge_material", "locate_lesions", "summarise_lesions", "image_facts",
    ]  # fmt: skip
    assert result.quality.state == "ok"
    assert {lesion.site for lesion in result.lesions.lesions} == {"pallidum", "pineal", "choroid_plexus", "falx"}
    assert result.guidance.recommendations


RULES = """
[document]
key = "ours"
title = "Our protocol"
status = "approved"

[fact.conditions.gout]
label = "gout"

[[rule]]
id = "ours-1"
replaces = "bg-mineral-labs"
kind = "referral"
priority = "routine"
citation = "Our protocol"
section = "1"
sites = ["basal_ganglia"]
text = "Consider our clinic."
when = { all = [
    { site = "basal_ganglia", volume_mm3 = { above = 800, unit = "mm3" } },
    { fact = "age_years", at_least = 50, unit = "years" },
    { fact = "conditions.gout" },
] }
"""


def test_rules_of_ones_own_are_used_and_named_in_the_report(stages, tmp_path):
    own = tmp_path / "ours.toml"
    own.write_text(RULES)
    context = {"conditions": {"gout": True}}
    result = pipeline.analyse("scan", context=context, rules=[own], without=["bg-age"], literature=True)
    assert "ours-1" in {item.id for item in result.guidance.recommendations}
    assert result.facts["conditions"] == {"gout": True}
    guideline = json.loads(write_report(result, tmp_path / "out"))["guideline"]
    assert guideline["ruleset"] == "calcscan+literature+ours"
    assert guideline["rules_added"] == ["literature.toml: every rule", "ours.toml: ours-1 (replaces bg-mineral-labs)"]
    assert guideline["rules_left_out"] == ["bg-age"]
    assert guideline["sha256"] != pipeline.analyse("scan").guidance.sha256
    said = " ".join(summary_text(build_report(result), page_block(result.guidance)).split())
    assert "with literature.toml, ours.toml (ours-1 replaces bg-mineral-labs); without bg-age" in said
    by_scan = pipeline.analyse_scan(result.scan, context=context, rules=str(own), without="bg-age", literature=True)
    assert by_scan.guidance == result.guidance


def test_rules_and_facts_that_can_not_be_taken_are_refused_before_the_work(stages, tmp_path):
    with pytest.raises(RulesetError, match="can't be read"):
        pipeline.analyse("scan", rules=tmp_path / "none.toml")
    with pytest.raises(FactsError, match="gout"):
        pipeline.analyse("scan", context={"conditions": {"gout": True}})
    assert stages[1] == []


def test_what_is_asked_reaches_the_stages(stages):
    made = {"kvp_kv": 80.0, "slice_thickness_mm": 2.5, "kernel": "H31s"}
    result = pipeline.analyse("scan", series_uid="1.2", threshold_hu=100.0, **made)
    named = {name: kwargs for name, _, kwargs in stages[1]}
    settings = StageSettings.load()
    assert named["read_scan"] == {"series_uid": "1.2", "stated": Stated(**made), "settings": settings.reading}
    assert {name: result.settings[f"stated_{name}"] for name in made} == made
    assert named["detect_lesions"]["threshold_hu"] == 100.0
    assert named["detect_lesions"]["volume"] is settings.volume
    handed = {"settings", "volume", "foreign_body"}
    stages_with_settings = {name for name, arguments in named.items() if handed & arguments.keys()}
    assert stages_with_settings == set(named) - {"load_atlas"}


@pytest.mark.parametrize("code", ["not_head", "no_brain"])
def test_a_refused_head_is_a_result_that_abstains(stages, code):
    stages[0]["segment_intracranial"] = RefusedError("no head in it", code=code)
    stages[0]["image_facts"] = {}
    result = pipeline.analyse("scan")
    assert result.quality.state == "abstain"
    assert [flag.code for flag in result.quality.flags] == [code]
    assert (result.intracranial, result.lesions, result.registration, result.summary) == (None, None, None, None)


def test_a_registration_that_is_not_accepted_always_abstains(stages):
    stages[0]["register_atlas"] = replace(stages[0]["register_atlas"], accepted=False, reason="overlap 0.61", flags=())
    result = pipeline.analyse("scan")
    assert result.quality.state == "abstain"
    assert [flag.code for flag in result.quality.flags] == ["registration_poor"]
    assert {(lesion.site, lesion.side) for lesion in result.lesions.lesions} == {("unassigned", "")}


def test_where_calcscan_abstains_nothing_is_attributed_nor_summed_by_site(stages):
    stages[0]["read_scan"] = replace(stages[0]["read_scan"], flags=(Flag(code="contrast", message="contrast"),))
    result = pipeline.analyse("scan")
    assert result.quality.state == "abstain"
    assert result.lesions.lesions
    assert all(lesion.site == "unassigned" and not lesion.also for lesion in result.lesions.lesions)
    lesions, named = next((args[0], named) for name, args, named in stages[1] if name == "summarise_lesions")
    assert {lesion.site for lesion in lesions.lesions} == {"unassigned"}
    assert named["located"] is False
    assert result.registration.accepted


def test_every_stage_may_raise_a_flag_and_each_is_told_once(stages):
    tilt, noise = Flag(code="gantry_tilt", message="tilt"), Flag(code="noisy", message="noise")
    for name in ("read_scan", "recover_bone_contact", "locate_lesions", "register_atlas"):
        stages[0][name] = replace(stages[0][name], flags=(tilt, noise))
    assert pipeline.analyse("scan").quality.flags == (noise, tilt)


def test_a_person_knows_better_than_the_image(stages):
    finding = {"site": "basal_ganglia", "progression": "stable"}
    dura = {"site": "dura", "present": True}
    result = pipeline.analyse("scan", context={"age_years": 53.0, "family_history": False, "findings": [finding, dura]})
    assert result.facts == {
        "age_years": 53.0,
        "family_history": False,
        "findings": [{"site": "basal_ganglia", "present": True, "volume_mm3": 900.0, "progression": "stable"}, dura],
    }


def judged(facts, image=None):
    """The values that the rules judge. Who said it is no value."""
    return {path: value for path, value in build_case(facts, image).values.items() if not path.endswith(".stated")}


SEEN = {
    "age_years": 52.0,
    "sex": "M",
    "imaging": {"possible_haemorrhage": True},
    "findings": [
        {"site": "basal_ganglia", "present": True, "bilateral": True, "volume_mm3": 900.0},
        {"site": "dura", "present": False},
    ],
}


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"age_years": 53, "sex": "f"},
        {"age_years": None, "sex": "unknown"},
        {"findings": None, "symptoms": None},
        {"findings": "unknown"},
        {"findings": [{"site": "basal_ganglia", "present": "unknown", "bilateral": None, "volume_mm3": None}]},
        {"findings": [{"site": " Basal_Ganglia ", "present": True, "bilateral": False}]},
        {"findings": [{"site": "dura", "present": True, "volume_mm3": volume} for volume in (20, 30)]},
        {"findings": [{"site": "basal_ganglia", "bilateral": False}, {"site": "basal_ganglia", "symmetric": True}]},
        {"findings": [{"site": "skin", "present": "unknown"}]},
        {"imaging": {"atrophy": True}},
        {"imaging": {"possible_haemorrhage": False}},
        {"labs": {"calcium": {"value": 8.0, "unit": "mg/dL"}, "phosphate": "HIGH", "pth": "unknown"}},
        {"labs": {"calcium": {"value": 1.9, "unit": "mmol/L", "range": [1.7, 2.0]}, "albumin": "30 g/L"}},
        {"symptoms": {"asymptomatic": True}},
    ],
    ids=str,
)
def test_the_facts_of_a_result_are_those_that_the_rules_judged(stages, context):
    stages[0]["image_facts"] = SEEN
    facts = pipeline.analyse("scan", context=context).facts
    assert judged(facts) == judged(context, SEEN)
    assert build_case(facts).sites == build_case(context, SEEN).sites
    assert len({finding["site"] for finding in facts["findings"]}) == len(facts["findings"])


def test_facts_may_be_numbers_of_numpy(stages):
    context = {
        "age_years": np.int64(53), "sex": np.str_("F"), "family_history": np.bool_(False),
        "labs": {"calcium": {"value": np.float32(2.25), "unit": "mmol/L"}},
        "findings": np.array([{"site": "dura", "present": np.True_, "volume_mm3": np.float32(7.5)}], dtype=object),
    }  # fmt: skip
    result = pipeline.analyse("scan", context=context)
    assert {key: result.facts[key] for key in ("age_years", "sex", "family_history", "labs")} == {
        "age_years": 53, "sex": "F", "family_history": False, "labs": {"calcium": {"value": 2.25, "unit": "mmol/L"}},
    }  # fmt: skip
    assert result.facts["findings"][1] == {"site": "dura", "present": True, "volume_mm3": 7.5}
    assert type(result.facts["age_years"]) is float
    assert json.dumps(result.facts)


@pytest.mark.parametrize(
    "context", ["age_years: 52", Path("facts.yaml"), b"{}", 52, ["age_years"], [("age_years", 52)]]
)
def test_what_is_no_mapping_of_facts_is_no_context(stages, context):
    for call in (pipeline.analyse, pipeline.analyse_scan):
        with pytest.raises(TypeError, match=r"^context must be a mapping of facts .*load_facts"):
            call("scan", context=context)
    assert stages[1] == []


@pytest.mark.parametrize(
    "threshold", [0, -5, 3000, 1e9, float("nan"), float("inf"), "130", "bone", True, np.float64("nan"), [130], 130j]
)
def test_a_threshold_that_cant_be_is_named_with_its_range(stages, threshold):
    for call in (pipeline.analyse, pipeline.analyse_scan):
        with pytest.raises(ValueError, match=r"^threshold_hu must be a number of HU above 0 and below 3000, not "):
            call("scan", threshold_hu=threshold)
    assert stages[1] == []


@pytest.mark.parametrize("threshold", [np.int16(200), np.float32(200), 200])
def test_a_threshold_may_be_a_number_of_numpy(stages, threshold):
    result = pipeline.analyse("scan", threshold_hu=threshold)
    assert result.settings["threshold_asked_hu"] == 200.0
    assert type(result.settings["threshold_asked_hu"]) is float


def test_a_context_of_another_person_is_said(stages):
    stages[0]["image_facts"] = {"age_years": 80.0, "sex": "F"}
    result = pipeline.analyse("scan", context={"age_years": 52, "sex": "M"})
    conflicts = {item.id: item for item in result.guidance.conflicts}
    for fact, stated, seen in (("age_years", 52, 80.0), ("sex", "M", "F")):
        conflict = conflicts[f"facts:{fact}"]
        assert "two people" in conflict.text
        assert [(side.value, side.origin) for side in conflict.sides] == [(stated, "stated"), (seen, "image")]
    text = summary_text(build_report(result))
    assert "facts disagree: age: what was stated and what the scan says differ; they may be two people." in text
    assert "(stated: 52, scan: 80)" in " ".join(text.split())
    assert "(stated: M, scan: F)" in " ".join(text.split())


def test_wrong_facts_are_found_out_before_the_work(stages):
    with pytest.raises(FactsError, match="age_yaers"):
        pipeline.analyse("scan", context={"age_yaers": 52})
    assert stages[1] == []


def test_an_input_without_a_ct_is_an_error(stages):
    stages[0]["read_scan"] = NoCTError("no CT in it")
    with pytest.raises(NoCTError):
        pipeline.analyse("scan")


@pytest.mark.parametrize(
    ("name", "state"), [("thin_pineal_choroid", ("ok", "caution")), ("plastic_phantom", ("abstain",))]
)
def test_a_real_scan_from_files_to_files(real_scans, run_once, name, state):
    _, out = run_once(real_scans / name)
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    schema = json.loads((files("calcscan") / "knowledge" / "report.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(report, schema, cls=jsonschema.Draft202012Validator)
    assert report["quality"]["state"] in state
    if report["lesions"] is not None:
        volume = {(row["site"], row["side"]): row["volume_mm3"] for row in report["sites"]}
        assert 20 < volume["pineal", "midline"] < 150
        assert volume["choroid_plexus", "left"] > 20
        assert volume["choroid_plexus", "right"] > 15
        assert volume["putamen", "left"] == volume["putamen", "right"] == 0
