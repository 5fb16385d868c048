"""Slices that lie farther apart than they are thick: told as gaps, by how wide they are and why they are there."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from support import dicom_faults as faults

from calcscan.model import Flag, Scan
from calcscan.quality import severity
from calcscan.read import read_scan

COARSE = {"rows": 96, "columns": 88, "pixel_mm": (2.25, 2.1)}


def dicom(folder: Path, thickness_mm: float, spacing_mm: float, **tags: object) -> Scan:
    slices = int(140 / spacing_mm)
    made = faults.series(slices=slices, spacing_mm=spacing_mm, thickness_mm=thickness_mm, **COARSE, **tags)  # type: ignore[arg-type]
    faults.write(made, folder)
    return read_scan(folder)


def nifti(folder: Path, thickness_mm: float, spacing_mm: float) -> Scan:
    """The same, converted, with its sidecar."""
    scan = dicom(folder / "dicom", thickness_mm, spacing_mm)
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ scan.geometry.affine()[:, [2, 1, 0, 3]]
    nibabel.Nifti1Image(scan.hu.transpose(2, 1, 0), affine).to_filename(folder / "head.nii")
    fields = {"Modality": "CT", "SliceThickness": thickness_mm, "KVP": 120}
    (folder / "head.json").write_text(json.dumps(fields))
    return read_scan(folder / "head.nii")


def gap_of(scan: Scan) -> Flag | None:
    found = [flag for flag in scan.flags if flag.code == "missing_slices"]
    return found[0] if found else None


@pytest.mark.parametrize("read", [dicom, nifti])
@pytest.mark.parametrize(
    ("thickness_mm", "spacing_mm", "told", "share"),
    [
        (3.0, 6.0, "caution", "50%"),
        (1.25, 2.5, "caution", "50%"),
        (3.0, 5.0, "caution", "40%"),
        (2.5, 4.0, "caution", "38%"),
        (5.0, 7.0, "note", "29%"),
        (4.0, 5.0, "note", "20%"),
        (5.0, 5.0, None, ""),
        (4.92, 5.0, None, ""),
        (5.0, 2.5, None, ""),
    ],
)
def test_gaps_are_told_with_the_share_of_the_head_in_them(
    tmp_path: Path, read: object, thickness_mm: float, spacing_mm: float, told: str | None, share: str
) -> None:
    flag = gap_of(read(tmp_path, thickness_mm, spacing_mm))  # type: ignore[operator]
    assert (severity(flag).value if flag else None) == told
    if flag is not None:
        assert f"gaps of {spacing_mm - thickness_mm:.1f} mm, {share} of the head, were not imaged" in flag.message
        assert flag.value == spacing_mm


def test_a_scan_with_gaps_is_told_from_one_that_lacks_files(tmp_path: Path) -> None:
    gapped = gap_of(dicom(tmp_path / "gapped", 3.0, 6.0))
    assert gapped is not None
    assert "The instance numbers go on without a jump, so it was acquired with gaps." in gapped.message
    unnumbered = gap_of(dicom(tmp_path / "unnumbered", 3.0, 6.0, InstanceNumber=None))
    assert unnumbered is not None
    assert "Either slices are missing, or it was acquired with gaps." in unnumbered.message
    whole = faults.series(slices=46, spacing_mm=3.0, **COARSE)  # type: ignore[arg-type]
    faults.write(whole[::2], tmp_path / "thinned")
    thinned = gap_of(read_scan(tmp_path / "thinned"))
    assert thinned is not None
    assert "Slices are missing: 22 instance numbers" in thinned.message
    assert "acquired with gaps" not in thinned.message


def test_numbers_that_go_down_are_as_good_as_numbers_that_go_up(tmp_path: Path) -> None:
    images = faults.series(slices=23, spacing_mm=6.0, thickness_mm=3.0, **COARSE)  # type: ignore[arg-type]
    for number, image in enumerate(reversed(images)):
        image.InstanceNumber = number + 1
    faults.write(images, tmp_path)
    flag = gap_of(read_scan(tmp_path))
    assert flag is not None
    assert "go on without a jump" in flag.message


def test_gaps_in_a_part_of_the_head_are_told_for_that_part(tmp_path: Path) -> None:
    low = -70.0 + 3.0 * np.arange(20)
    high = low[-1] + 6.0 * np.arange(1, 14)
    images = faults.series(positions_mm=[*low, *high], thickness_mm=3.0, **COARSE)  # type: ignore[arg-type]
    faults.write(images, tmp_path)
    scan = read_scan(tmp_path)
    flag = gap_of(scan)
    assert flag is not None
    assert "lie 6.0 mm apart in 13 places: gaps of 3.0 mm, 29% of the head" in flag.message
    assert scan.geometry.slab_mm.tolist() == pytest.approx([3.0] * 19 + [4.5] + [6.0] * 13)


def test_every_other_slice_lost_in_a_part_of_the_head_is_no_gap_of_the_scan(tmp_path: Path) -> None:
    images = faults.series(slices=46, spacing_mm=3.0, **COARSE)  # type: ignore[arg-type]
    faults.write([*images[:32], *images[33::2]], tmp_path)
    flag = gap_of(read_scan(tmp_path))
    assert flag is not None
    assert "Slices are missing, with gaps of 6.0 mm after slice 32" in flag.message


def test_thick_slices_and_gaps_are_not_one_thing(tmp_path: Path) -> None:
    (thick,) = (flag for flag in dicom(tmp_path / "gapped", 3.0, 6.0).flags if flag.code == "thick_slices")
    assert "stand for up to 6.0 mm of the head, of which they show 3.0 mm" in thick.message
    (thick,) = (flag for flag in dicom(tmp_path / "thick", 6.0, 6.0).flags if flag.code == "thick_slices")
    assert "up to 6.0 mm thick" in thick.message
