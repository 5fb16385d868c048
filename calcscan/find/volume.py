"""The physical volume of a lesion: its signal above background, divided by the contrast of its substance.

What a blurred or thick-sliced lesion loses at its peak it gains around it, so the sum of its signal is right whatever
the scanner did; only the contrast must be found (`calcscan.find.contrast`). After the observation that contrast lost
to slice thickness follows the share of the slab that is filled (Monnin et al. 2017, J Appl Clin Med Phys).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from calcscan.find.contrast import Contrast, find_contrast
from calcscan.find.shares import filled
from calcscan.find.surround import Patch
from calcscan.knowledge import table, values

_Z95 = 1.96


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """Best estimate and 95 % interval, mm3."""

    best_mm3: float
    low_mm3: float
    high_mm3: float


def estimate(lesion: Patch, noise_hu: float | None, *, least_hu: float, sharp: bool = False) -> Volume:
    """The volume of the lesion of a patch.

    Parameters
    ----------
    lesion
        Cut out by `calcscan.find.surround.patch`.
    noise_hu
        Standard deviation of the noise; unknown counts as none.
    least_hu
        What no calcification is fainter than: the threshold that finds it.
    sharp
        Whether the kernel is sharp: then the blur is less.
    """
    limits = values("volume")
    psf_mm = limits["psf_sharp_mm" if sharp else "psf_soft_mm"]
    contrast = find_contrast(lesion, noise_hu or 0.0, psf_mm)
    if contrast is None:
        return _as_counted(lesion)
    contrast = replace(contrast, hu=max(contrast.hu, least_hu - lesion.background_hu))
    pixel_mm2 = lesion.pixel_mm[0] * lesion.pixel_mm[1]
    signal = float((lesion.signal.sum(axis=(1, 2)) * lesion.slab_mm).sum() * pixel_mm2)
    shares = filled(lesion, contrast.hu, noise_hu or 0.0)
    best = shares.volume_mm3
    if signal <= 0 or best <= 0:
        return _as_counted(lesion)
    error = _error(lesion, contrast, signal, noise_hu or 0.0, psf_mm, shares.unevenness)
    most = limits["rim_most"] * _rim_mm3(lesion)
    best = min(best, most)
    high = max(best, min(best * float(np.exp(error)), limits["rim_most_high"] / limits["rim_most"] * most))
    return Volume(best_mm3=best, low_mm3=best * float(np.exp(-error)), high_mm3=high)


def _as_counted(lesion: Patch) -> Volume:
    """For what stands out from no surround, as beside bone: its rim as it is, and a wide interval."""
    low, high = (table("volume")["unsure"][name] for name in ("low", "high"))
    rim_mm3 = _rim_mm3(lesion)
    return Volume(best_mm3=rim_mm3, low_mm3=low * rim_mm3, high_mm3=high * rim_mm3)


def _rim_mm3(lesion: Patch) -> float:
    """The plain volume of the lesion with its faint rim."""
    pixel_mm2 = lesion.pixel_mm[0] * lesion.pixel_mm[1]
    return float((lesion.lesion.sum(axis=(1, 2)) * lesion.slab_mm).sum() * pixel_mm2)


def _error(
    lesion: Patch, contrast: Contrast, signal: float, noise_hu: float, psf_mm: float, unevenness: float
) -> float:
    """Half the 95 % interval of the logarithm of the volume: contrast, background, noise, smallness, unevenness,
    and a floor."""
    limits = values("volume")
    pixel_mm2 = lesion.pixel_mm[0] * lesion.pixel_mm[1]
    near_mm3 = float((lesion.near.sum(axis=(1, 2)) * lesion.slab_mm).sum() * pixel_mm2)
    grain = max(1.0, limits["grain_mm"] ** 2 / pixel_mm2)
    noise = noise_hu * near_mm3 * np.sqrt(grain / max(int(lesion.near.sum()), 1))
    parts = (
        limits["interval_floor"],
        limits["interval_contrast"] * contrast.spread,
        limits["interval_small"] * psf_mm / contrast.narrow_mm,
        limits["background_error_hu"] * near_mm3 / signal,
        limits["interval_uneven"] * unevenness,
        noise / signal,
    )
    return _Z95 * float(np.sqrt(sum(part**2 for part in parts)))
