"""Weighted sums along the axes of a volume: what a filter that is a product of one along each axis comes to."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from calcscan._kernels import kernel


@kernel
def weighted_in_slices(
    field: npt.NDArray[np.float32],
    weights_j: npt.NDArray[np.float32],
    weights_i: npt.NDArray[np.float32],
    rows_at: npt.NDArray[np.int64],
    columns_at: npt.NDArray[np.int64],
    first: int,
    last: int,
    out: npt.NDArray[np.float32],
) -> None:
    """Sums along rows and columns of the slices first … last − 1.

    `weights_…` hold those of the middle and of each step away from it, to both sides. `…_at` (size + 2 steps) are the
    rows or columns to take, those beyond the edges included.
    """
    _, rows, columns = field.shape
    steps_j, steps_i = len(weights_j) - 1, len(weights_i) - 1
    row = np.empty(columns, np.float32)
    wide = np.empty(columns + 2 * steps_i, np.float32)
    for k in range(first, last):
        for j in range(rows):
            for i in range(columns):
                row[i] = weights_j[0] * field[k, j, i]
            for step in range(1, steps_j + 1):
                weight, before, after = weights_j[step], rows_at[j + steps_j - step], rows_at[j + steps_j + step]
                for i in range(columns):
                    row[i] += weight * (field[k, before, i] + field[k, after, i])
            for i in range(columns + 2 * steps_i):
                wide[i] = row[columns_at[i]]
            summed = out[k, j]
            for i in range(columns):
                summed[i] = weights_i[0] * row[i]
            for step in range(1, steps_i + 1):
                weight, before, after = weights_i[step], wide[steps_i - step :], wide[steps_i + step :]
                for i in range(columns):
                    summed[i] += weight * (before[i] + after[i])


@kernel
def weighted_across_slices(
    field: npt.NDArray[np.float32],
    weights: npt.NDArray[np.float32],
    slices_at: npt.NDArray[np.int64],
    first: int,
    last: int,
    out: npt.NDArray[np.float32],
) -> None:
    """The same across the slices, for the slices first … last − 1."""
    _, rows, columns = field.shape
    steps = len(weights) - 1
    for k in range(first, last):
        for j in range(rows):
            for i in range(columns):
                out[k, j, i] = weights[0] * field[k, j, i]
            for step in range(1, steps + 1):
                weight, before, after = weights[step], slices_at[k + steps - step], slices_at[k + steps + step]
                for i in range(columns):
                    out[k, j, i] += weight * (field[before, j, i] + field[after, j, i])
