"""Distances on a cubic grid, against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from support import naive

from calcscan._kernels import distance as kernels
from calcscan.grid.masks import distance_mm, filled_box, grown, places, reached, worn


@settings(deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 9)] * 3), share=st.sampled_from([0.01, 0.2, 0.7, 1.0]), seed=st.integers(0, 10**6)
)
def test_distance_is_that_to_the_nearest_voxel(shape: tuple[int, int, int], share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random(shape) < share
    mask[tuple(rng.integers(0, shape))] = True
    np.testing.assert_allclose(distance_mm(mask, 1.5), naive.distances(mask, 1.5), rtol=1e-6)


@pytest.mark.parametrize("order", ["C", "F"])
def test_distance_over_many_slices_at_once(order: str) -> None:
    mask = np.zeros((40, 33, 21), np.bool_, order=order)  # type: ignore[call-overload]
    mask[3:20, 5:9, 2:20] = mask[38, 32, 0] = True
    mask.flags.writeable = False
    np.testing.assert_allclose(distance_mm(mask, 0.7), naive.distances(mask, 0.7), rtol=1e-6)


def test_distance_to_nothing_is_farther_than_any_grid() -> None:
    assert distance_mm(np.zeros((3, 4, 5), np.bool_), 0.1).min() > 1000


def test_isotropic_distance_without_the_compiler() -> None:
    mask = np.zeros((4, 5, 6), np.bool_)
    mask[1, 1:3, 2] = mask[3, 4, 5] = True
    out = np.empty(mask.shape, np.int32)
    kernels.squared_in_slices(mask, 0, 4, out)
    kernels.squared_across_slices(0, 5, out)
    np.testing.assert_allclose(np.sqrt(out), naive.distances(mask, 1.0), rtol=1e-6)


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("shape", [(9, 8, 7), (1, 6, 5), (2, 2, 2), (3, 1, 4)])
def test_worn_masks_are_those_of_scipy(shape: tuple[int, int, int], corners: bool) -> None:
    mask = np.random.default_rng(0).random(shape) < 0.9
    structure = ndimage.generate_binary_structure(3, 3 if corners else 1)
    assert np.array_equal(worn(mask, corners=corners), ndimage.binary_erosion(mask, structure))


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("shape", [(9, 8, 7), (1, 6, 5), (2, 2, 2), (3, 1, 4)])
def test_grown_masks_are_those_of_scipy(shape: tuple[int, int, int], corners: bool) -> None:
    mask = np.random.default_rng(0).random(shape) < 0.1
    structure = ndimage.generate_binary_structure(3, 3 if corners else 1)
    assert np.array_equal(grown(mask, corners=corners), ndimage.binary_dilation(mask, structure))


def test_places_are_those_of_numpy() -> None:
    mask = np.random.default_rng(0).random((6, 7, 8)) < 0.2
    assert np.array_equal(places(mask), np.argwhere(mask))
    assert places(np.zeros((2, 3, 4), dtype=np.bool_)).shape == (0, 3)
    assert np.array_equal(places(mask[::2, ::-1]), np.argwhere(mask[::2, ::-1]))


@settings(deadline=None, max_examples=60)
@given(
    shape=st.tuples(*[st.integers(1, 9)] * 3), share=st.floats(0.0, 0.3), seed=st.integers(0, 99),
    reach_mm=st.floats(0.0, 20.0), spacing_mm=st.sampled_from([0.7, 1.0, 1.5]),
)  # fmt: skip
def test_the_reach_of_a_mask_is_what_its_distance_says(
    shape: tuple[int, int, int], share: float, seed: int, reach_mm: float, spacing_mm: float
) -> None:
    mask = np.random.default_rng(seed).random(shape) < share
    expected = distance_mm(mask, spacing_mm) <= reach_mm
    assert np.array_equal(reached(mask, spacing_mm, reach_mm), expected)


def test_the_reach_of_a_mask_of_many_slices() -> None:
    mask = np.random.default_rng(2).random((60, 21, 23)) < 0.002
    for reach_mm in (-1.0, 0.0, 1.5, 4.4, 12.0):
        assert np.array_equal(reached(mask, 1.5, reach_mm), distance_mm(mask, 1.5) <= reach_mm)


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int32, np.float32])
@pytest.mark.parametrize("width", [8, 7])
def test_the_filled_box_is_that_of_what_is_not_zero(dtype: type, width: int) -> None:
    volume = np.zeros((5, 6, width), dtype=dtype)
    assert volume[filled_box(volume)].size == 0
    volume[1, 2, 3] = volume[3, 1, 4] = 1
    assert filled_box(volume) == (slice(1, 4), slice(1, 3), slice(3, 5))
    assert filled_box(volume[:, ::-1]) == (slice(1, 4), slice(3, 5), slice(3, 5))
    assert filled_box(volume.transpose(2, 1, 0)) == (slice(3, 5), slice(1, 3), slice(1, 4))


def test_places_in_many_slices_are_those_of_numpy() -> None:
    mask = np.random.default_rng(3).random((70, 5, 9)) < 0.2
    mask[20:40] = False
    for one in (mask, mask[:, ::2, ::2], mask.transpose(2, 0, 1), mask[0], np.zeros((0, 3, 3), np.bool_)):
        assert np.array_equal(places(one), np.argwhere(one))
        assert places(one).dtype == np.int64
