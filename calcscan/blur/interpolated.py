"""Were values between slices interpolated? Noise tells.

Where a copy's slice lies between two of the original's, its values are means of both and its noise is lower; three in a
row between the same two of the original lie on a straight line if the interpolation was linear. So how far each slice
bends away from the line between its neighbours, deep inside the head, rises and falls from slice to slice in a copy,
with the period of the original's spacing. In an original it changes slowly, whatever its kernel, thickness or overlap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from calcscan.grid.geometry import Array
from calcscan.knowledge.blur import BlurSettings
from calcscan.model import Scan

_EVERY = 2
"""Of the rows and columns."""
_AROUND = 11
"""Slices over which a slow change is taken off."""
_ROUNDING_HU = 0.5
_FEWEST_PIXELS = 200
_SINGLE_LINE = 0.25
"""A line of the spectrum this strong beside the strongest is the fundamental's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpolation:
    """How unevenly the slices of a stack bend: `ripple` is the standard deviation of the logarithm from slice to slice,
    `line` the share of it at one period, `period` that period in slices, `straight` the share of slices that hardly
    bend at all."""

    ripple: float
    line: float
    period: float
    straight: float


def find_interpolation(scan: Scan, settings: BlurSettings) -> Interpolation | None:
    """The trace of an interpolation across the slices; None where there is none, or too few evenly spaced slices."""
    if len(scan.hu) < settings.fewest_slices:
        return None
    if scan.geometry.irregularity_mm() > settings.uneven_share * scan.geometry.spacing_mm[0]:
        return None
    bend_hu = _bends_hu(scan, settings)
    bend_hu = bend_hu[np.isfinite(bend_hu)]
    if len(bend_hu) < settings.fewest_slices:
        return None
    logarithm = np.log(bend_hu + _ROUNDING_HU)
    quick = logarithm - np.asarray(ndimage.median_filter(logarithm, _AROUND, mode="nearest"))
    quick = quick - quick.mean()
    # at the base and the vertex slices bend as the skull does
    window = np.hanning(len(quick))
    power = np.abs(np.fft.rfft(quick * window)) ** 2
    power[:2] = 0.0
    strongest = int(power.argmax())
    slowest = int(np.ceil(scan.geometry.spacing_mm[0] * len(quick) / settings.ripple_period_mm))
    quickest = power[slowest:]
    fundamental = slowest + int(np.flatnonzero(quickest >= _SINGLE_LINE * quickest.max())[0]) if len(quickest) else 1
    found = Interpolation(
        ripple=float(np.sqrt(np.average(quick**2, weights=window))),
        line=float(power[max(strongest - 1, 0) : strongest + 2].sum() / max(float(power.sum()), 1e-12)),
        period=len(quick) / max(fundamental, 1),
        straight=float((bend_hu < settings.straight_share * _beside_hu(bend_hu)).mean()),
    )
    rippled = (
        strongest >= slowest and found.ripple >= settings.ripple and found.ripple * found.line >= settings.ripple_line
    )
    return found if rippled or found.straight >= settings.straight_slices else None


def _beside_hu(bend_hu: Array) -> Array:
    """How far slices nearby bend, on the side where they bend less: towards the base, all bend ever more.

    >>> _beside_hu(np.array([40.0, 20.0, 1.0, 10.0, 5.0])).tolist()
    [0.0, 10.0, 10.0, 5.0, 0.0]
    """
    reach, count = _AROUND // 2, len(bend_hu)
    most = np.lib.stride_tricks.sliding_window_view(np.pad(bend_hu, reach), reach).max(axis=1)
    return np.asarray(np.minimum(most[:count], most[reach + 1 :][:count]))


def _bends_hu(scan: Scan, settings: BlurSettings) -> Array:
    """How far each slice but the first and the last lies from the mean of its neighbours, in the middle of the picture
    where there is soft tissue; NaN where there is too little."""
    rows, columns = scan.hu.shape[1:]
    middle = scan.hu[:, rows // 3 : rows - rows // 3 : _EVERY, columns // 3 : columns - columns // 3 : _EVERY].astype(
        np.float32
    )
    bend = np.abs(middle[2:] - 2.0 * middle[1:-1] + middle[:-2])
    soft = (middle > settings.soft_low_hu) & (middle < settings.soft_high_hu)
    soft = soft[2:] & soft[1:-1] & soft[:-2]
    count = soft.sum(axis=(1, 2))
    mean = np.where(soft, bend, 0.0).sum(axis=(1, 2)) / np.maximum(count, 1)
    return np.where(count >= _FEWEST_PIXELS, mean, np.nan).astype(np.float64)
