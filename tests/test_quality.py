from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calcscan.errors import KnowledgeError
from calcscan.knowledge import table
from calcscan.knowledge.quality import parse_quality_codes
from calcscan.model import Flag
from calcscan.quality import FindingKey, FlagCode, Severity, judge_quality, quality_codes, severity


def test_every_code_is_weighed():
    assert set(quality_codes()) == set(FlagCode)


def test_what_becomes_unknown_is_known_to_the_guideline():
    attributes = table("facts")["finding"]
    assert set(FindingKey) <= set(attributes)
    for code in quality_codes().values():
        assert not set(code.drops) & set(code.drops_false)
        assert code.meaning.endswith(".")


def test_where_calcscan_abstains_every_fact_of_the_image_is_unknown():
    for code in quality_codes().values():
        if code.severity is Severity.ABSTAIN:
            assert set(code.drops) == set(FindingKey), code.code


flags = st.lists(st.builds(Flag, code=st.sampled_from(FlagCode), message=st.sampled_from(["a", "b"])))


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


def test_a_flag_that_only_tells_is_a_note_whatever_its_code_and_value():
    flag = Flag(code="thick_slices", message="thick", value=12.0, note=True)
    assert judge_quality([flag]).state == "ok"
    assert severity(flag) == "note"


def test_a_code_that_nobody_knows_is_refused():
    with pytest.raises(ValueError, match="unknown quality code 'blurry'"):
        judge_quality([Flag(code="blurry", message="?")])


@pytest.mark.parametrize(
    ("code", "change", "message"),
    [
        ("blurry", {}, "blurry: .*blurry"),
        ("metal", {"severity": "bad"}, "metal: .*bad.*severity"),
        ("metal", {"drops": ["size"]}, "metal: .*size.*drops"),
        ("metal", {"drop": []}, "metal: .*drop"),
    ],
)
def test_a_slip_in_the_file_is_refused_with_code_and_entry(code, change, message):
    entries = {name: dict(entry) for name, entry in table("quality").items()}
    entries[code] = {"severity": "note", "meaning": "?", "drops": []} | change
    with pytest.raises(KnowledgeError, match=f"knowledge/quality.toml: {message}"):
        parse_quality_codes(entries)


def test_a_code_that_the_file_forgets_is_refused():
    entries = {name: entry for name, entry in table("quality").items() if name != "metal"}
    with pytest.raises(KnowledgeError, match="nothing is said of metal"):
        parse_quality_codes(entries)


def codes_in_source() -> list[ast.expr]:
    """What every call of Flag and RefusedError in the package gives as `code`."""
    import calcscan

    calls = (
        node
        for path in Path(calcscan.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("Flag", "RefusedError")
    )
    return [keyword.value for call in calls for keyword in call.keywords if keyword.arg == "code"]


def test_the_package_names_no_other_code():
    """Written out as text; a member of FlagCode is checked by mypy."""
    named = {code.value for code in codes_in_source() if isinstance(code, ast.Constant)}
    assert named
    assert named <= set(FlagCode)
