"""What the user states of how a scan was made: used where the header is silent, refused where it says otherwise."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from support import dicom_faults as faults

from calcscan.errors import InputError
from calcscan.model import Scan
from calcscan.quality import severity
from calcscan.read import Stated, read_scan

COARSE = {"rows": 96, "columns": 88, "pixel_mm": (2.25, 2.1)}


def nifti(folder: Path, **fields: object) -> Path:
    """A NIfTI of 5 mm slices, with a sidecar if any fields are given."""
    volume = np.full((48, 48, 28), -1000, np.int16)
    volume[8:40, 8:40] = 35
    nibabel.Nifti1Image(volume, np.diag([4.0, 4.0, 5.0, 1.0])).to_filename(folder / "head.nii")
    if fields:
        (folder / "head.json").write_text(json.dumps({"Modality": "CT", **fields}))
    return folder / "head.nii"


def codes(scan: Scan) -> set[str]:
    return {flag.code for flag in scan.flags}


def test_a_nifti_is_as_its_user_says(tmp_path: Path) -> None:
    path = nifti(tmp_path)
    scan = read_scan(path, stated=Stated(kvp_kv=80, slice_thickness_mm=2.5, kernel="H60s"))
    made = scan.acquisition
    assert (made.kvp_kv, made.slice_thickness_mm, made.kernel, made.sharp_kernel) == (80.0, 2.5, "H60s", True)
    assert set(scan.slice_thickness_mm) == {2.5}
    assert codes(scan) == {"stated", "sharp_kernel", "missing_slices", "default_orientation"}  # 2.5 mm every 5 mm
    (flag,) = (flag for flag in scan.flags if flag.code == "stated")
    assert severity(flag) == "note"
    assert flag.message == (
        "Stated by the user, not read from the header: tube voltage 80 kV, slice thickness 2.5 mm, kernel H60s."
    )


@pytest.mark.parametrize(
    ("stated", "contradicted"),
    [
        (Stated(kvp_kv=100), r"tube voltage of 100 kV that was stated contradicts the header, which says 120 kV"),
        (Stated(slice_thickness_mm=3), r"slice thickness of 3 mm that was stated .* says 5 mm"),
        (Stated(kernel="H60s"), r"kernel H60s that was stated .* says H31s"),
    ],
)
def test_what_contradicts_the_header_is_refused(tmp_path: Path, stated: Stated, contradicted: str) -> None:
    faults.write(faults.series(**COARSE), tmp_path / "dicom")  # type: ignore[arg-type]
    path = nifti(tmp_path, KVP=120, SliceThickness=5, ConvolutionKernel="H31s")
    for input_ in (tmp_path / "dicom", path):
        with pytest.raises(InputError, match=contradicted) as caught:
            read_scan(input_, stated=stated)
        assert caught.value.where == str(input_)


def test_what_the_header_says_too_is_not_only_stated(tmp_path: Path) -> None:
    path = nifti(tmp_path, KVP=120, SliceThickness=4.99, ConvolutionKernel="H31s")
    scan = read_scan(path, stated=Stated(kvp_kv=121, slice_thickness_mm=5, kernel="h31S"))
    assert codes(scan) == {"default_orientation"}
    assert (scan.acquisition.kvp_kv, scan.acquisition.slice_thickness_mm) == (120.0, 4.99)


def test_slices_that_are_silent_or_absurd_take_what_is_stated(tmp_path: Path) -> None:
    images = faults.series(**COARSE)  # type: ignore[arg-type]
    faults.with_tags(images, KVP="0")
    faults.with_tags(images[20:], SliceThickness=None)
    faults.write(images, tmp_path)
    scan = read_scan(tmp_path, stated=Stated(kvp_kv=100, slice_thickness_mm=5))
    assert (scan.acquisition.kvp_kv, set(scan.slice_thickness_mm)) == (100.0, {5.0})
    assert codes(scan) == {"stated"}


def test_slices_of_another_voltage_contradict(tmp_path: Path) -> None:
    images = faults.series(**COARSE)  # type: ignore[arg-type]
    faults.with_tags(images[:9], KVP="80")
    faults.write(images, tmp_path)
    with pytest.raises(InputError, match="which says 80 kV"):
        read_scan(tmp_path, stated=Stated(kvp_kv=120))


def test_a_computed_image_has_no_voltage_to_state(tmp_path: Path) -> None:
    faults.write(faults.series(SeriesDescription="Mono 70 keV", **COARSE), tmp_path)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="a single energy"):
        read_scan(tmp_path, stated=Stated(kvp_kv=120))


@pytest.mark.parametrize(
    "stated",
    [
        Stated(kvp_kv=0),
        Stated(kvp_kv=1200),
        Stated(kvp_kv=float("nan")),
        Stated(slice_thickness_mm=-1),
        Stated(slice_thickness_mm=500),
        Stated(kernel=" "),
    ],
)
def test_what_no_scan_has_is_refused_before_anything_is_read(tmp_path: Path, stated: Stated) -> None:
    with pytest.raises(ValueError, match="must"):
        read_scan(nifti(tmp_path), stated=stated)
