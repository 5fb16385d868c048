"""Distances, pieces and boxes of voxels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan._kernels.distance import lowest_across, squared_across_slices, squared_in_slices, steps_along_rows
from calcscan._kernels.places import count_true, list_true
from calcscan._kernels.threads import in_parts
from calcscan.values import freeze

Mask = npt.NDArray[np.bool_]


def distance_mm(mask: Mask, spacing_mm: float) -> npt.NDArray[np.float32]:
    """Distance in mm of every voxel of a cubic grid to the nearest True one, between their centres; 0 within.

    Farther than any grid where none is True.

    >>> distance_mm(np.array([[[True, False, False]]]), 1.5).tolist()
    [[[0.0, 1.5, 3.0]]]
    """
    squared = np.empty(mask.shape, dtype=np.int32)
    voxels = np.array(mask, dtype=np.bool_, order="C")
    in_parts(mask.shape[0], lambda first, last: squared_in_slices(voxels, first, last, squared))
    in_parts(mask.shape[1], lambda first, last: squared_across_slices(first, last, squared))
    far = np.sqrt(squared, dtype=np.float32)
    far *= np.float32(spacing_mm)
    return far


def reached(mask: Mask, spacing_mm: float, reach_mm: float) -> Mask:
    """The voxels of a cubic grid that lie no farther than `reach_mm` from a True one: `distance_mm(…) <= reach_mm`, the
    faster the shorter the reach.

    >>> reached(np.array([[[True, False, False]]]), 1.5, 2.0).tolist()
    [[[True, True, False]]]
    """
    squares = np.arange(int((reach_mm / spacing_mm + 2.0) ** 2) + 1)
    within = np.sqrt(squares, dtype=np.float32) * np.float32(spacing_mm) <= reach_mm  # rounded as `distance_mm` is
    if not within[0]:
        return np.zeros(mask.shape, dtype=np.bool_)
    most = int(np.flatnonzero(within)[-1])
    voxels, reach = np.array(mask, dtype=np.bool_, order="C"), math.isqrt(most)
    one, other = np.empty(mask.shape, dtype=np.float32), np.empty(mask.shape, dtype=np.float32)
    in_parts(len(voxels), lambda first, last: steps_along_rows(voxels, reach, first, last, one))
    in_parts(len(voxels), lambda first, last: lowest_across(one, reach, False, first, last, other))
    in_parts(len(voxels), lambda first, last: lowest_across(other, reach, True, first, last, one))
    return np.asarray(one <= most)


def largest_piece(mask: Mask) -> Mask:
    """The largest piece of a mask whose voxels touch by their faces; nothing of an empty one.

    >>> largest_piece(np.array([[[True, False, True, True]]])).tolist()
    [[[False, False, True, True]]]
    """
    pieces, count = ndimage.label(mask)
    if count == 0:
        return mask
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return np.asarray(pieces == sizes.argmax())


def worn(mask: Mask, *, corners: bool = False) -> Mask:
    """The voxels of a mask (k, j, i) all of whose neighbours, by faces or also by edges and `corners`, are in it:
    `scipy.ndimage.binary_erosion`, many times as fast. Beyond the edge of the grid nothing is.

    >>> int(worn(np.ones((3, 3, 4), dtype=np.bool_)).sum())
    2
    """
    out = np.array(mask, dtype=np.bool_)
    for axis in range(mask.ndim):
        whole = np.moveaxis(out.copy() if corners else mask, axis, 0)
        left = np.moveaxis(out, axis, 0)
        left[1:] &= whole[:-1]
        left[:-1] &= whole[1:]
        left[[0, -1]] = False
    return out


def grown(mask: Mask, *, corners: bool = False) -> Mask:
    """The voxels of a mask (k, j, i) and all their neighbours, by faces or also by edges and `corners`:
    `scipy.ndimage.binary_dilation`, many times as fast.

    >>> grown(np.array([[[False, False, True, False]]])).tolist()
    [[[False, True, True, True]]]
    """
    out = np.array(mask, dtype=np.bool_)
    for axis in range(mask.ndim):
        whole = np.moveaxis(out.copy() if corners else mask, axis, 0)
        beside = np.moveaxis(out, axis, 0)
        beside[1:] |= whole[:-1]
        beside[:-1] |= whole[1:]
    return out


def places(mask: Mask) -> npt.NDArray[np.int64]:
    """The (k, j, i) of the True voxels, (n, 3), in the order of the array: `numpy.argwhere`, many
    times as fast.

    >>> places(np.array([[[False, True], [True, False]]])).tolist()
    [[0, 0, 1], [0, 1, 0]]
    """
    if mask.ndim != 3:
        return np.argwhere(mask)
    voxels = freeze(np.ascontiguousarray(mask, dtype=np.bool_))
    starts = np.zeros(len(voxels) + 1, dtype=np.int64)
    in_parts(len(voxels), lambda first, last: count_true(voxels, first, last, starts[1:]))
    np.cumsum(starts, out=starts)
    out = np.empty((int(starts[-1]), 3), dtype=np.int64)
    in_parts(len(voxels), lambda first, last: list_true(voxels, starts, first, last, out))
    return out


def box_around(kji: npt.NDArray[np.int64], margin: npt.ArrayLike, shape: tuple[int, ...]) -> tuple[slice, ...]:
    """The box of voxels (n, 3) with a margin, in voxels, as far as the grid reaches.

    >>> box_around(np.array([[1, 2, 3], [2, 2, 5]]), (0, 1, 4), (9, 9, 7))
    (slice(1, 3, None), slice(1, 4, None), slice(0, 7, None))
    """
    beyond = np.asarray(margin)
    low = np.maximum(kji.min(axis=0) - beyond, 0)
    high = np.minimum(kji.max(axis=0) + beyond + 1, shape)
    return tuple(slice(int(first), int(last)) for first, last in zip(low, high, strict=True))


def box_of(mask: Mask, margin: int = 0) -> tuple[slice, slice, slice]:
    """The box of the True voxels of a mask (k, j, i) with a margin, as far as the grid reaches; all of an empty one.

    >>> box_of(np.array([[[False, True, False, False]]]), 1)
    (slice(0, 1, None), slice(0, 1, None), slice(0, 3, None))
    """
    flat = np.asarray(mask.any(axis=0))
    held = [np.flatnonzero(along) for along in (mask.any(axis=(1, 2)), flat.any(axis=1), flat.any(axis=0))]
    k, j, i = (
        slice(max(int(places[0]) - margin, 0), min(int(places[-1]) + margin + 1, size))
        if len(places)
        else slice(0, size)
        for places, size in zip(held, mask.shape, strict=True)
    )
    return k, j, i


def filled_box(volume: npt.NDArray[Any]) -> tuple[slice, slice, slice]:
    """The box of the voxels (k, j, i) that aren't 0; an empty one where all are. Reads a large empty volume as fast as
    memory allows.

    >>> filled_box(np.array([[[0, 7, 0, 7, 0]], [[0, 0, 0, 0, 0]]], dtype=np.int16))
    (slice(0, 1, None), slice(0, 1, None), slice(1, 4, None))
    """
    held = [k for k, part in enumerate(volume) if _is_filled(part)]
    if not held:
        return slice(0, 0), slice(0, 0), slice(0, 0)
    flat = np.zeros(volume.shape[1:], dtype=np.bool_)
    for k in held:
        flat |= volume[k] != 0
    _, j, i = box_of(flat[None])
    return slice(held[0], held[-1] + 1), j, i


def _is_filled(part: npt.NDArray[Any]) -> bool:
    """Whether anything in an array isn't 0: eight bytes at a time where it is in one piece."""
    whole = part.flags.c_contiguous and part.dtype.kind in "biu" and part.nbytes % 8 == 0
    return bool((part.reshape(-1).view(np.uint64) if whole else part).any())


def corner_of(box: tuple[slice, ...]) -> npt.NDArray[np.int64]:
    """The first voxel of a box."""
    return np.array([part.start for part in box], dtype=np.int64)
