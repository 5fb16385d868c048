"""Smoothing is that of scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from calcscan.grid.smooth import gaussian


@pytest.mark.parametrize("mode", ["reflect", "nearest"])
@pytest.mark.parametrize("sigma", [0.3, 1.0, 4.7, (0.0, 2.0, 0.5)])
@pytest.mark.parametrize("shape", [(20, 33, 17), (1, 5, 6), (4, 3, 40)])
def test_values_are_those_of_scipy(shape: tuple[int, int, int], sigma: float | tuple[float, ...], mode: str) -> None:
    field = (np.random.default_rng(0).standard_normal(shape) * 500 + 40).astype(np.float32)
    expected = ndimage.gaussian_filter(field, sigma, mode=mode)
    assert np.allclose(gaussian(field, sigma, mode=mode), expected, atol=2e-3)


def test_masks_and_strided_views_are_taken_as_they_are() -> None:
    mask = np.random.default_rng(1).random((30, 20, 24)) < 0.5
    assert np.allclose(gaussian(mask, 2.0), ndimage.gaussian_filter(mask.astype(np.float32), 2.0), atol=1e-5)
    strided = mask[::2, ::-1, 1::3]
    assert np.allclose(
        gaussian(strided, 1.0, truncate=3.0),
        ndimage.gaussian_filter(strided.astype(np.float32), 1.0, truncate=3.0),
        atol=1e-5,
    )


def test_any_number_of_threads_gives_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    field = np.random.default_rng(2).standard_normal((70, 30, 30)).astype(np.float32)
    given = []
    for count in ("1", "3"):
        monkeypatch.setenv("NUMBA_NUM_THREADS", count)
        given.append(gaussian(field, 3.0))
    assert np.array_equal(*given)
