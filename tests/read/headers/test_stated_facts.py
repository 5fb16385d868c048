"""What a header says beside the picture: an animal, a tilt, an agent in a remark, a flat detector."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence
from support import dicom_faults as faults
from support.dicom_faults import Series

from calcscan.errors import InputError, UnreadableError
from calcscan.model import Flag, Scan
from calcscan.read import read_scan

COARSE = {"rows": 24, "columns": 22, "pixel_mm": (9.0, 8.4)}


def read(images: Series, folder: Path) -> Scan:
    faults.write(images, folder)
    return read_scan(folder)


def flags(scan: Scan, code: str) -> list[Flag]:
    return [flag for flag in scan.flags if flag.code == code]


@pytest.mark.parametrize("tags", [{"PatientSpeciesDescription": "Canine"}, {"PatientBreedDescription": "Boxer"}])
def test_an_animal_is_refused(tmp_path: Path, tags: dict[str, str]) -> None:
    with pytest.raises(InputError, match=f"an animal \\({next(iter(tags.values()))}\\)"):
        read(faults.series(**COARSE, **tags), tmp_path)


def test_an_animal_named_by_a_code_or_beside_a_nifti_is_refused(tmp_path: Path) -> None:
    images, code = faults.series(**COARSE), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "448771007", "SCT", "Canis lupus familiaris"
    images[9].PatientSpeciesCodeSequence = Sequence([code])
    with pytest.raises(InputError, match="animal"):
        read(images, tmp_path / "in")
    nibabel.Nifti1Image(np.full((16, 16, 10), -1000, np.int16), np.eye(4)).to_filename(tmp_path / "head.nii")
    (tmp_path / "head.json").write_text(json.dumps({"PatientSpeciesDescription": "Felis catus"}))
    with pytest.raises(InputError, match="animal"):
        read_scan(tmp_path / "head.nii")


@pytest.mark.parametrize("said", ["Homo sapiens", "HUMAN", "H", "N/A", "Mensch"])
def test_a_person_is_no_animal(tmp_path: Path, said: str) -> None:
    assert not read(faults.series(**COARSE, PatientSpeciesDescription=said), tmp_path).flags


@pytest.mark.parametrize("stated", ["18.0", "-18"])
def test_a_tilt_that_the_slices_lack_is_told(tmp_path: Path, stated: str) -> None:
    scan = read(faults.series(**COARSE, GantryDetectorTilt=stated), tmp_path)
    (flag,) = flags(scan, "gantry_tilt")
    assert "states a gantry tilt of 18.0 degrees, but the slices lie straight" in flag.message
    assert "5.1% too large" in flag.message


def test_a_tilt_that_the_slices_show_or_no_longer_have_is_not(tmp_path: Path) -> None:
    (shown,) = flags(read(faults.series(tilt_deg=18.0, GantryDetectorTilt="18"), tmp_path / "a"), "gantry_tilt")
    assert "sheared" in shown.message
    reformat = {"ImageType": ["DERIVED", "SECONDARY", "MPR"], "GantryDetectorTilt": "18"}
    assert not flags(read(faults.series(**reformat), tmp_path / "b"), "gantry_tilt")
    assert not flags(read(faults.series(**COARSE, GantryDetectorTilt="0.5"), tmp_path / "c"), "gantry_tilt")
    coronal = faults.series(plane="coronal", slices=36, GantryDetectorTilt="18")
    assert not flags(read(coronal, tmp_path / "d"), "gantry_tilt")


@pytest.mark.parametrize(
    ("field", "said", "given"),
    [
        ("PatientComments", "Mrs Doe had 80 ml Iomeron 400 i.v.", "80 ml Iomeron"),
        ("AdditionalPatientHistory", "seizure; 100cc omnipaque", "100cc omnipaque"),
        ("StudyComments", "Kontrastmittel 70 ml", "Kontrastmittel 70 ml"),
    ],
)
def test_an_amount_of_an_agent_in_a_remark_is_contrast(tmp_path: Path, field: str, said: str, given: str) -> None:
    """Nothing else of the remark is repeated."""
    scan = read(faults.series(**COARSE, **{field: said}), tmp_path)
    (flag,) = flags(scan, "contrast")
    assert str(flag.value) == given


@pytest.mark.parametrize(
    "said", ["allergy to contrast medium", "enhancing lesion on MRI, contrast CT in 2019", "80 kg"]
)
def test_other_remarks_about_contrast_decide_nothing(tmp_path: Path, said: str) -> None:
    assert not read(faults.series(**COARSE, AdditionalPatientHistory=said), tmp_path).flags


@pytest.mark.parametrize(
    ("maker", "model"),
    [("Planmeca", "ProMax"), ("SIEMENS", "AXIOM-Artis"), ("Varian Medical Systems", "On-Board Imager"),
     ("J.Morita", "X800"),
     ("TomoTherapy Incorporated", "Hi-Art"), ("Imaging Sciences International", "17-19"), ("Medtronic", "O-arm"),
     ("GE MEDICAL SYSTEMS", "DISCOVERY IGS 730")],
)  # fmt: skip
def test_flat_detectors_are_known_by_their_maker_or_model(tmp_path: Path, maker: str, model: str) -> None:
    scan = read(faults.series(**COARSE, Manufacturer=maker, ManufacturerModelName=model), tmp_path)
    assert flags(scan, "not_hounsfield")


@pytest.mark.parametrize(
    ("maker", "model"),
    [("GE MEDICAL SYSTEMS", "Discovery CT750 HD"), ("SIEMENS", "SOMATOM Definition AS"), ("TOSHIBA", "Aquilion"),
     ("Philips", "iCT 256"), ("NeuroLogica", "CereTom")],
)  # fmt: skip
def test_scanners_with_rows_of_detectors_are_not(tmp_path: Path, maker: str, model: str) -> None:
    assert not read(faults.series(**COARSE, Manufacturer=maker, ManufacturerModelName=model), tmp_path).flags


def test_floating_point_pixels_are_named_as_the_reason(tmp_path: Path) -> None:
    images = faults.series(**COARSE)
    for image in images:
        image.FloatPixelData = faults.stored_of(image).astype("<f4").tobytes()
        image.BitsAllocated = 32
        del image.PixelData
    with pytest.raises(UnreadableError, match="floating-point"):
        read(images, tmp_path)


def test_frames_are_counted_where_their_number_is_absent(tmp_path: Path) -> None:
    whole = faults.multi_frame(faults.series())
    del whole.NumberOfFrames
    assert len(read([whole], tmp_path).hu) == 28


@pytest.mark.parametrize(("said", "sex"), [("MALE", "M"), ("FEMALE", "F"), ("O", "O"), ("W", None)])
def test_a_sex_written_out(tmp_path: Path, said: str, sex: str | None) -> None:
    assert read(faults.series(**COARSE, PatientSex=said), tmp_path).study.sex == sex
