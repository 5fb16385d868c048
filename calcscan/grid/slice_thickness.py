"""How thick each slice of a stack is, and how far it speaks for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from scipy import ndimage

from calcscan.grid.geometry import Array
from calcscan.knowledge.settings import load
from calcscan.knowledge.slice_thickness import SliceThicknessSettings


def slice_thickness_mm(slab_mm: Array, stated_mm: float | Sequence[float | None] | None) -> Array:
    """The thickness that each slice averages over, shape (slices,).

    The header's `stated_mm`, one number for all slices or one for each, if it can be true; else the slab that each
    slice and its neighbours stand for. Where the spacing changes within the stack one number can't be that of all.

    >>> slice_thickness_mm(np.full(3, 4.0), 2.0).tolist(), slice_thickness_mm(np.full(3, 4.0), None).tolist()
    ([2.0, 2.0, 2.0], [4.0, 4.0, 4.0])
    >>> slice_thickness_mm(np.full(6, 2.5), [2.5, None, 2.5, 5.0, 5.0, 5.0]).tolist()
    [2.5, 2.5, 2.5, 5.0, 5.0, 5.0]
    """
    settings = load(SliceThicknessSettings)
    median_mm = float(np.median(slab_mm))
    around_mm = np.asarray(ndimage.median_filter(slab_mm, size=3, mode="nearest"))
    uneven = np.percentile(slab_mm, 90) - np.percentile(slab_mm, 10) > settings.even_share * median_mm
    if stated_mm is None or isinstance(stated_mm, int | float):
        if uneven or stated_mm is None or not settings.thinnest <= stated_mm / median_mm <= settings.thickest:
            return around_mm
        return np.full_like(slab_mm, stated_mm)
    each_mm = believed_thickness_mm(slab_mm, stated_mm)
    if uneven and len(_runs(each_mm[~np.isnan(each_mm)], settings)) < 2:
        return around_mm
    return np.where(np.isnan(each_mm), around_mm, each_mm)


def believed_thickness_mm(slab_mm: Array, stated_mm: Sequence[float | None]) -> Array:
    """What of the thickness stated for each slice is believed, shape (slices,), NaN where nothing is.

    Not believed is what can't be beside the slab of the same slice, and what is stated for a single slice among others
    that agree. A slice of which nothing is believed is as thick as the nearest ones on both sides, if they agree and
    stand for slabs like its own.

    >>> believed_thickness_mm(np.full(5, 5.0), [5.0, 5.0, 50.0, None, 5.0]).tolist()
    [5.0, 5.0, 5.0, 5.0, 5.0]
    """
    settings = load(SliceThicknessSettings)
    each_mm = np.array(stated_mm, dtype=np.float64)
    share = each_mm / slab_mm
    each_mm[~((share >= settings.thinnest) & (share <= settings.thickest))] = np.nan
    known = np.flatnonzero(~np.isnan(each_mm))
    runs = _runs(each_mm[known], settings)
    if any(last - first > 1 for first, last in runs):
        each_mm[[known[first] for first, last in runs if last - first == 1]] = np.nan
    return _filled(each_mm, slab_mm, settings)


def _runs(thickness_mm: Array, settings: SliceThicknessSettings) -> list[tuple[int, int]]:
    """(first, last + 1) of each run of slices of the same thickness."""
    edges = np.flatnonzero(np.abs(np.diff(thickness_mm)) > settings.same_share * thickness_mm[1:]) + 1
    ends = [0, *edges.tolist(), len(thickness_mm)]
    return list(pairwise(ends)) if len(thickness_mm) else []


def _filled(each_mm: Array, slab_mm: Array, settings: SliceThicknessSettings) -> Array:
    """Unknown ones from the nearest known ones before and after, where those agree and lie as far apart."""
    out, known = each_mm.copy(), np.flatnonzero(~np.isnan(each_mm))
    for k in np.flatnonzero(np.isnan(each_mm)).tolist():
        beside = [*known[known < k][-1:].tolist(), *known[known > k][:1].tolist()]
        like = [n for n in beside if abs(slab_mm[n] - slab_mm[k]) <= settings.even_share * slab_mm[n]]
        if like and len(like) == len(beside) and len(_runs(each_mm[like], settings)) == 1:
            out[k] = each_mm[like[0]]
    return out


def slice_reach_mm(slab_mm: Array, thickness_mm: Array) -> Array:
    """How far each slice speaks for, shape (slices,): what it averages over, or its share of the gaps beside it if they
    are wider. A surface that runs obliquely is not known better than that.

    >>> slice_reach_mm(np.full(3, 4.0), np.full(3, 2.0)).tolist()
    [4.0, 4.0, 4.0]
    """
    return np.maximum(thickness_mm, slab_mm)
