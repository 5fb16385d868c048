"""Scans of arrays and images in memory."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.orientations import WAYS, as_itk, as_nibabel, turned

from calcscan import Scan
from calcscan.errors import GeometryError
from calcscan.read import Stated, read_scan

SHAPE = (20, 44, 48)
"""(k, j, i)"""
AFFINE = np.array([[0, 0, 4.0, -94.0], [0, 4.2, 0, -90.0], [5.0, 0, 0, -48.0], [0, 0, 0, 1]])
"""From (k, j, i, 1) to LPS mm."""
SHEARED = AFFINE + np.array([[0, 0, 0, 0], [1.5, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])


def head(seed=0):
    """Air around soft tissue, every voxel different enough to be found by its value."""
    hu = np.full(SHAPE, -1000, np.int16)
    hu[2:-2, 6:-6, 6:-6] = 30
    return (hu + np.random.default_rng(seed).integers(-8, 8, SHAPE)).astype(np.int16)


def codes(scan):
    return [flag.code for flag in scan.flags]


@pytest.mark.parametrize("affine", [AFFINE, SHEARED], ids=["upright", "sheared"])
@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.int64, np.float32, np.float64, ">i2"])
def test_an_array_is_the_scan_voxel_for_voxel(affine, dtype):
    hu = head()
    scan = Scan.from_array(hu.astype(dtype), affine)
    assert scan.hu.dtype == np.int16
    assert np.array_equal(scan.hu, hu)
    index = np.array([[0, 0, 0], [19, 43, 47], [3, 5, 7]])
    assert np.allclose(scan.geometry.to_world(index), index @ affine[:3, :3].T + affine[:3, 3])
    assert codes(scan) == (["gantry_tilt"] if affine is SHEARED else [])
    assert scan.acquisition.kvp_kv is None
    assert not scan.hu.flags.writeable


def test_the_array_stays_the_callers():
    hu = head()
    scan = Scan.from_array(hu, AFFINE)
    hu[:] = 0
    assert scan.hu.min() < -900


def test_a_view_any_order_and_a_list_will_do():
    hu = head()
    for given_hu in (np.asfortranarray(hu), hu[:, ::-1][:, ::-1], hu.tolist()):
        assert np.array_equal(Scan.from_array(given_hu, AFFINE.tolist()).hu, hu)


def test_padding_below_air_is_air_and_floats_are_rounded():
    hu = head().astype(float)
    hu[0] = -3024.0
    hu[5, 20, 20] = 31.6
    scan = Scan.from_array(hu, AFFINE)
    assert (scan.hu[0] == -1024).all()
    assert scan.hu[5, 20, 20] == 32


def test_what_is_stated_is_used_and_said():
    scan = Scan.from_array(
        head(), AFFINE, kvp_kv=100, slice_thickness_mm=5, kernel="H70h", contrast=True, manufacturer="ACME", model="X",
        age_years=7.5, sex="F",
    )  # fmt: skip
    acquisition = scan.acquisition
    assert (acquisition.kvp_kv, acquisition.slice_thickness_mm, acquisition.kernel) == (100.0, 5.0, "H70h")
    assert acquisition.sharp_kernel
    assert acquisition.contrast is True
    assert (acquisition.manufacturer, acquisition.model) == ("ACME", "X")
    assert (scan.study.age_years, scan.study.sex) == (7.5, "F")
    assert codes(scan) == ["contrast", "sharp_kernel", "child", "stated", "stated"]
    said = " ".join(flag.message for flag in scan.flags if flag.code == "stated")
    assert all(word in said for word in ("100 kV", "5 mm", "H70h", "ACME", "7.5", "sex F"))


def test_no_contrast_is_known_and_nothing_said_is_unknown():
    assert Scan.from_array(head(), AFFINE, contrast=False).acquisition.contrast is False
    scan = Scan.from_array(head(), AFFINE)
    assert scan.acquisition.contrast is None
    assert scan.study.age_years is None


def test_values_that_are_no_hounsfield_units_are_flagged():
    assert "not_hounsfield" in codes(Scan.from_array(head() + 1024, AFFINE))
    assert "not_hounsfield" in codes(Scan.from_array((head() > 0).astype(np.uint8), AFFINE))


def with_one(value):
    hu = head().astype(float)
    hu[3, 4, 5] = value
    return hu


@pytest.mark.parametrize(
    ("hu", "error", "says"),
    [
        (head() > 0, TypeError, "mask"),
        (head().astype(complex), TypeError, "complex"),
        (head().astype(str), TypeError, "hu must hold numbers"),
        (head()[0], ValueError, r"shape \(k, j, i\), not \(44, 48\)"),
        (head()[None], ValueError, r"\(1, 20, 44, 48\)"),
        (head()[:5], ValueError, "at least 8 slices"),
        (with_one(np.nan), ValueError, r"1 values that are NaN or infinite, the first at index \(3, 4, 5\).*-1024"),
        (with_one(np.inf), ValueError, "infinite"),
        (with_one(70000.0), ValueError, "70000"),
        (head().astype(np.uint16), ValueError, "hu reaches 645"),
    ],
)
def test_an_array_that_is_no_ct_is_refused_by_name(hu, error, says):
    with pytest.raises(error, match=says):
        Scan.from_array(hu, AFFINE)


def changed(row, column, value):
    out = AFFINE.copy()
    out[row, column] = value
    return out


@pytest.mark.parametrize(
    ("affine", "error", "says"),
    [
        (np.eye(3), ValueError, r"\(4, 4\), not \(3, 3\)"),
        ("identity", TypeError, "matrix of numbers"),
        (None, ValueError, "affine must have shape"),
        (changed(0, 3, np.nan), ValueError, "NaN"),
        (changed(3, 0, 1.0), ValueError, "end with the row 0, 0, 0, 1"),
        (changed(2, 0, 0.0), ValueError, "singular"),
        (changed(0, 2, 0.0), ValueError, "singular"),
        (AFFINE @ np.diag([1.0, 1.0, -1.0, 1.0]), ValueError, r"mirrored.*hu\[::-1\]"),
        (AFFINE @ np.diag([-1.0, 1.0, 1.0, 1.0]), ValueError, "mirrored"),
        (np.diag([0.001, 0.001, 0.001, 1.0]) @ AFFINE, GeometryError, "unit of length"),
        (np.diag([10.0, 10.0, 10.0, 1.0]) @ AFFINE, GeometryError, "where a CT has"),
    ],
)
def test_a_matrix_that_is_no_cts_is_refused_by_name(affine, error, says):
    with pytest.raises(error, match=says):
        Scan.from_array(head(), affine)


def test_the_way_out_for_a_mirrored_matrix_is_the_right_one():
    upside_down = AFFINE @ [[-1, 0, 0, 19], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    with pytest.raises(ValueError, match="mirrored") as refused:
        Scan.from_array(head()[::-1], upside_down)
    assert "affine @ [[-1, 0, 0, 19], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]" in str(refused.value)
    scan = Scan.from_array(head()[::-1][::-1], upside_down @ [[-1, 0, 0, 19], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    assert np.allclose(scan.geometry.affine(), AFFINE)


@pytest.mark.parametrize(
    ("stated", "error", "says"),
    [
        ({"kvp": 120}, TypeError, "'kvp' is no argument; known are kvp_kv"),
        ({"kvp_kv": "120"}, TypeError, "kvp_kv"),
        ({"kvp_kv": True}, TypeError, "kvp_kv"),
        ({"kvp_kv": 5}, ValueError, "kvp_kv must lie between"),
        ({"slice_thickness_mm": -1.0}, ValueError, "slice_thickness_mm"),
        ({"slice_thickness_mm": float("nan")}, ValueError, "slice_thickness_mm"),
        ({"kernel": " "}, ValueError, "kernel"),
        ({"contrast": "no"}, TypeError, "contrast"),
        ({"age_years": 200}, ValueError, "age_years"),
    ],
)
def test_what_no_ct_can_have_is_refused_by_name(stated, error, says):
    with pytest.raises(error, match=says):
        Scan.from_array(head(), AFFINE, **stated)


@pytest.mark.parametrize("as_image", [as_nibabel, as_itk])
@given(way=st.sampled_from(WAYS), sheared=st.booleans())
def test_an_image_in_any_orientation_is_the_same_scan(as_image, way, sheared):
    affine = (SHEARED if sheared else AFFINE)[:, [2, 1, 0, 3]]
    values, matrix = turned(head(), affine, way)
    scan = Scan.from_image(as_image(values, matrix))
    index = np.argwhere(scan.hu > 33)[::50]
    there = np.rint(np.linalg.solve(affine[:3, :3], (scan.geometry.to_world(index) - affine[:3, 3]).T)).T.astype(int)
    assert np.array_equal(scan.hu[tuple(index.T)], head()[tuple(there[:, ::-1].T)])
    assert np.array_equal(scan.stored.in_order(scan.hu), values)
    assert np.allclose(scan.stored.affine(scan.geometry)[:, [2, 1, 0, 3]], matrix, atol=1e-3)
    assert ("gantry_tilt" in codes(scan)) == sheared


@pytest.mark.parametrize("way", WAYS[::7])
def test_a_nibabel_image_and_its_file_are_the_same_scan(tmp_path, way):
    image = as_nibabel(*turned(head(), AFFINE[:, [2, 1, 0, 3]], way))
    nib.save(image, tmp_path / "head.nii.gz")
    read = read_scan(tmp_path / "head.nii.gz", stated=Stated(kvp_kv=120))
    made = Scan.from_image(image, kvp_kv=120)
    assert np.array_equal(read.hu, made.hu)
    assert np.array_equal(read.geometry.affine(), made.geometry.affine())
    assert read.stored == made.stored
    assert codes(read) == codes(made)


def test_an_image_of_another_kind_is_refused_by_name():
    for other in (head(), b"head.nii.gz", None):
        with pytest.raises(TypeError, match="image must be a SimpleITK or nibabel image"):
            Scan.from_image(other)
    several = nib.Nifti1Image(np.zeros((10, 10, 10, 2), np.int16), np.eye(4))
    with pytest.raises(ValueError, match="one volume"):
        Scan.from_image(several)


def test_nan_in_an_image_is_refused_too():
    image = as_nibabel(with_one(np.nan).astype(np.float32), AFFINE[:, [2, 1, 0, 3]])
    with pytest.raises(ValueError, match="NaN"):
        Scan.from_image(image)
