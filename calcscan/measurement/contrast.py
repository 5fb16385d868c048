"""The contrast of a lesion's substance: what its voxels would show if it filled them.

Along the normal, the signal of each column adds up to contrast × height, however thick the slices are. So every
contrast that is tried makes the lesion a stack of columns of known height; what slices these would have given is
compared with what was measured. Where a lesion hides within one or two slices every contrast fits; there its height is
weighed by its width: calcifications are about as high as they are wide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.knowledge.volume import VolumeSettings
from calcscan.measurement.patch import Field, Patch

_TRIED = 48
_COLUMNS = 3000
"""More columns than these are thinned out evenly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """HU above background; `spread` is the standard deviation of its logarithm.

    `narrow_mm` is the width of the footprint where a disk still fits.
    """

    hu: float
    spread: float
    narrow_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Columns:
    """The columns compared, shape (n,) or (slices, n): signal along the normal, middle, measured signal, its slope."""

    sum_hu_mm: Field
    middle_mm: Field
    signal: Field
    slope: Field
    peak_hu_mm: float
    width_mm: float
    narrow_mm: float
    thinned: int


def estimate_contrast(lesion: Patch, noise_hu: float, psf_mm: float, settings: VolumeSettings) -> Contrast | None:
    """The contrast that explains the slices best, and how sure it is; None if the lesion doesn't stand out."""
    columns = _columns(lesion, psf_mm, settings)
    upper = float(np.percentile(lesion.signal[lesion.lesion], 97))
    if upper <= 0 or columns.peak_hu_mm <= 0:
        return None
    tried = upper * np.exp(np.linspace(settings.contrast_low, settings.contrast_high, _TRIED))
    alike = max(1.0, settings.grain_mm**2 / lesion.pixel_mm2 / columns.thinned)
    known = noise_hu**2 + (settings.edge_error * psf_mm * columns.slope) ** 2 + (settings.model_error * upper) ** 2
    score = np.empty(_TRIED)
    for n, contrast in enumerate(tried):
        misfit = columns.signal - contrast * _share(columns, contrast, lesion)
        fit = float((misfit**2 / known).sum()) / alike
        elongation = np.log(columns.peak_hu_mm / contrast / columns.width_mm) - settings.elongation
        score[n] = -0.5 * fit - 0.5 * (elongation / settings.elongation_spread) ** 2
    weight = np.exp(score - score.max())
    weight /= weight.sum()
    mean = float(weight @ np.log(tried))
    spread = float(np.sqrt(weight @ (np.log(tried) - mean) ** 2))
    small = 1.0 + settings.deblur_contrast * (psf_mm / columns.narrow_mm) ** 2
    return Contrast(hu=float(np.exp(mean)) * small, spread=spread, narrow_mm=columns.narrow_mm)


def _share(columns: _Columns, contrast: float, lesion: Patch) -> npt.NDArray[np.float64]:
    """How much of each slice's thickness the columns fill at this contrast, shape (slices, n)."""
    half = columns.sum_hu_mm / contrast / 2
    low, high = columns.middle_mm - half, columns.middle_mm + half
    below, above = (lesion.at_mm + sign * lesion.thick_mm / 2 for sign in (-1, 1))
    overlap = np.minimum(high, above[:, None]) - np.maximum(low, below[:, None])
    return np.asarray(np.maximum(overlap, 0.0) / lesion.thick_mm[:, None])


def _columns(lesion: Patch, psf_mm: float, settings: VolumeSettings) -> _Columns:
    pixel = np.asarray(lesion.pixel_mm)
    total = np.tensordot(lesion.slab_mm, lesion.signal, axes=1)
    moment = np.tensordot(lesion.slab_mm * lesion.at_mm, lesion.signal, axes=1)
    smooth = ndimage.gaussian_filter(total, settings.smooth_mm / pixel)
    under = lesion.lesion.any(axis=0)
    peak = float(np.percentile(smooth[under], 95) if under.sum() > 20 else smooth[under].max())
    footprint = smooth >= 0.5 * peak
    width2_mm2 = 4 * float(footprint.sum() * lesion.pixel_mm2) / np.pi
    narrow_mm = 2 * float(ndimage.distance_transform_edt(np.pad(footprint, 1), sampling=pixel).max())
    blur2_mm2 = psf_mm**2 + settings.smooth_mm**2
    width2_mm2 = max(width2_mm2 - settings.deblur_width * blur2_mm2, 0.3 * width2_mm2)
    wide = 1.0 / pixel
    middle = ndimage.gaussian_filter(moment, wide) / np.maximum(ndimage.gaussian_filter(total, wide), 1e-3)
    core = np.flatnonzero((smooth >= settings.core_share * peak).ravel())
    thinned = max(1, len(core) // _COLUMNS)
    core = core[::thinned]
    soft = ndimage.gaussian_filter(lesion.signal, (0, *(0.5 / pixel)))
    slope = np.hypot(*(ndimage.sobel(soft, axis=a) / 8 / pixel[a - 1] for a in (1, 2)))
    return _Columns(
        sum_hu_mm=np.maximum(total.ravel()[core], 0.0),
        middle_mm=middle.ravel()[core],
        signal=lesion.signal.reshape(len(lesion.at_mm), -1)[:, core],
        slope=slope.reshape(len(lesion.at_mm), -1)[:, core],
        peak_hu_mm=peak * (1 + settings.deblur_peak * 4 * blur2_mm2 / width2_mm2),
        width_mm=float(np.sqrt(width2_mm2)),
        narrow_mm=min(narrow_mm, float(np.sqrt(width2_mm2))),
        thinned=thinned,
    )
