"""Values between voxels, and where points lie in a stack of slices."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from calcscan._kernels import kernel


@kernel
def linear(
    fields: npt.NDArray[np.float32],
    to_index: npt.NDArray[np.float64],
    points: npt.NDArray[np.float64],
    fill: float,
    nearest: bool,
    first: int,
    last: int,
    out: npt.NDArray[np.float32],
) -> None:
    """Trilinear values of fields (k, j, i, field) at the points first … last − 1 of `points` (n, 3), which `to_index`
    (3, 4) takes to fractional (k, j, i); `out` is (n, field).

    Beyond the centres of the outermost voxels `fill`, or, where `nearest`, what lies at the edge.
    """
    slices, rows, columns, count = fields.shape
    for n in range(first, last):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        a = to_index[0, 0] * x + to_index[0, 1] * y + to_index[0, 2] * z + to_index[0, 3]
        b = to_index[1, 0] * x + to_index[1, 1] * y + to_index[1, 2] * z + to_index[1, 3]
        c = to_index[2, 0] * x + to_index[2, 1] * y + to_index[2, 2] * z + to_index[2, 3]
        if nearest:
            a = min(max(a, 0.0), slices - 1.0)
            b = min(max(b, 0.0), rows - 1.0)
            c = min(max(c, 0.0), columns - 1.0)
        elif not (0.0 <= a <= slices - 1 and 0.0 <= b <= rows - 1 and 0.0 <= c <= columns - 1):
            for part in range(count):
                out[n, part] = fill
            continue
        k, j, i = int(a), int(b), int(c)
        f, g, h = a - k, b - j, c - i
        k1, j1, i1 = min(k + 1, slices - 1), min(j + 1, rows - 1), min(i + 1, columns - 1)
        for part in range(count):
            low = (1 - g) * ((1 - h) * fields[k, j, i, part] + h * fields[k, j, i1, part]) + g * (
                (1 - h) * fields[k, j1, i, part] + h * fields[k, j1, i1, part]
            )
            high = (1 - g) * ((1 - h) * fields[k1, j, i, part] + h * fields[k1, j, i1, part]) + g * (
                (1 - h) * fields[k1, j1, i, part] + h * fields[k1, j1, i1, part]
            )
            out[n, part] = (1 - f) * low + f * high


@kernel
def index_in_stack(
    points: npt.NDArray[np.float64],
    positions: npt.NDArray[np.float64],
    origins: npt.NDArray[np.float64],
    to_plane: npt.NDArray[np.float64],
    first: int,
    last: int,
    out: npt.NDArray[np.float64],
) -> None:
    """Fractional (k, j, i) of the points first … last − 1 (n, 3) in a stack of two slices or more.

    `positions` (slices,) along the normal, ascending, and `origins` (slices, 3) as those of `sample_slices`, `to_plane`
    (3, 3) too. Beyond the first and last slice the end steps go on.
    """
    slices = len(positions)
    low = 0
    for n in range(first, last):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        at = x * to_plane[0, 0] + y * to_plane[0, 1] + z * to_plane[0, 2]
        while low > 0 and at < positions[low]:  # most lie near the one before
            low -= 1
        while low < slices - 2 and at >= positions[low + 1]:
            low += 1
        f = (at - positions[low]) / (positions[low + 1] - positions[low])
        x -= origins[low, 0] + f * (origins[low + 1, 0] - origins[low, 0])
        y -= origins[low, 1] + f * (origins[low + 1, 1] - origins[low, 1])
        z -= origins[low, 2] + f * (origins[low + 1, 2] - origins[low, 2])
        out[n, 0] = low + f
        out[n, 1] = to_plane[1, 0] * x + to_plane[1, 1] * y + to_plane[1, 2] * z
        out[n, 2] = to_plane[2, 0] * x + to_plane[2, 1] * y + to_plane[2, 2] * z
