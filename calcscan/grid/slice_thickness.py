"""How thick each slice of a stack is, and how far it speaks for."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from calcscan.grid.geometry import Array
from calcscan.knowledge.settings import load
from calcscan.knowledge.slice_thickness import SliceThicknessSettings


def slice_thickness_mm(slab_mm: Array, stated_mm: float | None) -> Array:
    """The thickness that each slice averages over, shape (slices,).

    The header's `stated_mm`, if it can be true. Where the spacing changes within the stack one number can't be: there,
    the slab that each slice and its neighbours stand for.

    >>> slice_thickness_mm(np.full(3, 4.0), 2.0).tolist(), slice_thickness_mm(np.full(3, 4.0), None).tolist()
    ([2.0, 2.0, 2.0], [4.0, 4.0, 4.0])
    """
    settings = load(SliceThicknessSettings)
    median_mm = float(np.median(slab_mm))
    uneven = np.percentile(slab_mm, 90) - np.percentile(slab_mm, 10) > settings.even_share * median_mm
    if uneven or stated_mm is None or not settings.thinnest <= stated_mm / median_mm <= settings.thickest:
        return np.asarray(ndimage.median_filter(slab_mm, size=3, mode="nearest"))
    return np.full_like(slab_mm, stated_mm)


def slice_reach_mm(slab_mm: Array, thickness_mm: Array) -> Array:
    """How far each slice speaks for, shape (slices,): what it averages over, or its share of the gaps beside it if they
    are wider. A surface that runs obliquely is not known better than that.

    >>> slice_reach_mm(np.full(3, 4.0), np.full(3, 2.0)).tolist()
    [4.0, 4.0, 4.0]
    """
    return np.maximum(thickness_mm, slab_mm)
