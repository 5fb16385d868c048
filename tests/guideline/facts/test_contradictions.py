"""Facts that can't both hold are told; what follows from several facts follows from all of them only."""

from __future__ import annotations

from typing import Any

import pytest

from calcscan.guideline.engine import build_case


def disputes(facts: dict[str, Any], image: dict[str, Any] | None = None) -> list[str]:
    return [dispute.id.removeprefix("facts:") for dispute in build_case(facts, image).disputes]


@pytest.mark.parametrize(
    ("facts", "about"),
    [
        ({"egfr": 95, "conditions": {"dialysis": True}}, "conditions.dialysis"),
        ({"egfr": "> 60 mL/min", "conditions": {"dialysis": True}}, "conditions.dialysis"),
        (
            {
                "age_years": 40,
                "sex": "F",
                "labs": {"creatinine": "0.8 mg/dL"},
                "conditions": {"dialysis": True},
            },
            "conditions.dialysis",
        ),
        ({"egfr": 9, "conditions": {"chronic_kidney_disease": False}}, "conditions.chronic_kidney_disease"),
        (
            {"conditions": {"hypoparathyroidism": True, "hyperparathyroidism": True}},
            "conditions.hypoparathyroidism",
        ),
        (
            {"age_years": 40, "labs": {"pth": "180 pg/mL"}, "conditions": {"hypoparathyroidism": True}},
            "conditions.hypoparathyroidism",
        ),
        ({"labs": {"pth": "low"}, "conditions": {"hyperparathyroidism": True}}, "conditions.hyperparathyroidism"),
        (
            {"labs": {"pth": "low"}, "conditions": {"pseudohypoparathyroidism": True}},
            "conditions.pseudohypoparathyroidism",
        ),
        (
            {"conditions": {"hypoparathyroidism": True, "pseudohypoparathyroidism": True}},
            "conditions.hypoparathyroidism",
        ),
        (
            {"findings": [{"site": "basal_ganglia", "present": True, "bilateral": False, "symmetric": True}]},
            "findings.basal_ganglia.bilateral",
        ),
        ({"findings": [{"site": "dura", "present": True, "volume_mm3": 0}]}, "findings.dura.present"),
        ({"findings": [{"site": "dura", "present": True, "diameter_mm": 0}]}, "findings.dura.present"),
        ({"sex": "M", "conditions": {"pregnancy": True}}, "conditions.pregnancy"),
        ({"age_years": 84, "conditions": {"pregnancy": True}}, "conditions.pregnancy"),
        ({"symptoms": {"asymptomatic": True, "tinnitus": True}}, "symptoms.asymptomatic"),
        (
            {"medications": {"thiazide": True, "diuretic": False}},
            "medications.thiazide",
        ),
        (
            {"conditions": {"cerebral_venous_thrombosis": True, "venous_thrombosis": False}},
            "conditions.cerebral_venous_thrombosis",
        ),
    ],
)
def test_a_contradiction_is_told(facts: dict[str, Any], about: str) -> None:
    assert disputes(facts) == [about]


@pytest.mark.parametrize(
    "facts",
    [
        {"egfr": 8, "conditions": {"dialysis": True}},
        {"egfr": 24, "conditions": {"dialysis": True}},
        {"egfr": 35, "conditions": {"chronic_kidney_disease": False}},
        {"labs": {"pth": "low"}, "conditions": {"hypoparathyroidism": True}},
        {"labs": {"pth": "high"}, "conditions": {"pseudohypoparathyroidism": True}},
        {"sex": "F", "age_years": 31, "conditions": {"pregnancy": True}},
        {"findings": [{"site": "dura", "present": True, "bilateral": False, "symmetric": True}]},
        {"findings": [{"site": "thalamus", "present": True, "bilateral": False, "symmetric": False}]},
    ],
)
def test_what_goes_together_is_no_contradiction(facts: dict[str, Any]) -> None:
    assert not disputes(facts)


ABSENT: dict[str, Any] = {"site": "basal_ganglia", "present": False}


@pytest.mark.parametrize(
    "more",
    [
        {"volume_mm3": 300},
        {"diameter_mm": 4},
        {"bilateral": True},
        {"multiple": True},
        {"symmetric": True},
        {"large": True},
        {"volume_mm3": 300, "bilateral": True, "multiple": True},
    ],
)
def test_an_absent_finding_that_is_described_is_told_once(more: dict[str, Any]) -> None:
    where = "findings.basal_ganglia.present"
    assert disputes({"findings": [ABSENT | more]}) == [where]
    assert disputes({"findings": [{"site": "basal_ganglia", **more}]}, {"findings": [ABSENT]}) == [where]
    seen = {"findings": [{"site": "basal_ganglia", "present": True, **more}]}
    assert disputes({"findings": [ABSENT]}, seen) == [where]


def test_an_absent_finding_that_is_not_described_is_fine() -> None:
    assert not disputes({"findings": [ABSENT | {"volume_mm3": 0, "bilateral": False}]})


def test_present_and_absent_at_one_site() -> None:
    facts = {"findings": [{"site": "dura", "present": True}, {"site": "Dura", "present": False}]}
    assert disputes(facts) == ["findings.dura.present"]
    assert build_case(facts).values["findings.dura.present"] is True
    assert not disputes({"findings": [{"site": "dura", "present": True}, {"site": "skin", "present": False}]})


# What follows


def test_a_thrombosis_counts_where_it_is_said_to_be() -> None:
    leg = build_case({"conditions": {"venous_thrombosis": True}})
    assert "conditions.cerebral_venous_thrombosis" not in leg.values
    both = build_case({"conditions": {"venous_thrombosis": True}, "imaging": {"venous_abnormality": True}})
    assert both.values["conditions.cerebral_venous_thrombosis"] is True
    assert both.origins["conditions.cerebral_venous_thrombosis"] == "derived"
    assert "veins of the head" in both.details["conditions.cerebral_venous_thrombosis"]
    brain = build_case({"conditions": {"CVST": True}})
    assert brain.values["conditions.venous_thrombosis"] is True
    none = build_case({"conditions": {"venous_thrombosis": False}, "imaging": {"venous_abnormality": True}})
    assert none.values["conditions.cerebral_venous_thrombosis"] is False
    stated = {"venous_thrombosis": True, "cerebral_venous_thrombosis": False}
    said = build_case({"conditions": stated, "imaging": {"venous_abnormality": True}})
    assert said.values["conditions.cerebral_venous_thrombosis"] is False


@pytest.mark.parametrize("kind", ["thiazide", "loop_diuretic"])
def test_each_kind_of_diuretic_is_a_diuretic(kind: str) -> None:
    assert build_case({"medications": {kind: True}}).values["medications.diuretic"] is True
    assert build_case({"medications": {"diuretic": False}}).values[f"medications.{kind}"] is False


# Isolated

BRAIN = ("basal_ganglia", "thalamus", "dentate", "cortex", "white_matter", "cerebellum", "brainstem")
NOTHING_ELSE = {
    "white_matter_lesions": False,
    "atrophy": False,
    "venous_abnormality": False,
    "other_abnormality": False,
}


def with_dura(*others: dict[str, Any], imaging: dict[str, Any] = NOTHING_ELSE, **marks: Any) -> dict[str, Any]:
    brain = [{"site": site, "present": False} for site in BRAIN if site not in {other["site"] for other in others}]
    return {"imaging": imaging, "findings": [{"site": "dura", "present": True, **marks}, *brain, *others]}


@pytest.mark.parametrize(
    "facts",
    [
        with_dura(),
        with_dura(dural_thickening=False, dural_enhancement=False),
        with_dura({"site": "vascular", "present": True}),
        with_dura({"site": "skin", "present": True}),
        with_dura({"site": "pineal", "present": True}, {"site": "choroid_plexus", "present": True}),
        with_dura({"site": "heart_valve", "present": True}),
    ],
)
def test_isolated_follows_where_nothing_else_is_abnormal(facts: dict[str, Any]) -> None:
    case = build_case(facts)
    assert case.values["findings.dura.isolated"] is True
    assert case.origins["findings.dura.isolated"] == "derived"


@pytest.mark.parametrize(
    "facts",
    [
        with_dura({"site": "thalamus"}),
        with_dura(imaging={**NOTHING_ELSE, "atrophy": None}),
        with_dura(imaging={**NOTHING_ELSE, "possible_haemorrhage": True}),
        {"imaging": NOTHING_ELSE, "findings": [{"site": "dura", "present": True}]},
        {"findings": [{"site": "dura", "present": True}, {"site": "vascular", "present": True}]},
    ],
)
def test_isolated_stays_unknown_where_something_is_unknown(facts: dict[str, Any]) -> None:
    assert "findings.dura.isolated" not in build_case(facts).values


@pytest.mark.parametrize(
    "facts",
    [
        with_dura({"site": "cortex", "present": True}),
        with_dura({"site": "periarticular", "present": True}),
        with_dura(imaging={**NOTHING_ELSE, "atrophy": True}),
        with_dura(dural_thickening=True),
    ],
)
def test_isolated_is_false_where_something_else_is_abnormal(facts: dict[str, Any]) -> None:
    assert build_case(facts).values["findings.dura.isolated"] is False


def test_vessels_and_scalp_do_not_contradict_a_stated_isolated() -> None:
    facts = with_dura({"site": "vascular", "present": True}, {"site": "skin", "present": True}, isolated=True)
    assert not disputes(facts)
    assert disputes(with_dura({"site": "cortex", "present": True}, isolated=True)) == ["findings.dura.isolated"]
    seen = {"findings": [{"site": "vascular", "present": True}]}
    assert not disputes({"findings": [{"site": "dura", "present": True, "isolated": True}]}, seen)


def test_a_deposit_in_the_basal_ganglia_can_be_isolated_too() -> None:
    facts = {
        "imaging": NOTHING_ELSE,
        "findings": [
            {"site": "basal_ganglia", "present": True},
            *({"site": site, "present": False} for site in (*BRAIN[1:], "dura")),
        ],
    }
    assert build_case(facts).values["findings.basal_ganglia.isolated"] is True
