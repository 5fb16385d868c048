"""Hounsfield units: padding, rescaling, codings, compression; and what can't be decoded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydicom import dcmread
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
    RLELossless,
)
from support import dicom_faults as faults
from support.noisy_series import noisy

from calcscan.errors import UnreadableError
from calcscan.model import AIR_HU, Scan
from calcscan.read import read_scan
from calcscan.read.pixels.hounsfield import rescale


def codes(scan: Scan) -> set[str]:
    return {flag.code for flag in scan.flags}


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Scan:
    folder = tmp_path_factory.mktemp("clean")
    faults.write(faults.series(), folder)
    return read_scan(folder)


@pytest.mark.parametrize(
    ("slope", "intercept", "tags"),
    [
        (1, -1024, {"PixelRepresentation": 0, "BitsStored": 12, "HighBit": 11}),
        (1, -1000, {}),
        (1, 0, {"RescaleType": None}),
        (2, -1024, {}),
        (0.25, -1024, {}),
        (1, -8192, {"RescaleType": None}),
    ],
)
def test_any_coding_gives_the_same_hu(tmp_path: Path, clean: Scan, slope: float, intercept: float, tags: dict) -> None:  # type: ignore[type-arg]
    images = faults.recode(
        faults.series(),
        lambda stored: np.rint((stored + faults.INTERCEPT - intercept) / slope),
        RescaleSlope=slope,
        RescaleIntercept=intercept,
        **tags,
    )
    faults.write(images, tmp_path)
    scan = read_scan(tmp_path)
    assert np.abs(scan.hu.astype(int) - clean.hu).max() <= (1 if slope == 2 else 0)
    assert not scan.flags


def test_slope_and_intercept_of_each_slice(tmp_path: Path, clean: Scan) -> None:
    images = faults.series()
    for number, image in enumerate(images):
        faults.recode([image], lambda stored, n=number: stored + n, RescaleIntercept=faults.INTERCEPT - number)  # type: ignore[misc]
    faults.write(images, tmp_path)
    assert np.array_equal(read_scan(tmp_path).hu, clean.hu)


@pytest.mark.parametrize(
    ("padding", "tags"),
    [
        (-2000, {"PixelPaddingValue": -2000}),
        (-2000, {}),  # not declared, but below air
        (-30, {"PixelPaddingValue": -30, "PixelPaddingRangeLimit": -10}),
        (-10, {"PixelPaddingValue": -30, "PixelPaddingRangeLimit": -10}),
        (350, {"PixelPaddingValue": 350}),  # -674 HU: within the scale
    ],
)
@pytest.mark.parametrize("preamble", [True, False])
def test_padding_becomes_air(tmp_path: Path, clean: Scan, padding: int, tags: dict, preamble: bool) -> None:  # type: ignore[type-arg]
    def pad(stored: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        padded = stored.copy()
        padded[:5] = padding
        return padded

    faults.write(faults.recode(faults.series(), pad, **tags), tmp_path, preamble=preamble)
    scan = read_scan(tmp_path)
    assert (scan.hu[:, :5] == AIR_HU).all()
    assert np.array_equal(scan.hu[:, 5:], clean.hu[:, 5:])


def test_a_padding_value_in_the_range_of_tissue_is_ignored(tmp_path: Path, clean: Scan) -> None:
    faults.write(faults.series(PixelPaddingValue=35 - faults.INTERCEPT), tmp_path)
    assert np.array_equal(read_scan(tmp_path).hu, clean.hu)


def test_without_rescale_the_values_are_not_hounsfield(tmp_path: Path) -> None:
    faults.write(faults.series(RescaleSlope=None, RescaleIntercept=None, RescaleType=None), tmp_path)
    assert codes(read_scan(tmp_path)) == {"not_hounsfield"}


def test_another_unit_is_not_hounsfield(tmp_path: Path) -> None:
    images = faults.series(RescaleType="MGML")
    faults.write(images, tmp_path)
    scan = read_scan(tmp_path, series_uid=str(images[0].SeriesInstanceUID))
    assert codes(scan) == {"not_hounsfield"}


def test_tissue_far_from_water_is_not_hounsfield(tmp_path: Path) -> None:
    def brighter(stored: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        return np.where(stored > 500, stored + 150, stored)

    faults.write(faults.recode(faults.series(), brighter), tmp_path)
    assert codes(read_scan(tmp_path)) == {"not_hounsfield"}


def test_a_ceiling_is_flagged(tmp_path: Path) -> None:
    def implant(stored: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        return np.where(stored == 1500 - faults.INTERCEPT, 3071 - faults.INTERCEPT, stored)

    faults.write(faults.recode(faults.series(), implant), tmp_path)
    assert codes(read_scan(tmp_path)) == {"saturated"}


@pytest.mark.parametrize(("top_hu", "code"), [(1000, "saturated"), (255, "not_hounsfield"), (100, "not_hounsfield")])
def test_values_cut_off_by_a_window_are_flagged(tmp_path: Path, top_hu: int, code: str) -> None:
    """There is noise, so no other value is that of many voxels."""
    cut = faults.recode(noisy(), lambda stored: np.minimum(stored, top_hu - faults.INTERCEPT))
    faults.write(cut, tmp_path)
    (flag,) = read_scan(tmp_path).flags
    assert flag.code == code
    assert f"{top_hu} HU" in flag.message


def test_overlay_bits_are_masked(tmp_path: Path, clean: Scan) -> None:
    images = faults.recode(
        faults.series(), lambda stored: stored | 0x8000, PixelRepresentation=0, BitsStored=12, HighBit=11
    )
    faults.write(images, tmp_path)
    assert np.array_equal(read_scan(tmp_path).hu, clean.hu)


def compressed(images: faults.Series, folder: Path, syntax: str) -> None:
    for path in faults.write(images, folder):
        image = dcmread(path)
        image.compress(syntax, generate_instance_uid=False)
        image.save_as(path)


def test_run_length_coding(tmp_path: Path, clean: Scan) -> None:
    compressed(faults.series(), tmp_path, RLELossless)
    assert np.array_equal(read_scan(tmp_path).hu, clean.hu)


def test_jpeg_ls_with_and_without_a_plugin(tmp_path: Path, clean: Scan, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("jpeg_ls")
    compressed(faults.series(), tmp_path, JPEGLSLossless)
    assert np.array_equal(read_scan(tmp_path).hu, clean.hu)

    def no_plugin(*_: object) -> None:
        raise RuntimeError("Unable to decompress: all plugins are missing dependencies")

    monkeypatch.setattr("calcscan.read.pixels.decode._by_pydicom", no_plugin)
    assert np.array_equal(read_scan(tmp_path).hu, clean.hu)
    archive = faults.zipped(tmp_path, tmp_path.parent / "ls.zip")
    assert np.array_equal(read_scan(archive).hu, clean.hu)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_other_uncompressed_syntaxes(tmp_path: Path, clean: Scan, syntax: str) -> None:
    faults.write(faults.series(), tmp_path, syntax=syntax)
    scan = read_scan(tmp_path)
    assert np.array_equal(scan.hu, clean.hu)
    assert not scan.flags


def test_big_endian(tmp_path: Path, clean: Scan) -> None:
    for path in faults.write(faults.series(), tmp_path):
        image = dcmread(path)
        image.PixelData = np.frombuffer(image.PixelData, "<i2").astype(">i2").tobytes()
        big = faults.Dataset()
        big.update({element.tag: element for element in image})
        big.file_meta = image.file_meta
        big.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
        big["PixelData"].VR = "OW"
        big.save_as(path, enforce_file_format=True)
    assert np.array_equal(read_scan(tmp_path).hu, clean.hu)


def test_a_truncated_slice_is_named_and_flagged(tmp_path: Path, clean: Scan) -> None:
    paths = faults.write(faults.series(), tmp_path)
    faults.cut_short(paths[10])
    scan = read_scan(tmp_path)
    flags = [flag for flag in scan.flags if flag.code == "missing_slices"]
    assert any(paths[10].name in flag.message for flag in flags)
    assert len(scan.hu) == 27
    assert np.array_equal(scan.hu, np.delete(clean.hu, 10, axis=0))
    assert scan.geometry.slab_mm == pytest.approx(np.full(27, 5.0))


def test_a_truncated_end_slice_is_flagged_although_it_leaves_no_gap(tmp_path: Path) -> None:
    paths = faults.write(faults.series(), tmp_path)
    faults.cut_short(paths[-1])
    assert codes(read_scan(tmp_path)) == {"missing_slices"}


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless])
def test_a_truncated_compressed_slice_is_named_and_flagged(tmp_path: Path, syntax: str) -> None:
    if syntax == JPEGLSLossless:
        pytest.importorskip("jpeg_ls")
    compressed(faults.series(), tmp_path, syntax)
    path = sorted(tmp_path.iterdir())[10]
    path.write_bytes(path.read_bytes()[:-300])
    scan = read_scan(tmp_path)
    assert any(path.name in flag.message for flag in scan.flags if flag.code == "missing_slices")
    assert len(scan.hu) == 27


def test_headers_without_pixels(tmp_path: Path) -> None:
    faults.write(faults.series(PixelData=None), tmp_path)
    with pytest.raises(UnreadableError, match="holds no pixel data"):
        read_scan(tmp_path)


@given(
    arrays(np.int16, (4, 5)) | arrays(np.uint16, (4, 5)),
    st.sampled_from([1.0, 2.0, 0.5, 1.37]),
    st.sampled_from([0.0, -1024.0, -8192.0, 0.5, 40000.0]),
)
def test_rescale_equals_the_plain_formula(stored: np.ndarray, slope: float, intercept: float) -> None:  # type: ignore[type-arg]
    out = np.zeros(stored.shape, np.int16)
    rescale(stored, slope, intercept, out)
    plain = [[min(max(round(float(v) * slope + intercept), AIR_HU), 32767) for v in row] for row in stored.tolist()]
    assert out.tolist() == plain
