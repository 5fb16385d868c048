from __future__ import annotations

import gzip
from functools import cache
from itertools import permutations, product

import nibabel as nib
import numpy as np
import pytest
from results import BALLS, grid, make_result

from calcscan.model import Result
from calcscan.report.labelmaps import even_grid
from calcscan.report.sitelabels import label_of
from calcscan.report.write import label_maps

LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])
UNEVEN = [
    -60.0,
    -52.0,
    -44.0,
    -40.0,
    -36.0,
    -32.0,
    -28.0,
    -24.0,
    -20.0,
    -13.0,
    -6.0,
    0.0,
    4.0,
    8.0,
    15.0,
    22.0,
    30.0,
    38.0,
    45.0,
    52.0,
]
AXES = [
    (i, j)
    for (a, b), (s, t) in product(permutations(range(3), 2), product((1, -1), repeat=2))
    for i, j in [(s * np.eye(3)[a], t * np.eye(3)[b])]
]
SMALL = {"spacing_mm": (6.0, 4.0, 3.0)}
GRIDS = {f"axes {n}": grid(i, j, **SMALL) for n, (i, j) in enumerate(AXES)} | {
    "tilted": grid(tilt_deg=18.5, **SMALL),
    "tilted the other way": grid(tilt_deg=-12.0, **SMALL),
    "uneven": grid(positions_mm=UNEVEN, **SMALL),
    "uneven and tilted": grid(positions_mm=UNEVEN, tilt_deg=18.0, **SMALL),
    "uneven, feet first": grid((1, 0, 0), (0, -1, 0), positions_mm=UNEVEN, **SMALL),
}


@cache
def result_on(name: str) -> Result:
    return make_result(GRIDS[name])


def maps(name: str) -> dict[str, bytes]:
    return label_maps(result_on(name).lesions)[0]


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
    tolerance = np.array([3.0, 3.0, 3.0]) if "uneven" in name else np.array([1e-3] * 3)
    for lesion in result_on(name).lesions.lesions:
        expected = np.array(lesion.centroid_lps_mm) * LPS_TO_RAS
        assert (np.abs(centre(lesions, lesion.id) - expected) <= tolerance).all()
        assert label_of(lesion).label in np.unique(sites.dataobj)
        at = tuple(np.argwhere(np.asarray(lesions.dataobj) == lesion.id)[0])
        assert int(sites.dataobj[at]) == label_of(lesion).label


@pytest.mark.parametrize("name", [name for name in GRIDS if "uneven" not in name])
def test_an_even_stack_keeps_every_voxel(name):
    result = result_on(name)
    image = load(maps(name)["lesions.nii.gz"])
    assert np.array_equal(np.asarray(image.dataobj).transpose(2, 1, 0), result.lesions.labels)
    index = np.array([[2, 5, 7], [0, 0, 0], [9, 1, 3]])
    world = nib.affines.apply_affine(image.affine, index[:, ::-1])
    assert np.allclose(world, result.scan.geometry.to_world(index) * LPS_TO_RAS, atol=1e-4)


def test_a_tilted_stack_has_its_shear_in_the_sform_and_no_qform():
    image = load(maps("tilted")["sites.nii.gz"])
    assert int(image.header["sform_code"]) == 1
    assert int(image.header["qform_code"]) == 0
    upright = load(maps("axes 0")["sites.nii.gz"])
    assert int(upright.header["qform_code"]) == 1
    assert np.allclose(upright.get_qform(), upright.get_sform(), atol=1e-4)


@pytest.mark.parametrize("name", ["uneven", "uneven and tilted", "uneven, feet first"])
def test_each_new_slice_copies_the_nearest_native_one(name):
    """Naive twin: every voxel of the new grid takes the native voxel nearest to it in the world."""
    result = result_on(name)
    geometry, labels = result.scan.geometry, result.lesions.labels
    image = load(maps(name)["lesions.nii.gz"])
    stored = np.asarray(image.dataobj)
    assert stored.shape[2] == len(even_grid(geometry).source) > geometry.shape[0]
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


def test_lesions_keep_their_numbers_beyond_small_types():
    image = load(maps("axes 0")["lesions.nii.gz"])
    assert image.get_data_dtype() == np.uint16
    assert set(np.unique(image.dataobj)) == {0, *range(1, len(BALLS) + 1)}
