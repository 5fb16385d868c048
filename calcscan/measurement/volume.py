"""The physical volume of a lesion: its signal above background, divided by the contrast of its substance.

What a blurred or thick-sliced lesion loses at its peak it gains around it, so the sum of its signal is right whatever
the scanner did; only the contrast must be found (`calcscan.measurement.contrast`). After the observation that contrast
lost to slice thickness follows the share of the slab that is filled (Monnin et al. 2017, J Appl Clin Med Phys).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calcscan.knowledge import table, values
from calcscan.measurement.contrast import Contrast, estimate_contrast
from calcscan.measurement.density_gradient import GradientExtent, fit_density_gradient
from calcscan.measurement.partial_volume import filled_mm3
from calcscan.measurement.patch import Field, Mask, Patch

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
        Cut out by `calcscan.measurement.patch.patch`.
    noise_hu
        Standard deviation of the noise; unknown counts as none.
    least_hu
        What no calcification is fainter than: the threshold that finds it.
    sharp
        Whether the kernel is sharp: then the blur is less.
    """
    limits = values("volume")
    psf_mm = limits["psf_sharp_mm" if sharp else "psf_soft_mm"]
    noise_hu = noise_hu or 0.0
    contrast = estimate_contrast(lesion, noise_hu, psf_mm)
    if contrast is None:
        return _as_counted(lesion)
    least_contrast = least_hu - lesion.background_hu
    even_mm3 = filled_mm3(lesion, max(contrast.hu, least_contrast))
    signal = _mm3(lesion, lesion.signal)
    rim_mm3, beside_bone = _mm3(lesion, lesion.lesion), lesion.clear_share < limits["clear_share"]
    if signal <= 0 or even_mm3 <= 0 or (beside_bone and even_mm3 > _mm3(lesion, lesion.counted)):
        return _as_counted(lesion)
    extent = None
    if not beside_bone and rim_mm3 <= limits["extent_most_mm3"]:
        extent = fit_density_gradient(lesion, psf_mm, least_contrast)
    larger = max(0.0, float(np.log((extent.volume_mm3 if extent else rim_mm3) / even_mm3)))
    uneven = _uneven(extent, contrast, psf_mm)
    best = even_mm3 * float(np.exp(uneven * larger))
    error = _Z95 * np.sqrt(
        ((1 - uneven) * _even_error(lesion, contrast, signal, noise_hu, psf_mm)) ** 2
        + uneven**2 * ((extent.spread if extent else 0.0) ** 2 + limits["extent_floor"] ** 2)
        + uneven * (1 - uneven) * larger**2
    )
    hidden = limits["interval_hidden"] * (1 - uneven) * larger
    best = min(best, limits["rim_most"] * rim_mm3)
    high = min(best * float(np.exp(np.hypot(error, hidden))), limits["rim_most_high"] * rim_mm3)
    return Volume(best_mm3=best, low_mm3=best * float(np.exp(-error)), high_mm3=max(best, high))


def _uneven(extent: GradientExtent | None, contrast: Contrast, psf_mm: float) -> float:
    """How sure it is that the lesion is denser in the middle, 0 to 1."""
    if extent is None:
        return 0.0
    limits = values("volume")
    sure = np.interp(extent.misfit, [limits["uneven_from"], limits["uneven_sure"]], [0.0, 1.0])
    seen = np.interp(contrast.narrow_mm / psf_mm, [limits["uneven_width"], limits["uneven_width_sure"]], [0.0, 1.0])
    return float(sure * seen)


def _as_counted(lesion: Patch) -> Volume:
    """For what does not stand out from its surround, as beside bone: its plain count, and a wide interval."""
    low, high = (table("volume")["unsure"][name] for name in ("low", "high"))
    rim_mm3, counted_mm3 = _mm3(lesion, lesion.lesion), _mm3(lesion, lesion.counted)
    return Volume(best_mm3=counted_mm3, low_mm3=low * counted_mm3, high_mm3=high * rim_mm3)


def _mm3(lesion: Patch, share: Field | Mask) -> float:
    """The sum over the patch's voxels, each times its volume."""
    return float((share.sum(axis=(1, 2)) * lesion.slab_mm).sum() * lesion.pixel_mm2)


def _even_error(lesion: Patch, contrast: Contrast, signal: float, noise_hu: float, psf_mm: float) -> float:
    """Standard error of the logarithm of an even lesion's volume: contrast, background, noise, smallness, and a
    floor."""
    limits = values("volume")
    near_mm3 = _mm3(lesion, lesion.near)
    grain = max(1.0, limits["grain_mm"] ** 2 / lesion.pixel_mm2)
    noise = noise_hu * near_mm3 * np.sqrt(grain / max(int(lesion.near.sum()), 1))
    parts = (
        limits["interval_floor"],
        limits["interval_contrast"] * contrast.spread,
        limits["interval_small"] * (psf_mm / contrast.narrow_mm) ** 2,
        limits["background_error_hu"] * near_mm3 / signal,
        limits["interval_noise"] * noise / signal,
    )
    return float(np.sqrt(sum(part**2 for part in parts)))
