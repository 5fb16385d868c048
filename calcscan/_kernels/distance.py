"""Squared distance to the nearest voxel of a mask, one axis after the other.

Along a line, the squared distance is the lowest of parabolas, one standing on each voxel (Felzenszwalb and
Huttenlocher, Theory of Computing 8, 2012). All numbers are whole until the root is taken, so nothing is rounded.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from calcscan._kernels import kernel

NOWHERE = 1 << 29
"""The squared distance where the mask is empty: more than any grid has, and twice of it still fits."""

BEYOND = np.float32(1 << 20)
"""What counts as out of reach: so many voxels no grid has, and whole numbers up to there are exact."""
Floats = npt.NDArray[np.float32]


@kernel
def _lowest(heights: npt.NDArray[np.int64], feet: npt.NDArray[np.int64], starts: npt.NDArray[np.int64]) -> int:
    """The voxels whose parabolas are lowest somewhere, in `feet`, and where each begins to be, in `starts`: how many.

    Those amid zeros are left out: they are nearest to nothing but themselves.
    """
    count, last = 0, len(heights) - 1
    for q in range(len(heights)):
        if heights[q] >= NOWHERE or (0 < q < last and heights[q - 1] == heights[q] == heights[q + 1] == 0):
            continue
        begin = 0
        while count > 0:
            p = feet[count - 1]
            above = heights[q] + q * q - heights[p] - p * p
            begin = int(np.floor(above / (2.0 * (q - p)))) + 1
            if begin > starts[count - 1]:
                break
            count -= 1
        if count == 0:
            begin = 0
        if begin <= last:
            feet[count], starts[count] = q, begin
            count += 1
    return count


@kernel
def _along(
    line: npt.NDArray[np.int32],
    heights: npt.NDArray[np.int64],
    feet: npt.NDArray[np.int64],
    starts: npt.NDArray[np.int64],
) -> None:
    """Squared distances that know the other axes only, in place, to those that know this line too; the last three are
    scratch of its length."""
    most = 0
    for q in range(len(line)):
        heights[q] = line[q]
        most = max(most, heights[q])
    if most == 0:
        return
    count = _lowest(heights, feet, starts)
    for n in range(count):
        end = starts[n + 1] if n + 1 < count else len(line)
        for q in range(starts[n], end):
            if heights[q] > 0:
                line[q] = heights[feet[n]] + (q - feet[n]) ** 2


@kernel
def squared_in_slices(mask: npt.NDArray[np.bool_], first: int, last: int, out: npt.NDArray[np.int32]) -> None:
    """Within each of the slices first … last − 1: squared distance in voxels to the nearest True voxel of the slice."""
    _, rows, columns = mask.shape
    heights = np.empty(rows, np.int64)
    feet, starts = np.empty(rows, np.int64), np.empty(rows, np.int64)
    for k in range(first, last):
        for j in range(rows):
            far = NOWHERE
            for i in range(columns):
                far = 0 if mask[k, j, i] else min(far + 1, NOWHERE)
                out[k, j, i] = far
            far = NOWHERE
            for i in range(columns - 1, -1, -1):
                far = min(out[k, j, i], far + 1)
                out[k, j, i] = far * far if far < NOWHERE else NOWHERE
        for i in range(columns):
            _along(out[k, :, i], heights, feet, starts)


@kernel
def squared_across_slices(first: int, last: int, out: npt.NDArray[np.int32]) -> None:
    """From distances within slices to distances in space, for the rows first … last − 1 of every slice."""
    slices, _, columns = out.shape
    heights = np.empty(slices, np.int64)
    feet, starts = np.empty(slices, np.int64), np.empty(slices, np.int64)
    for j in range(first, last):
        for i in range(columns):
            _along(out[:, j, i], heights, feet, starts)


@kernel
def steps_along_rows(mask: npt.NDArray[np.bool_], reach: int, first: int, last: int, out: Floats) -> None:
    """In the slices first … last − 1: squared distance to the nearest True voxel of the same row, `BEYOND` if more than
    `reach` voxels away."""
    _, rows, columns = mask.shape
    for k in range(first, last):
        for j in range(rows):
            line, held = out[k, j], mask[k, j]
            far = reach + 1
            for i in range(columns):
                far = 0 if held[i] else min(far + 1, reach + 1)
                line[i] = far
            far = reach + 1
            for i in range(columns - 1, -1, -1):
                far = min(int(line[i]), far + 1)
                line[i] = far * far if far <= reach else BEYOND


@kernel
def lowest_across(heights: Floats, reach: int, along_slices: bool, first: int, last: int, out: Floats) -> None:
    """In the slices first … last − 1: the least of `heights` (k, j, i) up to `reach` rows away, or slices, plus their
    squared distances."""
    slices, rows, _ = heights.shape
    for k in range(first, last):
        for j in range(rows):
            line = out[k, j]
            line[:] = heights[k, j]
            at, end = (k, slices) if along_slices else (j, rows)
            for other in range(max(at - reach, 0), min(at + reach + 1, end)):
                more = np.float32((other - at) ** 2)
                beside = heights[other, j] if along_slices else heights[k, other]
                for i in range(len(line)):
                    there = beside[i] + more
                    line[i] = there if there < line[i] else line[i]
