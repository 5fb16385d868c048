"""Label maps read for their labelled voxels alone: NIfTI, cut-out segmentations of 3D Slicer, DICOM SEG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from support.agreement_data import AFFINE, SHAPE, VOXEL_MM3, box, labels, nifti
from support.dicom_segmentation import write_segmentation

from calcscan.errors import GeometryError, InputError, UnreadableError
from calcscan.grid.geometry import ras_to_lps
from calcscan.read.label_map import LabelMap, on_grid_of, read_label_map
from calcscan.read.segmentation import read_segmentation

VALUES = labels([(5, box(4, 6, 8, 3)), (6, box(15, 2, 3))])


def dense(found: LabelMap) -> np.ndarray:
    out = np.zeros(found.shape, np.int32)
    out.reshape(-1)[found.index] = found.label
    return out


@pytest.fixture
def whole(tmp_path: Path) -> LabelMap:
    return read_label_map(nifti(tmp_path / "whole.nii.gz", VALUES))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32])
def test_the_labelled_voxels_are_those_of_the_file(tmp_path: Path, dtype: type) -> None:
    found = read_label_map(nifti(tmp_path / "m.nii.gz", VALUES.astype(dtype)))
    assert np.array_equal(dense(found), VALUES)
    assert found.voxel_mm3 == pytest.approx(VOXEL_MM3)
    assert found.numbers == (5, 6)


def test_a_voxel_lies_where_the_file_says(whole: LabelMap) -> None:
    k, j, i = np.argwhere(VALUES == 6)[0]
    left, posterior, superior = whole.world_mm(whole.index[whole.label == 6])[0]
    assert (AFFINE @ [i, j, k, 1])[:3] == pytest.approx([-left, -posterior, superior])


def test_a_dicom_segmentation_is_read_onto_the_grid_of_the_scan(tmp_path: Path, whole: LabelMap) -> None:
    """The affine of NIfTI here runs to the left and down: a segmentation on the scan's slices runs the other way."""
    turned = ras_to_lps(AFFINE)
    assert np.linalg.det(turned[:3, :3]) < 0
    turned[:3, 3] += turned[:3, 1] * (SHAPE[1] - 1)
    turned[:3, 1] *= -1
    masks = {1: ("left pallidum", VALUES[:, ::-1] == 5), 4: ("right pallidum", VALUES[:, ::-1] == 6)}
    found = read_segmentation(write_segmentation(tmp_path / "s.dcm", masks, turned))
    assert found.names == {1: "left pallidum", 4: "right pallidum"}
    assert found.shape[0] < SHAPE[0]  # slices without a mark are left out
    there = dense(on_grid_of(found, whole))
    assert np.array_equal(there == 1, VALUES == 5)
    assert np.array_equal(there == 4, VALUES == 6)


def test_segments_that_overlap_are_refused(tmp_path: Path) -> None:
    masks = {1: ("left pallidum", VALUES == 5), 2: ("left putamen", VALUES > 0)}
    with pytest.raises(InputError, match="segments 1, 2 overlap"):
        read_segmentation(write_segmentation(tmp_path / "s.dcm", masks, np.eye(4)))


def test_probabilities_other_dicom_and_rubbish_are_refused(tmp_path: Path) -> None:
    masks = {1: ("left pallidum", VALUES == 5)}
    with pytest.raises(InputError, match="FRACTIONAL"):
        read_segmentation(write_segmentation(tmp_path / "s.dcm", masks, np.eye(4), kind="FRACTIONAL"))
    (tmp_path / "r.dcm").write_bytes(bytes(128) + b"DICM" + bytes(40))
    with pytest.raises((UnreadableError, InputError)):
        read_segmentation(tmp_path / "r.dcm")


def test_slices_that_are_displaced_are_refused(tmp_path: Path) -> None:
    sheared = np.eye(4)
    path = write_segmentation(tmp_path / "s.dcm", {1: ("pineal", VALUES > 0)}, sheared)
    import pydicom

    dataset = pydicom.dcmread(path)
    for n, group in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        group.PlanePositionSequence[0].ImagePositionPatient[1] += 0.4 * n
    dataset.save_as(path)
    with pytest.raises(GeometryError, match="stacked along their normal"):
        read_segmentation(path)


def test_a_cut_out_segmentation_of_slicer_fits_and_a_cut_out_nifti_is_refused(tmp_path: Path, whole: LabelMap) -> None:
    image = SimpleITK.ReadImage(str(tmp_path / "whole.nii.gz"))
    part = image[1:20, 1:25, 2:20]
    for name in ("cut.seg.nrrd", "cut.nii.gz"):
        SimpleITK.WriteImage(part, str(tmp_path / name))
    assert np.array_equal(dense(on_grid_of(read_label_map(tmp_path / "cut.seg.nrrd"), whole)), VALUES)
    with pytest.raises(GeometryError, match="different grids"):
        on_grid_of(read_label_map(tmp_path / "cut.nii.gz"), whole)


def test_a_partial_segmentation_beyond_the_scan_is_refused(tmp_path: Path, whole: LabelMap) -> None:
    image = SimpleITK.ReadImage(str(tmp_path / "whole.nii.gz"))
    image.SetOrigin(image.TransformIndexToPhysicalPoint((20, 0, 0)))
    SimpleITK.WriteImage(image, str(tmp_path / "off.seg.nrrd"))
    with pytest.raises(GeometryError, match="different grids"):
        on_grid_of(read_label_map(tmp_path / "off.seg.nrrd"), whole)
