"""What the scan could have missed."""

from __future__ import annotations

import numpy as np

from calcscan.knowledge import values
from calcscan.model import Scan


def detection_floor_mm3(scan: Scan, threshold_hu: float, smallest_mm3: float, brain_hu: float | None) -> float:
    """The smallest compact calcification of the reference density that is sure to be counted.

    A ball thinner than the slab keeps a share of its contrast; the one whose share just reaches the threshold is the
    floor, and never less than the smallest volume counted. In-plane blur of 0.6 mm (standard deviation).
    """
    limits = values("thresholds")
    background = brain_hu if brain_hu is not None else 0.0
    needed = (threshold_hu - background) / (limits["reference_hu"] - background)
    if needed >= 1:
        return float("inf")
    slab = max(float(np.median(scan.geometry.slab_mm)), scan.acquisition.slice_thickness_mm or 0.0)
    radius = np.linspace(0.2, 20.0, 1000)
    along = np.minimum(1.0, 2 * radius / (2 * slab))
    across = 1 - np.exp(-(radius**2) / (2 * 0.6**2))
    reached = radius[np.argmax(along * across >= needed)]
    return float(max(smallest_mm3, 4 / 3 * np.pi * reached**3))
