"""The coarse grid and its kernels, against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from calcscan._kernels import resample as kernels
from calcscan._kernels.touching import touches_outside
from calcscan.grid.geometry import Geometry
from calcscan.grid.isotropic import on_native, resample_isotropic, sample_at
from calcscan.model import AIR_HU

RNG = np.random.default_rng(7)


def uneven_tilted(turned: float = 0.04, moved_mm: float = 0.0) -> Geometry:
    """Rows along x if not `turned`; a field of view `moved_mm` from the third slice on."""
    heights = np.array([0.0, 1.0, 5.0, 9.0, 16.0, 23.0])
    aside = moved_mm * (np.arange(6) % 5 > 1)
    return Geometry(
        origins_mm=np.stack([aside - 10.0, 0.3 * heights, heights], axis=1),
        step_i_mm=np.array([0.5, 0.5 * turned, 0.0]),
        step_j_mm=np.array([-0.5 * turned, 0.5, 0.0]),
        slab_mm=np.array([1.0, 2.5, 4.0, 5.5, 7.0, 7.0]),
        rows=40,
        columns=44,
    )


@pytest.mark.parametrize("compiled", [True, False])
def test_block_mean_is_the_mean_of_blocks(compiled: bool) -> None:
    hu = RNG.integers(-1000, 2000, (3, 8, 10)).astype(np.int16)
    hu.flags.writeable = False
    out = np.empty((3, 2, 3), np.float32)
    (kernels.block_mean if compiled else kernels.block_mean.py_func)(hu, 3, 0, 3, out)
    inner = hu[:, 1:]  # of two rows and one column too many, as many are left out at both ends
    naive = [
        [[inner[k, 3 * j : 3 * j + 3, 3 * i : 3 * i + 3].mean() for i in range(3)] for j in range(2)] for k in range(3)
    ]
    np.testing.assert_allclose(out, naive, rtol=1e-6)


def test_a_plane_in_space_survives_resampling_of_a_tilted_uneven_stack() -> None:
    """HU that are linear in space come back exactly, wherever the slices lie."""
    grid = uneven_tilted()
    kji = np.stack(np.meshgrid(*[np.arange(n) for n in grid.shape], indexing="ij"), axis=-1)
    slope = np.array([11.0, -7.0, 13.0])
    hu = np.rint(grid.to_world(kji) @ slope).astype(np.int16)
    coarse = resample_isotropic(hu, grid, 1.0, outside_hu=AIR_HU)
    where = np.argwhere(coarse.covered)
    world = where @ coarse.affine[:3, :3].T + coarse.affine[:3, 3]
    index = grid.to_index(world)
    within = ((index > 0.5) & (index < np.array(grid.shape) - 2)).all(axis=1)
    assert within.sum() > 500
    np.testing.assert_allclose(coarse.values[tuple(where[within].T)], world[within] @ slope, atol=1.5)


def test_what_the_scan_did_not_reach_is_not_covered() -> None:
    grid = uneven_tilted()
    coarse = resample_isotropic(np.full(grid.shape, 40, np.int16), grid, 1.5, outside_hu=AIR_HU)
    assert not coarse.covered.all()
    assert (coarse.values[~coarse.covered] == AIR_HU).all()
    np.testing.assert_allclose(coarse.values[coarse.covered], 40.0, atol=1e-3)


@pytest.mark.parametrize(("turned", "moved_mm"), [(0.04, 0.0), (0.0, 0.0), (0.0, 6.0)])
@pytest.mark.parametrize("compiled", [True, False])
def test_a_mask_goes_back_to_the_native_voxels(
    compiled: bool, turned: float, moved_mm: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not compiled:
        monkeypatch.setattr("calcscan.grid.isotropic.above_level", kernels.above_level.py_func)
    grid = uneven_tilted(turned, moved_mm)
    affine = np.zeros((4, 4))
    affine[0, 2] = affine[1, 1] = affine[2, 0] = 1.0
    affine[:3, 3], affine[3, 3] = [-12.0, -3.0, -2.0], 1.0
    field = ndimage.gaussian_filter(RNG.normal(size=(28, 35, 30)).astype(np.float32), 2.0)
    kji = np.stack(np.meshgrid(*[np.arange(n) for n in grid.shape], indexing="ij"), axis=-1).reshape(-1, 3)
    naive = sample_at(field, affine, grid.to_world(kji)).reshape(grid.shape)
    clear = np.abs(naive) > 1e-4
    assert clear.mean() > 0.3
    np.testing.assert_array_equal(on_native(field, affine, grid, 0.0)[clear], (naive > 0.0)[clear])


@pytest.mark.parametrize("compiled", [True, False])
def test_touching_finds_the_components_that_hang_on_something_outside(compiled: bool) -> None:
    hu = np.zeros((5, 6, 7), np.int16)
    inside = np.ones(hu.shape, np.bool_)
    inside[:, :, 5:] = False
    labels = np.zeros(hu.shape, np.int32)
    for number, place in ((1, (2, 2, 4)), (2, (0, 0, 0)), (3, (4, 5, 4))):
        hu[place], labels[place] = 500, number
    hu[1, 1, 5] = 900  # dense, outside, at the corner of component 1
    hu[4, 4, 5] = 90  # outside but not dense, beside component 3
    out = np.zeros(4, np.bool_)
    (touches_outside if compiled else touches_outside.py_func)(hu, inside, labels, 130, out)
    assert out.tolist() == [False, True, False, False]


@pytest.mark.parametrize("size", [(6, 42, 44), (6, 44, 41), (7, 45, 48)])
@pytest.mark.parametrize("flip", [(0, 1), (1, 2), (0, 2)])
def test_the_coarse_copy_does_not_depend_on_which_way_the_axes_run(
    size: tuple[int, int, int], flip: tuple[int, int]
) -> None:
    hu = RNG.integers(-1000, 2000, size).astype(np.int16)
    affine = np.array([[0, 0, 0.5, -11.0], [0, 0.5, 0, -10.0], [2.0, 0, 0, 3.0], [0, 0, 0, 1]])
    other = affine.copy()
    for axis in flip:
        other[:3, 3] += other[:3, axis] * (size[axis] - 1)
        other[:3, axis] *= -1
    one, two = (
        resample_isotropic(values, Geometry.from_affine(matrix, size), 1.5, outside_hu=AIR_HU)
        for values, matrix in ((hu, affine), (np.ascontiguousarray(np.flip(hu, flip)), other))
    )
    np.testing.assert_allclose(one.affine, two.affine)
    assert one.covered.mean() > 0.6
    np.testing.assert_allclose(one.values, two.values, atol=0.05)
