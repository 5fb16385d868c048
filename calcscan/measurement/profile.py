"""Whether the middle of a deposit in thick slices stands out more than an even one's would, by its profile within them.

Summed over the slices, an even body of about the form of an ellipsoid shows the same profile from rim to middle however
high it is and wherever two slices meet; only a denser middle stands out more. So what slices don't show of a deposit's
height doesn't matter here: what an even ball halfway between two slices has in common with one that is denser in the
middle, it hasn't in this.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from scipy import ndimage, optimize

from calcscan.knowledge.volume import VolumeSettings
from calcscan.measurement.columns import Columns, depth_within, rounded
from calcscan.measurement.imaging import Imaging
from calcscan.measurement.patch import Field, Mask

_HELD = (0.6, 0.75, 0.85, 0.92, 0.97)
"""Shares of the signal within the outlines that are tried."""
_CORES = (0.0, 0.25, 0.45, 0.65)
"""Depths, as shares of the greatest, at which bodies of the same middle begin: the whole and cores of it."""
_FEWEST_PIXELS = 4


def peakedness(imaging: Imaging, sharp: Sequence[Field], noise_hu: float, settings: VolumeSettings) -> float:
    """How much likelier a body with a denser core gives the signal summed over the slices than any even one: logarithm,
    by pixel, 0 where it is no likelier. `sharp` is the signal in the layers, sharpened in several ways."""
    near = imaging.near.any(axis=0)
    shown = np.tensordot(imaging.slab_mm, np.where(imaging.near, imaging.soft, 0.0), axes=1)
    highest = float(shown.max())
    nearby = ndimage.maximum_filter(np.maximum(shown, 0.0), size=3)[near]
    error = np.sqrt(
        (settings.noise_share * noise_hu) ** 2 * float(imaging.slab_mm @ imaging.slab_mm)
        + (settings.model_error * nearby) ** 2
        + (settings.model_error_upper * highest) ** 2
    )
    measured, likeliest = shown[near] / error, np.full(2, -np.inf)
    for outline in _outlines(sharp, imaging):
        depth = depth_within(outline, imaging)
        bodies = [rounded(np.clip((depth - start) / (1.0 - start), 0.0, 1.0)) for start in _CORES]
        rows, columns = imaging.spread
        drawn = np.stack([(rows @ body @ columns.T)[near] / error for body in bodies], axis=1)
        misfits = [optimize.nnls(some, measured)[1] for some in (drawn[:, :1], drawn)]
        likeliest = np.maximum(likeliest, -0.5 * np.square(misfits) / len(measured))
    return max(0.0, float(likeliest[1] - likeliest[0])) if np.isfinite(likeliest).all() else 0.0


def _outlines(sharp: Iterable[Field], imaging: Imaging) -> Iterable[Mask]:
    """Within the slices (j, i), each bounded by a level of what the slices show of one of the sharpened signals."""
    for one in sharp:
        shown = Columns.of(one, imaging).shown
        levels = np.sort(shown.ravel())[::-1]
        held = np.cumsum(levels) / levels.sum()
        for count in np.searchsorted(held, _HELD):
            if count >= _FEWEST_PIXELS:
                yield shown >= levels[count]
