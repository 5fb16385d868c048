from __future__ import annotations

import gzip
from dataclasses import replace
from functools import cache
from itertools import permutations, product

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from support.grids import GRIDS, SMALL
from support.results import BALLS, grid, make_result

from calcscan.model import LesionMap, Result
from calcscan.read import read_scan
from calcscan.report.labelfiles import label_maps
from calcscan.report.labelmaps import affine_off_mm, even_grid, stored_bytes
from calcscan.report.sitelabels import label_of

LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])


@cache
def result_on(name: str) -> Result:
    return make_result(GRIDS[name])


def maps(name: str) -> dict[str, bytes]:
    """The NIfTI files."""
    files = label_maps(result_on(name).lesions)[0]
    return {file: content for file, content in files.items() if file.endswith(".nii.gz")}


def load(content: bytes) -> nib.Nifti1Image:
    return nib.Nifti1Image.from_bytes(gzip.decompress(content))


def centre(image: nib.Nifti1Image, label: int) -> np.ndarray:
    """Where a label lies in the world (RAS), as any reader of NIfTI would have it."""
    where = np.argwhere(np.asarray(image.dataobj) == label)
    return nib.affines.apply_affine(image.affine, where).mean(axis=0)


@pytest.mark.parametrize("name", GRIDS)
def test_labels_lie_in_the_world_where_the_lesions_do(name):
    files = maps(name)
    lesions, sites = load(files["lesions.nii.gz"]), load(files["sites.nii.gz"])
    pixel = np.array([3.0, 4.0, 3.0]) / 2  # half of one, as each slice is moved by whole pixels
    tolerance = np.array([3.0, 3.0, 3.0]) if "uneven" in name else pixel if "tilted" in name else np.array([1e-3] * 3)
    found = result_on(name).lesions.lesions
    assert len(found) == len(BALLS)
    for lesion in found:
        expected = np.array(lesion.centroid_lps_mm) * LPS_TO_RAS
        assert (np.abs(centre(lesions, lesion.id) - expected) <= tolerance).all()
        assert label_of(lesion).label in np.unique(sites.dataobj)
        at = tuple(np.argwhere(np.asarray(lesions.dataobj) == lesion.id)[0])
        assert int(sites.dataobj[at]) == label_of(lesion).label


@pytest.mark.parametrize("name", [name for name in GRIDS if "uneven" not in name and "tilted" not in name])
def test_an_even_stack_keeps_every_voxel(name):
    result = result_on(name)
    image = load(maps(name)["lesions.nii.gz"])
    assert np.array_equal(np.asarray(image.dataobj).transpose(2, 1, 0), result.lesions.labels)
    index = np.array([[2, 5, 7], [0, 0, 0], [9, 1, 3]])
    world = nib.affines.apply_affine(image.affine, index[:, ::-1])
    assert np.allclose(world, result.scan.geometry.to_world(index) * LPS_TO_RAS, atol=1e-4)


@pytest.mark.parametrize("name", ["tilted", "tilted the other way"])
def test_a_tilted_stack_keeps_each_slice_moved_within_its_plane(name):
    result = result_on(name)
    files, about = label_maps(result.lesions)
    entry = about["lesions.nii.gz"]
    stored = np.asarray(load(files["lesions.nii.gz"]).dataobj).transpose(2, 1, 0)
    labels = result.lesions.labels
    assert stored.shape == (entry.slices, entry.rows, entry.columns)
    assert stored.shape[0] == labels.shape[0]
    assert stored.shape[1] > labels.shape[1]
    assert np.array_equal(np.bincount(stored.ravel())[1:], np.bincount(labels.ravel())[1:])
    found = np.argwhere(stored)
    k, j, i = found.T
    back = (
        np.array(entry.native_slice)[k] - 1,
        j + np.array(entry.native_row_minus_row)[k],
        i + np.array(entry.native_column_minus_column)[k],
    )
    assert np.array_equal(labels[back], stored[k, j, i])


def itk_centre(path, label: int) -> np.ndarray:
    image = SimpleITK.ReadImage(str(path))
    where = np.argwhere(SimpleITK.GetArrayFromImage(image) == label)[:, ::-1]
    points = [image.TransformContinuousIndexToPhysicalPoint(index.tolist()) for index in where.astype(float)]
    return np.mean(points, axis=0)  # LPS


@pytest.mark.parametrize("name", GRIDS)
def test_itk_opens_every_map_and_has_the_lesions_in_their_place(tmp_path, name):
    for file, content in maps(name).items():
        (tmp_path / file).write_bytes(content)
        SimpleITK.ReadImage(str(tmp_path / file))
    found = result_on(name).lesions.lesions
    assert len(found) == len(BALLS)
    for lesion in found:
        seen = itk_centre(tmp_path / "lesions.nii.gz", lesion.id)
        assert np.abs(seen - np.array(lesion.centroid_lps_mm)).max() < (3.0 if "uneven" in name else 2.01)


def test_a_stack_of_slightly_rounded_cosines_is_square_in_the_file(tmp_path):
    crooked = replace(grid(**SMALL), step_j_mm=np.array([0.004, 4.0, 0.001]))
    (tmp_path / "lesions.nii.gz").write_bytes(label_maps(make_result(crooked).lesions)[0]["lesions.nii.gz"])
    image = load((tmp_path / "lesions.nii.gz").read_bytes())
    SimpleITK.ReadImage(str(tmp_path / "lesions.nii.gz"))
    last = np.array(crooked.shape) - 1
    moved = nib.affines.apply_affine(image.affine, last[::-1]) * LPS_TO_RAS - crooked.to_world(last)
    assert np.abs(moved).max() < 0.3


@pytest.mark.parametrize("name", ["uneven", "uneven and tilted", "uneven, feet first"])
def test_each_new_slice_copies_the_nearest_native_one(name):
    """Naive twin: every voxel of the new grid takes the native voxel nearest to it in the world."""
    result = result_on(name)
    geometry, labels = result.scan.geometry, result.lesions.labels
    image = load(maps(name)["lesions.nii.gz"])
    stored = np.asarray(image.dataobj)
    even = even_grid(geometry)
    assert stored.shape[2] == len(even.source) > geometry.shape[0]
    assert stored.shape[1] == even.rows >= geometry.rows
    somewhere = np.random.default_rng(3).integers(0, stored.shape, size=(4000, 3))
    somewhere = np.concatenate([somewhere, np.argwhere(stored)[::3]])
    world = nib.affines.apply_affine(image.affine, somewhere) * LPS_TO_RAS
    nearest = np.rint(geometry.to_index(world)).astype(int)
    inside = ((nearest >= 0) & (nearest < labels.shape)).all(axis=1)
    expected = np.where(inside, labels[tuple(np.clip(nearest, 0, np.array(labels.shape) - 1).T)], 0)
    found = stored[tuple(somewhere.T)]
    at_an_edge = np.abs(geometry.to_index(world) % 1.0 - 0.5).min(axis=1) < 1e-6
    assert np.array_equal(found[~at_an_edge], expected[~at_an_edge])


def test_ends_of_an_uneven_stack_are_covered():
    geometry = GRIDS["uneven"]
    even = even_grid(geometry)
    first, last = (even.affine @ [k, 0, 0, 1] for k in (0, len(even.source) - 1))
    assert np.allclose(first[:3], geometry.origins_mm[0])
    assert abs(last[2] - geometry.origins_mm[-1][2]) <= 2.0
    assert set(even.source) == set(range(geometry.shape[0]))


def test_two_slices_at_nearly_one_position_make_no_giant_file():
    at = np.array([0.0, 5.0, 10.0, 10.01, 15.0, 20.0])
    geometry = grid(positions_mm=at.tolist(), **SMALL)
    even = even_grid(geometry)
    assert len(even.source) == 201
    assert set(even.source) >= {0, 1, 4, 5}
    far = grid(positions_mm=[*at.tolist(), 3000.0], **SMALL)
    assert len(even_grid(far).source) <= 2001


def test_lesions_keep_their_numbers_beyond_small_types():
    image = load(maps("axes 0")["lesions.nii.gz"])
    assert image.get_data_dtype() == np.uint16
    assert set(np.unique(image.dataobj)) == {0, *range(1, len(BALLS) + 1)}


FIELDS = (
    "pixdim", "qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z",
    "srow_x", "srow_y", "srow_z", "xyzt_units",
)  # fmt: skip


def nifti_of(path, affine, shape, *, sform=1, qform=1, kind=nib.Nifti1Image):
    """A file of noise on a grid; its values are all different enough to find a voxel by."""
    values = np.random.default_rng(5).integers(-1000, 1500, size=shape).astype(np.int16)
    image = kind(values, None)
    image.header.set_xyzt_units("mm", "sec")
    image.header.set_sform(affine, sform)
    image.header.set_qform(affine, qform)
    nib.save(image, path)
    return nib.load(path), values


def stored_maps(path):
    """What a label map of all that is above 1000 is, and the scan."""
    scan = read_scan(path)
    return load(stored_bytes((scan.hu > 1000).astype(np.uint16), scan.stored, "test")), scan


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("signs", list(product((1, -1), repeat=3)))
def test_maps_of_a_nifti_lie_on_its_own_grid(tmp_path, order, signs):
    steps = (np.diag([9.0, 9.5, 11.0]) @ np.diag(signs))[:, list(order)]
    shape = tuple(np.array([13, 12, 10])[list(order)])
    affine = nib.affines.from_matvec(steps, [20.0, -31.5, 7.25])
    given, values = nifti_of(tmp_path / "head.nii.gz", affine, shape)
    image, scan = stored_maps(tmp_path / "head.nii.gz")
    assert affine_off_mm(scan.geometry, scan.stored) < 1e-3
    assert image.shape == given.shape
    assert np.array_equal(image.affine, given.affine)
    assert all(np.array_equal(image.header[name], given.header[name]) for name in FIELDS)
    assert np.array_equal(np.asarray(image.dataobj) > 0, values > 1000)
    world = nib.affines.apply_affine(image.affine, np.argwhere(np.asarray(image.dataobj))) * LPS_TO_RAS
    own = scan.geometry.to_world(np.argwhere(scan.hu > 1000))
    assert np.allclose(np.sort(world, axis=0), np.sort(own, axis=0), atol=1e-3)
    nib.save(image, tmp_path / "labels.nii.gz")
    seen = SimpleITK.ReadImage(str(tmp_path / "labels.nii.gz"))
    assert np.allclose(seen.GetOrigin(), given.affine[:3, 3] * LPS_TO_RAS, atol=1e-3)


@pytest.mark.parametrize(("sform", "qform"), [(0, 0), (0, 1), (1, 0), (2, 0), (2, 1), (4, 1)])
@pytest.mark.parametrize("tail", [(), (1,), (1, 1)])
def test_maps_of_a_nifti_keep_its_codes_and_trailing_axes(tmp_path, sform, qform, tail):
    affine = nib.affines.from_matvec(np.diag([-9.0, 9.5, 11.0]), [20.0, -31.5, 7.25])
    given, values = nifti_of(tmp_path / "head.nii", affine, (13, 12, 10, *tail), sform=sform, qform=qform)
    image, _ = stored_maps(tmp_path / "head.nii")
    assert image.shape == given.shape == values.shape
    assert all(np.array_equal(image.header[name], given.header[name]) for name in FIELDS)
    assert np.array_equal(image.affine, given.affine)
    assert np.array_equal(np.asarray(image.dataobj) > 0, values > 1000)


def test_maps_of_other_kinds_of_nifti(tmp_path):
    affine = nib.affines.from_matvec(np.diag([-9.0, 9.5, 11.0]), [20.0, -31.5, 7.25])
    for kind in (nib.Nifti2Image, nib.Nifti1Pair):
        name = "two.nii" if kind is nib.Nifti2Image else "pair.img"
        given, values = nifti_of(tmp_path / name, affine, (13, 12, 10), kind=kind)
        image, _ = stored_maps(tmp_path / name)
        assert isinstance(image, nib.Nifti1Image)
        assert np.allclose(image.affine, given.affine)
        assert np.array_equal(np.asarray(image.dataobj) > 0, values > 1000)
        nib.save(image, tmp_path / "labels.nii.gz")
        SimpleITK.ReadImage(str(tmp_path / "labels.nii.gz"))


def test_maps_of_a_sheared_nifti_open_in_itk_and_say_what_it_shows(tmp_path):
    steps = np.diag([-9.0, 9.5, 11.0])
    steps[1, 2] = 3.5
    affine = nib.affines.from_matvec(steps, [20.0, -31.5, 7.25])
    given, values = nifti_of(tmp_path / "head.nii", affine, (13, 12, 10), qform=0)
    image, scan = stored_maps(tmp_path / "head.nii")
    assert np.array_equal(image.affine, given.affine)
    assert np.array_equal(np.asarray(image.dataobj) > 0, values > 1000)
    nib.save(image, tmp_path / "labels.nii.gz")
    SimpleITK.ReadImage(str(tmp_path / "labels.nii.gz"))
    none = LesionMap(
        labels=np.zeros(scan.hu.shape, np.int32), geometry=scan.geometry, lesions=(), threshold_hu=130.0, settings={}
    )
    about = label_maps(none, scan.stored)[1]["sites.nii.gz"]
    assert about.sheared
    assert about.positions_by == "sform"
    assert "without the shear" in about.note


@pytest.mark.parametrize("qform", [0, 1])
def test_maps_of_a_nifti_with_an_affine_to_a_template_say_what_positions_rest_on(tmp_path, qform):
    own = nib.affines.from_matvec(np.diag([-9.0, 9.5, 11.0]), [54.0, -52.25, -49.5])
    path = tmp_path / "head.nii"
    nifti_of(path, own, (13, 12, 10))
    given = nib.load(path, mmap=False)
    given.header.set_sform(np.diag([1.1, 1.1, 1.1, 1.0]) @ own, 4)
    given.header.set_qform(own, qform)
    nib.save(nib.Nifti1Image(np.asarray(given.dataobj), None, given.header), path)
    image, scan = stored_maps(path)
    assert np.array_equal(image.affine, nib.load(path).affine)
    corner_mm = np.linalg.norm(own[:3, 3])
    assert affine_off_mm(scan.geometry, scan.stored) == pytest.approx(0.1 * corner_mm, rel=0.01)
    none = LesionMap(
        labels=np.zeros(scan.hu.shape, np.int32), geometry=scan.geometry, lesions=(), threshold_hu=130.0, settings={}
    )
    about = label_maps(none, scan.stored)[1]["sites.nii.gz"]
    assert about.positions_by == ("qform" if qform else "sform")
    assert "scan's own grid" in about.note
