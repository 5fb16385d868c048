"""Label maps of the user's own, brought onto the grid of a scan."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from hypothesis import given
from hypothesis import strategies as st
from support.grids import GRIDS
from support.orientations import WAYS, as_itk, as_nibabel, turned
from support.results import make_result

from calcscan import Scan
from calcscan.errors import GeometryError, InputError
from calcscan.grid.geometry import ras_to_lps
from calcscan.read import read_scan
from calcscan.read.labels import named, read_labels
from calcscan.report.labelfiles import label_maps

SHAPE = (20, 44, 48)
AFFINE = np.array([[0, 0, 4.0, -94.0], [0, 4.2, 0, -90.0], [5.0, 0, 0, -48.0], [0, 0, 0, 1]])[:, [2, 1, 0, 3]]
"""From (i, j, k, 1) to LPS mm."""


def numbers(shape=SHAPE):
    """Labels that differ everywhere, so that every voxel is known by its own."""
    return np.arange(np.prod(shape), dtype=np.int32).reshape(shape)


def head():
    hu = np.full(SHAPE, -1000, np.int16)
    hu[2:-2, 6:-6, 6:-6] = 30
    return hu


def scan_of(way):
    return Scan.from_image(as_itk(*turned(head(), AFFINE, way)))


def scan_with_labels(way):
    """A scan, and the labels that belong on its grid."""
    scan = scan_of(way)
    expected, _ = turned(numbers(), AFFINE, way)
    stored = scan.stored
    back = expected.transpose(stored.axes)
    return scan, back[::-1] if stored.flipped else back


@pytest.mark.parametrize("as_image", [as_nibabel, as_itk])
@given(of_scan=st.sampled_from(WAYS), of_labels=st.sampled_from(WAYS))
def test_an_image_on_the_same_grid_is_taken_voxel_for_voxel_whatever_its_axes(as_image, of_scan, of_labels):
    scan, expected = scan_with_labels(of_scan)
    own = read_labels(as_image(*turned(numbers(), AFFINE, of_labels)), scan)
    assert np.array_equal(own.values, expected)
    assert own.resampled == ""


@pytest.mark.parametrize("name", [name for name in GRIDS if "uneven" not in name])
def test_the_maps_that_a_report_holds_can_be_given_back(tmp_path, name):
    """Sheared scans by their NRRD."""
    result = make_result(GRIDS[name])
    files = label_maps(result.lesions)[0]
    file = "lesions.nrrd" if "tilted" in name else "lesions.nii.gz"
    (tmp_path / file).write_bytes(files[file])
    assert np.array_equal(read_labels(tmp_path / file, result.scan).values, result.lesions.labels)


@pytest.mark.parametrize("name", ["uneven", "uneven and tilted", "tilted"])
def test_a_map_on_another_grid_is_refused_and_both_grids_are_named(tmp_path, name):
    result = make_result(GRIDS[name])
    path = tmp_path / "lesions.nii.gz"
    path.write_bytes(label_maps(result.lesions)[0]["lesions.nii.gz"])
    size = " × ".join(map(str, nib.load(path).shape))
    own_size = " × ".join(map(str, result.scan.hu.shape[::-1]))
    with pytest.raises(GeometryError, match="another grid") as refused:
        read_labels(path, result.scan, name="mask")
    assert size in str(refused.value)
    assert own_size in str(refused.value)
    assert "--resample" in str(refused.value)
    assert "mask" in str(refused.value)
    own = read_labels(path, result.scan, resample=True)
    assert np.array_equal(own.values, result.lesions.labels)  # what calcscan spread out comes back as it was
    assert size in own.resampled


def shifted(matrix, left_mm):
    out = matrix.copy()
    out[0, 3] += left_mm
    return out


@pytest.mark.parametrize(
    "change",
    [
        lambda m: shifted(m, 1.0),  # a quarter of a voxel
        lambda m: m @ np.diag([1.02, 1, 1, 1]),
        lambda m: m @ [[1, 0.02, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
        lambda m: shifted(m, 4.0),  # a whole voxel
        lambda m: np.diag([1.0, -1, 1, 1]) @ m,  # mirrored about a place that is not its middle
    ],
)
def test_a_grid_that_differs_a_little_is_another_grid(change):
    with pytest.raises(GeometryError, match="another grid"):
        read_labels(as_nibabel(numbers(), change(AFFINE)), scan_of(WAYS[0]))


def test_the_rounding_of_a_matrix_is_no_other_grid():
    rounded = AFFINE + np.array([[1e-4, 0, 0, 1e-3], [0, 1e-4, 0, 0], [0] * 4, [0] * 4])
    scan, expected = scan_with_labels(WAYS[0])
    assert np.array_equal(read_labels(as_nibabel(numbers(), rounded), scan).values, expected)


def test_resampling_takes_the_nearest_voxel_and_says_what_became_of_it():
    """Naive twin: each voxel of the scan, one by one."""
    coarse, matrix = numbers((10, 22, 24))[:8] % 5, AFFINE @ np.diag([2.0, 2.0, 2.0, 1.0])
    coarse[2, 3, 4] = 77
    scan = Scan.from_array(head(), AFFINE[:, [2, 1, 0, 3]])
    own = read_labels(as_itk(coarse.astype(np.int16), matrix), scan, resample=True)
    inverse = np.linalg.inv(matrix)
    for index in np.argwhere(np.ones(SHAPE))[::517]:
        i, j, k = np.floor((inverse @ [*scan.geometry.to_world(index), 1.0])[:3] + 0.5).astype(int)
        inside = 0 <= k < 8 and 0 <= j < 22 and 0 <= i < 24
        assert own.values[tuple(index)] == (coarse[k, j, i] if inside else 0)
    assert (own.values == 77).sum() == 8
    assert "24 × 22 × 8 voxels of 8 × 8.4 × 10 mm" in own.resampled
    assert "48 × 44 × 20" in own.resampled
    assert "nothing is left" not in own.resampled


def test_a_label_that_resampling_loses_is_named():
    fine = np.zeros((40, 88, 96), np.int16)
    fine[10:20, 20:40, 20:40] = 3
    fine[21, 41, 41] = 9
    scan = Scan.from_array(head(), AFFINE[:, [2, 1, 0, 3]])
    own = read_labels(as_itk(fine, AFFINE @ np.diag([0.5, 0.5, 0.5, 1.0])), scan, resample=True)
    assert own.numbers == (3,)
    assert "nothing is left of label 9" in own.resampled


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.float64, bool])
def test_whole_numbers_of_any_type_will_do(dtype):
    scan = Scan.from_array(head(), AFFINE[:, [2, 1, 0, 3]])
    own = read_labels((numbers() % 2).astype(dtype), scan)
    assert own.values.dtype == np.int32
    assert own.numbers == (1,)
    assert not own.values.flags.writeable


@pytest.mark.parametrize(
    ("values", "error", "says"),
    [
        (numbers()[:-1], ValueError, r"labels must have the shape of scan.hu, \(20, 44, 48\), not \(19, 44, 48\)"),
        (numbers()[0], ValueError, r"shape \(k, j, i\)"),
        (np.full(SHAPE, 0.25), ValueError, "0.25: is it a map of probabilities"),
        (np.full(SHAPE, np.nan), ValueError, "42240 values that are NaN"),
        (np.full(SHAPE, -1), ValueError, "from 0 on, not -1"),
        (np.full(SHAPE, 2**40), ValueError, "not 1.09951e"),
        (np.full(SHAPE, "a"), TypeError, "whole numbers"),
        (np.full(SHAPE, 1j), TypeError, "complex"),
    ],
)
def test_values_that_are_no_labels_are_refused_by_name(values, error, says):
    with pytest.raises(error, match=says):
        read_labels(values, Scan.from_array(head(), AFFINE[:, [2, 1, 0, 3]]))


def test_a_file_of_probabilities_is_refused_with_its_path(tmp_path):
    nib.save(as_nibabel(np.full(SHAPE, 0.5, np.float32), AFFINE), tmp_path / "p.nii.gz")
    with pytest.raises(InputError, match=r"0\.5.*p\.nii\.gz"):
        read_labels(tmp_path / "p.nii.gz", scan_of(WAYS[0]))


def test_files_that_are_no_label_map_are_refused_with_their_path(tmp_path):
    (tmp_path / "text.nii.gz").write_text("no image")
    (tmp_path / "text.nrrd").write_text("no image")
    (tmp_path / "notes.txt").write_text("no image")
    for name in ("text.nii.gz", "text.nrrd", "notes.txt", "gone.nii"):
        with pytest.raises(InputError, match=name):
            read_labels(tmp_path / name, scan_of(WAYS[0]))
    with pytest.raises(TypeError, match="labels must be a SimpleITK or nibabel image"):
        read_labels({"a": 1}, scan_of(WAYS[0]))


@pytest.mark.parametrize("name", ["labels.nii", "labels.nii.gz", "labels.nrrd", "labels.mha"])
def test_names_come_from_the_table_beside_a_map(tmp_path, name):
    SimpleITK.WriteImage(as_itk((numbers() % 3).astype(np.int16), AFFINE), str(tmp_path / name))
    (tmp_path / "labels.tsv").write_text(
        "index\tname\tcolor\n1\tleft one\t#ff0000\n2\tother\t#00ff00\n7\tnone here\t\n"
    )
    own = read_labels(tmp_path / name, scan_of(WAYS[0]))
    assert own.names == {1: "left one", 2: "other", 7: "none here"}
    assert own.numbers == (1, 2)
    assert len(own.sha256) == 64


def test_names_come_from_the_segments_of_3d_slicer(tmp_path):
    result = make_result(GRIDS["axes 0"])
    (tmp_path / "sites.seg.nrrd").write_bytes(label_maps(result.lesions)[0]["sites.seg.nrrd"])
    own = read_labels(tmp_path / "sites.seg.nrrd", result.scan)
    assert own.names[5] == "left pallidum"
    assert set(own.names) == set(own.numbers)


def test_names_that_are_given_must_be_by_label():
    own = read_labels(numbers() % 3, Scan.from_array(head(), AFFINE[:, [2, 1, 0, 3]]))
    assert named(own, {1: "a", 7: "of a label that this scan has none of"}).names[1] == "a"
    assert named(own, None) is own
    for key in ("1", 0, 1.5, True):
        with pytest.raises(ValueError, match="names must have labels"):
            named(own, {key: "a"})
    with pytest.raises(TypeError, match="mapping"):
        named(own, ["a"])


SHEARED = AFFINE + np.array([[0, 0, 0, 0], [0, 0, 1.5, 0], [0, 0, 0, 0], [0, 0, 0, 0]])


@pytest.mark.parametrize("of_scan", WAYS[::5])
@pytest.mark.parametrize("of_labels", WAYS[::11])
def test_what_itk_drew_on_a_sheared_nifti_is_taken_voxel_for_voxel(tmp_path, of_scan, of_labels):
    """ITK shows the file by its qform and writes masks without the shear: by their matrix they would lie elsewhere."""
    nib.save(as_nibabel(*turned(head(), SHEARED, of_scan)), tmp_path / "head.nii.gz")
    scan = read_scan(tmp_path / "head.nii.gz")
    shown = SimpleITK.ReadImage(str(tmp_path / "head.nii.gz"))
    direction = np.array(shown.GetDirection()).reshape(3, 3)
    assert np.allclose(direction @ direction.T, np.eye(3), atol=1e-6)
    drawn = np.eye(4)
    drawn[:3, :3], drawn[:3, 3] = direction * shown.GetSpacing(), shown.GetOrigin()
    expected, _ = turned(numbers(), SHEARED, of_scan)
    own = read_labels(as_itk(*turned(expected, drawn, of_labels)), scan)
    assert own.without_shear
    assert np.array_equal(scan.stored.in_order(own.values), expected)
    assert "lacks the shear" in own.told("The mask")
    exact = read_labels(as_nibabel(*turned(*turned(numbers(), SHEARED, of_scan), of_labels)), scan)
    assert not exact.without_shear
    assert np.array_equal(exact.values, own.values)


@pytest.mark.parametrize("along_normal", [True, False])
def test_what_itk_drew_on_a_tilted_dicom_series_is_taken_voxel_for_voxel(along_normal):
    scan = Scan.from_array(head(), SHEARED[:, [2, 1, 0, 3]])
    drawn = SHEARED.copy()
    drawn[:3, 2] = scan.geometry.normal * (5.0 if along_normal else np.hypot(5.0, 1.5))
    own = read_labels(as_itk(numbers(), drawn), scan)
    assert own.without_shear
    assert np.array_equal(own.values, numbers())
    with pytest.raises(GeometryError, match="another grid"):
        read_labels(as_itk(numbers(), shifted(drawn, 4.0)), scan)


def with_forms(values, sform, qform):
    """A NIfTI image of values (k, j, i) whose two matrices, to LPS mm, may differ; None for one that is not set."""
    image = as_nibabel(values, AFFINE)
    for matrix, setter in ((sform, image.set_sform), (qform, image.set_qform)):
        setter(None if matrix is None else ras_to_lps(matrix), 0 if matrix is None else 1)
    return image


MIRRORED = AFFINE @ np.array([[-1.0, 0, 0, SHAPE[2] - 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
"""About the middle of the scan: the same voxels, left for right."""


@pytest.mark.parametrize("resample", [False, True])
@pytest.mark.parametrize(
    ("image", "why"),
    [
        (with_forms(numbers(), AFFINE, MIRRORED), "sform and qform mirror each other"),
        (with_forms(numbers(), MIRRORED, AFFINE), "sform and qform mirror each other"),
        (with_forms(numbers(), None, None), "neither sform nor qform is set"),
        (nib.Nifti1Image(numbers().transpose(2, 1, 0), np.eye(4)), "what size its voxels are"),
        (nib.Nifti1Image(numbers().transpose(2, 1, 0), np.diag([4.0, 4.2, 5.0, 1.0])), "know how the head lies"),
        (SimpleITK.GetImageFromArray(numbers()), "what size its voxels are"),
    ],
)
def test_a_map_of_which_left_and_right_are_not_known_is_refused(tmp_path, image, why, resample):
    """Taken voxel for voxel by one of its matrices, or by nearest neighbour, it might be mirrored and nobody know."""
    path = tmp_path / "labels.nii.gz"
    nib.save(image, path) if isinstance(image, nib.Nifti1Image) else SimpleITK.WriteImage(image, str(path))
    for source in (image, path):
        with pytest.raises(GeometryError, match=why):
            read_labels(source, scan_of(WAYS[0]), resample=resample)


def test_a_map_with_the_contradictory_header_of_its_own_scan_is_taken_voxel_for_voxel(tmp_path):
    """The scan says that its sides are not known, and the map says nothing more."""
    nib.save(with_forms(head(), AFFINE, MIRRORED), tmp_path / "head.nii.gz")
    scan = read_scan(tmp_path / "head.nii.gz")
    own = read_labels(with_forms(numbers(), AFFINE, MIRRORED), scan)
    assert np.array_equal(scan.stored.in_order(own.values), numbers())


def test_a_map_that_lies_beside_the_scan_is_refused_even_where_it_may_be_resampled():
    with pytest.raises(GeometryError, match="nothing that it marks lies within the scan"):
        read_labels(as_nibabel(numbers(), shifted(AFFINE, 500.0)), scan_of(WAYS[0]), resample=True)


@pytest.mark.parametrize(("stored_as", "most"), [(np.uint8, 3), (np.int16, 3), (np.int16, 2035)])
def test_labels_that_a_program_stored_as_scaled_numbers_are_whole(tmp_path, stored_as, most):
    """nibabel does so where fractions are saved as whole numbers: 1 becomes 1.00000002, 2035 becomes 2034.98."""
    image = as_nibabel((numbers() % (most + 1)).astype(np.float64), AFFINE)
    image.header.set_data_dtype(stored_as)
    nib.save(image, tmp_path / "labels.nii.gz")
    assert nib.load(tmp_path / "labels.nii.gz").dataobj.slope != 1.0
    for source in (tmp_path / "labels.nii.gz", nib.load(tmp_path / "labels.nii.gz")):
        assert np.array_equal(read_labels(source, scan_of(WAYS[0])).values, numbers() % (most + 1))


@pytest.mark.parametrize("stored_as", [np.uint8, np.int16])
def test_probabilities_that_a_program_stored_as_scaled_numbers_are_none(tmp_path, stored_as):
    image = as_nibabel(np.linspace(0, 1, np.prod(SHAPE)).reshape(SHAPE), AFFINE)
    image.header.set_data_dtype(stored_as)
    nib.save(image, tmp_path / "p.nii.gz")
    with pytest.raises(InputError, match="is it a map of probabilities"):
        read_labels(tmp_path / "p.nii.gz", scan_of(WAYS[0]))
