"""The physical volume of a lesion: its signal above background, divided by the contrast of its substance.

What a blurred or thick-sliced lesion loses at its peak it gains around it, so the sum of its signal is right whatever
the scanner did; only the contrast must be found. After the observation that contrast lost to slice thickness follows
the share of the slab that is filled (Monnin et al. 2017, J Appl Clin Med Phys).

    patch → its imaging                                 (imaging)
          → volume of an even deposit                   (even_deposit)
          → extents of one denser in the core or hollow (alternatives)
          → best estimate and interval
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from calcscan.knowledge.volume import VolumeSettings
from calcscan.measurement.alternatives import DenserCore, Shell, hidden_hollow, radius_mm
from calcscan.measurement.density_gradient import fit_density_gradient
from calcscan.measurement.even_deposit import EvenDeposit, Tolerance, fit_even
from calcscan.measurement.hollow import fit_hollow
from calcscan.measurement.imaging import Imaging
from calcscan.measurement.patch import Patch
from calcscan.measurement.profile import peakedness

_Z95 = 1.96
_UPPER = 97
"""Percentile of a lesion's signal that counts as what it reaches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """Best estimate and 95 % interval, mm3."""

    best_mm3: float
    low_mm3: float
    high_mm3: float
    counted: bool = False
    """It is the plain count of voxels: nothing stands out from its surround that could be imaged and compared."""


def estimate_volume(lesion: Patch, noise_hu: float | None, *, least_hu: float, settings: VolumeSettings) -> Volume:
    """The volume of the lesion of a patch.

    Parameters
    ----------
    lesion
        Cut out by `calcscan.measurement.patch.cut_patch`.
    noise_hu
        Standard deviation of the noise; unknown counts as none.
    least_hu
        The faintest that the calcification can be: the threshold that finds it, or more in a dense surround.
    """
    noise_hu = noise_hu or 0.0
    signal = lesion.sum_mm3(lesion.signal)
    upper_hu = float(np.percentile(lesion.signal[lesion.lesion], _UPPER)) if lesion.lesion.any() else 0.0
    if signal <= 0 or upper_hu <= 0:
        return _as_counted(lesion, settings)
    imaging = Imaging.of(lesion, settings)
    sharp = imaging.sharpened(settings.sharpened_rounds)
    thick = float(np.median(lesion.thick_mm)) > settings.columns_from_mm
    tolerance = _tolerance(imaging, lesion, noise_hu, upper_hu, settings)
    least = max(least_hu - lesion.background_hu, 1.0)
    blur_steps = _blur_steps(lesion, settings)
    even = fit_even(imaging, sharp, signal, upper_hu, least, tolerance, settings, blur_steps=blur_steps, thick=thick)
    if even is None:
        return _as_counted(lesion, settings)
    beside_bone = lesion.clear_share < settings.clear_share
    if beside_bone and np.exp(even.log_mm3) > lesion.sum_mm3(lesion.counted):
        return _as_counted(lesion, settings)
    core, shell = DenserCore(), Shell()
    if not beside_bone:
        usual = sharp[even.sharpness]
        gradient = fit_density_gradient(imaging, usual, even, least, tolerance, thick=thick)
        peaked = peakedness(imaging, sharp, noise_hu, settings) if thick else None
        core = DenserCore.of(gradient, even, lesion, tolerance, settings, peaked=peaked)
        shell = Shell.of(fit_hollow(imaging, usual, even, least, tolerance), even, settings)
    even_error = _even_error(lesion, even, signal, noise_hu, tolerance, settings)
    return _combined(lesion, even, even_error, core, shell, settings)


def _blur_steps(lesion: Patch, settings: VolumeSettings) -> dict[str, tuple[float, ...]]:
    """How many times the blur is tried, to learn how much the volume depends on it: a little more of a blur that is
    known, as much more and less as it may be off by of one that isn't. One that was measured, but may have been taken
    too large, is tried as much smaller."""
    errors = {"in_plane": (lesion.psf_error, False), "across": (lesion.across_error, lesion.across_measured)}
    return {
        which: (settings.blur_tried,)
        if error <= settings.blur_unsure
        else tuple(float(np.exp(step)) for step in ((-error,) if measured else (-error, error)))
        for which, (error, measured) in errors.items()
    }


def _tolerance(
    imaging: Imaging, lesion: Patch, noise_hu: float, upper_hu: float, settings: VolumeSettings
) -> Tolerance:
    """Noise, and a share of the signal nearby and in the next slices: no deposit is just as it is drawn, nor are the
    profiles of the slices."""
    shown = np.maximum(imaging.soft, 0.0)
    nearby, neighbours = (ndimage.maximum_filter(shown, size=(n, 3, 3))[imaging.near] for n in (1, 3))
    error = np.sqrt(
        (settings.noise_share * noise_hu) ** 2
        + (settings.model_error * nearby) ** 2
        + (settings.model_error_across * neighbours) ** 2
        + (settings.model_error_upper * upper_hu) ** 2
    )
    overlap = max(1.0, float(np.median(lesion.thick_mm) / np.median(lesion.slab_mm)))
    return Tolerance(error_hu=error, alike=max(1.0, settings.grain_mm**2 / imaging.pixel_mm2) * overlap)


def _as_counted(lesion: Patch, settings: VolumeSettings) -> Volume:
    """For a lesion that does not stand out from its surround, as beside bone: its plain count, with a wide interval."""
    counted_mm3, rim_mm3 = lesion.sum_mm3(lesion.counted), lesion.sum_mm3(lesion.lesion)
    unsure = settings.unsure
    return Volume(best_mm3=counted_mm3, low_mm3=unsure.low * counted_mm3, high_mm3=unsure.high * rim_mm3, counted=True)


def _even_error(
    lesion: Patch, even: EvenDeposit, signal: float, noise_hu: float, tolerance: Tolerance, settings: VolumeSettings
) -> tuple[float, float]:
    """Standard error of the logarithm of an even deposit's volume, towards smaller and larger ones: contrast, blur and
    shape, a poor fit, gaps between slices, background, noise, and a floor. A blur across the slices that was measured
    may be doubted as too large; it isn't much larger."""
    near_mm3 = lesion.sum_mm3(lesion.near)
    grain = max(1.0, settings.grain_mm**2 / lesion.pixel_mm2)
    misfit = np.log(max(1.0, -even.likelihood / tolerance.independent / settings.misfit_usual))
    other_blur = lesion.psf_error if lesion.psf_error > settings.blur_unsure else 0.0
    noise = noise_hu * near_mm3 * np.sqrt(grain / max(int(lesion.near.sum()), 1))
    gap_mm = max(0.0, float(np.median(lesion.slab_mm - lesion.thick_mm)))
    in_gap = min(1.0, gap_mm / (2.0 * radius_mm(float(np.exp(even.log_mm3)))))
    parts = (
        settings.interval_floor,
        settings.interval_contrast * even.spread,
        even.log_per_in_plane * np.hypot(lesion.psf_error, settings.interval_shape),
        (settings.interval_misfit + other_blur) * misfit,  # a blur that isn't known fits badly where it is another
        settings.interval_gap * in_gap,
        settings.background_error_hu * near_mm3 / signal,
        settings.interval_noise * noise / signal,
    )
    most = settings.blur_unsure if lesion.across_measured else np.inf
    smaller, larger = (
        even.log_per_across * np.hypot(error, settings.interval_shape_across)
        for error in (min(lesion.across_error, most), lesion.across_error)
    )
    return float(np.linalg.norm([*parts, smaller])), float(np.linalg.norm([*parts, larger]))


def _combined(
    lesion: Patch,
    even: EvenDeposit,
    even_error: tuple[float, float],
    core: DenserCore,
    shell: Shell,
    settings: VolumeSettings,
) -> Volume:
    """The estimates of an even deposit, of one with a dense core and of a hollow one, weighted by how certain these
    are."""
    rim_mm3, even_mm3 = lesion.sum_mm3(lesion.lesion), float(np.exp(even.log_mm3))
    emptied = (1.0 - core.certain) * shell.certain * settings.hollow_share * shell.smaller
    core_mm3 = min(
        even_mm3 * float(np.exp(core.certain * core.larger - emptied)), max(even_mm3, settings.uneven_rim * rim_mm3)
    )
    even_part = 1.0 - core.certain
    below, above = (
        np.sqrt(
            (even_part * one) ** 2
            + core.certain**2 * (core.spread**2 + settings.extent_floor**2)
            + core.certain * even_part * core.larger**2
        )
        for one in even_error
    )
    beyond = settings.interval_beyond * core.certain * core.larger
    hidden = settings.interval_hidden * max(even_part * core.most, core.most - core.larger)
    hidden = min(hidden, settings.interval_hidden_most)
    whole_mm3 = min(core_mm3, settings.rim_most * rim_mm3)
    unresolved = _unresolved(whole_mm3, lesion, settings)
    best_mm3 = whole_mm3 * float(np.exp(-settings.gap_share * unresolved * _gap(lesion)))
    void = even_part * shell.possible * shell.smaller - emptied
    wall = even_part * shell.certain * settings.hollow_unsure
    unseen = even_part * hidden_hollow(whole_mm3, lesion, settings)
    low_error = np.linalg.norm([_Z95 * below, settings.interval_thin * unresolved, beyond, void, wall, unseen])
    high_mm3 = min(
        whole_mm3 * float(np.exp(np.hypot(_Z95 * above, hidden + beyond + emptied))), settings.rim_most_high * rim_mm3
    )
    if unresolved > 0:  # a dense middle hides a faint rim, which may be all that is counted
        high_mm3 = max(high_mm3, lesion.sum_mm3(lesion.counted))
    return Volume(best_mm3=best_mm3, low_mm3=best_mm3 * float(np.exp(-low_error)), high_mm3=max(best_mm3, high_mm3))


def _gap(lesion: Patch) -> float:
    """How much farther the slices lie apart than they are thick, logarithm; 0 without gaps. What is lower than a slice
    and was met by one does not reach into the gap beside it."""
    return float(np.log(max(1.0, float(np.median(lesion.slab_mm / lesion.thick_mm)))))


def _unresolved(volume_mm3: float, lesion: Patch, settings: VolumeSettings) -> float:
    """How little the slices show of a deposit's height, 0 to 1: a thin one lying flat, hollow or in pieces looks like
    a solid one there."""
    across_mm = max(float(np.median(lesion.across_mm)), float(np.median(lesion.slab_mm)) / np.sqrt(12.0))
    return float(
        np.interp(radius_mm(volume_mm3) / across_mm, [settings.unresolved_radius, settings.resolved_radius], [1.0, 0.0])
    )
