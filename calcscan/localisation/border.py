"""Where the border between two neighbouring sites runs through a lesion that lies in both.

The atlas may lie beside this head's anatomy by some millimetres (`uncertainty_mm`). So it is moved about by shifts
drawn from that error, each shift divides the lesion somewhere else, and what the lesion itself shows weighs them:

- shape: two deposits that touch have a waist where they meet, or a trough between them that blur has filled in part;
- density: two substances differ, so that the parts are more even than the whole;
- fit: little of the lesion lies outside both sites.

Where the lesion shows nothing of that, all shifts weigh the same, and the border stays where the atlas has it; how far
it moves about under the shifts that count is how uncertain the division is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from calcscan.grid.geometry import Array
from calcscan.knowledge.localisation import LocalisationSettings

_DRAWN = 256
_BIN_MM = 0.5
_FAINT = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Border:
    """The shifts that were drawn, (m, 3) in mm, what each of them counts (sum 1), the share of the pair's substance
    that falls to the first site under it, and what decided: `shape`, `density` or `atlas`."""

    shifts_mm: Array
    weight: Array
    share: Array
    local_share: float
    """Standard deviation of that share from where the border is bent otherwise than the atlas's."""
    evidence: str
    gain: float
    """How much likelier what was seen of that is at the borders that count than at those tried, natural logarithm."""

    step: bool
    """The parts differ in density, whatever else decided."""

    @property
    def spread(self) -> float:
        """Standard deviation of the first site's share."""
        mean = float(self.weight @ self.share)
        return float(np.hypot(np.sqrt(self.weight @ (self.share - mean) ** 2), self.local_share))

    def typical_mm(self, count: int) -> Array:
        """Some of the shifts, as often as they count, (count, 3): spread evenly from the least to the most that falls
        to the first site."""
        order = np.argsort(self.share, kind="stable")
        at = np.searchsorted(np.cumsum(self.weight[order]), (np.arange(count) + 0.5) / count)
        return np.asarray(self.shifts_mm[order[np.minimum(at, len(order) - 1)]])


def drawn_shifts(uncertainty_mm: float) -> Array:
    """The shifts that are tried, (m, 3) in mm: always the same ones, drawn from the error of the fit."""
    drawn = np.random.default_rng(0).normal(size=(_DRAWN // 2, 3))
    return uncertainty_mm * np.concatenate([np.zeros((1, 3)), drawn, -drawn])


def across_mm(first: Array, second: Array, spread_mm: float) -> Array:
    """How far on the first site's side of the border a point lies, given how much of its surround, within `spread_mm`,
    either site has."""
    share = (first + _FAINT) / (first + second + 2 * _FAINT)
    return np.asarray(spread_mm * special.ndtri(share))


def weigh(
    first: Array, second: Array, shifts_mm: Array, mm3: Array, density: Array, settings: LocalisationSettings
) -> Border:
    """The border between two sites.

    Parameters
    ----------
    first, second
        How much of the surround of each point the sites have under each shift: (m, n).
    mm3, density
        What of the lesion's substance each point stands for, and its density: (n,).
    """
    across = across_mm(first, second, settings.border_spread_mm)
    profile, middle = _profiles(across, mm3)
    held = (across > 0) @ mm3
    waist = _waist(profile) * np.clip(np.minimum(held, mm3.sum() - held) / settings.part_mm3, 0.0, 1.0)
    step = _step(across, mm3, density, settings)
    inside = np.minimum(first + second, settings.border_inside) / settings.border_inside
    volume_mm3 = float(mm3.sum())
    fit = np.log(np.maximum(inside, 0.05)) @ mm3 / volume_mm3
    evidence = {
        "shape": settings.waist_weight * waist,
        "density": step,
        "atlas": settings.fit_weight * fit,
    }
    score = np.sum(list(evidence.values()), axis=0)
    weight = np.exp(score - score.max())
    weight /= weight.sum()
    share = held / volume_mm3
    own = {name: float(weight @ value - value.mean()) for name, value in evidence.items() if name != "atlas"}
    told = max(own, key=lambda name: own[name])
    cut = float(weight @ profile[:, middle])
    return Border(
        shifts_mm=shifts_mm,
        weight=weight,
        share=share,
        local_share=settings.border_local_mm * cut / volume_mm3,
        evidence=told if own[told] >= settings.border_told else "atlas",
        gain=own[told],
        step=own["density"] >= settings.border_told,
    )


def by_density(first_share: Array, density: Array, mm3: Array, settings: LocalisationSettings) -> Array:
    """How likely each point is the first site's, given also its density: between two substances the border may be bent
    otherwise than the atlas's. What all shifts that count agree on stays as it is."""
    value, known = np.log(density), np.clip(first_share, settings.shift_least, 1.0 - settings.shift_least)
    means = [float((mm3 * part) @ value / (mm3 @ part)) for part in (known, 1.0 - known)]
    apart = np.abs(means[0] - means[1])
    towards = (value - np.mean(means)) / settings.density_spread * np.sign(means[0] - means[1])
    likelier = np.clip(towards * apart / settings.density_spread, -settings.density_likelier, settings.density_likelier)
    return np.asarray(special.expit(special.logit(known) + likelier))


def _profiles(across: Array, mm3: Array) -> tuple[Array, int]:
    """The lesion's cross-section along the way across the border, mm2, under each shift: (m, bins), and the number of
    the bin at the border."""
    half = 10
    number = np.clip(np.rint(across / _BIN_MM), -half, half).astype(np.int64) + half
    bins = 2 * half + 1
    rows = np.arange(len(across))[:, None] * bins
    counts = np.bincount((number + rows).ravel(), np.broadcast_to(mm3, across.shape).ravel(), len(across) * bins)
    profile = counts.reshape(-1, bins) / _BIN_MM
    profile[:, 1:-1] = (profile[:, :-2] + 2 * profile[:, 1:-1] + profile[:, 2:]) / 4
    return profile[:, 1:-1], half - 1


def _waist(profile: Array) -> Array:
    """How much narrower the lesion is at the border than on either side of it: 0 not at all, 1 it hangs by nothing."""
    middle = profile.shape[1] // 2
    sides = np.minimum(profile[:, :middle].max(axis=1), profile[:, middle + 1 :].max(axis=1))
    return np.asarray(np.clip(1.0 - profile[:, middle] / np.maximum(sides, 1e-9), 0.0, 1.0))


def _step(across: Array, mm3: Array, density: Array, settings: LocalisationSettings) -> Array:
    """The logarithm of how much likelier the densities are as two substances than as one, under each shift."""
    value, total = np.log(density), float(mm3.sum())
    side = (across > 0).astype(np.float64)
    held = side @ mm3, (1 - side) @ mm3
    sums = side @ (mm3 * value), (1 - side) @ (mm3 * value)
    whole = float(mm3 @ (value - mm3 @ value / total) ** 2) / total
    explained = sum(s**2 / np.maximum(h, 1e-9) for s, h in zip(sums, held, strict=True)) / total
    explained = explained - (float(mm3 @ value) / total) ** 2
    within = np.maximum(whole - explained, 0.0) + settings.density_spread**2
    count = min(total / settings.density_mm3, settings.density_most)
    return np.asarray(0.5 * count * np.log((whole + settings.density_spread**2) / within))
