"""What the image says, in the guideline's words: known, or left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.lesions import FLOOR_MM3, lesion, lesion_map, registration

from calcscan.facts import image_facts
from calcscan.grid.geometry import Geometry
from calcscan.knowledge import table
from calcscan.model import Flag, Quality, Scan, Study
from calcscan.quality import judge_quality, quality_codes
from calcscan.summary import summarise_lesions

OK = Quality(state="ok", flags=())


def scan(**study):
    grid = Geometry.regular(shape=(2, 2, 2), spacing_mm=(1, 1, 1))
    return Scan(hu=np.zeros(grid.shape, np.int16), geometry=grid, study=Study(**study))


def facts(*lesions, flags=(), floor_mm3=FLOOR_MM3, **study):
    summary = replace(
        summarise_lesions(lesion_map(*lesions), registration=registration()), detection_floor_mm3=floor_mm3
    )
    return image_facts(scan(**study), summary, judge_quality(flags))


def finding(measured, site):
    """What is said of a site, but for the diameter, which has a test of its own."""
    found = [f for f in measured.get("findings", ()) if f["site"] == site]
    return {key: value for key, value in found[0].items() if key != "diameter_mm"} if found else None


def test_basal_ganglia_on_both_sides():
    measured = facts(
        lesion(1, "pallidum", "left", 300.0), lesion(2, "putamen", "right", 250.0), age_years=52.0, sex="M"
    )
    assert (measured["age_years"], measured["sex"]) == (52.0, "M")
    assert finding(measured, "basal_ganglia") == {
        "site": "basal_ganglia", "present": True, "bilateral": True, "symmetric": True, "multiple": False,
        "volume_mm3": 550.0,
    }  # fmt: skip
    assert finding(measured, "thalamus") == {"site": "thalamus", "present": False}


def test_one_dot_on_either_side_is_not_several_and_a_difference_in_size_is_no_asymmetry():
    """A pallidum of 30 mm3 and one of 12 mm3: mirror images. One of 300 and one of 12 are not alike."""
    dots = facts(lesion(1, "pallidum", "left", 30.0), lesion(2, "pallidum", "right", 12.0), floor_mm3=2.0)
    assert finding(dots, "basal_ganglia") == {
        "site": "basal_ganglia", "present": True, "bilateral": True, "multiple": False, "volume_mm3": 42.0
    }  # fmt: skip
    unlike = facts(lesion(1, "pallidum", "left", 300.0), lesion(2, "pallidum", "right", 12.0), floor_mm3=2.0)
    assert finding(unlike, "basal_ganglia")["symmetric"] is False
    three = facts(*(lesion(n, "pallidum", side, 30.0) for n, side in ((1, "left"), (2, "left"), (3, "right"))))
    assert finding(three, "basal_ganglia")["multiple"] is True


def test_the_largest_diameter_is_told():
    measured = facts(lesion(1, "pineal", "midline", 60.0, 4.0), lesion(2, "pineal", "midline", 90.0, 11.0))
    assert next(f for f in measured["findings"] if f["site"] == "pineal")["diameter_mm"] == 11.0


def test_the_dura_is_one_site_of_four():
    measured = facts(lesion(1, "falx", "midline", 90.0), lesion(2, "tentorium", "left", 60.0))
    assert finding(measured, "dura") == {
        "site": "dura", "present": True, "bilateral": False, "symmetric": False, "multiple": True, "volume_mm3": 150.0
    }  # fmt: skip


def test_midline_alone_has_no_sides():
    assert finding(facts(lesion(1, "falx", "midline", 90.0)), "dura") == {
        "site": "dura", "present": True, "multiple": False, "volume_mm3": 90.0
    }  # fmt: skip


def test_a_long_lesion_over_two_nuclei_is_one_deposit():
    long = lesion(1, "pallidum", "left", 900.0, 20.0, site_share=0.6, also=(("putamen", "left", 0.4),))
    assert finding(facts(long), "basal_ganglia")["multiple"] is False


def test_between_two_sites_neither_is_known():
    """Half way between thalamus and habenula: neither is present for certain, and neither is excluded."""
    between = lesion(1, "habenula", "midline", 60.0, site_share=0.55, also=(("thalamus", "left", 0.44),))
    measured = facts(between)
    assert finding(measured, "thalamus") is None
    assert finding(measured, "habenula") is None
    assert finding(measured, "pineal") == {"site": "pineal", "present": False}


def test_a_site_that_one_deposit_surely_has_is_present_and_nothing_is_said_of_a_second():
    sure = lesion(1, "thalamus", "left", 300.0, site_share=0.97)
    maybe = lesion(2, "habenula", "midline", 60.0, site_share=0.55, also=(("thalamus", "right", 0.44),))
    assert finding(facts(sure, maybe), "thalamus") == {"site": "thalamus", "present": True, "volume_mm3": 300.0}
    assert finding(facts(sure), "thalamus") == {
        "site": "thalamus", "present": True, "bilateral": False, "symmetric": False, "multiple": False,
        "volume_mm3": 300.0,
    }  # fmt: skip


def test_between_two_nuclei_the_basal_ganglia_are_sure():
    """Which of pallidum and putamen is unknown; that it is one of them, and on which side, is not."""
    between = lesion(1, "pallidum", "left", 300.0, site_share=0.52, also=(("putamen", "left", 0.48),))
    measured = finding(facts(between), "basal_ganglia")
    assert measured == {
        "site": "basal_ganglia", "present": True, "bilateral": False, "symmetric": False, "multiple": False,
        "volume_mm3": 300.0,
    }  # fmt: skip


def test_on_which_side_it_lies_may_be_unknown():
    between = lesion(1, "pallidum", "left", 300.0, site_share=0.7, also=(("caudate", "right", 0.3),))
    measured = finding(facts(between), "basal_ganglia")
    assert measured["present"] is True
    assert not {"bilateral", "symmetric", "multiple"} & set(measured)


def test_below_what_can_be_measured_nothing_is_said_of_sides():
    measured = finding(facts(lesion(1, "thalamus", "left", 6.0)), "thalamus")
    assert measured == {"site": "thalamus", "present": True, "multiple": False, "volume_mm3": 6.0}


def test_where_the_threshold_asked_for_lies_above_usual_calcium_nothing_is_called_absent():
    """Of what is fainter nothing was seen: that it is not there is unknown."""
    assert finding(facts(), "basal_ganglia") == {"site": "basal_ganglia", "present": False}
    measured = facts(lesion(1, "pallidum", "left", 300.0), floor_mm3=None)
    assert [item["site"] for item in measured["findings"]] == ["basal_ganglia"]
    assert measured["findings"][0]["present"] is True
    assert False not in measured["findings"][0].values()


def test_artery_walls_and_scalp_are_never_absent():
    measured = facts()
    assert finding(measured, "vascular") is None
    assert finding(measured, "skin") is None
    assert finding(facts(lesion(1, "carotid_siphon", "left", 50.0)), "vascular")["present"] is True


def test_arteries_are_vascular_and_brain_only_where_it_may_be():
    measured = facts(lesion(1, "basilar", "midline", 60.0), lesion(2, "vessel", "left", 60.0))
    assert finding(measured, "vascular")["present"] is True
    assert finding(measured, "brainstem") == {"site": "brainstem", "present": False}
    assert finding(measured, "cortex") == {"site": "cortex", "present": False}
    either = (("basilar", "midline", 0.6), ("brainstem", "midline", 0.4))
    unsure = facts(lesion(1, "unassigned", "", 60.0, site_share=None, also=either))
    assert finding(unsure, "vascular") is None
    assert finding(unsure, "brainstem") is None


def test_nothing_is_said_that_the_image_cannot_know():
    measured = facts(lesion(1, "pallidum", "left", 300.0))
    assert not {"isolated", "progression", "dural_thickening"} & set().union(*measured["findings"])
    assert "age_years" not in measured
    assert "sex" not in measured
    assert "imaging" not in measured


@pytest.mark.parametrize(
    ("sex", "measured"), [("F", "F"), ("m", "M"), ("O", "O"), ("", None), ("unknown", None), (None, None)]
)
def test_sex(sex, measured):
    assert facts(sex=sex).get("sex") == measured


def test_abstaining_and_refusing_leave_no_finding():
    poor = (Flag(code="registration_poor", message=""),)
    assert "findings" not in facts(lesion(1, "pallidum", "left"), flags=poor, age_years=4.0)
    assert facts(flags=poor, age_years=4.0)["age_years"] == 4.0
    assert image_facts(scan(), None, OK) == {}
    unlocated = summarise_lesions(lesion_map(lesion(1, None, None)), registration=registration(accepted=False))
    assert image_facts(scan(), unlocated, OK) == {}


@pytest.mark.parametrize("code", list(quality_codes()))
def test_every_flag_drops_what_its_data_say_and_never_turns_anything_false(code):
    lesions = (lesion(1, "pallidum", "left", 300.0), lesion(2, "pallidum", "right", 90.0), lesion(3, "falx", "midline"))
    clean, flagged = facts(*lesions), facts(*lesions, flags=(Flag(code=code, message=""),))
    abstains = judge_quality((Flag(code=code, message=""),)).state == "abstain"
    rule = quality_codes()[code]
    for before in clean["findings"]:
        after = next((f for f in flagged.get("findings", ()) if f["site"] == before["site"]), {})
        for key, value in before.items():
            dropped = key in rule.drops or (value is False and key in rule.drops_false)
            if abstains or dropped:
                assert key not in after or key == "site"
            elif key != "site":
                assert after[key] == value
        assert set(after) <= set(before)


def test_possible_blood_is_reported():
    measured = facts(flags=(Flag(code="possible_haemorrhage", message=""),))
    assert measured["imaging"] == {"possible_haemorrhage": True}


def test_every_word_is_in_the_vocabulary():
    words = table("facts")
    sites = [
        "pallidum",
        "thalamus",
        "dentate",
        "cortex",
        "white_matter",
        "cerebellum",
        "convexity_dura",
        "choroid_plexus",
    ]
    lesions = [lesion(n, s, "left", 200.0) for n, s in enumerate(sites, start=1)]
    lesions += [lesion(20, "pineal", "midline"), lesion(21, "habenula", "midline"), lesion(22, "brainstem", "midline")]
    measured = facts(*lesions, lesion(23, "vertebral", "right"), age_years=70.0, sex="F")
    assert len(measured["findings"]) == 12
    for one in measured["findings"]:
        assert one["site"] in words["site"]
        assert set(one) - {"site"} <= set(words["finding"])


def test_the_guideline_accepts_them():
    from calcscan.guideline import recommend

    measured = facts(
        lesion(1, "pallidum", "left", 300.0), lesion(2, "pallidum", "right", 290.0), age_years=52.0, sex="F"
    )
    assert recommend({}, image=measured).to_dict()["recommendations"]


def test_a_local_flag_puts_no_other_place_in_doubt():
    metal = Flag(code="metal", message="a clip")
    assert finding(facts(flags=[metal]), "basal_ganglia") is None
    assert finding(facts(flags=[replace(metal, local=True)]), "basal_ganglia") == {
        "site": "basal_ganglia",
        "present": False,
    }


def test_a_flag_that_only_tells_puts_nothing_in_doubt():
    gaps = Flag(code="missing_slices", message="narrow gaps")
    assert finding(facts(flags=[gaps]), "basal_ganglia") is None
    assert finding(facts(flags=[replace(gaps, note=True)]), "basal_ganglia") == {
        "site": "basal_ganglia",
        "present": False,
    }


def test_sides_of_which_one_is_not_wholly_known_are_not_called_symmetric() -> None:
    """The putamen may hold what is counted in the white matter beside it: how much lies on the right is not known."""
    also = (("putamen", "right", 0.3),)
    measured = facts(
        lesion(1, "pallidum", "left", 300.0),
        lesion(2, "caudate", "right", 250.0),
        lesion(3, "white_matter", "right", 90.0, site_share=0.7, also=also),
    )
    assert finding(measured, "basal_ganglia") == {
        "site": "basal_ganglia", "present": True, "bilateral": True, "volume_mm3": 550.0
    }  # fmt: skip
