"""From native slices to an evenly spaced grid, and back: for shape and registration, never for measuring."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from calcscan._kernels import kernel

STRAIGHT = 1e-6
"""Rows that leave those of a field by less than this, in voxels, run along them."""


@kernel
def block_mean(hu: npt.NDArray[np.int16], factor: int, first: int, last: int, out: npt.NDArray[np.float32]) -> None:
    """Mean of each factor × factor block within a slice; `out` is (k, j // factor, i // factor). Pixels that fill no
    block are left out at both ends: the same blocks, whichever way rows and columns run.

    As below, the slices first … last − 1 of `out` are written.
    """
    _, rows, columns = out.shape
    skip_j, skip_i = (hu.shape[1] % factor) // 2, (hu.shape[2] % factor) // 2
    weight = 1.0 / (factor * factor)
    for k in range(first, last):
        for j in range(rows):
            for i in range(columns):
                total = 0
                for dj in range(factor):
                    for di in range(factor):
                        total += hu[k, skip_j + j * factor + dj, skip_i + i * factor + di]
                out[k, j, i] = total * weight


@kernel
def sample_slices(
    volume: npt.NDArray[np.float32],
    origins: npt.NDArray[np.float64],
    to_plane: npt.NDArray[np.float64],
    affine: npt.NDArray[np.float64],
    fill: float,
    first: int,
    last: int,
    out: npt.NDArray[np.float32],
) -> None:
    """Trilinear samples of a stack of slices at every point of the grid `affine` × `out.shape`.

    `origins` (slices, 3) is the centre of voxel (k, 0, 0); `to_plane` (3, 3) holds the unit normal and the two rows
    that give the row and column index of a point relative to a slice's origin. Points up to half a voxel beyond the
    volume take its edge, farther ones `fill`.
    """
    slices, rows, columns = volume.shape
    positions = np.empty(slices)
    for s in range(slices):
        positions[s] = origins[s, 0] * to_plane[0, 0] + origins[s, 1] * to_plane[0, 1] + origins[s, 2] * to_plane[0, 2]
    low = 0
    first_edge = positions[0] - 0.5 * (positions[1] - positions[0])
    last_edge = positions[-1] + 0.5 * (positions[-1] - positions[-2])
    for k in range(first, last):
        for j in range(out.shape[1]):
            for i in range(out.shape[2]):
                x = affine[0, 0] * k + affine[0, 1] * j + affine[0, 2] * i + affine[0, 3]
                y = affine[1, 0] * k + affine[1, 1] * j + affine[1, 2] * i + affine[1, 3]
                z = affine[2, 0] * k + affine[2, 1] * j + affine[2, 2] * i + affine[2, 3]
                at = x * to_plane[0, 0] + y * to_plane[0, 1] + z * to_plane[0, 2]
                out[k, j, i] = fill
                if at < first_edge or at > last_edge:
                    continue
                while low > 0 and at <= positions[low]:  # most lie near the one before
                    low -= 1
                while low < slices - 2 and at > positions[low + 1]:
                    low += 1
                f = (at - positions[low]) / (positions[low + 1] - positions[low])
                x -= origins[low, 0] + f * (origins[low + 1, 0] - origins[low, 0])
                y -= origins[low, 1] + f * (origins[low + 1, 1] - origins[low, 1])
                z -= origins[low, 2] + f * (origins[low + 1, 2] - origins[low, 2])
                row = to_plane[1, 0] * x + to_plane[1, 1] * y + to_plane[1, 2] * z
                column = to_plane[2, 0] * x + to_plane[2, 1] * y + to_plane[2, 2] * z
                if row < -0.5 or column < -0.5 or row > rows - 0.5 or column > columns - 0.5:
                    continue
                f = min(max(f, 0.0), 1.0)
                row = min(max(row, 0.0), rows - 1.0)
                column = min(max(column, 0.0), columns - 1.0)
                r = min(int(row), max(rows - 2, 0))
                c = min(int(column), max(columns - 2, 0))
                g, h = row - r, column - c
                r1, c1 = min(r + 1, rows - 1), min(c + 1, columns - 1)
                near = (1 - g) * ((1 - h) * volume[low, r, c] + h * volume[low, r, c1]) + g * (
                    (1 - h) * volume[low, r1, c] + h * volume[low, r1, c1]
                )
                far = (1 - g) * ((1 - h) * volume[low + 1, r, c] + h * volume[low + 1, r, c1]) + g * (
                    (1 - h) * volume[low + 1, r1, c] + h * volume[low + 1, r1, c1]
                )
                out[k, j, i] = (1 - f) * near + f * far


@kernel
def above_level(
    field: npt.NDArray[np.float32],
    level: float,
    inverse: npt.NDArray[np.float64],
    origins: npt.NDArray[np.float64],
    step_j: npt.NDArray[np.float64],
    step_i: npt.NDArray[np.float64],
    first: int,
    last: int,
    out: npt.NDArray[np.bool_],
) -> None:
    """Where a field on an even grid, interpolated at native voxel centres, exceeds `level`.

    `inverse` (3, 4) takes LPS mm to the field's (k, j, i); `out` (k, j, i) has the native shape; False
    outside the field. Where the rows run along the field's own, as they mostly do, each is interpolated across them
    once.
    """
    nk, nj, ni = field.shape
    line = np.empty(ni)
    columns = out.shape[2]
    along = inverse[:, 0] * step_i[0] + inverse[:, 1] * step_i[1] + inverse[:, 2] * step_i[2]
    for k in range(first, last):
        for j in range(out.shape[1]):
            x = origins[k, 0] + j * step_j[0]
            y = origins[k, 1] + j * step_j[1]
            z = origins[k, 2] + j * step_j[2]
            a0 = inverse[0, 0] * x + inverse[0, 1] * y + inverse[0, 2] * z + inverse[0, 3]
            b0 = inverse[1, 0] * x + inverse[1, 1] * y + inverse[1, 2] * z + inverse[1, 3]
            c0 = inverse[2, 0] * x + inverse[2, 1] * y + inverse[2, 2] * z + inverse[2, 3]
            if max(abs(along[0]), abs(along[1])) * columns < STRAIGHT:
                row = out[k, j]
                if a0 < 0 or b0 < 0 or a0 > nk - 1 or b0 > nj - 1:
                    row[:] = False
                    continue
                p, q = min(int(a0), nk - 2), min(int(b0), nj - 2)
                f, g = a0 - p, b0 - q
                near, beside, far, across = field[p, q], field[p, q + 1], field[p + 1, q], field[p + 1, q + 1]
                reaches = False
                for r in range(ni):
                    line[r] = (1 - f) * ((1 - g) * near[r] + g * beside[r]) + f * ((1 - g) * far[r] + g * across[r])
                    reaches |= line[r] > level
                if not reaches:
                    row[:] = False
                    continue
                for i in range(columns):
                    c = c0 + i * along[2]
                    row[i] = False
                    if 0 <= c <= ni - 1:
                        r = min(int(c), ni - 2)
                        h = c - r
                        row[i] = (1 - h) * line[r] + h * line[r + 1] > level
                continue
            for i in range(out.shape[2]):
                out[k, j, i] = False
                a, b, c = a0 + i * along[0], b0 + i * along[1], c0 + i * along[2]
                if a < 0 or b < 0 or c < 0 or a > nk - 1 or b > nj - 1 or c > ni - 1:
                    continue
                p, q, r = min(int(a), nk - 2), min(int(b), nj - 2), min(int(c), ni - 2)
                f, g, h = a - p, b - q, c - r
                low = (1 - g) * ((1 - h) * field[p, q, r] + h * field[p, q, r + 1]) + g * (
                    (1 - h) * field[p, q + 1, r] + h * field[p, q + 1, r + 1]
                )
                high = (1 - g) * ((1 - h) * field[p + 1, q, r] + h * field[p + 1, q, r + 1]) + g * (
                    (1 - h) * field[p + 1, q + 1, r] + h * field[p + 1, q + 1, r + 1]
                )
                out[k, j, i] = (1 - f) * low + f * high > level
