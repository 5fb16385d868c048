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
