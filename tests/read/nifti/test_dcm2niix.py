"""The same head by DICOM and by dcm2niix, with its JSON: the same volumes, thresholds and flags."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from calcscan.cli import main

dcm2niix = pytest.importorskip("dcm2niix", reason="dcm2niix comes with the extra [dev]")
SAMPLE = Path(__file__).parents[3] / "sample_data" / "bilateral_pallidum"


def converted(source: Path, folder: Path) -> Path:
    """The NIfTI that dcm2niix makes, its JSON beside it."""
    folder.mkdir()
    subprocess.run(
        [dcm2niix.bin, "-z", "y", "-b", "y", "-ba", "n", "-f", "head", "-o", folder, source],
        check=True,
        capture_output=True,
    )
    return folder / "head.nii.gz"


def codes(report: dict[str, Any]) -> set[str]:
    return {flag["code"] for flag in report["quality"]["flags"]}


def assert_the_same(nifti: dict[str, Any], dicom: dict[str, Any], within: float) -> None:
    assert nifti["settings"]["threshold_hu"] == dicom["settings"]["threshold_hu"]
    assert nifti["detection_floor_mm3"] == pytest.approx(dicom["detection_floor_mm3"], rel=within)
    for one, other in zip(nifti["sites"], dicom["sites"], strict=True):
        assert (one["count"], one["grade"], one["max_hu"]) == (other["count"], other["grade"], other["max_hu"])
        if other["volume_mm3"] is None:  # not examined
            assert one["volume_mm3"] is None, one["site"]
        else:
            assert one["volume_mm3"] == pytest.approx(other["volume_mm3"], rel=within), one["site"]
    for key in ("age_years", "sex", "kernel", "kvp_kv", "slice_thickness_mm"):
        assert nifti["study"][key] == dicom["study"][key], key


def run(source: Path, out: Path, *options: str) -> dict[str, Any]:
    assert main(["run", str(source), "-o", str(out), "--quiet", *options]) in (0, 4)
    report: dict[str, Any] = json.loads((out / "report.json").read_text())
    return report


def test_the_sample_by_dicom_and_by_dcm2niix(run_once: Callable[[Path], tuple[int, Path]], tmp_path: Path) -> None:
    dicom = json.loads((run_once(SAMPLE)[1] / "report.json").read_text())
    nifti = run(converted(SAMPLE, tmp_path / "nifti"), tmp_path / "out", "--kvp", "120")  # dcm2niix writes no voltage
    assert_the_same(nifti, dicom, within=0.01)
    assert codes(nifti) == codes(dicom) | {"stated"}
    assert nifti["series"][0]["description"] == dicom["series"][0]["description"]


def test_a_real_head_by_dicom_and_by_dcm2niix(
    real_scans: Path, run_once: Callable[[Path], tuple[int, Path]], tmp_path: Path
) -> None:
    source = real_scans / "thin_pineal_choroid"
    dicom = json.loads((run_once(source)[1] / "report.json").read_text())
    path = converted(source, tmp_path / "nifti")
    nifti = run(path, tmp_path / "out", "--kvp", "120", "--thickness-mm", "1.25")
    assert_the_same(nifti, dicom, within=0.01)
    assert codes(nifti) == codes(dicom) | {"stated"}


def test_a_tilted_uneven_head_by_dcm2niix_is_refused_or_flagged(real_scans: Path, tmp_path: Path) -> None:
    """A NIfTI can't express uneven slices; dcm2niix's corrected copy was resampled, and is said to be."""
    path = converted(real_scans / "tilted_variable_spacing", tmp_path / "nifti")
    assert main(["run", str(path), "-o", str(tmp_path / "raw"), "--quiet"]) == 1
    corrected = run(path.with_name("head_Tilt_Eq_1.nii.gz"), tmp_path / "out")
    assert "resampled" in codes(corrected)
    assert "unknown_kvp" in codes(corrected)


def test_a_tilted_head_by_dcm2niix_says_how_far_its_volumes_may_be_off(real_scans: Path, tmp_path: Path) -> None:
    """dcm2niix shortens the steps of a tilted stack by the cosine of the tilt; what it untilts, it interpolates."""
    from calcscan.read import read_scan

    dicom = read_scan(real_scans / "mixed_folder")
    folder = tmp_path / "nifti"
    converted(real_scans / "mixed_folder", folder)
    sized = [path for path in folder.glob("*.nii.gz") if nibabel.load(path).shape[::-1] == dicom.hu.shape]
    scans = [read_scan(path) for path in sized if "_Tilt" not in path.name]
    scan = next(one for one in scans if one.acquisition.kernel == dicom.acquisition.kernel)
    assert np.array_equal(np.sort(scan.hu, axis=None), np.sort(dicom.hu, axis=None))
    told = [flag for flag in scan.flags if flag.code == "gantry_tilt" and "too small" in flag.message]
    assert len(told) == 1
    short = 1.0 - scan.geometry.spacing_mm[0] / dicom.geometry.spacing_mm[0]
    assert told[0].value == pytest.approx(100.0 * short, abs=0.02)
