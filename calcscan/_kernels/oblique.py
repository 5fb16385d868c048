"""A picture through a stack of slices, in any plane."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from calcscan._kernels import kernel

Floats = npt.NDArray[np.float64]

_STEP = 1e5
"""Indices are rounded to the fifth decimal, so that a voxel's middle is its middle."""


@kernel
def add_plane(
    hu: npt.NDArray[np.int16],
    labels: npt.NDArray[np.int32],
    stack: tuple[Floats, Floats, Floats],
    frame: Floats,
    across: Floats,
    down: Floats,
    fill: float,
    share: int,
    first: int,
    last: int,
    sums: npt.NDArray[np.float32],
    found: npt.NDArray[np.int32],
) -> None:
    """Add one plane through a volume, divided by `share`, to the rows first … last − 1 of a picture, and take over the
    labels there that are higher.

    `stack`: positions, origins and `to_plane` as `index_in_stack` has them. Pixel (row, column) lies at
    across[column] × frame[0] + down[row] × frame[1] + frame[2]. `hu` trilinear, `fill` beyond the centres of its
    outermost voxels; `labels` (k, j, i), or of no voxels for none, of the nearest voxel, 0 beyond. `sums` and `found`
    are (rows, columns).
    """
    positions, origins, to_plane = stack
    slices, rows, columns = hu.shape
    low = 0
    for row in range(first, last):
        for column in range(len(across)):
            x = across[column] * frame[0, 0] + down[row] * frame[1, 0] + frame[2, 0]
            y = across[column] * frame[0, 1] + down[row] * frame[1, 1] + frame[2, 1]
            z = across[column] * frame[0, 2] + down[row] * frame[1, 2] + frame[2, 2]
            at = x * to_plane[0, 0] + y * to_plane[0, 1] + z * to_plane[0, 2]
            while low > 0 and at < positions[low]:
                low -= 1
            while low < len(positions) - 2 and at >= positions[low + 1]:
                low += 1
            f = (at - positions[low]) / (positions[low + 1] - positions[low])
            x -= origins[low, 0] + f * (origins[low + 1, 0] - origins[low, 0])
            y -= origins[low, 1] + f * (origins[low + 1, 1] - origins[low, 1])
            z -= origins[low, 2] + f * (origins[low + 1, 2] - origins[low, 2])
            a = np.rint((low + f) * _STEP) / _STEP
            b = np.rint((to_plane[1, 0] * x + to_plane[1, 1] * y + to_plane[1, 2] * z) * _STEP) / _STEP
            c = np.rint((to_plane[2, 0] * x + to_plane[2, 1] * y + to_plane[2, 2] * z) * _STEP) / _STEP
            if not (0.0 <= a <= slices - 1 and 0.0 <= b <= rows - 1 and 0.0 <= c <= columns - 1):
                sums[row, column] += np.float32(fill) / np.float32(share)
                continue
            k, j, i = int(a), int(b), int(c)
            f, g, h = a - k, b - j, c - i
            k1, j1, i1 = min(k + 1, slices - 1), min(j + 1, rows - 1), min(i + 1, columns - 1)
            near = (1 - g) * ((1 - h) * hu[k, j, i] + h * hu[k, j, i1]) + g * (
                (1 - h) * hu[k, j1, i] + h * hu[k, j1, i1]
            )
            far = (1 - g) * ((1 - h) * hu[k1, j, i] + h * hu[k1, j, i1]) + g * (
                (1 - h) * hu[k1, j1, i] + h * hu[k1, j1, i1]
            )
            sums[row, column] += np.float32((1 - f) * near + f * far) / np.float32(share)
            if labels.size:
                label = labels[int(a + 0.5), int(b + 0.5), int(c + 0.5)]
                found[row, column] = max(found[row, column], label)
