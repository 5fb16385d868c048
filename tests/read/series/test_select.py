"""Which series is read, and what is said of the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import SecondaryCaptureImageStorage
from support import dicom_faults as faults

from calcscan.errors import GeometryError, InputError, NoCTError
from calcscan.knowledge.reading import ReadingSettings
from calcscan.knowledge.settings import load
from calcscan.model import Scan
from calcscan.read import read_scan
from calcscan.read.files.source import SourceFile
from calcscan.read.headers.acquisition import is_sharp
from calcscan.read.headers.contrast import contrast_of_series
from calcscan.read.headers.parse import image_of

SETTINGS = load(ReadingSettings)


def chosen(scan: Scan) -> str:
    (one,) = [choice for choice in scan.series if choice.chosen]
    return one.description


def reasons(scan: Scan) -> dict[str, str]:
    return {choice.description: choice.reason for choice in scan.series if not choice.chosen}


BETTER_AND_WORSE = {
    "sharp kernel": ({}, {"ConvolutionKernel": "H60s"}),
    "contrast": ({}, {"ContrastBolusAgent": "Iomeron 350"}),
    "covers only": ({}, {"slices": 10, "spacing_mm": 2.5}),
    "coronal reformat": ({}, {"plane": "coronal", "spacing_mm": 3.0, "slices": 40}),
    "thinner ones": ({"spacing_mm": 3.0, "slices": 40}, {}),
    "localizer": ({}, {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}),
    "projection": ({}, {"ImageType": ["DERIVED", "SECONDARY", "AXIAL", "CSA MIP"], "spacing_mm": 3.0, "slices": 40}),
    "dual-energy map": ({}, {"ImageType": ["DERIVED", "PRIMARY", "AXIAL", "VNC"], "spacing_mm": 3.0, "slices": 40}),
    "single energy": ({}, {"SeriesDescription": "B 65 keV head", "spacing_mm": 3.0, "slices": 40}),
    "not CT (MR)": ({}, {"Modality": "MR", "spacing_mm": 3.0, "slices": 40}),
    "too few slices": ({}, {"slices": 4}),
    "another part of the body": ({}, {"BodyPartExamined": "NECK", "SeriesDescription": "C-spine 1.0", "slices": 40}),
    "derived": ({}, {"ImageType": ["DERIVED", "PRIMARY", "AXIAL"]}),
    "secondary capture": ({}, {"SOPClassUID": SecondaryCaptureImageStorage}),
    "no positions": ({}, {"ImagePositionPatient": None, "SliceLocation": None}),
    "fewer slices": ({"slices": 30}, {}),
    "later in the study": ({}, {"SeriesNumber": 9}),
    "cone-beam": ({}, {"ManufacturerModelName": "O-arm", "spacing_mm": 3.0, "slices": 40}),
}


@pytest.mark.parametrize("one_series", [True, False])
def test_a_dynamic_series_gives_way_to_a_single_pass(tmp_path: Path, one_series: bool) -> None:
    """Thinner, and no word of perfusion."""
    native = faults.series(SeriesDescription="native", SeriesNumber=2)
    phases: list[Dataset] = []
    for number in range(5):
        phase = faults.series(
            slices=56, spacing_mm=2.5, SeriesDescription="Head", AcquisitionNumber=number + 1, SeriesNumber=3 + number
        )
        for image in phase:
            image.PixelData = faults.recode([image], lambda stored, more=number: stored + more)[0].PixelData
        phases = faults.in_series_of(phases, phase) if phases and one_series else [*phases, *phase]
    faults.write(faults.in_study_of(native, phases), tmp_path)
    scan = read_scan(tmp_path)
    assert chosen(scan) == "native"
    assert "one of 5 passes" in " ".join(choice.reason for choice in scan.series)


@pytest.mark.parametrize("reason", BETTER_AND_WORSE)
def test_the_better_of_two_is_chosen_whichever_comes_first(tmp_path: Path, reason: str) -> None:
    coarse = {"rows": 24, "columns": 22, "pixel_mm": (9.0, 8.4)}
    better, worse = BETTER_AND_WORSE[reason]
    good = faults.series(**{"SeriesDescription": "good", **coarse, **better})  # type: ignore[arg-type]
    bad = faults.series(**{"SeriesDescription": "bad", **coarse, **worse})  # type: ignore[arg-type]
    faults.write(good, tmp_path / "m")
    faults.write(faults.in_study_of(good, bad)[len(good) :], tmp_path / "a")
    for _ in range(2):
        scan = read_scan(tmp_path)
        assert scan.study.series_uid == good[0].SeriesInstanceUID
        (said,) = reasons(scan).values()
        assert reason in said
        assert not scan.flags
        if (tmp_path / "a").exists():
            (tmp_path / "a").rename(tmp_path / "z")


def test_a_bone_series_alone_is_read_and_flagged(tmp_path: Path) -> None:
    faults.write(faults.series(ConvolutionKernel="BONEPLUS"), tmp_path)
    scan = read_scan(tmp_path)
    assert [flag.code for flag in scan.flags] == ["sharp_kernel"]
    assert scan.acquisition.sharp_kernel


def test_contrast_alone_is_read_and_flagged(tmp_path: Path) -> None:
    faults.write(faults.series(ContrastBolusAgent="OMNIPAQUE", PatientAge="011Y"), tmp_path)
    scan = read_scan(tmp_path)
    assert [flag.code for flag in scan.flags] == ["contrast", "child"]
    assert scan.acquisition.contrast is True
    assert scan.study.age_years == 11


def test_a_uid_overrides_and_an_unknown_one_names_the_others(tmp_path: Path) -> None:
    soft, bone = faults.series(), faults.series(ConvolutionKernel="H60s", SeriesDescription="bone")
    faults.write(faults.in_study_of(soft, bone), tmp_path)
    scan = read_scan(tmp_path, series_uid=str(bone[0].SeriesInstanceUID))
    assert chosen(scan) == "bone"
    assert [flag.code for flag in scan.flags] == ["sharp_kernel"]
    with pytest.raises(InputError) as caught:
        read_scan(tmp_path, series_uid="1.2.3")
    assert soft[0].SeriesInstanceUID in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_uid_of_a_localizer_is_refused(tmp_path: Path) -> None:
    soft = faults.series()
    scout = faults.localizer()
    faults.write(faults.in_study_of(soft, scout), tmp_path)
    with pytest.raises(InputError, match="localizer"):
        read_scan(tmp_path, series_uid=str(scout[0].SeriesInstanceUID))


def test_two_kernels_under_one_uid_are_separated(tmp_path: Path) -> None:
    soft = faults.series()
    bone = faults.recode(faults.series(ConvolutionKernel="H60s"), lambda stored: stored + 7)
    faults.write(faults.in_series_of(soft, bone)[::-1], tmp_path)
    scan = read_scan(tmp_path)
    assert len(scan.series) == 2
    assert scan.hu.min() == -1000
    assert scan.acquisition.kernel == "H31s"
    assert not scan.flags


def test_two_passes_under_one_uid_that_differ_only_in_order(tmp_path: Path) -> None:
    soft = faults.series()
    again = faults.recode(faults.series(), lambda stored: stored + 7)
    for number, image in enumerate(again):
        image.InstanceNumber = 100 + number
    faults.write(faults.in_series_of(soft, again)[::-1], tmp_path)
    scan = read_scan(tmp_path)
    assert len(scan.hu) == 28
    assert len(np.unique(scan.hu.min(axis=(1, 2)))) == 1  # never slices of both
    assert len(scan.series) == 2
    assert not scan.flags


def test_times_that_differ_between_slices_do_not_split_passes(tmp_path: Path) -> None:
    soft = faults.series()
    again = faults.recode(faults.series(), lambda stored: stored + 7)
    for number, image in enumerate([*soft, *again]):
        image.AcquisitionTime = f"1010{number:02d}"
    faults.write(faults.in_series_of(soft, again), tmp_path)
    scan = read_scan(tmp_path)
    assert [choice.images for choice in scan.series] == [28, 28]
    assert len(np.unique(scan.hu.min(axis=(1, 2)))) == 1


def test_two_acquisitions_under_one_uid_are_separated_by_number(tmp_path: Path) -> None:
    soft = faults.series()
    late = faults.recode(faults.series(slices=20), lambda stored: stored + 7, AcquisitionNumber=2)
    faults.write(faults.in_series_of(soft, late), tmp_path)
    scan = read_scan(tmp_path)
    assert sorted(choice.images for choice in scan.series) == [20, 28]
    assert len(scan.hu) == 28


def test_a_localizer_under_the_same_uid_is_left_out(tmp_path: Path) -> None:
    soft = faults.series()
    faults.write(faults.in_series_of(soft, faults.localizer()), tmp_path)
    scan = read_scan(tmp_path)
    assert len(scan.hu) == 28
    assert "localizer" in reasons(scan).values()


def test_a_stray_orientation_without_any_other_sign_is_left_out(tmp_path: Path) -> None:
    soft = faults.series()
    faults.write(faults.in_series_of(soft, faults.series(slices=1, plane="sagittal")), tmp_path)
    scan = read_scan(tmp_path)
    assert len(scan.hu) == 28
    assert any("too few slices" in reason for reason in reasons(scan).values())


def test_several_studies_and_people(tmp_path: Path) -> None:
    faults.write(faults.series(StudyDate="20200101", SeriesDescription="old"), tmp_path)
    faults.write(faults.series(StudyDate="20230101", SeriesDescription="new"), tmp_path)
    scan = read_scan(tmp_path)
    assert chosen(scan) == "new"
    assert reasons(scan) == {"old": "another study; as good, but older"}
    (best,) = [choice for choice in scan.series if choice.chosen]
    assert "best of 2 studies" in best.reason


def test_segments_that_differ_in_a_harmless_image_type_stay_together(tmp_path: Path) -> None:
    images = faults.series()
    faults.with_tags(images[:14], ImageType=["ORIGINAL", "PRIMARY", "AXIAL", "ADD"], AcquisitionNumber=2)
    faults.write(images, tmp_path)
    assert len(read_scan(tmp_path).hu) == 28


def test_nothing_but_localizers(tmp_path: Path) -> None:
    faults.write(faults.localizer(), tmp_path)
    with pytest.raises(NoCTError, match="localizer"):
        read_scan(tmp_path)


def test_nothing_but_mr(tmp_path: Path) -> None:
    faults.write(faults.series(Modality="MR"), tmp_path)
    with pytest.raises(NoCTError, match="not CT"):
        read_scan(tmp_path)


def test_seven_slices_are_too_few_and_eight_are_enough(tmp_path: Path) -> None:
    faults.write(faults.series(slices=7, spacing_mm=20), tmp_path / "7")
    faults.write(faults.series(slices=8, spacing_mm=18), tmp_path / "8")
    with pytest.raises(GeometryError, match="too few slices"):
        read_scan(tmp_path / "7")
    assert len(read_scan(tmp_path / "8").hu) == 8


@pytest.mark.parametrize(
    ("agent", "series", "study", "expected"),
    [
        ("", "CT HEAD WO CONTRAST", "", False),
        ("", "Head w/o contrast 5.0", "", False),
        ("", "Crane SPC", "", False),
        ("", "NCCT", "", False),
        ("", "HEAD NON-CON", "CT HEAD W CONTRAST", False),
        ("", "Schädel nativ", "", False),
        ("", "Head C+", "", True),
        ("", "CTA Circle of Willis", "", True),
        ("", "HEAD WITH CONTRAST", "", True),
        ("", "post con axial", "", True),
        ("", "Perfusion 4D", "", True),
        ("", "sans injection", "", False),
        ("NONE", "Head", "", None),
        ("None given", "Head", "", None),
        ("ISOVUE 300", "Head wo contrast", "", True),
        ("", "Axial", "CT HEAD W/WO CONTRAST", None),
        ("", "Axial", "CT HEAD WITHOUT CONTRAST", False),
        ("", "Brain 5.0", "CT HEAD", None),
        ("", "", "", None),
    ],
)
def test_contrast_by_the_words(agent: str, series: str, study: str, expected: bool | None) -> None:
    header = Dataset()
    header.file_meta = FileMetaDataset()
    header.ContrastBolusAgent, header.SeriesDescription, header.StudyDescription = agent, series, study
    image = image_of(SourceFile("IM1"), header, SETTINGS)
    assert contrast_of_series([image], SETTINGS).given is expected


@pytest.mark.parametrize(
    ("kernel", "description", "sharp"),
    [
        *((kernel, "", True) for kernel in ("BONE", "BONEPLUS", "EDGE", "LUNG", "B70s", "H60f", "Hr64h\\3", "J70h\\2")),
        *((kernel, "", True) for kernel in ("FC30", "FC81", "D", "YD", "H_SHARP_C", "BONE+")),
        *((kernel, "", False) for kernel in ("SOFT", "STANDARD", "STD+", "B30f", "H31s", "J30s\\3", "Hr40f", "Qr40")),
        *((kernel, "", False) for kernel in ("FC63", "FC68", "FC26", "FC41", "UB", "B", "UA", "H_SOFT_B", "")),
        ("H31s", "Bone window", False),
        ("", "HEAD BONE", True),
        ("", "Knochen 1.0", True),
    ],
)
def test_kernels_by_name(kernel: str, description: str, sharp: bool) -> None:
    assert is_sharp(kernel, description, SETTINGS) is sharp


def test_the_real_scans(real_scans: Path) -> None:
    scan = read_scan(real_scans / "mixed_folder")
    said = reasons(scan)
    assert chosen(scan) == "Brain Head 5.0"
    assert scan.hu.shape == (33, 512, 512)
    assert said["Brain Bone 5.0"] == "sharp kernel (FC30); a softer one was chosen"
    assert said["Sagittal Brain/Sagittal Head 3.0"].startswith("sagittal reformat")
    assert said["Coronal Brain/Coronal Head 3.0"].startswith("coronal reformat")
    assert sum(reason == "localizer" for reason in said.values()) == 2
    assert scan.geometry.tilt_deg == pytest.approx(10.5, abs=0.01)
    assert [flag.code for flag in scan.flags] == ["gantry_tilt"]

    scan = read_scan(real_scans / "thin_pineal_choroid")
    assert scan.geometry.shape == (142, 512, 512)
    assert scan.geometry.spacing_mm == pytest.approx((1.0, 0.488281, 0.488281))
    assert not scan.flags
    assert scan.acquisition.contrast is False
    assert scan.study.age_years == 25

    scan = read_scan(real_scans / "tilted_variable_spacing")
    assert {flag.code for flag in scan.flags} == {"gantry_tilt", "irregular_spacing", "thick_slices"}
    assert scan.geometry.tilt_deg == pytest.approx(18.5, abs=0.01)

    scan = read_scan(real_scans / "plastic_phantom")
    assert scan.geometry.shape == (28, 512, 512)
    assert not scan.flags


def test_the_sagittal_reformat_of_the_real_folder_lacks_slices(real_scans: Path) -> None:
    names = read_scan(real_scans / "mixed_folder").series
    (uid,) = {choice.uid for choice in names if choice.description.startswith("Sagittal")}
    scan = read_scan(real_scans / "mixed_folder", series_uid=uid)
    assert "missing_slices" in {flag.code for flag in scan.flags}
    assert scan.geometry.slab_mm == pytest.approx(np.full(len(scan.hu), 3.0), abs=0.01)


@pytest.mark.parametrize(
    ("written", "birth", "expected"),
    [
        ("052Y", "", 52),
        ("018M", "", 1.5),
        ("", "19720301", 51),
        ("999Y", "", None),
        ("", "18000101", None),
        ("", "", None),
    ],
)
def test_age_as_written_or_from_dates_and_never_a_placeholder(
    tmp_path: Path, written: str, birth: str, expected: float | None
) -> None:
    faults.write(faults.series(PatientAge=written, PatientBirthDate=birth, StudyDate="20240229"), tmp_path)
    assert read_scan(tmp_path).study.age_years == expected
