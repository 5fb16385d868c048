"""Is the superior sagittal sinus enhanced?

It lies in the midline directly below the inner table, from the forehead to the occiput: blood of 40 to 90 HU without
contrast medium. Looked at is how much brighter it is than what lies equally deep beside it, so that neither the blur of
bone nor beam hardening counts.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from calcscan.inspection.evidence import Evidence
from calcscan.inspection.midline import Midline
from calcscan.knowledge.inspection import InspectionSettings

_SMOOTH_RAYS = 5
"""A median over so many neighbouring rays, about 20 mm: a plaque does not pass for a sinus."""
_HALF_SINUS_MM = 5.0


def enhanced_sinus(midline: Midline, settings: InspectionSettings) -> Evidence | None:
    """The superior sagittal sinus, where at least `sinus_length_mm` of it are enhanced."""
    used = midline.within(settings.sinus_depth_mm)
    count = used.sum(axis=-1)
    level = np.where(count >= 2, (midline.hu * used).sum(axis=-1) / np.maximum(count, 1), np.nan)
    across = (level[:, :-2] + level[:, 1:-1] + level[:, 2:]) / 3.0
    near = np.abs(midline.beside_mm[1:-1]) <= _HALF_SINUS_MM
    beside = np.abs(midline.beside_mm) >= settings.beside_midline_mm
    known = np.isfinite(across[:, near]).any(axis=1) & np.isfinite(level[:, beside]).any(axis=1)
    if not known.any():
        return None
    sinus = np.zeros(len(level))
    sinus[known] = np.nanmax(across[known][:, near], axis=1)
    tissue = np.zeros(len(level))
    tissue[known] = np.nanmedian(level[known][:, beside], axis=1)
    contrast = ndimage.median_filter(sinus - tissue, _SMOOTH_RAYS)
    sinus = ndimage.median_filter(sinus, _SMOOTH_RAYS)
    enhanced = (sinus >= settings.sinus_hu) & (sinus <= settings.enhanced_high_hu)
    enhanced &= contrast >= settings.sinus_contrast_hu
    if not enhanced.any():
        return None
    radius_mm = (used * midline.along_mm).sum(axis=(1, 2)) / np.maximum(used.sum(axis=(1, 2)), 1)
    length_mm = float((radius_mm * midline.step_rad)[enhanced].sum())
    low, middle, high = np.percentile(sinus[enhanced], [25, 50, 75])
    if length_mm < settings.sinus_length_mm or (high - low) / middle > settings.sinus_spread:
        return None
    return Evidence(
        where="the superior sagittal sinus",
        hu=float(middle),
        extent=f"{length_mm:.0f} mm long",
    )
