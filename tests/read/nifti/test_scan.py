"""NIfTI: the same head at the same place, however the file orders its axes."""

from __future__ import annotations

import gzip
from itertools import permutations
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import dicom_faults as faults
from support.ball_phantom import BALL_MM
from support.nifti_phantom import PLAIN, SHAPE, ball, centred, codes, head, save

from calcscan.errors import CalcscanError, GeometryError, InputError, UnreadableError
from calcscan.model import AIR_HU
from calcscan.read import read_scan
from calcscan.read.nifti.scan import as_slices, axis_order


@pytest.mark.parametrize("name", ["head.nii", "head.nii.gz"])
def test_nifti_and_dicom_give_the_same_scan(tmp_path: Path, name: str) -> None:
    faults.write(faults.series(), tmp_path / "dicom")
    dicom = read_scan(tmp_path / "dicom")
    scan = read_scan(save(tmp_path / name, head(PLAIN).astype(np.int16)))
    assert np.array_equal(scan.hu, dicom.hu)
    assert np.allclose(scan.geometry.origins_mm, dicom.geometry.origins_mm, atol=1e-4)
    assert np.allclose(scan.geometry.slab_mm, dicom.geometry.slab_mm)
    assert not scan.flags
    assert scan.series[0].chosen
    assert scan.acquisition.contrast is None


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, 1), (1, -1, -1)])
def test_any_order_and_direction_of_axes(tmp_path: Path, order: tuple[int, ...], signs: tuple[int, ...]) -> None:
    shape = tuple(SHAPE[axis] for axis in order)
    affine = centred((np.diag([-4.2, -4.5, 5.0]) @ np.diag(signs))[:, list(order)], shape)  # type: ignore[arg-type]
    scan = read_scan(save(tmp_path / "head.nii", head(affine, shape).astype(np.int16), affine))  # type: ignore[arg-type]
    assert np.linalg.norm(ball(scan) - BALL_MM) < 1.0
    assert len(scan.hu) == 28 or order[2] != 2
    assert not scan.flags


def test_shear_and_rotation(tmp_path: Path) -> None:
    angle = np.radians(20)
    steps = np.array([[-4.2, 0, 0], [0, -4.5 * np.cos(angle), 0], [0, -4.5 * np.sin(angle), 5.0]])
    turn = np.array([[np.cos(0.3), -np.sin(0.3), 0], [np.sin(0.3), np.cos(0.3), 0], [0, 0, 1]])
    affine = centred(turn @ steps)
    scan = read_scan(save(tmp_path / "head.nii", head(affine).astype(np.int16), affine))
    assert np.linalg.norm(ball(scan) - BALL_MM) < 1.0
    assert codes(scan) == {"gantry_tilt"}
    assert scan.geometry.tilt_deg == pytest.approx(20, abs=0.01)
    assert scan.geometry.voxel_mm3 == pytest.approx(np.full(28, abs(np.linalg.det(affine[:3, :3]))))


def test_floats_scaling_and_not_a_number(tmp_path: Path) -> None:
    data = head(PLAIN)
    data[:3] = np.nan
    floats = read_scan(save(tmp_path / "float.nii.gz", data))
    assert (floats.hu[:, :, :3] == AIR_HU).all()
    image = nibabel.Nifti1Image(((np.nan_to_num(data, nan=-1000) + 1024) * 2).astype(np.int16), PLAIN)
    image.to_filename(tmp_path / "scaled.nii")
    with (tmp_path / "scaled.nii").open("r+b") as file:
        file.seek(112)  # scl_slope, scl_inter
        file.write(np.array([0.5, -1024], "<f4").tobytes())
    scaled = read_scan(tmp_path / "scaled.nii")
    assert np.array_equal(scaled.hu[:, :, 3:], floats.hu[:, :, 3:])


def test_a_last_axis_of_one_is_a_volume_and_of_two_is_not(tmp_path: Path) -> None:
    data = head(PLAIN).astype(np.int16)
    assert read_scan(save(tmp_path / "one.nii", data[..., None])).hu.shape == (28, 48, 44)
    with pytest.raises(InputError, match="4-dimensional"):
        read_scan(save(tmp_path / "two.nii", np.stack([data, data], axis=-1)))


def test_units(tmp_path: Path) -> None:
    metres = PLAIN.copy()
    metres[:3] /= 1000
    image = nibabel.Nifti1Image(head(PLAIN).astype(np.int16), metres)
    image.header.set_xyzt_units("meter")
    image.to_filename(tmp_path / "m.nii")
    assert np.linalg.norm(ball(read_scan(tmp_path / "m.nii")) - BALL_MM) < 1.0


def test_without_orientation_or_with_two_that_disagree(tmp_path: Path) -> None:
    assert codes(read_scan(save(tmp_path / "none.nii", head(PLAIN).astype(np.int16), None))) >= {"laterality_unknown"}
    image = nibabel.Nifti1Image(head(PLAIN).astype(np.int16), PLAIN)
    image.set_qform(np.diag([-1, 1, 1, 1]) @ PLAIN, code=1)
    image.set_sform(PLAIN, code=1)
    image.to_filename(tmp_path / "two.nii")
    assert codes(read_scan(tmp_path / "two.nii")) == {"laterality_unknown"}


def test_a_windowed_image_is_not_hounsfield(tmp_path: Path) -> None:
    window = np.clip((head(PLAIN) + 20) / 100, 0, 1) * 255
    assert codes(read_scan(save(tmp_path / "window.nii", window.astype(np.uint8)))) == {"not_hounsfield"}


def test_not_a_volume(tmp_path: Path) -> None:
    thin = head(PLAIN).astype(np.int16)[:, :, :5]
    with pytest.raises(GeometryError, match="too small"):
        read_scan(save(tmp_path / "thin.nii", thin))
    colour = np.zeros((20, 20, 20), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    with pytest.raises(InputError, match="not one volume"):
        read_scan(save(tmp_path / "colour.nii", colour))


@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz"])
def test_damaged_files(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    whole = save(tmp_path / ("y" + name), head(PLAIN).astype(np.int16)).read_bytes()
    for content in (b"", b"random bytes" * 100, whole[: len(whole) // 2], whole[:350], gzip.compress(b"x" * 999)):
        path.write_bytes(content)
        with pytest.raises(UnreadableError) as caught:
            read_scan(path)
        assert "\n" not in str(caught.value)
        assert caught.value.hint


def test_a_singular_affine(tmp_path: Path) -> None:
    flat = PLAIN.copy()
    flat[:3, 2] = 0
    image = nibabel.Nifti1Image(head(PLAIN).astype(np.int16), None)
    image.header["sform_code"] = 1
    image.header["srow_x"], image.header["srow_y"], image.header["srow_z"] = flat[:3]
    nibabel.Nifti1Image(head(PLAIN).astype(np.int16), flat, header=image.header).to_filename(tmp_path / "flat.nii")
    with pytest.raises(CalcscanError, match="singular"):
        read_scan(tmp_path / "flat.nii")


step = st.floats(-5, 5).filter(lambda value: abs(value) > 0.3)


@given(st.lists(step, min_size=9, max_size=9), st.integers(0, 7))
@settings(max_examples=60)
def test_slices_keep_every_voxel_where_it_was(numbers: list[float], seed: int) -> None:
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(numbers, (3, 3))
    if abs(np.linalg.det(affine[:3, :3])) < 0.5:
        return
    hu = np.random.default_rng(seed).permutation(60).astype(np.int16).reshape(3, 4, 5)  # (k, j, i), each value once
    turned, matrix = as_slices(hu, affine, axis_order(affine))
    assert matrix[:3, 0] @ np.cross(matrix[:3, 2], matrix[:3, 1]) > 0
    for value in (0, 17, 59):
        k, j, i = np.argwhere(hu == value)[0]
        there = np.argwhere(turned == value)[0]
        assert np.allclose(affine @ [i, j, k, 1], matrix @ [*there, 1])
