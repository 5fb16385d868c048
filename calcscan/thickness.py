"""What each slice averages over."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from calcscan.geometry import Array
from calcscan.knowledge import values
from calcscan.model import Scan


def thickness_mm(scan: Scan) -> Array:
    """The thickness that each slice averages over, shape (slices,).

    The header's, if it can be true. Where the spacing changes within the stack one number can't be: there, what each
    slice and its neighbours stand for.
    """
    limits, slab_mm = values("thickness"), scan.geometry.slab_mm
    stated = scan.acquisition.slice_thickness_mm
    middle = float(np.median(slab_mm))
    uneven = np.percentile(slab_mm, 90) - np.percentile(slab_mm, 10) > limits["even_share"] * middle
    if uneven or stated is None or not limits["thinnest"] <= stated / middle <= limits["thickest"]:
        return np.asarray(ndimage.median_filter(slab_mm, size=3, mode="nearest"))
    return np.full_like(slab_mm, stated)


def reach_mm(scan: Scan) -> Array:
    """How far each slice speaks for, shape (slices,): what it averages over, or its share of the gaps beside it if they
    are wider. A surface that runs aslant is not known better than that.

    >>> from calcscan.geometry import Geometry
    >>> from calcscan.model import Acquisition
    >>> grid = Geometry.regular(shape=(3, 4, 5), spacing_mm=(4.0, 0.5, 0.5))
    >>> gapped = Acquisition(slice_thickness_mm=2.0)
    >>> scan = Scan(hu=np.zeros((3, 4, 5), np.int16), geometry=grid, acquisition=gapped)
    >>> thickness_mm(scan).tolist(), reach_mm(scan).tolist()
    ([2.0, 2.0, 2.0], [4.0, 4.0, 4.0])
    """
    return np.maximum(thickness_mm(scan), scan.geometry.slab_mm)
