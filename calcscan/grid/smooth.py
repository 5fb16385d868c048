"""Smoothing of whole volumes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from calcscan._kernels.smooth import weighted_across_slices, weighted_in_slices
from calcscan._kernels.threads import in_parts

Field = npt.NDArray[np.float32]


def gaussian(
    field: npt.NDArray[np.generic],
    sigma: float | Sequence[float],
    *,
    mode: Literal["reflect", "nearest"] = "reflect",
    truncate: float = 4.0,
) -> Field:
    """A volume (k, j, i) smoothed by a Gaussian of `sigma` voxels, along all axes or each: as
    `scipy.ndimage.gaussian_filter`, but summed as float32, and several times as fast.

    >>> gaussian(np.ones((3, 4, 5), dtype=np.float32), 1.5).shape
    (3, 4, 5)
    """
    sigmas = (sigma,) * 3 if isinstance(sigma, (int, float, np.floating)) else tuple(sigma)
    values = np.ascontiguousarray(field, dtype=np.float32).view()
    values.flags.writeable = False
    (weights_k, slices_at), (weights_j, rows_at), (weights_i, columns_at) = (
        _along(count, float(along), mode, truncate) for count, along in zip(values.shape, sigmas, strict=True)
    )
    within = np.empty(values.shape, dtype=np.float32)
    in_parts(
        len(values),
        lambda first, last: weighted_in_slices(values, weights_j, weights_i, rows_at, columns_at, first, last, within),
    )
    out, steady = np.empty(values.shape, dtype=np.float32), within.view()
    steady.flags.writeable = False
    in_parts(len(values), lambda first, last: weighted_across_slices(steady, weights_k, slices_at, first, last, out))
    return out


def _along(count: int, sigma: float, mode: str, truncate: float) -> tuple[Field, npt.NDArray[np.int64]]:
    """The weights of the middle and the steps away from it, and which voxels to take, those beyond the edges too."""
    steps = int(truncate * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(steps + 1) / max(sigma, 1e-9)) ** 2)
    weights /= weights[0] + 2.0 * weights[1:].sum()
    at = np.pad(np.arange(count), steps, mode="symmetric" if mode == "reflect" else "edge")
    return weights.astype(np.float32), at.astype(np.int64)
