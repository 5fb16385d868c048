"""Which label of an atlas lies nearest to each voxel of a stack of slices."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from calcscan._kernels import kernel

Floats = npt.NDArray[np.float64]


@kernel
def nearest_labels(
    labels: npt.NDArray[np.uint8],
    near: npt.NDArray[np.bool_],
    coarse: int,
    shift: npt.NDArray[np.float32],
    origins: Floats,
    steps: Floats,
    block: int,
    first: int,
    last: int,
    out: npt.NDArray[np.uint8],
) -> None:
    """Labels (k, j, i) at the voxels of the slices first … last − 1 of `out` (k, j, i), which holds zeros.

    `origins` (slices, 6) is where voxel (k, 0, 0) lies among the nodes of `shift` and, unshifted, in `labels`: two
    fractional (k, j, i). `steps` (2, 6) is the way to the next row, and to the next column, in both. `shift`
    (k, j, i, 3), trilinear and 0 beyond its outermost nodes, is by how much a voxel is then moved in `labels`. `near`
    holds the blocks of `coarse` labels that have a label in or beside them: squares of `block` voxels whose middle lies
    in no such block have none, and are not looked at.
    """
    _, rows, columns = out.shape
    at = np.empty(6)
    moved = np.empty(3)
    for k in range(first, last):
        for top in range(0, rows, block):
            for left in range(0, columns, block):
                half = (block - 1) / 2
                for n in range(6):
                    at[n] = origins[k, n] + (top + half) * steps[0, n] + (left + half) * steps[1, n]
                _move(shift, at, moved)
                p = np.int64(np.floor((moved[0] + 0.5) / coarse))
                q = np.int64(np.floor((moved[1] + 0.5) / coarse))
                r = np.int64(np.floor((moved[2] + 0.5) / coarse))
                if not (0 <= p < near.shape[0] and 0 <= q < near.shape[1] and 0 <= r < near.shape[2]):
                    continue
                if not near[p, q, r]:
                    continue
                for j in range(top, min(top + block, rows)):
                    for i in range(left, min(left + block, columns)):
                        for n in range(6):
                            at[n] = origins[k, n] + j * steps[0, n] + i * steps[1, n]
                        _move(shift, at, moved)
                        p, q, r = np.int64(np.rint(moved[0])), np.int64(np.rint(moved[1])), np.int64(np.rint(moved[2]))
                        if 0 <= p < labels.shape[0] and 0 <= q < labels.shape[1] and 0 <= r < labels.shape[2]:
                            out[k, j, i] = labels[p, q, r]


@kernel
def _move(shift: npt.NDArray[np.float32], at: Floats, moved: Floats) -> None:
    """Where a voxel comes to lie in the labels, `moved` (3,)."""
    slices, rows, columns, _ = shift.shape
    a, b, c = at[0], at[1], at[2]
    moved[0], moved[1], moved[2] = at[3], at[4], at[5]
    if not (0.0 <= a <= slices - 1 and 0.0 <= b <= rows - 1 and 0.0 <= c <= columns - 1):
        return
    k, j, i = int(a), int(b), int(c)
    f, g, h = a - k, b - j, c - i
    k1, j1, i1 = min(k + 1, slices - 1), min(j + 1, rows - 1), min(i + 1, columns - 1)
    for part in range(3):
        low = (1 - g) * ((1 - h) * shift[k, j, i, part] + h * shift[k, j, i1, part]) + g * (
            (1 - h) * shift[k, j1, i, part] + h * shift[k, j1, i1, part]
        )
        high = (1 - g) * ((1 - h) * shift[k1, j, i, part] + h * shift[k1, j, i1, part]) + g * (
            (1 - h) * shift[k1, j1, i, part] + h * shift[k1, j1, i1, part]
        )
        moved[part] += np.float32((1 - f) * low + f * high)
