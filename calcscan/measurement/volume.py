"""The physical volume of a lesion: its signal above background, divided by the contrast of its substance.

What a blurred or thick-sliced lesion loses at its peak it gains around it, so the sum of its signal is right whatever
the scanner did; only the contrast must be found. After the observation that contrast lost to slice thickness follows
the share of the slab that is filled (Monnin et al. 2017, J Appl Clin Med Phys).

    patch → contrast → volume of an even deposit        (partial_volume)
                     → volume of one denser in the core (density_gradient)
                     → best estimate and interval
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calcscan.knowledge.volume import VolumeSettings
from calcscan.measurement.contrast import Contrast, estimate_contrast
from calcscan.measurement.density_gradient import GradientExtent, fit_density_gradient
from calcscan.measurement.partial_volume import filled_mm3
from calcscan.measurement.patch import Patch

_Z95 = 1.96


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """Best estimate and 95 % interval, mm3."""

    best_mm3: float
    low_mm3: float
    high_mm3: float


def estimate_volume(
    lesion: Patch, noise_hu: float | None, *, psf_mm: float, least_hu: float, settings: VolumeSettings
) -> Volume:
    """The volume of the lesion of a patch.

    Parameters
    ----------
    lesion
        Cut out by `calcscan.measurement.patch.cut_patch`.
    noise_hu
        Standard deviation of the noise; unknown counts as none.
    psf_mm
        In-plane blur of the scan, standard deviation.
    least_hu
        The faintest that calcification can be: the threshold that finds it.
    """
    noise_hu = noise_hu or 0.0
    contrast = estimate_contrast(lesion, noise_hu, psf_mm, settings)
    if contrast is None:
        return _as_counted(lesion, settings)
    least_contrast_hu = least_hu - lesion.background_hu
    even_mm3 = filled_mm3(lesion, max(contrast.hu, least_contrast_hu), settings)
    signal = lesion.sum_mm3(lesion.signal)
    beside_bone = lesion.clear_share < settings.clear_share
    if signal <= 0 or even_mm3 <= 0 or (beside_bone and even_mm3 > lesion.sum_mm3(lesion.counted)):
        return _as_counted(lesion, settings)
    rim_mm3 = lesion.sum_mm3(lesion.lesion)
    gradient = None
    if not beside_bone and rim_mm3 <= settings.extent_most_mm3:
        gradient = fit_density_gradient(lesion, psf_mm, least_contrast_hu, settings)
    even_error = _even_error(lesion, contrast, signal, noise_hu, psf_mm, settings)
    dense_core = _dense_core(gradient, contrast, psf_mm, settings)
    return _combined(even_mm3, even_error, rim_mm3, gradient, dense_core, settings)


def _as_counted(lesion: Patch, settings: VolumeSettings) -> Volume:
    """For a lesion that does not stand out from its surround, as beside bone: its plain count, with a wide interval."""
    counted_mm3, rim_mm3 = lesion.sum_mm3(lesion.counted), lesion.sum_mm3(lesion.lesion)
    unsure = settings.unsure
    return Volume(best_mm3=counted_mm3, low_mm3=unsure.low * counted_mm3, high_mm3=unsure.high * rim_mm3)


def _even_error(
    lesion: Patch, contrast: Contrast, signal: float, noise_hu: float, psf_mm: float, settings: VolumeSettings
) -> float:
    """Standard error of the logarithm of an even deposit's volume: contrast, background, noise, smallness, and a
    floor."""
    near_mm3 = lesion.sum_mm3(lesion.near)
    grain = max(1.0, settings.grain_mm**2 / lesion.pixel_mm2)
    noise = noise_hu * near_mm3 * np.sqrt(grain / max(int(lesion.near.sum()), 1))
    parts = (
        settings.interval_floor,
        settings.interval_contrast * contrast.spread,
        settings.interval_small * (psf_mm / contrast.narrow_mm) ** 2,
        settings.background_error_hu * near_mm3 / signal,
        settings.interval_noise * noise / signal,
    )
    return float(np.sqrt(sum(part**2 for part in parts)))


def _dense_core(gradient: GradientExtent | None, contrast: Contrast, psf_mm: float, settings: VolumeSettings) -> float:
    """How certain it is that the lesion is denser in the middle, 0 to 1."""
    if gradient is None:
        return 0.0
    sure = np.interp(gradient.misfit, [settings.uneven_from, settings.uneven_sure], [0.0, 1.0])
    widths = [settings.uneven_width, settings.uneven_width_sure]
    resolved = np.interp(contrast.narrow_mm / psf_mm, widths, [0.0, 1.0])
    return float(sure * resolved)


def _combined(
    even_mm3: float,
    even_error: float,
    rim_mm3: float,
    gradient: GradientExtent | None,
    dense_core: float,
    settings: VolumeSettings,
) -> Volume:
    """The estimates of an even deposit and of one with a dense core, weighted by how certain the core is."""
    larger = max(0.0, float(np.log((gradient.volume_mm3 if gradient else rim_mm3) / even_mm3)))
    best_mm3 = even_mm3 * float(np.exp(dense_core * larger))
    error = _Z95 * np.sqrt(
        ((1 - dense_core) * even_error) ** 2
        + dense_core**2 * ((gradient.spread if gradient else 0.0) ** 2 + settings.extent_floor**2)
        + dense_core * (1 - dense_core) * larger**2
    )
    hidden = settings.interval_hidden * (1 - dense_core) * larger
    best_mm3 = min(best_mm3, settings.rim_most * rim_mm3)
    high_mm3 = min(best_mm3 * float(np.exp(np.hypot(error, hidden))), settings.rim_most_high * rim_mm3)
    return Volume(best_mm3=best_mm3, low_mm3=best_mm3 * float(np.exp(-error)), high_mm3=max(best_mm3, high_mm3))
