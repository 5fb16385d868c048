"""How far a lesion reaches if its substance is not of one density: denser in the middle than at the rim, or in lumps.

Signal over the contrast of the core tells the volume of an even deposit, and too little of any other. So larger extents
are tried, filled with a density that rises from rim to middle and imaged as the scanner does: how much better do they
give what was measured than any even density?
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage, optimize

from calcscan.measurement.columns import Columns
from calcscan.measurement.even_deposit import EvenDeposit, Tolerance, mean_and_spread
from calcscan.measurement.extents import Extents
from calcscan.measurement.imaging import Imaging
from calcscan.measurement.patch import Field
from calcscan.measurement.rounded import Rounded

_LARGER = (1.0, 1.15, 1.35, 1.6, 1.9, 2.3, 2.8)
"""Times the volume of an even deposit."""
_TOP = 90
"""Percentile of the sharpened signal in an extent that counts as its highest density: beyond it is noise."""
_RAMPS = ((0.0, 0.5), (0.25, 0.75), (0.5, 1.0))
"""Density may rise over each of these stretches of the depth, as shares of the greatest."""
_ELONGATIONS = (-0.35, 0.0, 0.35)
"""Logarithm of height over width of the round bodies that are tried."""
_MOST_TRIED = 30
"""Round bodies filled evenly."""
_HOPELESS = 80.0
"""By so much (logarithm of likelihood) an extent is worse than the best: larger ones are not tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientExtent:
    """`log_mm3` and `spread` are mean and standard deviation of the volume's logarithm over the extents that fit;
    `likelihood` is the highest logarithm of one, `even_likelihood` that of one of them that is filled evenly. The same
    of extents whose density goes up and down as the sharpened signal does, in lumps, is `lumpy_log_mm3` and
    `lumpy_likelihood`."""

    log_mm3: float
    spread: float
    likelihood: float
    even_likelihood: float
    lumpy_log_mm3: float
    lumpy_likelihood: float


def fit_density_gradient(
    imaging: Imaging, sharp: Field, even: EvenDeposit, least_hu: float, tolerance: Tolerance, *, thick: bool
) -> GradientExtent | None:
    """The extents that fit best, with no substance fainter than `least_hu` above background; None if none can be
    tried. In `thick` slices round bodies are tried beside levels of the signal."""
    drawn: list[Extents | Rounded] = [Extents.of(sharp, imaging)]
    if thick:
        columns = Columns.of(sharp, imaging)
        drawn += [Rounded.of(columns, elongation) for elongation in _ELONGATIONS]
    even_mm3 = float(np.exp(even.log_mm3))
    measured = imaging.soft[imaging.near] / tolerance.error_hu
    ordered: list[tuple[float, float]] = []
    lumpy: list[tuple[float, float]] = []
    even_likelihood = -np.inf
    for extents in drawn:
        for larger in _LARGER:
            filled = extents.of_volume(even_mm3 * larger)
            if filled is None:
                continue
            depth = ndimage.distance_transform_edt(np.pad(filled > 0, 1), sampling=imaging.step_mm)[1:-1, 1:-1, 1:-1]
            depth = depth / depth.max()
            ramps = (filled * np.clip((depth - a) / (b - a), 0.0, 1.0) for a, b in _RAMPS)
            own = np.minimum(sharp, np.percentile(sharp[filled > 0], _TOP))
            fills = (filled, *ramps, filled * own / own.max())
            shown = np.stack([imaging.imaged(fill)[imaging.near] / tolerance.error_hu for fill in fills], axis=1)
            wanted = measured - least_hu * shown[:, 0]
            for fits, some in ((ordered, shown[:, :-1]), (lumpy, shown[:, [0, -1]])):
                misfit = optimize.nnls(some, wanted)[1]
                fits.append((np.log(even_mm3 * larger), -0.5 * misfit**2 / tolerance.alike))
            even_likelihood = max(even_likelihood, _even_likelihood(measured, shown[:, 0], least_hu, tolerance))
            if all(fits[-1][1] < max(likelihood for _, likelihood in fits) - _HOPELESS for fits in (ordered, lumpy)):
                break
    if not ordered:
        return None
    if thick:
        even_likelihood = max(even_likelihood, _likeliest_round(columns, even, least_hu, tolerance))
    log_mm3, spread, likelihood = _weighed(ordered, tolerance)
    lumpy_log_mm3, _, lumpy_likelihood = _weighed(lumpy, tolerance)
    return GradientExtent(
        log_mm3=log_mm3,
        spread=spread,
        likelihood=likelihood,
        even_likelihood=even_likelihood,
        lumpy_log_mm3=lumpy_log_mm3,
        lumpy_likelihood=lumpy_likelihood,
    )


def _even_likelihood(measured: Field, shown: Field, least_hu: float, tolerance: Tolerance) -> float:
    """Of an extent filled evenly with the contrast that fits best; both as shares of the tolerance."""
    contrast = max(least_hu, float(measured @ shown / (shown @ shown)))
    return -0.5 * float(((measured - contrast * shown) ** 2).sum()) / tolerance.alike


def _likeliest_round(columns: Columns, even: EvenDeposit, least_hu: float, tolerance: Tolerance) -> float:
    """Of round bodies of any volume and elongation, filled evenly: the highest logarithm of likelihood."""
    imaging = columns.imaging
    measured = imaging.soft[imaging.near] / tolerance.error_hu

    def unlikely(move: Field) -> float:
        filled = Rounded.of(columns, float(move[1])).of_volume(float(np.exp(even.log_mm3 + move[0])))
        if filled is None:
            return np.inf
        return -_even_likelihood(
            measured, imaging.imaged(filled)[imaging.near] / tolerance.error_hu, least_hu, tolerance
        )

    start = np.array([[0.0, 0.0], [0.15, 0.0], [0.0, 0.25]])
    options = {"initial_simplex": start, "maxfev": _MOST_TRIED, "xatol": 0.02, "fatol": 0.5}
    return -float(optimize.minimize(unlikely, start[0], method="Nelder-Mead", options=options).fun)


def _weighed(fits: Sequence[tuple[float, float]], tolerance: Tolerance) -> tuple[float, float, float]:
    """Mean and standard deviation of the logarithm of the volume, each by its likelihood, and the highest of these."""
    log_mm3, likelihood = np.array(fits).T
    highest = float(likelihood.max())
    return *mean_and_spread(log_mm3, tolerance.tempering(highest) * likelihood), highest
