"""Burden by site and side, grades, symmetry, scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.lesions import FLOOR_MM3, GRID, lesion, lesion_map, registration

from calcscan.knowledge.left_out import LeftOutReason
from calcscan.knowledge.sites import all_sites
from calcscan.measurement.symmetry import compare
from calcscan.model import LeftOut, TouchingPair
from calcscan.summary import summarise_lesions


def row(summary, site, side):
    (found,) = [r for r in summary.sites if (r.site, r.side) == (site, side)]
    return found


def pair(summary, name):
    (found,) = [s for s in summary.symmetry if s.pair == name]
    return found


def test_a_row_for_every_site_and_side_also_the_empty_ones():
    summary = summarise_lesions(lesion_map(), registration=registration())
    assert [(r.site, r.side) for r in summary.sites] == [
        (s.site, side) for s in all_sites().values() for side in s.sides
    ]
    for r in summary.sites:
        if r.site == "scalp":
            assert (r.volume_mm3, r.count, r.grade) == (None, None, None)
        else:
            assert (r.volume_mm3, r.volume_low_mm3, r.volume_high_mm3, r.volume_130_mm3) == (0.0, 0.0, 0.0, 0.0)
            assert (r.count, r.max_hu, r.mean_hu, r.grade) == (0, None, None, "none_detected")
    assert summary.detection_floor_mm3 == FLOOR_MM3
    assert summary.multiple is False


@pytest.mark.parametrize(
    "how", [{"registration": registration(accepted=False)}, {}, {"registration": registration(), "located": False}]
)
def test_unlocated_is_unknown_everywhere(how):
    summary = summarise_lesions(lesion_map(lesion(1, None, None), lesion(2, None, None)), **how)
    for r in summary.sites:
        assert {
            r.volume_mm3,
            r.volume_low_mm3,
            r.volume_high_mm3,
            r.volume_130_mm3,
            r.count,
            r.max_hu,
            r.mean_hu,
            r.grade,
        } == {None}
    for s in summary.symmetry:
        assert {s.left_mm3, s.right_mm3, s.index, s.mirror_overlap, s.bilateral, s.symmetric} == {None}
    assert summary.multiple is None
    assert summary.scores["tcs_estimate"] is None
    assert summary.scores["agatston"]["total"] == 100.0
    assert summary.deposits == {}


def test_sums_of_a_site():
    one = lesion(1, "pallidum", "left", 100.0, max_hu=500, mean_hu=300.0, mass_hu_mm3=300.0 * 130)
    two = lesion(2, "pallidum", "left", 50.0, max_hu=300, mean_hu=200.0, mass_hu_mm3=200.0 * 65)
    r = row(
        summarise_lesions(lesion_map(one, two, lesion(3, "pallidum", "right")), registration=registration()),
        "pallidum",
        "left",
    )
    assert (r.volume_mm3, r.volume_low_mm3, r.volume_high_mm3, r.volume_130_mm3) == pytest.approx((150, 135, 180, 195))
    assert (r.count, r.max_hu, r.group) == (2, 500, "basal_ganglia")
    assert r.mean_hu == pytest.approx((300 * 130 + 200 * 65) / 195)


def test_the_parts_of_one_deposit_count_once_where_the_guideline_takes_their_sites_together():
    parts = (lesion(1, "pallidum", "left", 600.0, deposit=1), lesion(2, "putamen", "left", 300.0, deposit=1))
    summary = summarise_lesions(
        lesion_map(*parts, lesion(3, "putamen", "left", 50.0, deposit=2)), registration=registration()
    )
    assert [row(summary, s, "left").volume_mm3 for s in ("pallidum", "putamen")] == [600.0, 350.0]
    assert [row(summary, s, "left").count for s in ("pallidum", "putamen")] == [1, 2]
    assert summary.deposits["basal_ganglia"] == 2


@pytest.mark.parametrize(
    ("lesions", "grade"),
    [
        ([lesion(1, "putamen", "right", 30.0, 4.0)], "mild"),
        ([lesion(1, "putamen", "right", 200.0, 9.0)], "moderate"),
        ([lesion(1, "putamen", "right", 30.0, 4.0), lesion(2, "putamen", "right", 20.0, 3.0)], "moderate"),
        ([lesion(1, "putamen", "right", 900.0, 16.0)], "severe"),
        ([lesion(1, "putamen", "right", 90.0, 16.0)], "moderate"),
    ],
)
def test_grades(lesions, grade):
    assert row(summarise_lesions(lesion_map(*lesions), registration=registration()), "putamen", "right").grade == grade


class TestSymmetry:
    def test_pairs_and_the_basal_ganglia_as_a_whole(self):
        summary = summarise_lesions(
            lesion_map(lesion(1, "putamen", "left", 300.0), lesion(2, "caudate", "right", 250.0)),
            registration=registration(),
        )
        assert [s.pair for s in summary.symmetry] == [*(n for n, s in all_sites().items() if s.paired), "basal_ganglia"]
        whole = pair(summary, "basal_ganglia")
        assert (whole.left_mm3, whole.right_mm3) == (300.0, 250.0)
        assert whole.index == pytest.approx(50 / 550)
        assert (whole.bilateral, whole.symmetric) == (True, True)
        assert (pair(summary, "putamen").bilateral, pair(summary, "putamen").symmetric) == (False, False)

    @pytest.mark.parametrize(
        ("left", "right", "bilateral", "symmetric"),
        [
            (0.0, 0.0, None, None),
            (2.0, 3.0, None, None),
            (5.0, 0.0, None, None),
            (5.0, 6.0, True, None),
            (100.0, 0.0, False, False),
            (100.0, 2.0, None, False),
            (100.0, 20.0, True, False),
            (100.0, 60.0, True, True),
        ],
    )
    def test_what_could_have_been_missed_is_unknown(self, left, right, bilateral, symmetric):
        for a, b in ((left, right), (right, left)):
            got = compare("x", a, b, FLOOR_MM3)
            assert (got.bilateral, got.symmetric) == (bilateral, symmetric)
        assert compare("x", left, right, FLOOR_MM3).index == (
            None if left + right == 0 else (left - right) / (left + right)
        )

    @pytest.mark.parametrize(("shift", "low", "high"), [(0, 1.0, 1.0), (6, 0.3, 0.9), (25, 0.0, 0.0)])
    def test_mirror_overlap(self, shift, low, high):
        labels = np.zeros(GRID.shape, np.int32)
        labels[10:20, 30:40, 55:65] = 1
        labels[10 + shift // 2 : 20 + shift // 2, 30 + shift : 40 + shift, 15:25] = 2
        boxes = [tuple((int(a.min()), int(a.max()) + 1) for a in np.nonzero(labels == n)) for n in (1, 2)]
        lesions = [
            lesion(n, "thalamus", s, bbox_kji=b) for n, s, b in zip((1, 2), ("left", "right"), boxes, strict=True)
        ]
        summary = summarise_lesions(lesion_map(*lesions, labels=labels), registration=registration())
        assert low <= pair(summary, "thalamus").mirror_overlap <= high
        assert pair(summary, "putamen").mirror_overlap is None

    def test_mirror_is_that_of_the_atlas_not_of_the_scan(self):
        """A head that lies 12 mm off the middle of the scan is as symmetric as before."""
        labels = np.zeros(GRID.shape, np.int32)
        labels[10:20, 30:40, 67:77], labels[10:20, 30:40, 27:37] = 1, 2
        boxes = [tuple((int(a.min()), int(a.max()) + 1) for a in np.nonzero(labels == n)) for n in (1, 2)]
        lesions = [
            lesion(n, "thalamus", s, bbox_kji=b) for n, s, b in zip((1, 2), ("left", "right"), boxes, strict=True)
        ]
        moved = np.eye(4)
        moved[0, 3] = -12.0
        found = lesion_map(*lesions, labels=labels)
        assert pair(
            summarise_lesions(found, registration=registration(matrix=moved)), "thalamus"
        ).mirror_overlap == pytest.approx(1.0)
        assert pair(summarise_lesions(found, registration=registration()), "thalamus").mirror_overlap == 0.0


@pytest.mark.parametrize(
    ("places", "multiple"),
    [
        ([], False),
        ([("pallidum", "left")], False),
        ([("pallidum", "left"), ("pallidum", "right")], True),
        ([("falx", "midline"), ("falx", "midline")], True),
        (
            [("pineal", "midline"), ("choroid_plexus", "left"), ("choroid_plexus", "right"), ("habenula", "midline")],
            False,
        ),
        ([("pallidum", "left"), ("pineal", "midline")], False),
        ([("carotid_siphon", "left"), ("carotid_siphon", "right")], False),
        ([("pallidum", "left"), ("vessel", "left"), ("basilar", "midline"), ("circle_of_willis", "right")], False),
        ([("pallidum", "left"), ("ventricle_wall", "left")], True),
        ([("pallidum", "left"), ("unassigned", "")], None),
        ([("pallidum", "left"), ("pallidum", "left"), ("unassigned", "")], True),
    ],
)
def test_multiple_leaves_out_what_healthy_people_have(places, multiple):
    lesions = [lesion(n, site, side) for n, (site, side) in enumerate(places, start=1)]
    assert summarise_lesions(lesion_map(*lesions), registration=registration()).multiple is multiple


def test_arteries_that_a_vessel_without_a_name_may_be_are_unknown_and_brain_is_not():
    also = (("circle_of_willis", "left", 0.5), ("carotid_siphon", "left", 0.4), ("cortex", "left", 0.05))
    summary = summarise_lesions(
        lesion_map(lesion(1, "vessel", "left", 80.0, site_share=0.95, also=also)), registration=registration()
    )
    assert row(summary, "vessel", "left").volume_mm3 == 80.0
    assert row(summary, "circle_of_willis", "left").volume_mm3 is None
    assert row(summary, "carotid_siphon", "left").volume_mm3 is None
    assert row(summary, "carotid_siphon", "right").volume_mm3 == 0.0
    assert row(summary, "cortex", "left").volume_mm3 == 0.0
    assert not any(summary.scores["tcs_estimate"]["cells"].values())


def test_scores_are_marked_as_approximations():
    lesions = [
        lesion(1, "putamen", "left", 300.0),
        lesion(2, "pallidum", "left", 300.0),
        lesion(3, "dentate", "right", 40.0),
        lesion(4, "brainstem", "midline", 60.0, centroid_lps_mm=(0.0, 20.0, -30.0)),
        lesion(5, "brainstem", "midline", 60.0, centroid_lps_mm=(0.0, 20.0, -10.0)),
        lesion(6, "cerebellum", "left", 60.0, centroid_lps_mm=(2.0, 60.0, -30.0)),
        lesion(7, "pineal", "midline", 500.0),
    ]
    scores = summarise_lesions(lesion_map(*lesions), registration=registration()).scores
    tcs = scores["tcs_estimate"]
    assert len(tcs["cells"]) == 16
    assert {k: v for k, v in tcs["cells"].items() if v} == {
        "lenticular_left": 4, "cerebellum_right": 1, "pons": 2, "midbrain": 2, "vermis": 2
    }  # fmt: skip
    assert tcs["total"] == 11
    assert tcs["age_threshold"] is None
    assert tcs["approximation"] is scores["agatston"]["approximation"] is True
    assert "automated approximation" in tcs["note"]
    assert scores["agatston"]["total"] == 350.0


def test_confluent_everywhere_is_eighty():
    lesions = [
        lesion(n, site, side, 5000.0)
        for n, (site, side) in enumerate(
            [(s, d) for s in ("putamen", "caudate", "thalamus", "white_matter", "cortex") for d in ("left", "right")],
            start=1,
        )
    ]
    lesions += [lesion(11, "cerebellum", "left", 5000.0, centroid_lps_mm=(30.0, 60.0, -30.0))]
    lesions += [lesion(12, "cerebellum", "right", 5000.0, centroid_lps_mm=(-30.0, 60.0, -30.0))]
    lesions += [lesion(13, "cerebellum", "right", 5000.0, centroid_lps_mm=(0.0, 60.0, -30.0))]
    lesions += [
        lesion(14 + n, "brainstem", "midline", 5000.0, centroid_lps_mm=(0, 30, z))
        for n, z in enumerate((-10, -30, -50))
    ]
    assert summarise_lesions(lesion_map(*lesions), registration=registration()).scores["tcs_estimate"]["total"] == 80


def test_what_lies_at_no_site_excludes_none_of_those_it_may_lie_in():
    also = (("putamen", "left", 0.7), ("cortex", "left", 0.3))
    summary = summarise_lesions(
        lesion_map(
            lesion(1, "unassigned", "", site_share=None, also=also),
            lesion(2, "cortex", "left"),
            lesion(3, "unassigned", "", site_share=0.8, also=(("pallidum", "left", 0.1),)),
            lesion(4, "white_matter", "left", site_share=0.7, also=(("caudate", "left", 0.25),)),
        ),
        registration=registration(),
    )
    assert row(summary, "caudate", "left").count is None
    assert (row(summary, "putamen", "left").volume_mm3, row(summary, "putamen", "left").grade) == (None, None)
    assert row(summary, "putamen", "right").grade == row(summary, "pallidum", "left").grade == "none_detected"
    assert row(summary, "cortex", "left").volume_mm3 == 100.0


def test_two_nuclei_that_share_a_deposit_have_a_total_of_their_own() -> None:
    pallidum, putamen = ("pallidum", "left"), ("putamen", "left")
    shared = TouchingPair(
        deposit=1, sites=(pallidum, putamen), volume_mm3=300.0, volume_low_mm3=280.0, volume_high_mm3=330.0,
        division="uncertain",
    )  # fmt: skip
    parts = lesion(1, *pallidum, 100.0, deposit=1), lesion(2, *putamen, 200.0, deposit=1)
    found = replace(lesion_map(*parts, lesion(3, *putamen, 50.0)), pairs=(shared,))
    (pair,) = summarise_lesions(found, registration=registration()).pairs
    assert (pair.volume_mm3, pair.volume_low_mm3, pair.volume_high_mm3) == (350.0, 280.0 + 45.0, 330.0 + 60.0)
    assert (pair.sites, pair.division) == ((pallidum, putamen), "uncertain")
    assert summarise_lesions(found, registration=registration(accepted=False)).pairs == ()


def unsearched(*lesions):
    """As of a segmentation that was given: what is not in it may be there all the same."""
    found = lesion_map(*lesions)
    return replace(found, settings={**found.settings, "lesions_given": 1})


def test_a_cell_of_the_score_that_may_hold_more_is_unknown_and_so_is_the_total():
    given = [
        lesion(1, "putamen", "left", 300.0),
        lesion(2, "pallidum", "left", 300.0),
        lesion(3, "putamen", "right", 300.0),
        lesion(4, "cerebellum", "left", 60.0, centroid_lps_mm=(2.0, 60.0, -30.0)),
        lesion(5, "brainstem", "midline", 60.0, centroid_lps_mm=(0.0, 20.0, -30.0)),
    ]
    scores = summarise_lesions(unsearched(*given), registration=registration()).scores
    tcs = scores["tcs_estimate"]
    assert tcs["cells"]["lenticular_left"] == 4
    assert tcs["cells"]["pons"] == 2
    assert tcs["cells"]["lenticular_right"] is None  # the pallidum was not outlined: nobody knows
    assert tcs["cells"]["medulla"] is tcs["cells"]["caudate_left"] is tcs["cells"]["cerebellum_left"] is None
    assert tcs["total"] is None
    assert tcs["at_least"] == 4 + 3 + 2 + 2
    assert "the lesions that were given" in scores["agatston"]["note"]


def test_what_may_lie_at_a_neighbour_of_the_same_cell_does_not_make_it_unknown():
    also = (("putamen", "left", 0.3), ("caudate", "left", 0.25))
    found = lesion_map(lesion(1, "pallidum", "left", 100.0, site_share=0.45, also=also))
    cells = summarise_lesions(found, registration=registration()).scores["tcs_estimate"]["cells"]
    assert cells["lenticular_left"] == 2
    assert cells["caudate_left"] is None
    assert cells["caudate_right"] == 0


def test_a_side_of_which_a_part_is_unknown_is_not_compared():
    also = (("putamen", "right", 0.3),)
    found = lesion_map(
        lesion(1, "putamen", "left", 300.0), lesion(2, "white_matter", "right", 100.0, site_share=0.7, also=also)
    )
    summary = summarise_lesions(found, registration=registration())
    assert row(summary, "putamen", "right").volume_mm3 is None
    for name in ("putamen", "basal_ganglia"):
        one = pair(summary, name)
        assert (one.left_mm3, one.right_mm3, one.index) == (300.0, None, None)
        assert (one.bilateral, one.symmetric) == (None, None)
    assert pair(summary, "caudate").left_mm3 == 0.0


@pytest.mark.parametrize(("hidden_mm3", "index"), [(900.0, None), (5.0, pytest.approx(60 / 140))])
def test_what_was_left_out_beside_what_is_counted_may_turn_the_verdict(hidden_mm3, index):
    """A stone of 2 ml taken for a foreign body, and specks counted around it: an index of the specks alone."""
    found = lesion_map(lesion(1, "thalamus", "left", 100.0), lesion(2, "thalamus", "right", 40.0))
    stone = LeftOut(
        reason=LeftOutReason.FOREIGN_BODY, kji=np.zeros((1, 3), np.int64), volume_mm3=hidden_mm3, mean_hu=1800.0,
        max_hu=2000, centroid_lps_mm=(0.0, 0.0, 0.0), evidence={}, nearest_site="thalamus", nearest_side="right",
        distance_mm=0.0,
    )  # fmt: skip
    one = pair(summarise_lesions(replace(found, left_out=(stone,)), registration=registration()), "thalamus")
    assert (one.left_mm3, one.right_mm3, one.bilateral) == (100.0, 40.0, True)
    assert (one.index, one.symmetric) == (index, None if index is None else False)


@pytest.mark.parametrize(("division", "symmetric"), [("uncertain", None), ("shape", False)])
def test_an_uncertain_division_has_no_verdict_of_its_own_but_the_nuclei_together_have(division, symmetric):
    ends = {"volume_low_mm3": 100.0, "volume_high_mm3": 700.0, "division": division}
    found = lesion_map(
        lesion(1, "pallidum", "left", 400.0, deposit=1, **ends),
        lesion(2, "putamen", "left", 400.0, deposit=1, **ends),
        lesion(3, "pallidum", "right", 150.0),
        lesion(4, "putamen", "right", 150.0),
    )
    summary = summarise_lesions(found, registration=registration())
    assert pair(summary, "pallidum").index == pytest.approx(250 / 550)
    assert pair(summary, "pallidum").symmetric is symmetric
    assert pair(summary, "basal_ganglia").symmetric is False


def test_what_lies_at_one_of_a_pair_of_nuclei_is_known_of_both_together():
    found = lesion_map(lesion(1, "pallidum", "left", 300.0, site_share=0.7, also=(("putamen", "left", 0.25),)))
    summary = summarise_lesions(found, registration=registration())
    assert pair(summary, "putamen").left_mm3 is None
    assert pair(summary, "basal_ganglia").left_mm3 == 300.0
    assert pair(summary, "basal_ganglia").bilateral is False


@pytest.mark.parametrize("places", [[], [("pallidum", "left")]])
def test_several_deposits_are_not_excluded_where_nobody_looked(places):
    lesions = [lesion(n, site, side) for n, (site, side) in enumerate(places, start=1)]
    assert summarise_lesions(unsearched(*lesions), registration=registration()).multiple is None
    assert summarise_lesions(lesion_map(*lesions), registration=registration()).multiple is False
