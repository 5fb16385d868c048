"""Is the falx enhanced?

Plaques cover patches of it, and differ in density from place to place. Contrast medium shows the whole of it, evenly.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from calcscan.inspection.evidence import Evidence
from calcscan.inspection.midline import Midline
from calcscan.knowledge.inspection import InspectionSettings

_HALF_FALX_MM = 4.0
"""How far the falx may deviate from the plane."""
_SMOOTH = 3
_LEAST_CELLS = 100
"""With fewer samples of the falx within the scan nothing is said."""


def enhanced_falx(midline: Midline, settings: InspectionSettings) -> Evidence | None:
    """The falx, where at least `falx_share` of it is enhanced, evenly."""
    used = midline.within(settings.falx_depth_mm)
    near = np.abs(midline.beside_mm) <= _HALF_FALX_MM
    cells = used[:, near].all(axis=1)
    if int(cells.sum()) < _LEAST_CELLS:
        return None
    falx = ndimage.median_filter(np.where(used, midline.hu, 0.0)[:, near].max(axis=1), _SMOOTH)
    beside = np.abs(midline.beside_mm) >= settings.beside_midline_mm
    tissue = np.median(midline.hu[:, beside], axis=1)
    enhanced = cells & (falx >= settings.falx_hu) & (falx <= settings.enhanced_high_hu)
    enhanced &= falx - tissue >= settings.falx_contrast_hu
    share = float(enhanced.sum() / cells.sum())
    if share < settings.falx_share:
        return None
    quartiles = np.percentile(falx[enhanced], [25, 50, 75])
    if (quartiles[2] - quartiles[0]) / quartiles[1] > settings.falx_spread:
        return None
    return Evidence(where="the falx", hu=float(quartiles[1]), extent=f"{share:.0%} of it")
