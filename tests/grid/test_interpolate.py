"""Values between voxels are those of scipy's map_coordinates."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from calcscan.grid.interpolate import linear_at


@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.bool_])
@pytest.mark.parametrize("shape", [(5, 6, 7), (1, 4, 4), (3, 1, 2)])
@pytest.mark.parametrize(("nearest", "mode"), [(False, "constant"), (True, "nearest")])
def test_values_are_those_of_scipy(dtype: type, shape: tuple[int, int, int], nearest: bool, mode: str) -> None:
    rng = np.random.default_rng(3)
    field = (rng.standard_normal(shape) * 300).astype(dtype)
    edges = np.array([[0, 0, 0], np.array(shape) - 1.0, [-1e-9, 0, 0], [0, shape[1] - 1, shape[2] - 1 + 1e-9]])
    index = np.concatenate([rng.uniform(-1, 8, (9000, 3)), edges, rng.integers(-1, 8, (500, 3))])
    expected = ndimage.map_coordinates(field.astype(np.float32), index.T, order=1, mode=mode, cval=-7.0)
    assert np.allclose(linear_at(field, index, fill=-7.0, nearest=nearest), expected, rtol=1e-5, atol=1e-3)


def test_several_fields_of_one_grid_are_read_at_once() -> None:
    fields = np.random.default_rng(1).standard_normal((4, 5, 6, 3)).astype(np.float32)
    index = np.random.default_rng(2).uniform(-1, 6, (3, 40, 3))
    together = linear_at(fields, index)
    assert together.shape == (3, 40, 3)
    for part in range(3):
        assert np.array_equal(together[..., part], linear_at(fields[..., part], index))


def test_nan_lies_nowhere() -> None:
    field = np.ones((3, 3, 3), np.float32)
    assert linear_at(field, np.array([[np.nan, 1.0, 1.0]]), fill=5.0).tolist() == [5.0]
    assert linear_at(field, np.empty((0, 3))).shape == (0,)
    assert linear_at(field[..., None], np.empty((0, 3))).shape == (0, 1)


def test_any_number_of_threads_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    field = np.random.default_rng(4).standard_normal((9, 9, 9)).astype(np.float32)
    index = np.random.default_rng(5).uniform(0, 8, (200_000, 3))
    given = []
    for count in ("1", "3"):
        monkeypatch.setenv("NUMBA_NUM_THREADS", count)
        given.append(linear_at(field, index))
    assert np.array_equal(*given)


def test_no_points_have_no_values() -> None:
    field = np.zeros((2, 3, 4), np.float32)
    assert linear_at(field, np.empty((0, 3))).shape == (0,)
    assert linear_at(np.zeros((2, 3, 4, 3), np.float32), np.empty((0, 3))).shape == (0, 3)
