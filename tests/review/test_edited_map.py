"""A label map edited in another program: what was drawn is measured anew, all else stays, other grids are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from support.grids import GRIDS
from support.results import make_result
from support.reviews import decision, review_of

from calcscan import apply_review
from calcscan.errors import GeometryError, InputError
from calcscan.model import LocatedLesion, Result
from calcscan.report.build import build_report
from calcscan.report.labelfiles import label_maps
from calcscan.report.labelmaps import even_grid, site_map
from calcscan.report.reviews import reviews_of
from calcscan.report.sitelabels import site_labels
from calcscan.review.edited_map import read_edited_map

LABEL = {place: site.label for place, site in site_labels().items()}


def by_id(result: Result) -> dict[int, LocatedLesion]:
    assert result.lesions is not None
    return {lesion.id: lesion for lesion in result.lesions.lesions}


def labels_of(result: Result) -> Any:
    assert result.lesions is not None
    return result.lesions.labels.copy()


def done(result: Result) -> list[tuple[str, int]]:
    return [(one.decision, one.lesion) for one in result.reviews[-1].decisions]


def test_what_was_not_drawn_stays_the_same_to_the_bit(sample_result: Result) -> None:
    edited = labels_of(sample_result)
    edited[edited == 1] = 0
    some = np.argwhere(edited == 2)
    edited[tuple(some[: len(some) // 3].T)] = 0
    after = apply_review(sample_result, edited, reader="Dr. Draw")
    before = by_id(sample_result)
    assert done(after) == [("reject", 1), ("redraw", 2)]
    assert {n: one for n, one in by_id(after).items() if n != 2} == {n: before[n] for n in before if n not in (1, 2)}
    assert by_id(after)[2].review == "redrawn"
    assert by_id(after)[2].site == before[2].site
    assert by_id(after)[2].volume_mm3 < before[2].volume_mm3
    assert by_id(after)[2].voxels == len(some) - len(some) // 3
    assert after.reviews[-1].reader == "Dr. Draw"
    assert np.array_equal(labels_of(after), edited)


def test_drawn_as_the_program_had_it_a_lesion_has_the_volume_that_the_program_found(sample_result: Result) -> None:
    edited = labels_of(sample_result)
    edited[edited == 1] = 900
    after = apply_review(sample_result, edited)
    before, now = by_id(sample_result)[1], by_id(after)[900]
    assert now.volume_130_mm3 == pytest.approx(before.volume_130_mm3)
    assert now.volume_mm3 == pytest.approx(before.volume_mm3, rel=0.15)
    assert (now.site, now.side) == (before.site, before.side)


def test_a_lesion_painted_with_anothers_number_becomes_part_of_it(sample_result: Result) -> None:
    edited = labels_of(sample_result)
    edited[edited == 3] = 1
    after = apply_review(sample_result, edited)
    assert done(after) == [("merge", 3), ("redraw", 1)]
    assert after.reviews[-1].decisions[0].into == 1
    assert 3 not in by_id(after)
    assert after.lesions is not None
    assert sample_result.lesions is not None
    assert len(after.lesions.left_out) == len(sample_result.lesions.left_out)


def test_what_was_left_out_and_is_drawn_is_a_lesion_and_left_out_no_more(sample_result: Result) -> None:
    assert sample_result.lesions is not None
    item = sample_result.lesions.left_out[0]
    edited = labels_of(sample_result)
    edited[tuple(item.kji.T)] = 70
    after = apply_review(sample_result, edited)
    assert done(after) == [("add", 70)]
    assert after.lesions is not None
    assert len(after.lesions.left_out) == len(sample_result.lesions.left_out) - 1
    assert by_id(after)[70].review == "added"


def test_sites_that_were_painted_over_move_and_erased_ones_are_rejected(sample_result: Result) -> None:
    assert sample_result.lesions is not None
    sites = site_map(sample_result.lesions).astype(np.int32)
    labels = labels_of(sample_result)
    sites[labels == 2] = LABEL["putamen", "left"]
    sites[labels == 3] = 0
    after = apply_review(sample_result, sites)
    assert done(after) == [("move", 2), ("reject", 3)]
    assert (by_id(after)[2].site, by_id(after)[2].volume_mm3) == ("putamen", by_id(sample_result)[2].volume_mm3)
    assert by_id(after)[1] == by_id(sample_result)[1]


@pytest.mark.parametrize("suffix", ["nii.gz", "nrrd", "mha"])
def test_a_file_of_any_kind_is_read(sample_result: Result, tmp_path: Path, suffix: str) -> None:
    files, _ = label_maps(sample_result.lesions)
    (tmp_path / "lesions.nii.gz").write_bytes(files["lesions.nii.gz"])
    image = sitk.ReadImage(str(tmp_path / "lesions.nii.gz"))
    kept = sitk.Mask(image, image == 1, 0, 1)
    sitk.WriteImage(kept, str(tmp_path / f"edited.{suffix}"))
    assert done(apply_review(sample_result, tmp_path / f"edited.{suffix}")) == [("reject", 1)]


def test_a_segmentation_as_3d_slicer_saves_it_is_read(sample_result: Result, tmp_path: Path) -> None:
    """Cropped to what it holds, and with numbers of Slicer's own: the names count."""
    assert sample_result.lesions is not None
    files, _ = label_maps(sample_result.lesions)
    (tmp_path / "sites.seg.nrrd").write_bytes(files["sites.seg.nrrd"])
    image = sitk.ReadImage(str(tmp_path / "sites.seg.nrrd"))
    sites = sitk.GetArrayFromImage(image)
    numbers = {int(image[f"Segment{n}_LabelValue"]): image[f"Segment{n}_Name"] for n in range(2)}
    assert set(numbers.values()) == {"left pallidum", "right pallidum"}
    renumbered = np.zeros_like(sites)
    for number, site in enumerate(numbers, start=1):
        renumbered[sites == site] = number
    renumbered[labels_of(sample_result) == 4] = 0
    saved = sitk.GetImageFromArray(renumbered)
    saved.CopyInformation(image)
    low, high = (end(np.argwhere(renumbered), axis=0)[::-1].tolist() for end in (np.min, np.max))
    saved = saved[low[0] : high[0] + 1, low[1] : high[1] + 1, low[2] : high[2] + 1]
    for number, name in enumerate(numbers.values()):
        saved[f"Segment{number}_Name"] = name
        saved[f"Segment{number}_LabelValue"] = str(number + 1)
    sitk.WriteImage(saved, str(tmp_path / "edited.seg.nrrd"), True)
    assert done(apply_review(sample_result, tmp_path / "edited.seg.nrrd")) == [("reject", 4)]
    saved["Segment0_Name"] = "left moon"
    sitk.WriteImage(saved, str(tmp_path / "moon.seg.nrrd"), True)
    with pytest.raises(InputError):
        apply_review(sample_result, tmp_path / "moon.seg.nrrd")


MOVED = nib.affines.from_matvec(np.eye(3), [3.0, 0.0, 0.0])
MORE = ((0, 0), (0, 0), (0, 1))
OTHER_GRIDS = {
    "moved": lambda image: nib.Nifti1Image(np.asarray(image.dataobj), MOVED @ image.affine),
    "a part of it": lambda image: image.slicer[10:],
    "coarser": lambda image: image.slicer[::2, ::2],
    "one slice more": lambda image: nib.Nifti1Image(np.pad(np.asarray(image.dataobj), MORE), image.affine),
}


@pytest.mark.parametrize("case", OTHER_GRIDS)
def test_another_grid_is_refused_with_both_grids(sample_result: Result, tmp_path: Path, case: str) -> None:
    files, _ = label_maps(sample_result.lesions)
    (tmp_path / "lesions.nii.gz").write_bytes(files["lesions.nii.gz"])
    nib.save(OTHER_GRIDS[case](nib.load(tmp_path / "lesions.nii.gz")), tmp_path / "other.nii.gz")
    with pytest.raises(GeometryError, match=r"another grid than the scan's.*the scan is.*other\.nii\.gz"):
        apply_review(sample_result, tmp_path / "other.nii.gz")


def test_a_map_that_is_not_of_this_report_or_was_not_edited_is_refused(sample_result: Result) -> None:
    labels = labels_of(sample_result)
    with pytest.raises(InputError, match="nothing was changed"):
        apply_review(sample_result, labels)
    with pytest.raises(InputError, match="of another report"):
        apply_review(sample_result, np.roll(labels, 40, axis=2))
    with pytest.raises(InputError, match="no site has the number 200"):
        read_edited_map(np.where(labels > 0, 200, 0), sample_result, kind="sites")


@pytest.mark.parametrize("name", ["tilted", "uneven", "uneven and tilted"])
def test_on_the_even_grid_of_a_scan_that_nifti_cannot_hold_an_edit_reaches_the_scans_own_voxels(
    tmp_path: Path, name: str
) -> None:
    result = make_result(GRIDS[name])
    assert result.lesions is not None
    assert not even_grid(result.lesions.geometry).native
    files, _ = label_maps(result.lesions)
    (tmp_path / "lesions.nii.gz").write_bytes(files["lesions.nii.gz"])
    image = nib.load(tmp_path / "lesions.nii.gz")
    values = np.asarray(image.dataobj).copy()
    values[values == 2] = 0
    nib.save(nib.Nifti1Image(values, image.affine), tmp_path / "edited.nii.gz")
    edited = read_edited_map(tmp_path / "edited.nii.gz", result)
    expected = result.lesions.labels.copy()
    expected[expected == 2] = 0
    assert edited.kind == "lesions"
    assert np.array_equal(edited.values, expected)


def test_a_report_holds_enough_to_do_its_reviews_again(sample_result: Result) -> None:
    edited = labels_of(sample_result)
    edited[edited == 1] = 0
    once = apply_review(sample_result, review_of(b"", decision(2, "move", site="putamen", side="left")))
    twice = apply_review(once, edited)
    section = build_report(twice).reviewed
    again = sample_result
    for review in reviews_of(section, sample_result.scan.hu.shape):  # type: ignore[arg-type]
        again = apply_review(again, review)
    assert by_id(again) == by_id(twice)
    assert np.array_equal(labels_of(again), labels_of(twice))
    assert build_report(again).reviewed == section
