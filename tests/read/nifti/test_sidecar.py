"""NIfTI: what the JSON beside it, and its name, tell of the scan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import dicom_faults as faults
from support.messages import one_line
from support.nifti_phantom import PLAIN, codes, head, save

from calcscan.errors import GeometryError, NoCTError
from calcscan.model import Scan
from calcscan.read import read_scan

HEAD = head(PLAIN).astype(np.int16)
BIDS = {
    "Modality": "CT",
    "Manufacturer": "Siemens",
    "ManufacturersModelName": "Force",
    "SeriesDescription": "Head 5.0",
    "ProtocolName": "Routine",
    "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
    "ConvolutionKernel": "H31s",
    "KVP": 120,
    "SliceThickness": 5,
    "PatientAge": "052Y",
    "PatientSex": "F",
    "BodyPart": "HEAD",
    "ConversionSoftware": "dcm2niix",
    "DeidentificationMethodCodeSequence": [{"CodeValue": "113100"}],
    "ImageOrientationPatientDICOM": [1, 0, 0, 0, 1, 0],
}


def scan_with(folder: Path, fields: Any, name: str = "head") -> Scan:
    path = save(folder / f"{name}.nii.gz", HEAD)
    text = fields if isinstance(fields, str) else json.dumps(fields)
    (folder / f"{name}.json").write_text(text, encoding="utf-8")
    return read_scan(path)


def test_it_is_read_like_a_dicom_header(tmp_path: Path) -> None:
    scan = scan_with(tmp_path, BIDS)
    made = scan.acquisition
    assert (made.manufacturer, made.model, made.kernel, made.kvp_kv) == ("Siemens", "Force", "H31s", 120.0)
    assert made.slice_thickness_mm == 5.0
    assert made.contrast is None
    assert (scan.study.age_years, scan.study.sex) == (52.0, "F")
    assert scan.series[0].description == "Head 5.0"
    assert not scan.flags


def test_words_mean_the_same_as_in_dicom(tmp_path: Path) -> None:
    """Field by field: what a DICOM header makes of it, the JSON does."""
    for number, extra in enumerate(
        [
            {"ContrastBolusAgent": "Omnipaque 350"},
            {"ContrastBolusAgent": "NONE"},
            {"SeriesDescription": "HEAD W/O CONTRAST"},
            {"SeriesDescription": "CTA head"},
            {"ConvolutionKernel": "H70h"},
            {"PatientAge": "009Y"},
            {"PatientAge": "018M"},
            {"KVP": 80},
            {"SliceThickness": 12.5},
        ]
    ):
        folder = tmp_path / str(number)
        faults.write(faults.series(**extra), folder / "dicom")
        dicom = read_scan(folder / "dicom")
        (folder / "nifti").mkdir()
        beside = scan_with(folder / "nifti", BIDS | {"Manufacturer": "SIEMENS"} | extra)
        assert codes(beside) == codes(dicom), extra
        assert beside.acquisition.contrast == dicom.acquisition.contrast, extra
        assert beside.acquisition.kvp_kv == pytest.approx(extra.get("KVP", 120))
        if "PatientAge" in extra:
            assert beside.study.age_years == dicom.study.age_years


@pytest.mark.parametrize(
    ("fields", "flag"),
    [
        ({"ContrastBolusAgent": "iohexol"}, "contrast"),
        ({"ConvolutionKernel": ["Hr64", "3"]}, "sharp_kernel"),
        ({"SliceThickness": 8}, "thick_slices"),
        ({"SliceThickness": 2.5}, "missing_slices"),
        ({"PatientAge": "999Y"}, "left_out"),
        ({"PatientAge": 9}, "child"),
        ({"Units": "Hounsfield units"}, ""),
        ({"Units": "HU"}, ""),
        ({"Units": "Bq/mL"}, "not_hounsfield"),
        ({"RescaleType": "Hounsfield"}, ""),
        ({"GantryDetectorTilt": 0}, ""),
        ({"GantryDetectorTilt": 18.5}, "gantry_tilt"),
    ],
)
def test_flags(tmp_path: Path, fields: dict[str, Any], flag: str) -> None:
    assert codes(scan_with(tmp_path, BIDS | fields)) == ({flag} if flag else set())


@pytest.mark.parametrize(
    "fields",
    [
        {"ContrastBolusVolume": 80},
        {"ContrastBolusVolume": "80.0", "ContrastBolusAgent": ""},
        {"ContrastFlowRate": [4, 4]},
        {"ContrastBolusIngredient": "IODINE"},
        {"ContrastBolusTotalDose": 30},
        {"ContrastBolusAgentSequence": [{"CodeValue": "C-B0322", "CodeMeaning": "Iohexol"}]},
        {"ProtocolName": "Encefalo con mdc"},
        {"ProtocolName": "头颅增强"},
        {"SeriesDescription": "Schaedel mit KM"},
        {"SeriesDescription": "голова с контрастом"},
        {"SeriesDescription": "Cranio C/C"},
    ],
)
def test_contrast_in_every_field(tmp_path: Path, fields: dict[str, Any]) -> None:
    scan = scan_with(tmp_path, BIDS | fields)
    assert codes(scan) == {"contrast"}
    assert scan.acquisition.contrast is True


@pytest.mark.parametrize(
    "fields",
    [
        {"ContrastBolusVolume": 0},
        {"ContrastBolusAgent": "no"},
        {"SeriesDescription": "Crane sans injection"},
        {"ContrastBolusAgentSequence": []},
        {"ContrastBolusAgentSequence": [{"CodeMeaning": {"a": [1]}}, 3, "x"]},
    ],
)
def test_no_contrast(tmp_path: Path, fields: dict[str, Any]) -> None:
    assert "contrast" not in codes(scan_with(tmp_path, BIDS | fields)) or "ContrastBolusAgentSequence" in fields


def test_thickness_far_above_the_spacing_is_flagged(tmp_path: Path) -> None:
    assert scan_with(tmp_path, {"SliceThickness": 10.0}).acquisition.slice_thickness_mm == 10.0


@pytest.mark.parametrize(
    ("name", "contrast"),
    [
        ("sub-01_ce-iohexol_ct", True),
        ("sub-01_ses-2_ce-none_ct", None),
        ("ce-visipaque_ct", True),
        ("sub-01_ct", None),
        ("sub-ce-01_ct", None),
        ("sub-01_acq-ce_ct", None),
    ],
)
def test_the_agent_in_a_bids_name(tmp_path: Path, name: str, contrast: bool | None) -> None:
    scan = read_scan(save(tmp_path / f"{name}.nii.gz", HEAD))
    assert scan.acquisition.contrast is contrast
    assert ("contrast" in codes(scan)) is (contrast is True)
    beside = scan_with(tmp_path, BIDS | {"ContrastBolusAgent": "none"}, name)
    assert ("contrast" in codes(beside)) is (contrast is True)


@pytest.mark.parametrize(
    ("name", "enhanced"),
    [
        ("head_with_contrast", True),
        ("CTA", True),
        ("brain-post contrast", True),
        ("head_contrast-enhanced_1", True),
        ("angio_head", True),
        ("head_without_contrast", False),
        ("non-contrast", False),
        ("Lee_CE", False),
        ("KM_1937", False),
        ("Actas", False),
        ("head", False),
    ],
)
def test_contrast_in_a_plain_name(tmp_path: Path, name: str, enhanced: bool) -> None:
    scan = read_scan(save(tmp_path / f"{name}.nii", HEAD))
    assert ("contrast" in codes(scan)) is enhanced
    assert all(name not in flag.message for flag in scan.flags)


@pytest.mark.parametrize(
    "fields",
    [
        {"Modality": "MR"},
        {"Modality": "PT"},
        {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]},
        {"ImageType": ["DERIVED", "SECONDARY", "MIP"]},
        {"SeriesDescription": "Head VRT 3D"},
        {"SeriesDescription": "Iodine overlay"},
        {"RescaleType": "ED"},
        {"RescaleType": "HU_MOD"},
        {"ImageType": ["DERIVED", "SECONDARY", "MONOENERGETIC"], "SeriesDescription": "Mono 40 keV"},
    ],
)
def test_a_series_that_would_not_be_measured_is_refused(tmp_path: Path, fields: dict[str, Any]) -> None:
    with pytest.raises(NoCTError) as caught:
        scan_with(tmp_path, BIDS | fields)
    assert "JSON" in one_line(caught.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "not JSON"),
        ("", "not JSON"),
        ("[1, 2]", "no named fields"),
        ('"CT"', "no named fields"),
        ("[" * 100000, "not JSON"),
        ("\x00\x01\x02", "not JSON"),
        ('{"KVP": 80, "KVP": 120}', "says KVP twice, and not the same"),
        (json.dumps({"x": "y" * 4_100_000}), "larger than"),
    ],
)
def test_an_unusable_json_is_flagged(tmp_path: Path, text: str, why: str) -> None:
    scan = scan_with(tmp_path, text)
    assert codes(scan) == {"left_out"}
    assert why in scan.flags[0].message
    assert "\n" not in scan.flags[0].message


@pytest.mark.parametrize(
    "value", [None, {}, [], [None], {"a": 1}, [[1]], "x" * 5000, 1e400, -5, True, "\\", "ä\x1b[31m", float("nan")]
)
def test_invalid_fields_are_skipped(tmp_path: Path, value: Any) -> None:
    names = [name for name in BIDS if name not in ("Modality", "ImageType", "SeriesDescription")]
    scan = scan_with(tmp_path, dict.fromkeys(names, value) | {"KVP": value, "StudyDate": value, "Rows": value})
    assert scan.hu.shape == (28, 48, 44)
    assert "laterality_unknown" not in codes(scan)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"KVP": "abc"}, "KVP is text, not one number"),
        ({"KVP": [120, 140]}, "KVP is a list, not one number"),
        ({"KVP": 120000}, "KVP 120000 does not lie between 40 and 200 kV"),
        ({"KVP": 1e400}, "KVP inf does not lie"),
        ({"SliceThickness": 500}, "SliceThickness 500 does not lie between 0.02 and 25 mm"),
        ({"SliceThickness": -2}, "SliceThickness -2 does not lie"),
        ({"GantryDetectorTilt": 1e9}, "GantryDetectorTilt 1e+09 does not lie"),
        ({"PatientAge": "old"}, "PatientAge is no age"),
        ({"PatientAge": -4}, "PatientAge -4 does not lie"),
        ({"PatientSex": 5}, "PatientSex is none of M, F and O"),
        ({"ConvolutionKernel": {"a": "b"}}, "ConvolutionKernel is an object, not text"),
        ({"KVP": 10**400}, "KVP inf does not lie"),
        ({"PixelSpacing": "x"}, "PixelSpacing is text, not numbers"),
        ({"SpacingBetweenSlices": {"a": 1}}, "SpacingBetweenSlices is an object, not numbers"),
        ({"Rows": [1]}, "Rows is a list, not one number"),
        ({"KVP": True, "PatientAge": [5]}, "KVP is true or false, not one number; PatientAge is no age"),
    ],
)
def test_a_value_that_no_ct_can_have_is_named_and_not_used(tmp_path: Path, fields: dict[str, Any], said: str) -> None:
    scan = scan_with(tmp_path, BIDS | fields)
    assert codes(scan) == {"left_out"}
    assert said in scan.flags[0].message
    known = {
        "KVP": scan.acquisition.kvp_kv,
        "SliceThickness": scan.acquisition.slice_thickness_mm,
        "PatientAge": scan.study.age_years,
        "PatientSex": scan.study.sex,
        "ConvolutionKernel": scan.acquisition.kernel,
    }
    for name, value in known.items():
        assert (value is None) is (name in fields), name


def test_what_is_not_known_is_no_error(tmp_path: Path) -> None:
    blank = {"KVP": None, "SliceThickness": "n/a", "PatientAge": "", "PatientSex": "U", "ConvolutionKernel": []}
    blank |= {"Rows": None, "PixelSpacing": [], "SpacingBetweenSlices": "n/a"}
    scan = scan_with(tmp_path, BIDS | blank)
    assert not codes(scan)
    made = scan.acquisition
    assert (made.kvp_kv, made.slice_thickness_mm, made.kernel, scan.study.age_years, scan.study.sex) == (None,) * 5


def test_json_files_above_it_count_in_a_bids_dataset(tmp_path: Path) -> None:
    folder = tmp_path / "sub-01" / "ct"
    folder.mkdir(parents=True)
    path = save(folder / "sub-01_acq-thin_run-1_ct.nii.gz", HEAD)
    (tmp_path / "ct.json").write_text(json.dumps(BIDS | {"KVP": 80, "ConvolutionKernel": "H20s"}))
    (tmp_path / "acq-thick_ct.json").write_text('{"KVP": 70}')
    (tmp_path / "T1w.json").write_text('{"Modality": "MR"}')
    (tmp_path / "acq-thin_ct.json").write_text('{"KVP": 100}')
    assert read_scan(path).acquisition.kvp_kv is None  # nothing says that this is a dataset
    (tmp_path / "dataset_description.json").write_text("{}")
    assert (read_scan(path).acquisition.kvp_kv, read_scan(path).acquisition.kernel) == (100.0, "H20s")
    (folder / "sub-01_acq-thin_run-1_ct.json").write_text('{"KVP": 140}')
    assert (read_scan(path).acquisition.kvp_kv, read_scan(path).acquisition.kernel) == (140.0, "H20s")


@pytest.mark.parametrize(("written", "sex"), [("female", "F"), ("Male", "M"), ("f", "F")])
def test_sex_in_words(tmp_path: Path, written: str, sex: str) -> None:
    assert scan_with(tmp_path, BIDS | {"PatientSex": written}).study.sex == sex


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"Rows": 512, "Columns": 512}, "Rows 512, where the NIfTI has 44 × 48 × 28 voxels"),
        ({"NumberOfFrames": 30}, "NumberOfFrames 30, where"),
        ({"PixelSpacing": [0.488, 0.488]}, "PixelSpacing 0.488 mm, where the NIfTI has 4.2 × 4.5 × 5 mm"),
        ({"SpacingBetweenSlices": 1}, "SpacingBetweenSlices 1 mm"),
    ],
)
def test_a_json_of_another_volume_is_named_and_only_its_doubts_count(
    tmp_path: Path, fields: dict[str, Any], said: str
) -> None:
    scan = scan_with(tmp_path, BIDS | {"ContrastBolusAgent": "iohexol"} | fields)
    assert codes(scan) == {"left_out", "contrast"}
    message = next(flag.message for flag in scan.flags if flag.code == "left_out")
    assert "describes another volume" in message
    assert said in message
    made = scan.acquisition
    assert (made.kvp_kv, made.slice_thickness_mm, made.kernel, scan.study.age_years) == (None,) * 4


def test_a_json_that_states_the_size_of_the_volume_is_used(tmp_path: Path) -> None:
    own = {"Rows": 48, "Columns": 44, "NumberOfFrames": 28, "PixelSpacing": [4.5, 4.2], "SpacingBetweenSlices": 5.2}
    scan = scan_with(tmp_path, BIDS | own)
    assert not codes(scan)
    assert scan.acquisition.kvp_kv == 120.0


def test_the_json_of_a_volume_that_dcm2niix_corrected(tmp_path: Path) -> None:
    (tmp_path / "head.json").write_text(json.dumps(BIDS | {"KVP": 140, "GantryDetectorTilt": 18.0}))
    for name in ("head_Tilt_1", "head_Eq_1", "head_Tilt_Eq_1", "head_Eq"):
        scan = read_scan(save(tmp_path / f"{name}.nii.gz", HEAD))
        assert scan.acquisition.kvp_kv == 140.0
        assert ("gantry_tilt" in codes(scan)) is ("Tilt" not in name)
        assert "resampled" in codes(scan)
    assert read_scan(save(tmp_path / "head_Other.nii.gz", HEAD)).acquisition.kvp_kv is None


@pytest.mark.parametrize("name", ["head_Eq_1.nii.gz", "head_Tilt_Eq_1.nii", "head_Eq.nii.gz"])
def test_uneven_slices_beside_a_corrected_copy_by_dcm2niix(tmp_path: Path, name: str) -> None:
    path = save(tmp_path / "head.nii.gz", HEAD)
    (tmp_path / name.replace("head", "other")).touch()
    assert not read_scan(path).flags
    (tmp_path / name).touch()
    with pytest.raises(GeometryError, match="unevenly") as caught:
        read_scan(path)
    assert "DICOM" in one_line(caught.value)


def test_the_file_name_is_not_shown(tmp_path: Path) -> None:
    path = save(tmp_path / "Mueller_Hans_19370312.nii.gz", HEAD)
    scan = read_scan(path)
    assert scan.series[0].description == "(NIfTI volume)"
    assert "Mueller" not in " ".join(flag.message for flag in scan.flags)
    assert "Mueller" not in str(scan.study)


def test_a_field_that_says_the_same_twice_is_read(tmp_path: Path) -> None:
    scan = scan_with(tmp_path, '{"KVP": 80, "SliceThickness": 5, "KVP": 80}')
    assert (scan.acquisition.kvp_kv, "left_out" in codes(scan)) == (80.0, False)
