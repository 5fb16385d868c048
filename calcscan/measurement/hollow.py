"""How small a lesion may be that is hollow: a shell looks like a solid deposit where its wall is thinner than the blur.

The middle of an extent is left empty and the rest imaged as the scanner does. How well does that give what was
measured, beside a solid deposit?
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from calcscan.measurement.even_deposit import EvenDeposit, Tolerance, mean_and_spread
from calcscan.measurement.extents import Extents
from calcscan.measurement.imaging import Imaging
from calcscan.measurement.patch import Field

_OUTER = (1.0, 0.85, 1.2, 0.7, 1.45)
"""Volumes within the outer surface, times that of an even deposit; the first decides whether others are tried."""
_EMPTY = (0.12, 0.25, 0.4, 0.55)
"""Shares of the outer volume that are empty."""
_DEPTH_DIGITS = 6
"""Of millimetres, in which depths are as deep."""
_HOPELESS = 60.0
"""By so much (logarithm of likelihood) a shell of the first size is worse than a solid deposit: no other is tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HollowExtent:
    """`log_mm3` is the mean logarithm of the volume of the shells that fit, `likelihood` the highest logarithm of
    one."""

    log_mm3: float
    likelihood: float


def fit_hollow(
    imaging: Imaging, sharp: Field, even: EvenDeposit, least_hu: float, tolerance: Tolerance
) -> HollowExtent | None:
    """The shells that fit best, with no substance fainter than `least_hu` above background; None if none can be
    tried."""
    extents = Extents.of(sharp, imaging)
    measured_hu = imaging.soft[imaging.near]
    fits: list[tuple[float, float]] = []
    for outer in _OUTER:
        filled = extents.of_volume(float(np.exp(even.log_mm3)) * outer)
        if filled is None:
            continue
        filled = np.maximum(filled, ndimage.binary_fill_holes(filled > 0))
        depth = ndimage.distance_transform_edt(np.pad(filled > 0, 1), sampling=imaging.step_mm)[1:-1, 1:-1, 1:-1]
        for empty in _EMPTY:
            shell = _emptied(filled, depth, empty)
            shown_hu = imaging.imaged(shell)[imaging.near]
            weighted = shown_hu / tolerance.error_hu**2
            contrast = max(float(measured_hu @ weighted / (shown_hu @ weighted)), least_hu)
            misfit_hu = measured_hu - contrast * shown_hu
            fits.append((np.log(shell.sum() * imaging.voxel_mm3), tolerance.log_likelihood(misfit_hu)))
        if max(likelihood for _, likelihood in fits) < even.likelihood - _HOPELESS:
            break
    if not fits:
        return None
    log_mm3, likelihood = np.array(fits).T
    highest = float(likelihood.max())
    return HollowExtent(
        log_mm3=mean_and_spread(log_mm3, tolerance.tempering(highest) * likelihood)[0], likelihood=highest
    )


def _emptied(filled: Field, depth_mm: Field, share: float) -> Field:
    """An extent without this share of its substance, the deepest first; what is as deep loses as much, so that the
    answer does not depend on which way the rows run.

    >>> _emptied(np.array([1.0, 1.0, 1.0, 1.0]), np.array([1.0, 2.0, 2.0, 1.0]), 0.25).tolist()
    [1.0, 0.5, 0.5, 1.0]
    """
    depths, level = np.unique(np.round(depth_mm, _DEPTH_DIGITS), return_inverse=True)
    held = np.bincount(level.ravel(), filled.ravel(), minlength=len(depths))
    deeper = held[::-1].cumsum()[::-1] - held
    lost = np.clip(share * held.sum() - deeper, 0.0, held)
    kept = 1.0 - np.divide(lost, held, out=np.zeros_like(held), where=held > 0)
    return np.asarray(filled * kept[level].reshape(filled.shape))
