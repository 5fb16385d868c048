"""Is there something brighter than brain that could be blood?"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from calcscan.knowledge.thresholds import ThresholdSettings
from calcscan.model import Flag, Intracranial


def flag_possible_haemorrhage(intracranial: Intracranial, settings: ThresholdSettings) -> tuple[Flag, ...]:
    """The flag `possible_haemorrhage`, with the volume in ml, or nothing. Never counted as calcification.

    Looks on the coarse grid, where noise is averaged out: compact pieces of 60 to 99 HU, deep enough under the inner
    table to be no sinus, wide enough to be no falx, tentorium or vessel, clear of the blur of calcium and bone.
    """
    hu, step = intracranial.isotropic_hu.values, intracranial.isotropic_hu.spacing_mm
    bright = hu > settings.blood_high_hu
    clear = ndimage.distance_transform_edt(~bright) * step > settings.blood_clear_mm if bright.any() else ~bright
    where = intracranial.isotropic_mask & (intracranial.depth_mm >= settings.blood_depth_mm) & clear
    band = where & (hu >= settings.blood_low_hu)
    pieces, count = ndimage.label(band)
    if count == 0:
        return ()
    thick = ndimage.distance_transform_edt(band) * step
    index = np.arange(1, count + 1)
    ml = ndimage.sum_labels(band, pieces, index) * step**3 / 1000.0
    mean = ndimage.mean(hu, pieces, index)
    suspect = (ml >= settings.blood_ml) & (ndimage.maximum(thick, pieces, index) >= settings.blood_radius_mm)
    suspect &= (mean >= settings.blood_mean_low_hu) & (mean <= settings.blood_mean_high_hu)
    if not suspect.any():
        return ()
    largest = float(ml[suspect].max())
    density = float(mean[suspect][ml[suspect].argmax()])
    message = f"{largest:.1f} ml of {density:.0f} HU is brighter than brain and fainter than calcium"
    return (Flag(code="possible_haemorrhage", message=message, value=round(largest, 2), limit=settings.blood_ml),)
