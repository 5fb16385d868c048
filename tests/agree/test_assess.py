"""`assess_agreement`: what is compared, what is left out, and what the figures are of."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.agreement_data import AFFINE, NUMBER, VOXEL_MM3, box, labels, nifti, run_folder, table

from calcscan import assess_agreement, write_agreement
from calcscan.agree.model import Agreement, Figures
from calcscan.errors import GeometryError, InputError, UnreadableError

PALLIDUM_L, PALLIDUM_R = ("pallidum", "left"), ("pallidum", "right")


def at(found: Agreement, site: str, side: str = "") -> Figures:
    """The figures of one place."""
    return next(one for one in (*found.by_site, *found.combined) if one.place == (site, side))


def tables(folder: Path, ours: list[list], theirs: list[list]) -> Agreement:
    return assess_agreement(table(folder / "a.csv", ours), table(folder / "b.csv", theirs))


# ---- tables


def test_the_figures_are_those_of_a_hand_worked_example(tmp_path: Path) -> None:
    ours = [[f"s{n}", "pallidum", "left", v] for n, v in enumerate((12, 0, 30, 5, 0))]
    theirs = [[f"s{n}", "pallidum", "left", v] for n, v in enumerate((10, 4, 36, 0, 0))]
    one = at(tables(tmp_path, ours, theirs), *PALLIDUM_L)
    assert (one.studies, one.detected_both, one.only_results, one.only_reference, one.both_zero) == (5, 2, 1, 1, 1)
    assert (one.results_zeros, one.reference_zeros) == (2, 2)
    assert one.sensitivity.value == pytest.approx(2 / 3)
    assert one.ppv.value == pytest.approx(2 / 3)
    assert one.false_per_study.value == pytest.approx(1 / 5)
    assert one.bias_mm3.value == pytest.approx(np.mean([2, -4, -6, 5, 0]))
    sd = np.std([2, -4, -6, 5, 0], ddof=1)
    assert one.loa_low_mm3.value == pytest.approx(-0.6 - 1.96 * sd)
    assert one.loa_high_mm3.value == pytest.approx(-0.6 + 1.96 * sd)
    assert one.dice is None
    assert one.dice_studies is None


def test_an_unknown_volume_is_left_out_and_counted_and_never_taken_for_nothing(tmp_path: Path) -> None:
    ours = [["a", "pallidum", "left", ""], ["b", "pallidum", "left", 10], ["c", "pallidum", "left", 0]]
    theirs = [["a", "pallidum", "left", 50], ["b", "pallidum", "left", "n/a"], ["c", "pallidum", "left", 8]]
    found = tables(tmp_path, ours, theirs)
    one = at(found, *PALLIDUM_L)
    assert (one.studies, one.results_unknown, one.reference_unknown) == (1, 1, 1)
    assert (one.detected_both, one.only_results, one.only_reference) == (0, 0, 1)
    assert (found.overall.studies, found.overall.results_unknown, found.overall.reference_unknown) == (1, 1, 1)


def test_a_site_that_the_reference_does_not_have_is_no_false_finding(tmp_path: Path) -> None:
    ours = [["a", "pallidum", "left", 9], ["a", "pineal", "midline", 70]]
    found = tables(tmp_path, ours, [["a", "pallidum", "left", 9]])
    assert [one.place for one in found.by_site] == [PALLIDUM_L]
    assert found.overall.only_results == 0
    assert found.overall.bias_mm3.value == 0
    assert dict(found.not_read) == {("pineal", "midline"): 70}


@pytest.mark.parametrize(("states_zero", "studies", "unknown"), [(True, 2, 1), (False, 3, 0)])
def test_a_row_that_is_missing_is_unknown_where_the_table_has_zeros_else_none_detected(
    tmp_path: Path, states_zero: bool, studies: int, unknown: int
) -> None:
    ours = [[name, "pallidum", "left", 5] for name in "abc"]
    theirs = [["a", "pallidum", "left", 6], ["b", "pallidum", "left", 0 if states_zero else 7], ["c", "pineal", "", 3]]
    found = tables(tmp_path, ours, theirs)
    one = at(found, *PALLIDUM_L)
    assert (one.studies, one.reference_unknown) == (studies, unknown)
    assert any("rows that the table does not have" in note for note in found.notes)


@pytest.mark.parametrize(("zero", "studies"), [(True, 3), (False, 2)])
def test_what_a_missing_row_means_can_be_said(tmp_path: Path, zero: bool, studies: int) -> None:
    a = table(tmp_path / "a.csv", [[name, "pallidum", "left", 5] for name in "abc"])
    b = table(tmp_path / "b.csv", [["a", "pallidum", "left", 6], ["b", "pallidum", "left", 0], ["c", "pineal", "", 3]])
    assert at(assess_agreement(a, b, missing_is_zero=zero), *PALLIDUM_L).studies == studies


def test_a_coarse_reference_is_compared_with_the_sum_of_what_it_holds(tmp_path: Path) -> None:
    ours = [["a", "pallidum", "left", 10], ["a", "pallidum", "right", 5], ["b", "pallidum", "left", 1]]
    ours += [["b", "pallidum", "right", ""]]
    found = tables(tmp_path, ours, [["a", "pallidum", "", 14], ["b", "pallidum", "", 2]])
    one = at(found, "pallidum")
    assert (one.studies, one.results_unknown) == (1, 1)  # a sum with an unknown part is unknown
    assert one.bias_mm3.value == 1


def test_swapped_sides_stand_out_and_are_no_agreement(tmp_path: Path) -> None:
    ours = [[n, "pallidum", side, v] for n in "abc" for side, v in (("left", 20), ("right", 0))]
    theirs = [[n, "pallidum", side, v] for n in "abc" for side, v in (("left", 0), ("right", 20))]
    found = tables(tmp_path, ours, theirs)
    sides = next(one for one in found.confusions if one.what.startswith("sides of pallidum"))
    assert sides.counts[sides.rows.index("right")][sides.columns.index("left")] == 3
    assert (found.overall.detected_both, found.overall.only_results, found.overall.only_reference) == (0, 3, 3)
    assert at(found, "pallidum").detected_both == 3  # both sides together


def test_grades_give_kappa_overall_and_where_both_give_one(tmp_path: Path) -> None:
    columns = "study,site,side,volume_mm3,grade"
    rows = [("none_detected", "0"), ("mild", "mild"), ("moderate", "severe"), ("severe", "3"), ("mild", "")]
    ours = [[f"s{n}", "pallidum", "left", 1, grade] for n, (grade, _) in enumerate(rows)]
    theirs = [[f"s{n}", "pallidum", "left", 1, grade] for n, (_, grade) in enumerate(rows)]
    found = assess_agreement(table(tmp_path / "a.csv", ours, columns), table(tmp_path / "b.csv", theirs, columns))
    assert found.overall.graded == 4
    assert found.overall.kappa_linear.value == pytest.approx(
        1 - (1 / 3 / 4) / (sum(abs(a - b) for a in (0, 1, 2, 3) for b in (0, 1, 3, 3)) / 3 / 16)
    )


def test_swapping_the_sides_turns_the_figures_round(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    rows = [
        [[f"s{n}", "putamen", "left", round(float(v), 3)] for n, v in enumerate(random.integers(0, 3, 30) * 9.5)]
        for _ in range(2)
    ]
    one, other = tables(tmp_path, rows[0], rows[1]).overall, tables(tmp_path, rows[1], rows[0]).overall
    assert one.bias_mm3.value == pytest.approx(-other.bias_mm3.value)
    assert (one.only_results, one.only_reference) == (other.only_reference, other.only_results)
    assert one.sensitivity.value == pytest.approx(other.ppv.value)
    assert one.icc.value == pytest.approx(other.icc.value)


# ---- label maps


def test_lesions_dice_and_confusion_come_from_the_voxels(tmp_path: Path) -> None:
    left, right, pineal = NUMBER[PALLIDUM_L], NUMBER[PALLIDUM_R], NUMBER["pineal", "midline"]
    ours = labels([(left, box(4, 4, 4)), (pineal, box(12, 12, 12)), (pineal, box(2, 20, 20))])
    theirs = labels([(left, box(4, 4, 4, 3)), (right, box(12, 12, 12)), (left, box(18, 20, 20))])
    out, reference = run_folder(tmp_path / "scan1", ours), nifti(tmp_path / "reader.nii.gz", theirs)
    found = assess_agreement(out, reference)
    assert at(found, *PALLIDUM_L).dice == pytest.approx(2 * 8 / (8 + 27 + 8))
    assert at(found, "pineal", "midline").dice == 0
    assert found.overall.dice == pytest.approx(2 * (8 + 8) / (24 + 27 + 8 + 8))
    assert at(found, "putamen", "left").dice is None  # nothing with nothing
    assert at(found, "putamen", "left").dice_undefined == 1
    total = next(one for one in found.by_size if one.place is None and one.from_mm3 == 0 and one.to_mm3 is None)
    assert (total.reference_lesions, total.found, total.results_lesions, total.false) == (3, 2, 3, 1)
    small = next(one for one in found.by_size if one.place is None and one.to_mm3 == 10.0)
    assert (small.reference_lesions, small.found, small.false) == (2, 1, 1)
    sites = next(one for one in found.confusions if one.what == "sites of lesions")
    count = {
        (r, c): n
        for r, row in zip(sites.rows, sites.counts, strict=True)
        for c, n in zip(sites.columns, row, strict=True)
    }
    assert count["pallidum", "pallidum"] == 1
    assert count["pallidum", "pineal"] == 1
    assert count["pallidum", "none"] == 1
    assert count["none", "pineal"] == 1
    states = sorted((one.side, one.state) for one in found.pairs[0].lesions)
    assert (
        states
        == [("reference", "matched")] * 2
        + [("reference", "missed")]
        + [("results", "false")]
        + [("results", "matched")] * 2
    )


def test_a_place_that_calcscan_does_not_know_is_left_out_of_lesions_too(tmp_path: Path) -> None:
    siphon = ("carotid_siphon", "left")
    out = run_folder(tmp_path / "scan", labels(), unknown=[siphon])
    found = assess_agreement(out, nifti(tmp_path / "r.nii.gz", labels([(NUMBER[siphon], box(4, 4, 4))])))
    assert (at(found, *siphon).studies, at(found, *siphon).results_unknown) == (0, 1)
    assert at(found, *siphon).sensitivity is None
    assert [one.state for one in found.pairs[0].lesions] == ["not_compared"]
    assert found.overall.only_reference == 0


def test_nothing_with_nothing_is_not_defined_and_is_said_so(tmp_path: Path) -> None:
    out = run_folder(tmp_path / "scan", labels())
    found = assess_agreement(out, nifti(tmp_path / "r.nii.gz", labels()))
    one = found.overall
    assert (one.dice, one.dice_studies, one.dice_undefined) == (None, 0, 1)
    assert (one.sensitivity, one.ppv, one.icc, one.spearman) == (None, None, None, None)
    assert one.bias_mm3.value == 0
    text = write_agreement(found, tmp_path / "out")
    assert json.loads(text)["overall"]["dice"] is None
    assert "not defined" in (tmp_path / "out" / "agreement.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1)])
@pytest.mark.parametrize("flipped", [(), (0,), (0, 1, 2)])
def test_the_order_and_direction_of_a_references_axes_make_no_difference(
    tmp_path: Path, axes: tuple[int, int, int], flipped: tuple[int, ...]
) -> None:
    values = labels([(5, box(4, 6, 8, 3)), (6, box(15, 2, 3))])
    ijk = values.transpose(2, 1, 0)
    affine = AFFINE.copy()
    for axis in flipped:
        affine[:3, 3] += affine[:3, axis] * (ijk.shape[axis] - 1)
        affine[:3, axis] *= -1
    turned = np.flip(ijk, flipped).transpose(axes)
    affine = np.column_stack([*(affine[:, n] for n in axes), affine[:, 3]])
    reference = nifti(tmp_path / "r.nii.gz", np.ascontiguousarray(turned).transpose(2, 1, 0), affine)
    found = assess_agreement(run_folder(tmp_path / "scan", values), reference)
    assert found.overall.dice == 1
    assert found.pairs[0].resampled == ""


def test_another_grid_is_refused_with_both_named_and_resampled_if_asked_for(tmp_path: Path) -> None:
    values = labels([(5, box(4, 6, 8, 4))])
    affine = AFFINE.copy()
    affine[:3, 3] += [0.25, 0, 0]
    out, reference = run_folder(tmp_path / "scan", values), nifti(tmp_path / "r.nii.gz", values, affine)
    with pytest.raises(GeometryError, match=r"28 × 30 × 24 voxels .*; against 28 × 30 × 24 voxels .*--resample"):
        assess_agreement(out, reference)
    found = assess_agreement(out, reference, resample=True)
    assert found.pairs[0].resampled.startswith("by nearest neighbour")
    assert found.overall.dice > 0.7
    assert any("resampled" in note for note in found.notes)


def test_resampling_takes_the_nearest_voxel(tmp_path: Path) -> None:
    """A reference of half the resolution along each axis, against the naive look-up of every voxel."""
    random = np.random.default_rng(0)
    coarse = (random.random((12, 15, 14)) > 0.8).astype(np.uint8) * 5
    affine = AFFINE @ np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = (AFFINE @ [0.6, 0.6, 0.6, 1])[:3]
    expected = np.zeros((24, 30, 28), np.uint8)
    inverse = np.linalg.inv(affine)
    for k, j, i in np.ndindex(expected.shape):
        near = np.floor((inverse @ AFFINE @ [i, j, k, 1])[:3] + 0.5).astype(int)
        if ((near >= 0) & (near < [14, 15, 12])).all():
            expected[k, j, i] = coarse[near[2], near[1], near[0]]
    out = run_folder(tmp_path / "scan", expected)
    found = assess_agreement(out, nifti(tmp_path / "r.nii.gz", coarse, affine), resample=True)
    assert found.overall.dice == 1


def test_maps_of_ones_are_masks_without_sites(tmp_path: Path) -> None:
    out = run_folder(tmp_path / "scan", labels([(NUMBER["pineal", "midline"], box(4, 4, 4))]))
    found = assess_agreement(out, nifti(tmp_path / "r.nii.gz", labels([(1, box(4, 4, 4))])))
    assert found.overall.dice == 1
    assert [one.place for one in found.by_site] == [("any", "")]
    assert any("masks" in note for note in found.notes)


def test_a_table_of_labels_says_what_the_numbers_mean_and_what_was_read(tmp_path: Path) -> None:
    ours = labels([(NUMBER[PALLIDUM_L], box(4, 4, 4)), (NUMBER["pineal", "midline"], box(12, 4, 4))])
    reference = nifti(tmp_path / "r.nii.gz", labels([(77, box(4, 4, 4)), (9, box(20, 20, 20))]))
    names = tmp_path / "names.tsv"
    names.write_text("index\tname\n77\tLeft-Pallidum\n78\tPAL_R\n9\tignore\n", encoding="utf-8")
    found = assess_agreement(run_folder(tmp_path / "scan", ours), reference, labels=names)
    assert [one.place for one in found.by_site] == [PALLIDUM_L, PALLIDUM_R]
    assert found.overall.dice == 1  # what it did not read is no false finding
    assert dict(found.not_read) == {("pineal", "midline"): 8 * VOXEL_MM3}
    assert [one.state for one in found.pairs[0].lesions] == ["matched", "matched", "not_compared"]


def test_lesion_numbers_taken_for_sites_and_swapped_sides_are_doubted(tmp_path: Path) -> None:
    where = [box(4 + 4 * n, 4, 4) for n in range(4)]
    sites = [("putamen", "left"), ("putamen", "right"), PALLIDUM_L, PALLIDUM_R]
    out = run_folder(tmp_path / "scan", labels([(NUMBER[site], b) for site, b in zip(sites, where, strict=True)]))
    by_number = nifti(tmp_path / "n.nii.gz", labels([(n + 1, b) for n, b in enumerate(where)]))
    assert any("do the labels" in note for note in assess_agreement(out, by_number).notes)
    other = {"left": "right", "right": "left"}
    swapped = [(NUMBER[site, other[side]], b) for (site, side), b in zip(sites, where, strict=True)]
    notes = assess_agreement(out, nifti(tmp_path / "s.nii.gz", labels(swapped))).notes
    assert any("swapped" in note for note in notes)
    assert not any("do the labels" in note for note in notes)


def test_two_readers_with_label_maps_are_compared_the_same_way(tmp_path: Path) -> None:
    for n in range(4):
        for reader, size in (("one", 3), ("other", 2)):
            nifti(tmp_path / reader / f"sub-0{n}_{reader}_seg.nii.gz", labels([(5, box(4, 4, 4, size))]))
    found = assess_agreement(tmp_path / "one", tmp_path / "other")
    assert found.overall.studies == 4
    assert at(found, *PALLIDUM_L).bias_mm3.value == pytest.approx((27 - 8) * VOXEL_MM3)
    assert found.overall.dice == pytest.approx(2 * 8 / 35)


def test_a_batch_is_matched_by_name_and_what_only_one_side_has_is_listed(tmp_path: Path) -> None:
    for name in ("sub-01_ses-1_ct", "sub-02_ct", "sub-03_ct"):
        run_folder(tmp_path / "out" / name, labels([(5, box(4, 4, 4))]))
    (tmp_path / "out" / "batch.csv").write_text("study,state\nsub-04_ct,failed\n", encoding="utf-8")
    for name in (
        "sub-01/ses-1/sub-01_ses-1_desc-reader_dseg",
        "sub-02/sub-02_dseg",
        "sub-04/sub-04_dseg",
        "sub-09_dseg",
    ):
        nifti(tmp_path / "readers" / f"{name}.nii.gz", labels([(5, box(4, 4, 4))]))
    found = assess_agreement(tmp_path / "out", tmp_path / "readers")
    assert [one.name for one in found.pairs] == ["sub-01_ses-1_ct", "sub-02_ct"]
    told = {(one.side, one.study): one.why for one in found.unmatched}
    assert set(told) == {("results", "sub-03_ct"), ("reference", "sub-04_dseg"), ("reference", "sub-09_dseg")}
    assert told["reference", "sub-04_dseg"] == "its analysis failed"
    assert found.overall.dice == 1


def test_the_plain_count_is_compared_if_asked_for(tmp_path: Path) -> None:
    out = run_folder(tmp_path / "scan", labels([(5, box(4, 4, 4))]))
    reference = table(tmp_path / "b.csv", [["scan", "pallidum", "left", 4]])
    assert at(assess_agreement(out, reference), *PALLIDUM_L).bias_mm3.value == 0
    assert at(assess_agreement(out, reference, volume="volume_130_mm3"), *PALLIDUM_L).bias_mm3.value == 4
    with pytest.raises(ValueError, match="volume must be one of"):
        assess_agreement(out, reference, volume="volume")


# ---- bad input


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("study,site,side,volume_mm3\n", "no rows"),
        ("study,region,volume_mm3\na,pallidum,3\n", "lacks the column site"),
        ("study,site,side,volume_mm3\na,palidum,left,3\n", "did you mean pallidum"),
        ("study,site,side,volume_mm3\na,pallidum,up,3\n", "'up' is no side"),
        ("study,site,side,volume_mm3\na,pineal,left,3\n", "pineal has no side 'left'"),
        ("study,site,side,volume_mm3\na,pallidum,left,-3\n", "line 2"),
        ("study,site,side,volume_mm3\na,pallidum,left,nope\n", "no volume in mm3"),
        ("study,site,side,volume_mm3\na,pallidum,left,inf\n", "no volume in mm3"),
        ("study,site,side,volume_mm3\na,pallidum,left,3\na,pallidum,L,4\n", "stands there twice"),
        ("study,site,side,volume_mm3\na,pallidum,left\n", "has 3 cells"),
        ("study,site,side,volume_mm3,grade\na,pallidum,left,3,huge\n", "no grade"),
        ("study,site,side,volume_mm3\n,pallidum,left,3\n", "names no study"),
        ("study,site,side,volume_mm3\nz,pallidum,left,3\n", "no study is on both sides"),
    ],
)
def test_a_table_that_can_not_be_used_says_why(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "b.csv").write_text(text, encoding="utf-8")
    good = table(tmp_path / "a.csv", [["a", "pallidum", "left", 3]])
    with pytest.raises(InputError, match=message):
        assess_agreement(good, tmp_path / "b.csv")


def test_semicolons_and_decimal_commas_are_read(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("﻿Study;Site;Side;Volume_mm3\na;pallidum;left;3,5\n", encoding="utf-8")
    found = assess_agreement(table(tmp_path / "a.csv", [["a", "pallidum", "left", 3]]), tmp_path / "b.csv")
    assert found.overall.bias_mm3.value == -0.5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "no whole report"),
        ("[]", "no whole report"),
        ('{"schema": "calcscan-report/2", "sites": [], "study": {}}', "newer calcscan"),
        ('{"schema": "other/1"}', "no report of calcscan"),
        ('{"schema": "calcscan-report/1", "study": {}}', "no whole report"),
    ],
)
def test_a_folder_with_half_a_report_or_a_newer_one_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "report.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        assess_agreement(tmp_path / "out", table(tmp_path / "b.csv", [["out", "pallidum", "left", 4]]))


def test_what_is_nothing_to_compare_is_refused(tmp_path: Path) -> None:
    good = table(tmp_path / "a.csv", [["a", "pallidum", "left", 3]])
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.doc").write_text("x", encoding="utf-8")
    (tmp_path / "cut.nii.gz").write_bytes(
        nifti(tmp_path / "whole.nii.gz", labels([(5, box(1, 1, 1))])).read_bytes()[:90]
    )
    for name, message in (
        ("empty", "neither results nor label maps"), ("text.doc", "nothing that can be compared"), 
        ("gone", "no such file"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=message):
            assess_agreement(good, tmp_path / name)
    with pytest.raises(UnreadableError):
        assess_agreement(run_folder(tmp_path / "scan", labels()), tmp_path / "cut.nii.gz")


def test_labels_without_a_meaning_and_fractions_are_refused(tmp_path: Path) -> None:
    out = run_folder(tmp_path / "scan", labels())
    with pytest.raises(InputError, match="200, which is no number of a site"):
        assess_agreement(out, nifti(tmp_path / "r.nii.gz", labels([(5, box(1, 1, 1)), (200, box(9, 9, 9))])))
    with pytest.raises(InputError, match="whole numbers"):
        assess_agreement(out, nifti(tmp_path / "p.nii.gz", labels([(5, box(1, 1, 1))]).astype(np.float32) / 10))
    names = tmp_path / "names.csv"
    names.write_text("index,name\n5,left globus\n", encoding="utf-8")
    with pytest.raises(InputError, match="left globus"):
        assess_agreement(out, tmp_path / "r.nii.gz", labels=names)


def test_two_references_of_one_study_are_refused(tmp_path: Path) -> None:
    run_folder(tmp_path / "out" / "sub-01_ct", labels())
    for reader in ("a", "b"):
        nifti(tmp_path / "readers" / f"sub-01_desc-{reader}_dseg.nii.gz", labels([(5, box(1, 1, 1))]))
    with pytest.raises(InputError, match=r"2 studies of the reference answer to the name 'sub-01'"):
        assess_agreement(tmp_path / "out", tmp_path / "readers")


def test_results_of_two_different_scans_are_refused(tmp_path: Path) -> None:
    one, other = (run_folder(tmp_path / name, labels(), series=name) for name in ("one", "other"))
    with pytest.raises(InputError, match="different series"):
        assess_agreement(one, other)


def test_a_reviewed_result_is_said_to_be_one(tmp_path: Path) -> None:
    out = run_folder(tmp_path / "scan", labels(), reviewed={"reader": "Dr X", "at": "2026-11-29", "decisions": []})
    found = assess_agreement(out, table(tmp_path / "b.csv", [["scan", "pallidum", "left", 4]]))
    assert "results: corrected by a person in 1 of 1 study." in found.notes


@pytest.mark.parametrize(("volume", "words"), [("1,234", "may be 1234 or 1.234"), ("1e300", "more than a head holds")])
def test_a_volume_that_can_be_read_in_two_ways_or_in_none_is_refused(tmp_path: Path, volume: str, words: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f'study,site,side,volume_mm3\na,pineal,,"{volume}"\n')
    with pytest.raises(InputError, match=words):
        assess_agreement(path, path)
    path.write_text('study,site,side,volume_mm3\na,pineal,,"1,23"\n')
    assert assess_agreement(path, path).overall.results_mean_mm3 == 1.23


def test_studies_of_the_same_parts_have_the_same_rank_in_any_order(tmp_path: Path) -> None:
    """0.1 + 0.2 + 0.3 is more than 0.3 + 0.2 + 0.1 to a computer."""
    sites = ("pineal", "habenula", "choroid_plexus")
    parts = {"a": (0.1, 0.2, 0.3), "b": (0.3, 0.2, 0.1), "c": (0.6, 0.0, 0.0), "d": (9.0, 0.0, 0.0)}
    names = list(parts)
    tables = []
    for number, order in enumerate((names, names[1::-1] + names[2:])):  # the parts of a and b change places
        rows = [
            [name, site, "", mm3]
            for name, of in zip(names, order, strict=True)
            for site, mm3 in zip(sites, parts[of], strict=True)
        ]
        tables.append(table(tmp_path / f"{number}.csv", rows))
    found = assess_agreement(*tables).overall
    assert found.spearman is not None
    assert found.spearman.value == pytest.approx(1.0)
    assert found.sd_mm3 == 0
