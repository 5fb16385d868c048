from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calcscan.model import Flag
from calcscan.quality import judge_quality, quality_codes, severity

CONTRACT = {
    "not_ct",
    "not_head",
    "no_brain",
    "cropped",
    "contrast",
    "thick_slices",
    "missing_slices",
    "irregular_spacing",
    "gantry_tilt",
    "duplicate_slices",
    "sharp_kernel",
    "noisy",
    "metal",
    "not_hounsfield",
    "saturated",
    "possible_haemorrhage",
    "registration_poor",
    "laterality_unknown",
    "child",
    "unknown_kvp",
    "left_out",
    "uncertain_material",
}
FINDING = {"present", "bilateral", "symmetric", "multiple", "isolated", "volume_mm3", "progression"}


def test_every_code_of_the_contract_is_weighed():
    assert set(quality_codes()) == CONTRACT


def test_what_becomes_unknown_is_named_as_in_the_contract():
    for code in quality_codes().values():
        assert set(code.drops) | set(code.drops_false) <= FINDING
        assert not set(code.drops) & set(code.drops_false)
        assert code.meaning.endswith(".")


def test_where_calcscan_abstains_every_fact_of_the_image_is_unknown():
    for code in quality_codes().values():
        if code.severity == "abstain":
            assert set(code.drops) == FINDING, code.code


flags = st.lists(st.builds(Flag, code=st.sampled_from(sorted(CONTRACT)), message=st.sampled_from(["a", "b"])))


@given(flags)
def test_the_worst_flag_decides(given_flags: list[Flag]):
    weights = {"note": "ok", "caution": "caution", "abstain": "abstain"}
    states = [weights[severity(flag)] for flag in given_flags]
    worst = next((state for state in ("abstain", "caution", "ok") if state in states), "ok")
    quality = judge_quality(given_flags)
    assert quality.state == worst
    assert set(quality.flags) == set(given_flags)
    assert len(quality.flags) == len(set(given_flags))
    order = ["abstain", "caution", "note"]
    shown = [order.index(severity(flag)) for flag in quality.flags]
    assert shown == sorted(shown)


@pytest.mark.parametrize(
    ("thickness", "state"), [(5.0, "caution"), (10.0, "caution"), (12.0, "abstain"), (None, "caution")]
)
def test_slices_can_be_too_thick_to_say_anything(thickness, state):
    assert judge_quality([Flag(code="thick_slices", message="thick", value=thickness, limit=5.0)]).state == state


def test_a_code_that_nobody_knows_is_refused():
    with pytest.raises(ValueError, match="unknown quality code 'blurry'"):
        judge_quality([Flag(code="blurry", message="?")])


def test_the_package_names_no_other_code():
    """Every Flag(code="…") in the source is a code of the contract."""
    import calcscan

    source = "\n".join(path.read_text(encoding="utf-8") for path in Path(calcscan.__file__).parent.rglob("*.py"))
    named = set(re.findall(r"Flag\(\s*code=\"(\w+)\"", source))
    assert named
    assert named <= CONTRACT
