"""One head stored along every order and direction of its axes: the same values at the same places, the same lesions."""

from __future__ import annotations

from functools import cache
from itertools import permutations, product
from pathlib import Path

import nibabel
import numpy as np
import numpy.typing as npt
import pytest
from support import dicom_faults as faults
from support.ball_phantom import grid_of
from support.heads import ball

from calcscan.detection import detect_lesions
from calcscan.grid.geometry import Geometry, ras_to_lps
from calcscan.intracranial import segment_intracranial
from calcscan.model import Scan
from calcscan.read import read_scan

STEP_MM, SIZE, INSIDE_MM = 2.5, 49, 47.0
LEFT_MM, RIGHT_MM = (20.0, -9.0, 6.0), (-22.0, 4.0, -11.0)
WAYS = [
    np.eye(3)[list(order)].T @ np.diag(signs)
    for order in permutations(range(3))
    for signs in product((1, -1), repeat=3)
]
"""The 48 matrices whose columns say along which axis of the world (LPS), and which way, each axis of an array goes."""
TURNS = [way for way in WAYS if np.linalg.det(way) > 0]


@cache
def head() -> npt.NDArray[np.int16]:
    """A small head about the origin, indexed along x, y and z, with a large deposit left and a small one right."""
    shape = (SIZE,) * 3
    hu = np.full(shape, -1000, np.int16)
    for outer_mm, value in ((INSIDE_MM + 11, 60), (INSIDE_MM + 6, 1000), (INSIDE_MM, 32)):
        hu[ball(shape, outer_mm / STEP_MM)] = value
    for centre_mm, radius_mm, value in ((LEFT_MM, 7.0, 600), (RIGHT_MM, 5.0, 500)):
        middle = np.array(centre_mm) / STEP_MM + (SIZE - 1) / 2
        hu[ball(shape, radius_mm / STEP_MM, (middle[0], middle[1], middle[2]))] = value
    return hu


def at(places_mm: npt.NDArray[np.float64]) -> npt.NDArray[np.int16]:
    """The head's values at voxel centres (…, 3), LPS mm."""
    x, y, z = np.moveaxis(np.rint(places_mm / STEP_MM + (SIZE - 1) / 2).astype(int), -1, 0)
    return np.asarray(head()[x, y, z])


def as_nifti(path: Path, way: npt.NDArray[np.float64]) -> Path:
    to_lps = np.eye(4)
    to_lps[:3, :3] = way * STEP_MM
    to_lps[:3, 3] = -to_lps[:3, :3] @ np.full(3, (SIZE - 1) / 2)
    values = at(grid_of((SIZE,) * 3, to_lps))
    nibabel.Nifti1Image(values, ras_to_lps(to_lps)).to_filename(path)
    return path


def as_dicom(folder: Path, way: npt.NDArray[np.float64], seed: int) -> Path:
    """One Enhanced file; rows and columns along the first two axes, its frames in any order."""
    row, column, _ = way.T
    slices = faults.series(slices=SIZE, spacing_mm=STEP_MM, rows=SIZE, columns=SIZE, pixel_mm=(STEP_MM, STEP_MM),
                           cosines=(tuple(row), tuple(column)))  # fmt: skip
    index = np.arange(SIZE)[:, None] * STEP_MM
    for image in slices:
        corner = np.array(image.ImagePositionPatient, float)
        places = corner + index[:, None] * column + index[None] * row
        faults.set_stored(image, at(places) - faults.INTERCEPT)
    order = np.random.default_rng(seed).permutation(SIZE)
    faults.write([faults.multi_frame([slices[k] for k in order])], folder)
    return folder


def assert_same_everywhere(scan: Scan) -> None:
    places = scan.geometry.to_world(np.moveaxis(np.indices(scan.hu.shape), 0, -1))
    assert scan.hu.shape == (SIZE,) * 3
    assert np.abs(places).max() == pytest.approx((SIZE - 1) / 2 * STEP_MM, abs=1e-3)
    assert np.array_equal(scan.hu, at(places))


Found = list[tuple[float, tuple[float, float, float]]]
_known: list[tuple[Scan, Found]] = []


def lesions(scan: Scan) -> Found:
    """(volume, place) of each lesion, the largest first; a scan that came before as it is, is not analysed again."""
    for other, found in _known:
        if same_grid(scan.geometry, other.geometry) and np.array_equal(scan.hu, other.hu):
            return found
    listed = detect_lesions(scan, segment_intracranial(scan)).lesions
    found = sorted(((one.volume_mm3, one.centroid_lps_mm) for one in listed), reverse=True)
    _known.append((scan, found))
    return found


def same_grid(one: Geometry, other: Geometry) -> bool:
    names = ("origins_mm", "step_i_mm", "step_j_mm", "slab_mm")
    return all(np.allclose(getattr(one, name), getattr(other, name), atol=1e-3) for name in names)


def assert_same_lesions(scan: Scan) -> None:
    (left, left_mm), (right, right_mm) = lesions(scan)
    first = _known[0][1]
    assert np.linalg.norm(np.subtract(left_mm, LEFT_MM)) < 0.5
    assert np.linalg.norm(np.subtract(right_mm, RIGHT_MM)) < 0.5
    assert np.allclose([left_mm, right_mm], [one[1] for one in first], atol=0.05)
    # voxels of exactly the same value are taken in the order in which they lie, and the height of a deposit is sought
    # otherwise than its width
    assert [left, right] == pytest.approx([one[0] for one in first], rel=0.06)


def test_nifti_in_all_48_orientations(tmp_path: Path) -> None:
    assert len({way.tobytes() for way in WAYS}) == 48
    for way in WAYS:
        scan = read_scan(as_nifti(tmp_path / "head.nii", way))
        assert_same_everywhere(scan)
        assert_same_lesions(scan)


@pytest.mark.parametrize("number", range(24))
def test_dicom_in_all_24_orientations_with_slices_in_any_order(tmp_path: Path, number: int) -> None:
    scan = read_scan(as_dicom(tmp_path, TURNS[number], seed=number))
    assert not scan.flags
    assert_same_everywhere(scan)
    assert_same_lesions(scan)


def test_a_head_with_two_axes_swapped_would_be_noticed() -> None:
    corner = -(SIZE - 1) / 2 * STEP_MM
    grid = Geometry.regular(shape=(SIZE,) * 3, spacing_mm=(STEP_MM,) * 3, origin_mm=(corner,) * 3)
    assert_same_everywhere(Scan(hu=head().transpose(2, 1, 0), geometry=grid))
    with pytest.raises(AssertionError):
        assert_same_everywhere(Scan(hu=head(), geometry=grid))
    with pytest.raises(AssertionError):
        assert_same_lesions(Scan(hu=head().transpose(2, 1, 0)[:, :, ::-1], geometry=grid))
