"""What the scan could have missed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

import numpy as np
from scipy import special

from calcscan.knowledge.thresholds import ThresholdSettings
from calcscan.measurement.patch import Field
from calcscan.model import Scan

_RADII_MM = np.geomspace(0.2, 20.0, 1000)
_OFFSETS = (0.0, 0.25, 0.5)
"""Where the centre of a ball may lie between two slices, as shares of their distance."""
_FINE = 8
"""Radial steps within one standard deviation of the blur."""


def detection_floor_mm3(
    scan: Scan,
    threshold_hu: float,
    smallest_mm3: float,
    brain_hu: float | None,
    *,
    psf_mm: float,
    settings: ThresholdSettings,
) -> float | None:
    """The smallest ball of the reference density that is counted wherever its centre lies between two slices; None
    where no ball of that density is, however large.

    Each slice shows the mean of the ball over its thickness, blurred within its plane. The mean is weighted as by a
    bell where the scan blurs across more than a box of the thickness that its header states, or states none. What of
    that reaches the threshold must add up to the smallest volume, and the fewest voxels, that count.

    Parameters
    ----------
    threshold_hu
        What a calcification must reach.
    smallest_mm3
        The volume at or above the threshold from which it counts.
    brain_hu
        What surrounds it; unknown counts as 0 HU.
    psf_mm
        In-plane blur of the scan, standard deviation.
    """
    geometry = scan.geometry
    background = brain_hu if brain_hu is not None else 0.0
    level = (threshold_hu - background) / (settings.reference_hu - background)
    if not level < 1:
        return None
    slab_mm, thick_mm = np.percentile([geometry.slab_mm, scan.slice_thickness_mm], settings.floor_slices, axis=1)
    blur_mm = float(np.hypot(psf_mm, np.sqrt(geometry.pixel_mm2 / 12.0)))
    enough_mm3 = max(smallest_mm3, settings.smallest_voxels * geometry.pixel_mm2 * slab_mm)

    weigh = _bell if _bell_shaped(scan, settings) else _box

    def counted_mm3(radius_mm: float) -> float:
        reach = int(np.ceil((radius_mm + thick_mm / 2) / slab_mm))
        slices = np.arange(-reach, reach + 1)
        areas = [
            sum(
                _area_mm2(radius_mm, float(abs(k + offset) * slab_mm), float(thick_mm), blur_mm, level, weigh)
                for k in slices
            )
            for offset in _OFFSETS
        ]
        return float(min(areas) * slab_mm)

    at = bisect_left(_RADII_MM, enough_mm3, key=counted_mm3)
    if at == len(_RADII_MM):
        return None
    return float(max(smallest_mm3, 4 / 3 * np.pi * _RADII_MM[at] ** 3))


def _bell_shaped(scan: Scan, settings: ThresholdSettings) -> bool:
    if scan.blur is None or not scan.blur.across_measured:
        return False
    if scan.acquisition.slice_thickness_mm is None:
        return True
    return bool(np.median(scan.blur.across_mm / scan.expected_thickness_mm) > settings.floor_bell_from)


def _box(half_mm: Field, away_mm: float, thick_mm: float) -> Field:
    """The share of a slice that lies within `half_mm` of a plane, itself `away_mm` from the slice."""
    share = np.minimum(half_mm, away_mm + thick_mm / 2) - np.maximum(-half_mm, away_mm - thick_mm / 2)
    return np.asarray(np.maximum(share, 0.0) / thick_mm)


def _bell(half_mm: Field, away_mm: float, thick_mm: float) -> Field:
    """The same for a Gaussian profile of equal standard deviation."""
    sd_mm = thick_mm / np.sqrt(12.0)
    return np.asarray(special.ndtr((half_mm - away_mm) / sd_mm) - special.ndtr((-half_mm - away_mm) / sd_mm))


def _area_mm2(
    radius_mm: float,
    away_mm: float,
    thick_mm: float,
    blur_mm: float,
    level: float,
    weigh: Callable[[Field, float, float], Field],
) -> float:
    """The area over which a slice shows at least `level` of a ball's contrast; `away_mm` is its distance from the
    centre of the ball."""
    if away_mm >= radius_mm + thick_mm / 2:
        return 0.0
    step = min(blur_mm, radius_mm) / _FINE
    within = np.arange(step / 2, radius_mm, step)
    half = np.sqrt(radius_mm**2 - within**2)
    at = np.arange(0.0, radius_mm + 3 * blur_mm, step)
    shown = _blurred(weigh(half, away_mm, thick_mm), within, at, step, blur_mm)
    reached = np.flatnonzero(shown >= level)
    if len(reached) == 0:
        return 0.0
    last = reached[-1]
    beyond = (shown[last] - level) / (shown[last] - shown[last + 1]) if last + 1 < len(at) else 0.0
    return float(np.pi * (at[last] + beyond * step) ** 2)


def _blurred(share: Field, within: Field, at: Field, step: float, blur_mm: float) -> Field:
    """A round picture, known at radii `within`, after a Gaussian blur, at radii `at`."""
    scaled, away = np.outer(at, within) / blur_mm**2, at[:, None] - within
    weight = special.ive(0, scaled) * np.exp(-(away**2) / (2 * blur_mm**2)) * within * step / blur_mm**2
    return np.asarray(weight @ share)
