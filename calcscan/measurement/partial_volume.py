"""How much of each voxel a lesion fills, and what that adds up to.

A voxel deep within the lesion is full, whatever its density: deposits are denser in the middle than at the margin. The
others hold their signal's share of the density of the full ones nearby, or of the contrast of the whole lesion where
none is full.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.knowledge.volume import VolumeSettings
from calcscan.measurement.patch import Field, Mask, Patch


def filled_mm3(lesion: Patch, contrast_hu: float, settings: VolumeSettings) -> float:
    """The volume that the lesion fills, given the contrast of its substance."""
    full = _full(lesion, contrast_hu, settings)
    reach = settings.full_reach_mm / np.array([np.median(lesion.slab_mm), *lesion.pixel_mm])
    weight = _spread(full.astype(np.float64), reach)
    density = _spread(np.where(full, lesion.signal, 0.0), reach)
    faint = settings.full_faint
    nearby = (density + faint * contrast_hu) / (weight + faint)
    share = np.where(full, 1.0, lesion.signal / nearby)
    return lesion.sum_mm3(share)


def _full(lesion: Patch, contrast_hu: float, settings: VolumeSettings) -> Mask:
    """Voxels farther than the blur from where the signal falls to half of what it is nearby, and nearly as high in the
    slices above and below."""
    pixel = np.asarray(lesion.pixel_mm)
    soft = ndimage.gaussian_filter(lesion.signal, (0, *(0.35 / pixel)))
    nearby = ndimage.grey_dilation(soft, footprint=_drum(settings.near_full_mm, pixel))
    body: Mask = (soft >= 0.5 * nearby) & lesion.near & (soft >= settings.full_from * contrast_hu)
    through = soft >= settings.full_through * nearby
    full: Mask = np.zeros_like(body)
    for k in range(1, len(body) - 1):
        if body[k].any() and through[k - 1].any() and through[k + 1].any():
            depth = ndimage.distance_transform_edt(np.pad(body[k], 1), sampling=lesion.pixel_mm)[1:-1, 1:-1]
            full[k] = (depth > settings.full_depth_mm) & through[k - 1] & through[k + 1]
    return full


def _drum(radius_mm: float, pixel: Field) -> npt.NDArray[np.bool_]:
    """A disk over three slices."""
    rows, columns = (int(np.ceil(radius_mm / step)) for step in pixel)
    j, i = np.mgrid[-rows : rows + 1, -columns : columns + 1]
    disk = np.hypot(j * pixel[0], i * pixel[1]) <= radius_mm
    return np.stack([disk, disk, disk])


def _spread(values_kji: Field, sigma: npt.NDArray[np.float64]) -> Field:
    return np.asarray(ndimage.gaussian_filter(values_kji, sigma, mode="constant", truncate=3.0))
