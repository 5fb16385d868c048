"""Tube voltage and slice thickness that differ from slice to slice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from support import dicom_faults as faults

from calcscan.model import Scan
from calcscan.quality import severity
from calcscan.read import read_scan

COARSE = {"rows": 96, "columns": 88, "pixel_mm": (2.25, 2.1)}


def read(images: faults.Series, folder: Path) -> Scan:
    faults.write(images, folder)
    return read_scan(folder)


def item(**tags: object) -> Dataset:
    made = Dataset()
    for keyword, value in tags.items():
        setattr(made, keyword, value)
    return made


def as_text(images: faults.Series, keyword: str, value: str | None) -> faults.Series:
    """Sets what is no number too, as some exports write it."""
    for image in images:
        if value is None:
            del image[keyword]
        else:
            image[keyword] = DataElement(keyword, "LO", value)
    return images


def codes(scan: Scan) -> dict[str, str]:
    return {flag.code: severity(flag).value for flag in scan.flags}


# --- voltage ---


def test_each_slice_has_its_own_voltage_and_that_is_only_a_note(tmp_path: Path) -> None:
    images = faults.with_tags(faults.series(**COARSE), KVP="80")
    faults.with_tags(images[:12], KVP="140")
    scan = read(images, tmp_path)
    assert scan.slice_kvp_kv == (140.0,) * 12 + (80.0,) * 16
    assert scan.acquisition.kvp_kv is None
    assert codes(scan) == {"unknown_kvp": "note"}
    assert scan.flags[0].message == (
        "The tube voltage differs between slices (80 kV in 16 slices, 140 kV in 12 slices): the threshold is that of "
        "each slice's own voltage."
    )


def test_voltages_follow_the_slices_however_the_files_are_ordered(tmp_path: Path) -> None:
    images = faults.with_tags(faults.series(**COARSE), KVP="80")
    faults.with_tags(images[:12], KVP="140")
    scan = read(images[::-1], tmp_path)
    low = scan.geometry.positions_mm < np.median(scan.geometry.positions_mm) - 8
    assert {kvp for kvp, is_low in zip(scan.slice_kvp_kv, low, strict=True) if is_low} == {140.0}


def test_voltages_of_frames(tmp_path: Path) -> None:
    whole = faults.multi_frame(faults.series(**COARSE))
    del whole.SharedFunctionalGroupsSequence[0].CTXRayDetailsSequence
    for number, group in enumerate(whole.PerFrameFunctionalGroupsSequence):
        group.CTXRayDetailsSequence = Sequence([item(KVP=140 if number < 6 else 80)])
    scan = read([whole], tmp_path)
    assert scan.slice_kvp_kv == (140.0,) * 6 + (80.0,) * 22
    assert codes(scan) == {"unknown_kvp": "note"}


@pytest.mark.parametrize("absurd", [None, "0", "1200", "-120", "120000", "high"])
def test_a_slice_without_a_believable_voltage_is_as_those_on_both_sides(tmp_path: Path, absurd: str | None) -> None:
    images = faults.with_tags(faults.series(**COARSE), KVP="80")
    faults.with_tags(images[:12], KVP="140")
    as_text(images[5:7], "KVP", absurd)
    scan = read(images, tmp_path)
    assert scan.slice_kvp_kv == (140.0,) * 12 + (80.0,) * 16
    assert codes(scan) == {"unknown_kvp": "note"}
    assert "2 slices without a stated voltage counted as the slices beside them" in scan.flags[0].message


def test_between_two_voltages_or_at_an_end_it_stays_unknown(tmp_path: Path) -> None:
    images = faults.with_tags(faults.series(**COARSE), KVP="80")
    faults.with_tags(images[:12], KVP="140")
    faults.with_tags([images[11], images[12], images[27]], KVP=None)
    scan = read(images, tmp_path)
    assert scan.slice_kvp_kv == (140.0,) * 11 + (None,) * 2 + (80.0,) * 14 + (None,)
    assert codes(scan) == {"unknown_kvp": "caution"}
    assert "for 3 slices of unknown voltage that for 120 kV is used" in scan.flags[0].message


@pytest.mark.parametrize("written", ["120 kV", "120kVp", "0", "1200", "low"])
def test_a_voltage_with_its_unit_is_read_and_an_absurd_one_is_unknown(tmp_path: Path, written: str) -> None:
    scan = read(as_text(faults.series(**COARSE), "KVP", written), tmp_path)
    assert scan.acquisition.kvp_kv == (120.0 if "kV" in written else None)
    assert scan.slice_kvp_kv == ()


def test_nothing_is_carried_where_all_slices_are_alike(tmp_path: Path) -> None:
    images = faults.series(**COARSE)
    faults.with_tags(images[3:9], KVP="119.6")
    scan = read(images, tmp_path)
    assert (scan.slice_kvp_kv, scan.stated_thickness_mm, scan.flags) == ((), (), ())


# --- thickness ---


def two_thicknesses(low_mm: float, high_mm: float, every_mm: tuple[float, float], **tags: object) -> faults.Series:
    """Twelve slices below, and as many as reach the vertex above."""
    low = -70.0 + every_mm[0] * np.arange(12)
    high = np.arange(low[-1] + every_mm[1], 75.0, every_mm[1])
    thick = [low_mm] * len(low) + [high_mm] * len(high)
    return faults.series(positions_mm=[*low, *high], thickness_mm=thick, **COARSE, **tags)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("low_mm", "high_mm", "every_mm"),
    [(5.0, 10.0, (5.0, 10.0)), (2.5, 5.0, (2.5, 2.5)), (3.0, 8.0, (3.0, 8.0)), (5.0, 2.5, (2.5, 2.5))],
)
@pytest.mark.parametrize("tilt_deg", [0.0, 18.0])
def test_each_slice_has_the_thickness_of_its_header(
    tmp_path: Path, low_mm: float, high_mm: float, every_mm: tuple[float, float], tilt_deg: float
) -> None:
    images = two_thicknesses(low_mm, high_mm, every_mm, tilt_deg=tilt_deg)
    scan = read(images, tmp_path)
    assert scan.slice_thickness_mm.tolist() == [low_mm] * 12 + [high_mm] * (len(images) - 12)
    assert scan.acquisition.slice_thickness_mm == max(low_mm, high_mm)


def test_thickness_of_frames(tmp_path: Path) -> None:
    whole = faults.multi_frame(faults.series(**COARSE))
    for number, group in enumerate(whole.PerFrameFunctionalGroupsSequence):
        group.PixelMeasuresSequence = Sequence(
            [item(PixelSpacing=[2.25, 2.1], SliceThickness=5 if number < 14 else 10)]
        )
    if "PixelMeasuresSequence" in whole.SharedFunctionalGroupsSequence[0]:
        del whole.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence
    scan = read([whole], tmp_path)
    assert scan.slice_thickness_mm.tolist() == [5.0] * 14 + [10.0] * 14


@pytest.mark.parametrize("absent", [None, "", "0", "-5", "thick"])
def test_slices_that_state_no_thickness_are_as_those_beside_them(tmp_path: Path, absent: str | None) -> None:
    images = two_thicknesses(2.5, 5.0, (2.5, 2.5))
    as_text([images[4], images[20], images[-1]], "SliceThickness", absent)
    scan = read(images, tmp_path)
    assert scan.slice_thickness_mm.tolist() == [2.5] * 12 + [5.0] * (len(images) - 12)


@pytest.mark.parametrize("written", ["5.0 mm", "5mm", " 5.0 MM"])
def test_a_thickness_with_its_unit_is_read(tmp_path: Path, written: str) -> None:
    scan = read(as_text(faults.series(**COARSE), "SliceThickness", written), tmp_path)
    assert scan.acquisition.slice_thickness_mm == 5.0
    assert not scan.flags


@pytest.mark.parametrize("nonsense", ["50", "20", "500"])
def test_nonsense_in_one_slice_is_not_that_of_the_scan(tmp_path: Path, nonsense: str) -> None:
    images = faults.series(**COARSE)
    faults.with_tags(images[9:10], SliceThickness=nonsense)
    scan = read(images, tmp_path)
    assert set(scan.slice_thickness_mm.tolist()) == {5.0}
    assert scan.acquisition.slice_thickness_mm == 5.0
    assert codes(scan) == {"left_out": "note"}
    assert f"SliceThickness of 1 slice ({nonsense} mm)" in scan.flags[0].message
