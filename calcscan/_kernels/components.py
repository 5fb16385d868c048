"""Connected components of the voxels at or above a threshold, by runs of rows.

A run is a stretch of voxels of one row that lie at or above the threshold. Rows are worked through in C order, so runs
are numbered in scan order, and the root of a component is its smallest run: the numbering is the same however the
volume is cut into parts. Each part (a range of slices) is worked by one thread, on its own stretch of the arrays.

Letters: K slices, J rows, I columns, R runs, n components. A row's number is k * J + j.
After Wu, Otoo & Suzuki (2009), "Optimizing two-pass connected-component labeling algorithms", with runs for voxels.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from calcscan._kernels import kernel

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]

# Eight voxels' marks are read as one word. Its constants are of its own type: numba compares mixed integers as floats.
_WORD = 8
_NONE, _ONE, _BYTE, _TOP_BYTE = np.uint64(0), np.uint64(1), np.uint64(8), np.uint64(56)
_PRIME = np.uint64(19)
_WHICH_BYTE = np.zeros(19, np.uint8)
"""Which byte of a word is 1, all others being 0, by the word modulo 19: the powers of 256 differ there."""
for _byte in range(_WORD):
    _WHICH_BYTE[256**_byte % 19] = _byte


@kernel
def _mark(hu: npt.NDArray[np.int16], mask: Bytes, masked: bool, k: int, j: int, threshold: int, above: Bytes) -> None:
    """Write 1 into `above` (I + padding,) where row (k, j) reaches the threshold within the mask; else 0."""
    columns = hu.shape[2]
    line = hu[k, j]
    for i in range(columns):
        above[i] = line[i] >= threshold
    if masked:
        inside = mask[k, j]
        for i in range(columns):
            above[i] &= inside[i] != 0


@kernel
def find_runs(
    hu: npt.NDArray[np.int16],
    mask: Bytes,
    threshold: int,
    first: int,
    last: int,
    run: int,
    above: Bytes,
    counts: Longs,
    run_edge: Ints,
    run_sum: Longs,
    run_max: npt.NDArray[np.int16],
) -> int:
    """Edges (R, 2), sum and maximum of the runs of rows first … last − 1, from place `run` of these arrays on, and the
    number of each row's into `counts` (K * J,). Returns the row at which there may be too little room: `last` if none.

    `mask` is of the shape of `hu`, or of no voxels for none. `above` is scratch, a multiple of 8 longer than I.
    """
    rows, columns = hu.shape[1:]
    masked = mask.size > 0
    words, edges = above.view(np.uint64), run_edge.reshape(-1)
    for row in range(first, last):
        if run + columns // 2 + 1 > len(run_sum):
            return row
        k, j = row // rows, row % rows
        _mark(hu, mask, masked, k, j, threshold, above)
        carry, edge = _NONE, 2 * run
        for w in range(len(words)):
            change = words[w] ^ ((words[w] << _BYTE) | carry)
            carry = words[w] >> _TOP_BYTE
            while change != _NONE:
                lowest = change & (~change + _ONE)
                edges[edge] = w * _WORD + _WHICH_BYTE[lowest % _PRIME]
                edge += 1
                change ^= lowest
        line, begin = hu[k, j], run
        while 2 * run < edge:
            total, top = np.int64(0), line[run_edge[run, 0]]
            for i in range(run_edge[run, 0], run_edge[run, 1]):
                total += line[i]
                top = max(top, line[i])
            run_sum[run], run_max[run] = total, top
            run += 1
        counts[row] = run - begin
    return last


@kernel
def _root(parent: Ints, run: int) -> int:
    """The smallest run of the component, halving the way as it goes."""
    while parent[run] != run:
        parent[run] = parent[parent[run]]
        run = parent[run]
    return run


@kernel
def _join_rows(run_edge: Ints, parent: Ints, here: int, here_end: int, there: int, there_end: int, reach: int) -> None:
    """Join the runs of two rows that overlap, or touch by a corner if `reach` is 1."""
    if there == there_end:
        return
    here_first, here_last = run_edge[here, 0], run_edge[here, 1]
    there_first, there_last = run_edge[there, 0], run_edge[there, 1]
    while True:
        meet = here_first < there_last + reach and there_first < here_last + reach
        if meet and parent[here] != parent[there]:
            one, other = _root(parent, here), _root(parent, there)
            parent[here] = parent[there] = parent[max(one, other)] = min(one, other)
        if here_last < there_last:
            here += 1
            if here == here_end:
                return
            here_first, here_last = run_edge[here, 0], run_edge[here, 1]
        else:
            there += 1
            if there == there_end:
                return
            there_first, there_last = run_edge[there, 0], run_edge[there, 1]


@kernel
def join_slices(
    row_start: Longs, run_edge: Ints, parent: Ints, rows: int, connectivity: int, first: int, last: int, across: bool
) -> None:
    """Join the runs of the slices first … last − 1 with their neighbours before them in scan order.

    With `across`, only slice `first` with the slice before it; without, never beyond slice `first`.
    """
    same = 0 if connectivity == 6 else 1
    corner = 1 if connectivity == 26 else 0
    for k in range(first, first + 1 if across else last):
        for j in range(rows):
            row = k * rows + j
            here, end = row_start[row], row_start[row + 1]
            if here == end:
                continue
            if j > 0 and not across:
                _join_rows(run_edge, parent, here, end, row_start[row - 1], row_start[row], same)
            if k == 0 or (k == first and not across):
                continue
            below = row - rows
            _join_rows(run_edge, parent, here, end, row_start[below], row_start[below + 1], same)
            if connectivity == 6:
                continue
            if j > 0:
                _join_rows(run_edge, parent, here, end, row_start[below - 1], row_start[below], corner)
            if j + 1 < rows:
                _join_rows(run_edge, parent, here, end, row_start[below + 1], row_start[below + 2], corner)


@kernel
def number(parent: Ints) -> int:
    """Replace each run's parent by its component's number, 1 … n by first voxel; returns n."""
    count = 0
    for run in range(len(parent)):
        if parent[run] == run:
            count += 1
            parent[run] = count
        else:
            parent[run] = parent[parent[run]]
    return count


@kernel
def write_labels(row_start: Longs, run_edge: Ints, label: Ints, first: int, last: int, labels: Ints) -> None:
    """Write the labels of the runs of slices first … last − 1 into `labels` (K, J, I), zero before."""
    rows = labels.shape[1]
    for k in range(first, last):
        for j in range(rows):
            line = labels[k, j]
            for run in range(row_start[k * rows + j], row_start[k * rows + j + 1]):
                for i in range(run_edge[run, 0], run_edge[run, 1]):
                    line[i] = label[run]


@kernel
def tabulate(
    row_start: Longs,
    run_edge: Ints,
    label: Ints,
    run_sum: Longs,
    run_max: npt.NDArray[np.int16],
    rows: int,
    sums: Longs,
    peak: npt.NDArray[np.int16],
    box: Ints,
) -> None:
    """Add the runs up by component.

    `sums` (n, 5): voxels, HU, k, j and i summed over voxels, zero before. `peak` (n,): greatest HU, least int16
    before. `box` (n, 3, 2): first and last + 1 along k, j, i; greatest int32 and 0 before.
    """
    for row in range(len(row_start) - 1):
        k, j = row // rows, row % rows
        for run in range(row_start[row], row_start[row + 1]):
            c = label[run] - 1
            left, right = np.int64(run_edge[run, 0]), np.int64(run_edge[run, 1])
            length = right - left
            sums[c, 0] += length
            sums[c, 1] += run_sum[run]
            sums[c, 2] += k * length
            sums[c, 3] += j * length
            sums[c, 4] += (left + right - 1) * length // 2
            peak[c] = max(peak[c], run_max[run])
            box[c, 0, 0] = min(box[c, 0, 0], k)
            box[c, 0, 1] = max(box[c, 0, 1], k + 1)
            box[c, 1, 0] = min(box[c, 1, 0], j)
            box[c, 1, 1] = max(box[c, 1, 1], j + 1)
            box[c, 2, 0] = min(box[c, 2, 0], left)
            box[c, 2, 1] = max(box[c, 2, 1], right)
