"""The volume of a deposit of one density.

Its signal adds up to volume times contrast, however it is blurred; so every contrast says how large the deposit is.
Drawn with the extent of that volume and imaged as the scanner does, which contrast gives what was measured? Extents of
several sharpnesses are tried with each, for the shape is not known better than the blur allows, and in thick slices
columns, too. Where a deposit hides within one or two slices many contrasts fit; there its height is weighed by its
width, and its contrast by what is usual: calcifications are about as high as they are wide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import make_interp_spline

from calcscan.knowledge.volume import VolumeSettings
from calcscan.measurement.columns import Columns
from calcscan.measurement.extents import Extents, elongation
from calcscan.measurement.imaging import Imaging
from calcscan.measurement.patch import Field

_TRIED = 10
_NARROWED = 2
"""How often the contrasts are narrowed to those that may fit."""
_WIDER = 1.35
"""With another blur other contrasts fit, by up to so many times."""
_FINER = 12
"""Points between two contrasts that were tried, at which the score is interpolated."""


Drawn = Extents | Columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far imaged and measured may be apart: standard deviation (voxels of `near`,), and how many of them err
    alike."""

    error_hu: Field
    alike: float

    @property
    def independent(self) -> float:
        """How many of the voxels err each on its own."""
        return len(self.error_hu) / self.alike

    def log_likelihood(self, misfit_hu: Field) -> float:
        return -0.5 * float(((misfit_hu / self.error_hu) ** 2).sum()) / self.alike

    def tempering(self, likelihood: float) -> float:
        """What differences of likelihood count where even the best fit is worse than the tolerance: errors are then
        larger than was thought."""
        return min(1.0, 0.5 * self.independent / max(-likelihood, 1e-9))


@dataclass(frozen=True, slots=True, kw_only=True)
class EvenDeposit:
    """`log_mm3` is the mean logarithm of the volume, `spread` its standard deviation over what fits; `likelihood` the
    highest logarithm of one, by the signal of number `sharpness`, and `tempering` what differences of it count.
    `log_per_in_plane` and `log_per_across` are how much the volume changes with the logarithm of the blur."""

    log_mm3: float
    spread: float
    likelihood: float
    sharpness: int
    tempering: float
    log_per_in_plane: float
    log_per_across: float


def fit_even(
    imaging: Imaging,
    sharp: Sequence[Field],
    signal_hu_mm3: float,
    upper_hu: float,
    least_hu: float,
    tolerance: Tolerance,
    settings: VolumeSettings,
    *,
    blur_steps: Mapping[str, Sequence[float]],
    thick: bool,
) -> EvenDeposit | None:
    """The volume that explains a patch best, with no substance fainter than `least_hu` above background; None if none
    can be tried. `upper_hu` is what the lesion itself reaches, `sharp` its signal sharpened in several ways; in `thick`
    slices columns are tried beside its levels. `blur_steps` says how many times the blur
    `in_plane` and `across` is tried."""
    drawn: list[Drawn] = [Extents.of(one, imaging) for one in sharp]
    usual = [drawn[settings.sharpened_usual]]
    if thick:
        columns = [Columns.of(one, imaging) for one in sharp]
        drawn, usual = [*drawn, *columns], [*usual, columns[settings.sharpened_usual]]
    faintest = max(settings.contrast_low * upper_hu, least_hu)
    contrasts = np.geomspace(faintest, max(settings.contrast_high * upper_hu, 2.5 * least_hu), _TRIED)
    for _ in range(_NARROWED):
        fits = [fit for one in usual if len(fit := _fits(one, contrasts, signal_hu_mm3, tolerance, settings))]
        if not fits:
            return None
        low, high = _fitting(fits, tolerance, settings)
        contrasts = np.geomspace(low, high, _TRIED)
    fits = [_fits(one, contrasts, signal_hu_mm3, tolerance, settings) for one in drawn]
    likeliest = [float(fit[:, 3].max(initial=-np.inf)) for fit in fits]
    tempering = tolerance.tempering(max(likeliest))
    mean, spread = _moments(fits, tempering)
    changes = []
    contrasts = np.geomspace(low / _WIDER, high * _WIDER, _TRIED)
    here = _moments([_fits(one, contrasts, signal_hu_mm3, tolerance, settings) for one in usual], tempering)[0]
    for which, steps in blur_steps.items():
        there = []
        for step in steps:
            other, far = imaging.wider(**{which: step}), max(_WIDER, step, 1.0 / step)
            contrasts = np.geomspace(low / far, high * far, _TRIED)
            fits = [_fits(one.imaged_by(other), contrasts, signal_hu_mm3, tolerance, settings) for one in usual]
            there.append(_moments(fits, tempering)[0])
        changes.append(_per_blur(here, there, np.log(steps)))
    return EvenDeposit(
        log_mm3=mean,
        spread=spread,
        likelihood=max(likeliest),
        sharpness=int(np.argmax(likeliest)) % len(sharp),
        tempering=tempering,
        log_per_in_plane=changes[0],
        log_per_across=changes[1],
    )


def _per_blur(here: float, there: Sequence[float], log_steps: Field) -> float:
    """How much a logarithm of the volume, `here`, changes with that of the blur, by what it is so many steps away: of
    several the root of the mean square."""
    changes = (np.array(there) - here) / log_steps
    return float(changes[0]) if len(changes) == 1 else float(np.sqrt(np.square(changes).mean()))


def _fitting(fits: Sequence[Field], tolerance: Tolerance, settings: VolumeSettings) -> tuple[float, float]:
    """The contrasts between which the image may lie."""
    tempering = tolerance.tempering(max(float(fit[:, 3].max()) for fit in fits))
    scores = [fit[:, 2] + tempering * fit[:, 3] for fit in fits]
    enough = max(float(score.max()) for score in scores) - settings.contrast_fits
    log_contrast: list[float] = []
    for fit, score in zip(fits, scores, strict=True):
        good = np.flatnonzero(score >= enough)
        if len(good):
            log_contrast += [fit[max(good[0] - 1, 0), 0], fit[min(good[-1] + 1, len(fit) - 1), 0]]
    return float(np.exp(min(log_contrast))), float(np.exp(max(log_contrast)))


def _fits(
    drawn: Drawn, contrasts: Field, signal_hu_mm3: float, tolerance: Tolerance, settings: VolumeSettings
) -> Field:
    """Of each contrast its logarithm, that of the volume, that of what speaks for it beforehand, and how likely the
    image is, logarithm: (contrasts, 4), without those that can't be drawn.

    The volume is what gives the measured sum of signal, not more than the slices saw of it: what fell into gaps or
    beyond the patch is known from the contrast before.
    """
    imaging = drawn.imaging
    measured, seen_share, out = imaging.soft[imaging.near], 1.0, []
    for contrast in contrasts:
        volume_mm3 = signal_hu_mm3 / contrast / seen_share
        filled = drawn.of_volume(volume_mm3)
        if filled is None:
            continue
        shown = np.where(imaging.near, imaging.imaged(filled), 0.0)
        seen_mm3 = float(shown.sum(axis=(1, 2)) @ imaging.slab_mm) * imaging.pixel_mm2
        seen_share = float(np.clip(seen_mm3 / volume_mm3, settings.seen_least, 1.0 / settings.seen_least))
        likelihood = tolerance.log_likelihood(measured - contrast * shown[imaging.near])
        odd = (elongation(filled, imaging) - settings.elongation) / settings.elongation_spread
        dense = float(np.log(contrast / settings.contrast_usual_hu)) / settings.contrast_usual_spread
        out.append((np.log(contrast), np.log(volume_mm3), -0.5 * odd**2 - 0.5 * dense**2, likelihood))
    return np.array(out).reshape(-1, 4)


def _moments(fits: Sequence[Field], tempering: float) -> tuple[float, float]:
    """Mean and standard deviation of the logarithm of the volume over all that fits, each by its likelihood."""
    log_mm3, score = np.concatenate([_finer(fit, tempering) for fit in fits if len(fit)]).T
    return mean_and_spread(log_mm3, score)


def mean_and_spread(values: Field, score: Field) -> tuple[float, float]:
    """Mean and standard deviation of values (n,), each weighted by the likelihood whose logarithm is its score (n,).

    >>> mean_and_spread(np.array([1.0, 3.0]), np.array([-5.0, -5.0]))
    (2.0, 1.0)
    """
    weight = np.exp(score - score.max())
    weight /= weight.sum()
    mean = float(weight @ values)
    return mean, float(np.sqrt(weight @ (values - mean) ** 2))


def _finer(fit: Field, tempering: float) -> Field:
    """Logarithm of the volume and score, interpolated between the contrasts tried: (points, 2)."""
    log_contrast, log_mm3, prior, likelihood = fit.T
    values = np.stack([log_mm3, prior + tempering * likelihood], axis=1)
    if len(fit) < 4:
        return values
    at = np.linspace(log_contrast[0], log_contrast[-1], _FINER * (len(fit) - 1) + 1)
    return np.asarray(make_interp_spline(log_contrast, values, k=3)(at))
