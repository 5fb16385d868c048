"""Headers that differ between the slices of one series, or lie: never half a head, and never two people."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import generate_uid
from support import dicom_faults as faults
from support.dicom_faults import Series

from calcscan.errors import GeometryError, InputError
from calcscan.model import Scan
from calcscan.read import read_scan

COARSE = {"rows": 24, "columns": 22, "pixel_mm": (9.0, 8.4)}

PATTERNS: dict[str, Callable[[int], bool]] = {
    "every second": lambda n: n % 2 == 1,
    "every third": lambda n: n % 3 == 0,
    "upper half": lambda n: n >= 14,
    "one": lambda n: n == 13,
    "all but one": lambda n: n != 13,
    "all but the ends": lambda n: 0 < n < 27,
}


def tags(**values: object) -> Callable[[Series], object]:
    return lambda images: faults.with_tags(images, **values)


HARMLESS: dict[str, Callable[[Series], object]] = {
    "image type, a word more": tags(ImageType=["ORIGINAL", "PRIMARY", "AXIAL", "HEADER_CORRECTED"]),
    "image type, another third word": tags(ImageType=["ORIGINAL", "PRIMARY", "CT_SOM5 SPI"]),
    "image type, secondary": tags(ImageType=["ORIGINAL", "SECONDARY", "AXIAL"]),
    "image type, derived": tags(ImageType=["DERIVED", "PRIMARY", "AXIAL"]),
    "image type absent": tags(ImageType=None),
    "kernel absent": tags(ConvolutionKernel=None),
    "kernel as a list": tags(ConvolutionKernel=["H31s", "3"]),
    "kernel twice": tags(ConvolutionKernel=["H31s", "H31s"]),
    "kernel in capitals": tags(ConvolutionKernel="H31S "),
    "frame of reference absent": tags(FrameOfReferenceUID=None),
    "another frame of reference": tags(FrameOfReferenceUID="1.2.3"),
    "pixel spacing in its last digit": tags(PixelSpacing=["9.0000001", "8.3999999"]),
    "pixel spacing with fewer digits": tags(PixelSpacing=["9.001", "8.4"]),
    "pixel spacing with zeros": tags(PixelSpacing=["9.000", "8.400"]),
    "orientation in its last digit": tags(
        ImageOrientationPatient=["0.99999", "0.0001", "0", "-0.0001", "0.99999", "0"]
    ),
    "orientation with minus zeros": tags(ImageOrientationPatient=["1", "-0", "-0", "-0", "1", "-0"]),
    "thickness absent": tags(SliceThickness=None),
    "thickness in its last digit": tags(SliceThickness="4.99999"),
    "another thickness": tags(SliceThickness="4.5"),
    "description": tags(SeriesDescription="HEAD 5MM"),
    "series number": tags(SeriesNumber=3),
    "series number absent": tags(SeriesNumber=None),
    "acquisition number": tags(AcquisitionNumber=2),
    "acquisition time": tags(AcquisitionTime="120001"),
    "voltage absent": tags(KVP=None),
    "rescale type absent": tags(RescaleType=None),
    "rescale type unspecified": tags(RescaleType="US"),
    "rescale type in full": tags(RescaleType="Hounsfield"),
    "modality absent": tags(Modality=None),
    "manufacturer": tags(Manufacturer="Siemens Healthineers"),
    "name in another form": tags(PatientName="TEST^PERSON^^^"),
    "name absent": tags(PatientName=None),
    "number absent": tags(PatientID=None),
    "number with zeros": tags(PatientID="P1 "),
    "sex absent": tags(PatientSex=None),
    "sex other": tags(PatientSex="O"),
    "age a year more": tags(PatientAge="053Y"),
    "age absent": tags(PatientAge=None),
    "twelve bits stored": tags(BitsStored=16, HighBit=15, PixelAspectRatio=["1", "1"]),
    "numbers all one": tags(InstanceNumber=1),
    "station": tags(StationName="CT2", SoftwareVersions=["a", "b"]),
}


def changed(images: Series, change: Callable[[Series], object], pattern: Callable[[int], bool]) -> Series:
    change([image for n, image in enumerate(images) if pattern(n)])
    return images


def clean_of(images: Series, folder: Path) -> Scan:
    faults.write(images, folder)
    return read_scan(folder)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Series, Scan]:
    images = faults.series(**COARSE)  # type: ignore[arg-type]
    return images, clean_of(images, tmp_path_factory.mktemp("clean"))


@pytest.mark.parametrize("fault", HARMLESS)
def test_a_detail_that_does_not_affect_the_image_never_splits_a_series(
    tmp_path: Path, fault: str, untouched: tuple[Series, Scan]
) -> None:
    made, clean = untouched
    for number, pattern in enumerate(PATTERNS.values()):
        images = [deepcopy(image) for image in made]
        scan = clean_of(changed(images, HARMLESS[fault], pattern), tmp_path / f"{number}")
        assert np.array_equal(scan.hu, clean.hu)
        assert np.allclose(scan.geometry.origins_mm, clean.geometry.origins_mm)
        assert np.allclose(scan.geometry.slab_mm, clean.geometry.slab_mm)
        assert not {flag.code for flag in scan.flags} - {"left_out"}
        assert len(scan.series) == 1


@pytest.mark.parametrize("uids", [["SeriesInstanceUID"], ["StudyInstanceUID", "SeriesInstanceUID"],
                                  ["FrameOfReferenceUID"], ["SeriesInstanceUID", "FrameOfReferenceUID"]])  # fmt: skip
@pytest.mark.parametrize("each", [1, 2, 5])
def test_a_uid_that_changes_with_each_file_is_ignored_and_noted(tmp_path: Path, uids: list[str], each: int) -> None:
    images = faults.series()
    clean = clean_of(images, tmp_path / "clean")
    for number in range(0, 28, each):
        faults.with_tags(images[number : number + each], **{uid: generate_uid() for uid in uids})
    scan = clean_of(images, tmp_path / "own")
    assert np.array_equal(scan.hu, clean.hu)
    assert len(scan.series) == 1
    said = " ".join(flag.message for flag in scan.flags) + scan.series[0].reason
    assert all(uid in said for uid in uids)


@pytest.mark.parametrize("pattern", ["every second", "upper half"])
def test_two_series_uids_of_one_number_that_form_one_stack(tmp_path: Path, pattern: str) -> None:
    images = faults.series()
    clean = clean_of(images, tmp_path / "clean")
    scan = clean_of(changed(images, tags(SeriesInstanceUID="1.2.3"), PATTERNS[pattern]), tmp_path / "two")
    assert np.array_equal(scan.hu, clean.hu)
    assert [flag.code for flag in scan.flags] == ["left_out"]
    assert read_scan(tmp_path / "two", series_uid="1.2.3").hu.shape == clean.hu.shape


def test_series_of_one_file_that_form_no_stack_are_refused_with_the_reason(tmp_path: Path) -> None:
    images = faults.series()
    for number, image in enumerate(images):
        x, y, z = (float(value) for value in image.ImagePositionPatient)
        image.SeriesInstanceUID, image.ImagePositionPatient = generate_uid(), [x, y, z + (number * 7 % 5)]
    faults.write(images, tmp_path)
    with pytest.raises(GeometryError, match=r"SeriesInstanceUID differs from file to file \(28 files\)"):
        read_scan(tmp_path)


def test_two_real_series_with_a_uid_per_file_stay_two(tmp_path: Path) -> None:
    soft = faults.series()
    sharp = faults.recode(faults.series(ConvolutionKernel="H60s"), lambda stored: stored + 7)
    both = faults.in_study_of(soft, sharp)
    for image in both:
        image.SeriesInstanceUID = generate_uid()
    faults.write(both, tmp_path)
    scan = read_scan(tmp_path)
    assert scan.hu.shape[0] == 28
    assert scan.hu.min() == -1000


def test_two_frames_of_reference_one_above_the_other_are_one_head(tmp_path: Path) -> None:
    images = faults.series()
    clean = clean_of(images, tmp_path / "clean")
    scan = clean_of(
        changed(images, tags(FrameOfReferenceUID="1.2.3", AcquisitionNumber=2), PATTERNS["upper half"]), tmp_path / "a"
    )
    assert np.array_equal(scan.hu, clean.hu)
    assert "FrameOfReferenceUID differs between slices (14 and 14)" in scan.series[0].reason


def test_another_pass_between_the_slices_is_another_stack(tmp_path: Path) -> None:
    first = faults.series()
    at = (np.arange(28) - 13.5) * 5.0 + 1.1
    second = faults.series(positions_mm=at, AcquisitionNumber=2)
    faults.write(faults.in_series_of(first, second), tmp_path)
    scan = read_scan(tmp_path)
    assert scan.hu.shape[0] == 28
    assert scan.geometry.slab_mm == pytest.approx(np.full(28, 5.0))
    assert len(scan.series) == 2


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"ConvolutionKernel": "H45s"}, "another kernel"), ({"Modality": "MR"}, "their modality is said to be MR")],
)
def test_unused_slices_of_the_series_are_flagged_with_their_number(
    tmp_path: Path, changes: dict[str, str], why: str
) -> None:
    for name, words in (("every second", "between the slices used"), ("upper half", "mm more")):
        images = changed(faults.series(SliceThickness="4"), tags(**changes), PATTERNS[name])
        scan = clean_of(images, tmp_path / name)
        messages = [flag.message for flag in scan.flags if flag.code == "missing_slices"]
        assert any(f"14 slices of the series were left out ({why}" in text and words in text for text in messages)


def _numbered_anew(images: Series) -> object:
    return [faults.with_tags([image], InstanceNumber=number + 1) for number, image in enumerate(images)]


HALVES: dict[str, Callable[[Series], object]] = {
    "numbered anew": _numbered_anew,
    "numbers absent": tags(InstanceNumber=None),
    "another series number": tags(SeriesNumber=7),
    "series number absent": tags(SeriesNumber=None),
    "another study": tags(StudyInstanceUID="1.2.4"),
}


@pytest.mark.parametrize("also", HALVES)
@pytest.mark.parametrize("first", [9, 14, 27, 25])
def test_series_that_continue_where_another_ends_are_one_head(tmp_path: Path, also: str, first: int) -> None:
    images = faults.series(**COARSE)  # type: ignore[arg-type]
    clean = clean_of(images, tmp_path / "clean")
    HALVES[also](faults.with_tags(images[first:], SeriesInstanceUID="1.2.3"))
    scan = clean_of(images, tmp_path / "halves")
    assert np.array_equal(scan.hu, clean.hu)
    assert [flag.code for flag in scan.flags] == ["left_out"]
    assert f"({first} and {28 - first} images)" in scan.flags[0].message


def test_a_series_of_another_name_that_continues_an_incomplete_head_is_flagged(tmp_path: Path) -> None:
    images = faults.series(**COARSE)  # type: ignore[arg-type]
    faults.with_tags(images[:12], SeriesInstanceUID="1.2.3", SeriesDescription="Fossa")
    scan = clean_of(images, tmp_path / "head")
    (flag,) = scan.flags
    assert flag.code == "missing_slices"
    assert "another series of the study (Fossa, 12 slices) continues" in flag.message
    faults.with_tags(images[:12], SeriesDescription="Neck")
    assert not clean_of(images, tmp_path / "neck").flags


# --- slices that aren't there ---


@pytest.mark.parametrize("thickness", [5.0, None])
@pytest.mark.parametrize(
    "keep", [lambda n: n % 2 == 0, lambda n: n % 3 != 0, lambda n: n % 3 == 0, lambda n: n % 4 != 2]
)
def test_slices_removed_at_regular_distances_are_missed(
    tmp_path: Path, keep: Callable[[int], bool], thickness: float | None
) -> None:
    images = faults.series(slices=60, spacing_mm=2.5, SliceThickness=thickness and "2.5", **COARSE)  # type: ignore[arg-type]
    scan = clean_of([image for n, image in enumerate(images) if keep(n)], tmp_path)
    assert "missing_slices" in {flag.code for flag in scan.flags}


@pytest.mark.parametrize("keep", [2, 3])
def test_overlapping_slices_thinned_out_and_renumbered(tmp_path: Path, keep: int) -> None:
    made = {"slices": 60, "spacing_mm": 2.0, "thickness_mm": 2.5, **COARSE}
    images = faults.series(SpacingBetweenSlices="2", **made)[::keep]  # type: ignore[arg-type]
    for number, image in enumerate(images):
        image.InstanceNumber = number + 1
    assert "missing_slices" in {flag.code for flag in clean_of(images, tmp_path).flags}


def test_without_numbers_the_thickness_decides(tmp_path: Path) -> None:
    images = faults.series(slices=60, spacing_mm=2.5, **COARSE)[::2]  # type: ignore[arg-type]
    scan = clean_of(faults.with_tags(images, InstanceNumber=None), tmp_path)
    assert "missing_slices" in {flag.code for flag in scan.flags}


def test_numbers_shared_with_a_second_reconstruction_are_not_missing(tmp_path: Path) -> None:
    soft, sharp = faults.series(), faults.series(ConvolutionKernel="H60s")
    both = faults.in_series_of(soft, sharp)
    for number, (one, other) in enumerate(zip(soft, sharp, strict=True)):
        one.InstanceNumber, other.InstanceNumber = 2 * number + 1, 2 * number + 2
    faults.write(both, tmp_path)
    assert not read_scan(tmp_path).flags


def test_numbers_in_tens_of_contiguous_slices_are_not_missing(tmp_path: Path) -> None:
    images = faults.series()
    for number, image in enumerate(images):
        image.InstanceNumber = 10 * number + 10
    assert not clean_of(images, tmp_path).flags


def test_files_that_only_the_dicomdir_lists_are_missed(tmp_path: Path) -> None:
    images = faults.series()
    faults.write(images, tmp_path)
    (record,) = faults.write([faults.directory_record(images)], tmp_path, suffix="")
    record.rename(tmp_path / "DICOMDIR")
    assert not read_scan(tmp_path).flags
    for path in sorted(tmp_path.glob("*.dcm"))[-4:]:
        path.unlink()
    (flag,) = read_scan(tmp_path).flags
    assert flag.code == "missing_slices"
    assert "The DICOMDIR lists 28 images of the series; 4 are" in flag.message


@pytest.mark.parametrize("absent", ["ReferencedSOPInstanceUIDInFile", "SeriesInstanceUID"])
def test_an_incomplete_dicomdir_still_shows_what_is_missing(tmp_path: Path, absent: str) -> None:
    images = faults.series(**COARSE)  # type: ignore[arg-type]
    record = faults.directory_record(images)
    faults.with_tags(list(record.DirectoryRecordSequence), **{absent: None})
    (path,) = faults.write([record], tmp_path, suffix="")
    path.rename(tmp_path / "DICOMDIR")
    for number, file in enumerate(faults.write(images, tmp_path / "images")):
        file.rename(file.with_name(f"i{number + 3}"))
    assert not read_scan(tmp_path).flags
    for file in sorted((tmp_path / "images").iterdir())[-3:]:
        file.unlink()
    assert "missing_slices" in {flag.code for flag in read_scan(tmp_path).flags}


@pytest.mark.parametrize("content", [b"", bytes(4000), b"<html><body>404</body></html>", b"not found"])
def test_other_files_named_like_slices_count_as_missing(tmp_path: Path, content: bytes) -> None:
    images = faults.series(**COARSE)  # type: ignore[arg-type]
    for path in faults.write(images, tmp_path, suffix="")[24:]:
        path.write_bytes(content)
    (tmp_path / "LIESMICH").write_bytes(b"read me")
    scan = read_scan(tmp_path)
    (flag,) = [flag for flag in scan.flags if flag.code == "missing_slices"]
    assert flag.message.startswith("4 files that may belong to the series can't be read")


# --- never two people ---

SAME_PERSON = {
    "title": {"PatientName": "Müller^Anna^^Dr."},
    "middle name": {"PatientName": "Müller^Anna^Maria"},
    "umlaut as two letters": {"PatientName": "MUELLER^ANNA"},
    "umlaut without its dots": {"PatientName": "Muller^Anna"},
    "maiden name": {"PatientName": "Müller-Huber^Anna"},
    "one word": {"PatientName": "Müller_Anna"},
    "family name only": {"PatientName": "Müller"},
    "name removed": {"PatientName": "Anonymous"},
    "number removed": {"PatientID": "ANONYMIZED"},
    "number with dashes": {"PatientID": "001-23-45"},
    "other writing": {"PatientName": "Müller^Anna=米勒^安娜"},
}


@pytest.mark.parametrize("written", SAME_PERSON)
def test_one_person_written_in_two_ways_is_one(tmp_path: Path, written: str) -> None:
    anna = {"PatientID": "0012345", "PatientName": "Müller^Anna", "SpecificCharacterSet": "ISO_IR 192"}
    one, other = faults.series(**anna, **COARSE), faults.series(slices=20, **COARSE)  # type: ignore[arg-type]
    faults.with_tags(other, **{**anna, **SAME_PERSON[written]})
    faults.write(faults.in_study_of(one, other), tmp_path)
    assert len(read_scan(tmp_path).hu) == 28


@pytest.mark.parametrize(("name", "other"), [("Meier^Anna", "Meier^Eva"), ("Meier", "Meier^Eva"),
                                             ("ANON1", "ANON2"), ("王^小明", "李^明")])  # fmt: skip
def test_two_people_are_told_apart_by_names_alone(tmp_path: Path, name: str, other: str) -> None:
    nobody: dict[str, object] = dict.fromkeys(("PatientID", "PatientSex", "PatientAge"))
    nobody["SpecificCharacterSet"] = "ISO_IR 192"
    both = [
        faults.series(PatientName=one, slices=number, **nobody, **COARSE)  # type: ignore[arg-type]
        for one, number in ((name, 28), (other, 20))
    ]
    faults.write(faults.in_study_of(*both), tmp_path)
    with pytest.raises(InputError, match="2 people: PatientName differs"):
        read_scan(tmp_path)


OTHER_PERSON = {
    "number": {"PatientID": "P2"},
    "name": {"PatientName": "Other^Person"},
    "sex": {"PatientSex": "M"},
    "age": {"PatientAge": "071Y"},
    "number, name absent": {"PatientID": "P2", "PatientName": None},
    "birth date": {"PatientBirthDate": "19500607", "PatientAge": None},
}


@pytest.mark.parametrize("uids", [True, False])
@pytest.mark.parametrize("differs", OTHER_PERSON)
def test_two_people_are_refused_with_how_many_of_each(tmp_path: Path, differs: str, uids: bool) -> None:
    born = {"PatientBirthDate": "19720101"}
    one, other = faults.series(**born, **COARSE), faults.series(**born, **COARSE, slices=20)  # type: ignore[arg-type]
    faults.with_tags(other, **OTHER_PERSON[differs])
    both = faults.in_series_of(one, other)
    if not uids:
        faults.with_tags(both, StudyInstanceUID=None, SeriesInstanceUID=None, FrameOfReferenceUID=None)
    faults.write(both, tmp_path)
    with pytest.raises(InputError, match=r"2 people: Patient\w+ differs \(in 28, 20 images\)") as caught:
        read_scan(tmp_path)
    assert "P2" not in str(caught.value)
    assert "Other" not in str(caught.value)


def test_two_people_in_two_series_of_one_study_are_refused_unless_one_is_requested(tmp_path: Path) -> None:
    one, other = faults.series(**COARSE), faults.series(**COARSE, PatientID="P2", slices=20)  # type: ignore[arg-type]
    faults.write(faults.in_study_of(one, other), tmp_path)
    with pytest.raises(InputError, match="the study holds images of 2 people"):
        read_scan(tmp_path)
    assert read_scan(tmp_path, series_uid=str(one[0].SeriesInstanceUID)).study.patient_id == "P1"


def test_two_people_whose_files_alternate(tmp_path: Path) -> None:
    images = faults.series(**COARSE)  # type: ignore[arg-type]
    faults.write(changed(images, tags(PatientID="P2"), PATTERNS["every second"]), tmp_path)
    with pytest.raises(InputError, match="2 people"):
        read_scan(tmp_path)


# --- headers that lie ---


@pytest.mark.parametrize(("written", "born", "age"), [
    ("000Y", "19720101", 52.0), ("130Y", "19720101", 52.0), ("999Y", "19720101", 52.0), ("000Y", None, None),
    ("000D", "19720101", 52.0), ("052Y", "19000101", 52.0), ("052Y", "20250101", 52.0), ("052Y", "19720101", 52.0),
    ("052Y", "19400101", None), ("", "19720101", 52.0), ("052Y", "20240230", 52.0),
])  # fmt: skip
def test_the_age_comes_from_any_plausible_field(
    tmp_path: Path, written: str, born: str | None, age: float | None
) -> None:
    scan = clean_of(faults.series(PatientAge=written, PatientBirthDate=born, **COARSE), tmp_path)  # type: ignore[arg-type]
    assert scan.study.age_years == age
    assert not {flag.code for flag in scan.flags} - {"left_out"}


@pytest.mark.parametrize(
    ("written", "age"), [("25", None), ("052 Y", 52.0), ("52 J.", None), ("0.5", None), ("-05Y", None)]
)
def test_an_age_that_is_not_in_dicoms_form_is_said(tmp_path: Path, written: str, age: float | None) -> None:
    images = faults.series(PatientAge=None, PatientBirthDate=None, **COARSE)  # type: ignore[arg-type]
    for image in images:
        put(image, 0x00101010, "AS", written)
    scan = clean_of(images, tmp_path)
    assert scan.study.age_years == age
    assert [written[:4] in flag.message for flag in scan.flags] == [True] * (age is None)


def put(image: Dataset, field: int, vr: str, written: str) -> None:
    """As a file may hold it, though it is against the standard."""
    value = written.encode() + b" " * (len(written) % 2)
    image[field] = RawDataElement(Tag(field), vr, len(value), value, 0, False, True)


@pytest.mark.parametrize("day", ["SeriesDate", "AcquisitionDate", "ContentDate"])
def test_the_day_of_the_scan_is_any_that_is_given(tmp_path: Path, day: str) -> None:
    dates = {"StudyDate": "", "SeriesDate": None, day: "20240229", "PatientBirthDate": "19720101", "PatientAge": None}
    assert clean_of(faults.series(**dates, **COARSE), tmp_path).study.age_years == 52.0  # type: ignore[arg-type]


@pytest.mark.parametrize(("field", "value"), [(0x00281052, "-1024,0"), (0x00281053, "abc"), (0x00281053, "nan")])
def test_a_rescaling_that_is_no_number_is_never_taken_for_one(tmp_path: Path, field: int, value: str) -> None:
    images = faults.series(**COARSE)  # type: ignore[arg-type]
    for image in images:
        put(image, field, "DS", value)
    said = [flag.message for flag in clean_of(images, tmp_path).flags if flag.code == "not_hounsfield"]
    assert any(f"{value!r}, not a number" in message for message in said)


@pytest.mark.parametrize(("share", "flagged"), [(0.5, True), (1.1, True), (1.001, False), (0.99, False)])
def test_pixels_that_do_not_fill_the_reconstructed_field_are_told(tmp_path: Path, share: float, flagged: bool) -> None:
    images = faults.series(**COARSE)  # type: ignore[arg-type]
    wide_mm = max(
        float(images[0].PixelSpacing[0]) * images[0].Rows, float(images[0].PixelSpacing[1]) * images[0].Columns
    )
    faults.with_tags(images, ReconstructionDiameter=round(wide_mm / share, 2))
    assert [flag.code for flag in clean_of(images, tmp_path / "in").flags] == ["resampled"] * flagged
    faults.with_tags(images, ImageType=["DERIVED", "PRIMARY", "MPR"])
    assert not any("ReconstructionDiameter" in flag.message for flag in clean_of(images, tmp_path / "reformat").flags)


def test_a_dicomdir_that_can_not_be_read_is_no_missing_slice(tmp_path: Path) -> None:
    faults.write(faults.series(**COARSE), tmp_path)  # type: ignore[arg-type]
    (tmp_path / "DICOMDIR").write_bytes(bytes(128) + b"DICM" + b"garbage" * 50)
    assert [flag.code for flag in read_scan(tmp_path).flags] == ["left_out"]


def test_two_contradictory_ages_may_be_a_childs(tmp_path: Path) -> None:
    scan = clean_of(faults.series(PatientAge="052Y", PatientBirthDate="20140101", **COARSE), tmp_path)  # type: ignore[arg-type]
    assert scan.study.age_years is None
    assert {flag.code for flag in scan.flags} == {"child", "left_out"}


def test_an_age_given_in_some_slices_is_that_of_all(tmp_path: Path) -> None:
    images = faults.series(**COARSE)  # type: ignore[arg-type]
    faults.with_tags(images[:20], PatientAge=None, PatientSex=None)
    scan = clean_of(images, tmp_path)
    assert (scan.study.age_years, scan.study.sex) == (52.0, "F")


@pytest.mark.parametrize("absent", ["RescaleIntercept", "RescaleSlope", "PixelSpacing", "ImageOrientationPatient"])
@pytest.mark.parametrize("pattern", ["every second", "one", "upper half"])
def test_fields_absent_in_some_slices_come_from_the_others_with_a_note(
    tmp_path: Path, absent: str, pattern: str
) -> None:
    images = faults.series(**COARSE)  # type: ignore[arg-type]
    clean = clean_of(images, tmp_path / "clean")
    scan = clean_of(changed(images, tags(**{absent: None}), PATTERNS[pattern]), tmp_path / "absent")
    assert np.array_equal(scan.hu, clean.hu)
    assert np.allclose(scan.geometry.origins_mm, clean.geometry.origins_mm)
    (flag,) = scan.flags
    assert flag.code == "left_out"
    assert absent in flag.message


def test_slices_off_the_scale_of_the_others_are_left_out_and_flagged(tmp_path: Path) -> None:
    images = faults.series(**COARSE)  # type: ignore[arg-type]
    faults.with_tags(images[10:12], RescaleIntercept=0)
    scan = clean_of(images, tmp_path)
    assert scan.hu.shape[0] == 26
    assert scan.hu.min(axis=(1, 2)).max() == -1000
    assert any("RescaleIntercept" in flag.message for flag in scan.flags if flag.code == "missing_slices")


OFF_SCALE = {
    "intercept 0": {"RescaleIntercept": 0},
    "intercept -1000": {"RescaleIntercept": -1000},
    "intercept -2048": {"RescaleIntercept": -2048},
    "intercept 1024": {"RescaleIntercept": 1024},
    "slope 2": {"RescaleSlope": 2},
    "slope 0.5": {"RescaleSlope": 0.5},
    "slope 1.2": {"RescaleSlope": 1.2},
    "slope -1": {"RescaleSlope": -1},
}


@pytest.mark.parametrize("fault", OFF_SCALE)
@pytest.mark.parametrize("pattern", ["every second", "every third", "upper half", "one"])
def test_slices_of_another_scale_that_contradict_their_neighbours_are_left_out(
    tmp_path: Path, fault: str, pattern: str
) -> None:
    images = faults.series(rows=64, columns=60, pixel_mm=(3.4, 3.1))
    clean = clean_of(images, tmp_path / "clean")
    wrong = PATTERNS[pattern]
    scan = clean_of(changed(images, tags(**OFF_SCALE[fault]), wrong), tmp_path / "off")
    right = [n for n in range(28) if not wrong(n)]
    assert "missing_slices" in {flag.code for flag in scan.flags}
    assert np.array_equal(scan.hu, clean.hu[right])


def test_slices_of_several_scales_that_agree_are_all_used(tmp_path: Path) -> None:
    images = faults.series(**COARSE)  # type: ignore[arg-type]
    clean = clean_of(images, tmp_path / "clean")
    faults.recode(images[1::2], lambda stored: stored - 1024, RescaleIntercept=0)
    faults.recode(images[::4], lambda stored: (stored - 1024) * 2 + 2000, RescaleIntercept=-1000, RescaleSlope=0.5)
    scan = clean_of(images, tmp_path / "scales")
    assert np.array_equal(scan.hu, clean.hu)
    assert not scan.flags


def test_one_position_for_all_slices_while_the_location_is_right(tmp_path: Path) -> None:
    images = faults.series()
    clean = clean_of(images, tmp_path / "clean")
    position = list(images[0].ImagePositionPatient)
    for order in (images, images[::-1]):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        scan = clean_of(faults.with_tags(order, ImagePositionPatient=position), folder)
        assert np.array_equal(scan.hu, clean.hu)
        assert scan.geometry.spacing_mm == pytest.approx(clean.geometry.spacing_mm)
        assert ["SliceLocation" in flag.message for flag in scan.flags] == [True]


@pytest.mark.parametrize("position", [None, ["0", "0", "0"], ["1", "2"]])
@pytest.mark.parametrize("pattern", ["every second", "upper half", "one"])
def test_slices_without_a_position_are_placed_by_their_location_among_the_others(
    tmp_path: Path, position: list[str] | None, pattern: str
) -> None:
    images = faults.series(shift_mm=(11.0, -7.0, 3.0), **COARSE)  # type: ignore[arg-type]
    clean = clean_of(images, tmp_path / "clean")
    changed(images, tags(ImagePositionPatient=position), PATTERNS[pattern])
    scan = clean_of(images, tmp_path / "placed")
    if pattern == "one" and position == ["0", "0", "0"]:
        return  # a position like any other
    assert np.array_equal(scan.hu, clean.hu)
    assert np.allclose(scan.geometry.origins_mm, clean.geometry.origins_mm, atol=0.01)
    assert [flag.code for flag in scan.flags] == ["left_out"]
    assert "ImagePositionPatient" in scan.flags[0].message


def test_slices_of_unknown_position_are_missed(tmp_path: Path) -> None:
    images = faults.series(**COARSE)  # type: ignore[arg-type]
    faults.with_tags(images[14:], ImagePositionPatient=None, SliceLocation=None)
    scan = clean_of(images, tmp_path)
    assert "14 slices of the series were left out" in scan.flags[0].message
    assert scan.flags[0].code == "missing_slices"


def test_one_position_and_no_location_is_refused(tmp_path: Path) -> None:
    images = faults.series()
    faults.with_tags(images, ImagePositionPatient=list(images[0].ImagePositionPatient), SliceLocation=None)
    faults.write(images, tmp_path)
    with pytest.raises(GeometryError):
        read_scan(tmp_path)


@pytest.mark.parametrize("signed", [0, 1])
def test_values_that_exceed_bits_stored_are_kept(tmp_path: Path, signed: int) -> None:
    def metal(stored: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        hot = stored.copy()
        hot[10:12, 10:12] = 5324
        return hot

    images = faults.series(**COARSE)  # type: ignore[arg-type]
    faults.recode(images[12:14], metal)
    faults.recode(images, lambda stored: stored, PixelRepresentation=signed, BitsStored=12, HighBit=11)
    scan = clean_of(images, tmp_path)
    assert scan.hu.max() == 4300
    assert any("BitsStored" in flag.message for flag in scan.flags)


@pytest.mark.parametrize("declared", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"])
def test_another_encoding_than_declared(tmp_path: Path, declared: str) -> None:
    images = faults.series(**COARSE)  # type: ignore[arg-type]
    clean = clean_of(images, tmp_path / "clean")
    other = {"1.2.840.10008.1.2.1": "1.2.840.10008.1.2", "1.2.840.10008.1.2": "1.2.840.10008.1.2.1"}[declared]
    for path in faults.write(images, tmp_path / "lie", syntax=other):
        data = path.read_bytes()
        padded = other.encode() + b"\0" * (len(other) % 2), declared.encode() + b"\0" * (len(declared) % 2)
        meta = data.replace(*padded, 1)
        # the length of the meta element and of its group follow the UID's
        meta = _with_lengths(data, meta, other, declared)
        path.write_bytes(meta)
    scan = read_scan(tmp_path / "lie")
    assert np.array_equal(scan.hu, clean.hu)


def _with_lengths(before: bytes, after: bytes, old: str, new: str) -> bytes:
    even = [len(uid) + len(uid) % 2 for uid in (old, new)]
    tag = after.index(b"\x02\x00\x10\x00UI")
    after = after[: tag + 6] + even[1].to_bytes(2, "little") + after[tag + 8 :]
    total = after.index(b"\x02\x00\x00\x00UL\x04\x00") + 8
    length = int.from_bytes(before[total : total + 4], "little") + even[1] - even[0]
    return after[:total] + length.to_bytes(4, "little") + after[total + 4 :]


# --- messages ---


@pytest.mark.parametrize(("value", "words"), [
    (None, "PixelSpacing is absent"), (b"0,9375\\0,9375", "PixelSpacing is '0,9375"),
    (b"0.9375", "PixelSpacing is '0.9375'"),
    (b"0\\0", r"PixelSpacing is '0\\\\0'"), (b"-1\\-1", "PixelSpacing is '-1"), (b"abc\\def", "PixelSpacing is 'abc"),
])  # fmt: skip
@pytest.mark.parametrize("imager", [True, False])
def test_an_invalid_spacing_is_named(tmp_path: Path, value: bytes | None, words: str, imager: bool) -> None:
    images = faults.series(**COARSE)  # type: ignore[arg-type]
    for image in images:
        del image.PixelSpacing
        if value is not None:
            padded = value + b" " * (len(value) % 2)
            image[0x00280030] = RawDataElement(Tag(0x00280030), "DS", len(padded), padded, 0, False, True)
        if imager:
            image.ImagerPixelSpacing = [9.0, 8.4]
    faults.write(images, tmp_path)
    with pytest.raises(GeometryError, match=words):
        read_scan(tmp_path)


def test_invalid_directions_leave_left_and_right_unknown(tmp_path: Path) -> None:
    for number, cosines in enumerate(
        (["1", "0", "0", ".86", ".5", "0"], ["1e200", "0", "0", "0", "1e200", "0"], ["0"] * 6)
    ):
        scan = clean_of(faults.series(ImageOrientationPatient=cosines, **COARSE), tmp_path / str(number))  # type: ignore[arg-type]
        assert "laterality_unknown" in {flag.code for flag in scan.flags}
