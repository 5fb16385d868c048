"""Threshold, connected components and the sums of each component in one go, for any int16 volume."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from calcscan._kernels import components as kernels
from calcscan._kernels.threads import SLICES_A_PART, in_parts, thread_count

ROW = np.dtype(
    [
        ("voxels", np.int64),
        ("sum_hu", np.int64),
        ("max_hu", np.int16),
        ("centroid_kji", np.float64, (3,)),
        ("bbox", np.int32, (3, 2)),
    ]
)
"""One row of the table. `bbox` is (first, last + 1) along k, j and i."""

_INT16 = np.iinfo(np.int16)
_WORD = 8

_RUNS_A_ROW = 8
"""Room for so many is made at first: most scans have fewer."""

Volume = npt.NDArray[np.int16]
Table = npt.NDArray[np.void]
Parts = Callable[[Callable[[int, int], None]], None]
_Runs = tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], npt.NDArray[np.int16]]
Scalar = TypeVar("Scalar", bound=np.generic)


def lesion_table(
    hu: Volume, threshold_hu: float = 130, *, mask: npt.NDArray[np.bool_] | None = None, connectivity: int = 26
) -> tuple[npt.NDArray[np.int32], Table]:
    """Connected components of the voxels at or above a threshold, and what each adds up to.

    Parameters
    ----------
    hu
        int16, shape (k, j, i); read-only or non-contiguous arrays will do (the latter are copied).
    threshold_hu
        A voxel counts if it is at or above it.
    mask
        bool (or integers, not 0 for within), same shape as `hu`: only voxels within it count.
    connectivity
        6 (faces), 18 (and edges) or 26 (and corners).

    Returns
    -------
    labels
        int32, shape (k, j, i): 0 for none, else 1 … n in the order in which the components are first met in C order.
    table
        Shape (n,), fields of `ROW`: `voxels`, `sum_hu`, `max_hu`, `centroid_kji` (3,), `bbox` (3, 2), the last as
        (first, last + 1) along k, j, i. The answer is the same for any number of threads.

    Raises
    ------
    ValueError
        An argument is of the wrong type, shape or range; the message names it.

    Examples
    --------
    >>> hu = np.zeros((3, 4, 5), np.int16)
    >>> hu[1, 1:3, 2] = 200, 400
    >>> labels, table = lesion_table(hu)
    >>> int(labels.max()), table["voxels"].tolist(), table["sum_hu"].tolist(), table["centroid_kji"].tolist()
    (1, [2], [600], [[1.0, 1.5, 2.0]])
    """
    return label_with(hu, threshold_hu, mask=mask, connectivity=connectivity, threads=thread_count())


def label_with(
    hu: Volume, threshold_hu: float, *, mask: npt.NDArray[np.bool_] | None, connectivity: int, threads: int
) -> tuple[npt.NDArray[np.int32], Table]:
    """`lesion_table` on a given number of threads."""
    threshold = _checked_threshold(threshold_hu)
    volume, within = _checked_volume(hu), _checked_mask(mask, hu)
    if connectivity not in (6, 18, 26):
        raise ValueError(f"connectivity must be 6, 18 or 26, not {connectivity!r}")
    labels = np.zeros(volume.shape, np.int32)
    if volume.size == 0:
        return labels, np.zeros(0, ROW)

    def each(work: Callable[[int, int], None]) -> None:
        in_parts(len(volume), work, threads=threads)

    return labels, _label(volume, within, threshold, connectivity, labels, each)


def _label(
    hu: Volume,
    mask: npt.NDArray[np.uint8],
    threshold: int,
    connectivity: int,
    labels: npt.NDArray[np.int32],
    each: Parts,
) -> Table:
    slices, rows, _ = hu.shape
    row_start = np.zeros(slices * rows + 1, np.int64)
    found: dict[int, _Runs] = {}

    def find(first: int, last: int) -> None:
        found[first] = _found_runs(hu, mask, threshold, first, last, row_start[1:])

    each(find)
    np.cumsum(row_start, out=row_start)
    runs = int(row_start[-1])
    if runs > np.iinfo(np.int32).max:
        raise ValueError(f"hu breaks into {runs} runs at this threshold, more than int32 labels can number")
    run_edge, run_sum, run_max = (np.concatenate(one) for one in zip(*(found[n] for n in sorted(found)), strict=True))
    parent = np.arange(runs, dtype=np.int32)
    each(lambda first, last: kernels.join_slices(row_start, run_edge, parent, rows, connectivity, first, last, False))
    for first in range(SLICES_A_PART, slices, SLICES_A_PART):
        kernels.join_slices(row_start, run_edge, parent, rows, connectivity, first, first + 1, True)
    count = kernels.number(parent)
    each(lambda first, last: kernels.write_labels(row_start, run_edge, parent, first, last, labels))
    sums, peak, box = (
        np.zeros((count, 5), np.int64),
        np.full(count, _INT16.min, np.int16),
        np.zeros((count, 3, 2), np.int32),
    )
    box[:, :, 0] = np.iinfo(np.int32).max
    kernels.tabulate(row_start, run_edge, parent, run_sum, run_max, rows, sums, peak, box)
    table = np.empty(count, ROW)
    table["voxels"], table["sum_hu"], table["max_hu"], table["bbox"] = sums[:, 0], sums[:, 1], peak, box
    table["centroid_kji"] = sums[:, 2:] / sums[:, :1]
    return table


def _found_runs(
    hu: Volume, mask: npt.NDArray[np.uint8], threshold: int, first: int, last: int, counts: npt.NDArray[np.int64]
) -> _Runs:
    """Edges (R, 2), sums and maxima of the runs of some slices; how many each row has goes into `counts`."""
    _, rows, columns = hu.shape
    room = _RUNS_A_ROW * rows * (last - first) + columns
    edges, sums, tops = np.empty((room, 2), np.int32), np.empty(room, np.int64), np.empty(room, np.int16)
    above = np.zeros(columns + _WORD - columns % _WORD, np.uint8)
    row, end, runs = first * rows, last * rows, 0
    while row < end:
        if runs:  # as many again as there were in what is done
            edges, sums, tops = (np.concatenate([one[:runs], np.empty_like(one)]) for one in (edges, sums, tops))
        row = kernels.find_runs(hu, mask, threshold, row, end, runs, above, counts, edges, sums, tops)
        runs = int(counts[first * rows : row].sum())
    return edges[:runs], sums[:runs], tops[:runs]


def _checked_threshold(threshold_hu: float) -> int:
    """The least whole HU that reaches the threshold."""
    number = isinstance(threshold_hu, int | float | np.integer | np.floating) and not isinstance(threshold_hu, bool)
    if not number or not math.isfinite(threshold_hu):
        raise ValueError(f"threshold_hu must be a finite number, not {threshold_hu!r}")
    if not _INT16.min <= threshold_hu <= _INT16.max:
        raise ValueError(f"threshold_hu must lie in {_INT16.min} … {_INT16.max} (int16), not {threshold_hu!r}")
    return math.ceil(threshold_hu)


def _checked_volume(hu: Volume) -> Volume:
    if not isinstance(hu, np.ndarray) or hu.dtype != np.int16:
        raise ValueError(f"hu must be an int16 array, not {getattr(hu, 'dtype', type(hu).__name__)}")
    if hu.ndim != 3:
        raise ValueError(f"hu must have shape (k, j, i), not {hu.shape}")
    return _read_only(hu)


def _checked_mask(mask: npt.NDArray[np.bool_] | None, hu: Volume) -> npt.NDArray[np.uint8]:
    if mask is None:
        return _read_only(np.empty((0, 0, 0), np.uint8))
    if not isinstance(mask, np.ndarray) or mask.dtype.kind not in "biu":
        raise ValueError(f"mask must be a bool array, not {getattr(mask, 'dtype', type(mask).__name__)}")
    if mask.shape != hu.shape:
        raise ValueError(f"mask must have the shape of hu, {hu.shape}, not {mask.shape}")
    return _read_only((mask if mask.dtype == np.bool_ else mask != 0).view(np.uint8))


def _read_only(array: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
    """A contiguous read-only view: the one type that the kernels are compiled for."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def warm_up() -> None:
    """Compile the kernels, or load them from disk, on a volume of 8 × 8 × 8."""
    hu = np.zeros((8, 8, 8), np.int16)
    hu[2:4, 2:4, 2:4] = hu[6, 6, 6] = 300
    lesion_table(hu)
