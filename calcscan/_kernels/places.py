"""Where the True voxels of a mask are, and where voxels lie in the world."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from calcscan._kernels import kernel

Floats = npt.NDArray[np.float64]


@kernel
def count_true(mask: npt.NDArray[np.bool_], first: int, last: int, counts: npt.NDArray[np.int64]) -> None:
    """How many voxels of each of the slices first … last − 1 are True, into `counts` (slices,)."""
    for k in range(first, last):
        total = 0
        for j in range(mask.shape[1]):
            line = mask[k, j]
            for i in range(mask.shape[2]):
                total += line[i]
        counts[k] = total


@kernel
def list_true(
    mask: npt.NDArray[np.bool_], starts: npt.NDArray[np.int64], first: int, last: int, out: npt.NDArray[np.int64]
) -> None:
    """The (k, j, i) of the True voxels of the slices first … last − 1, in the order of the array, into `out` (n, 3),
    those of slice k from row `starts[k]` on."""
    for k in range(first, last):
        at, end = starts[k], starts[k + 1]
        for j in range(mask.shape[1]):
            if at == end:
                break
            line = mask[k, j]
            for i in range(mask.shape[2]):
                if line[i]:
                    out[at, 0], out[at, 1], out[at, 2] = k, j, i
                    at += 1


@kernel
def in_world(
    index: Floats, origins: Floats, step_j: Floats, step_i: Floats, first: int, last: int, out: Floats
) -> None:
    """LPS mm of the fractional (k, j, i) first … last − 1 (n, 3) in a stack of two slices or more, whose voxels
    (k, 0, 0) lie at `origins` (slices, 3). Beyond the first and last slice the end steps go on."""
    end = len(origins) - 2
    for n in range(first, last):
        k, j, i = index[n, 0], index[n, 1], index[n, 2]
        low = int(min(max(np.floor(k), 0.0), end))
        for axis in range(3):
            step = origins[low + 1, axis] - origins[low, axis]
            at = origins[low, axis] + (k - low) * step
            out[n, axis] = at + j * step_j[axis] + i * step_i[axis]
