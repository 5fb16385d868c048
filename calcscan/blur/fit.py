"""The blur that explains how wide edges are: width² = in-plane blur² + (slant · blur across)²."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calcscan.grid.geometry import Array
from calcscan.knowledge.blur import BlurSettings

_ROUNDS = 12
_FEW = 8
_LEANING = 90.0
"""Of the edges, in percent: those that lean more than this tell most of the blur across."""
_TINY = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """In-plane blur (mm) and blur across as a share of the reference thickness, with the standard errors of their
    logarithms; `spread` is the standard deviation of the logarithm of single widths about the fit."""

    in_plane_mm: float
    in_plane_error: float
    across: float
    across_error: float
    spread: float
    edges: int


def fit_blur(width_mm: Array, lean_mm: Array, settings: BlurSettings) -> Fit | None:
    """Both blurs from edges of these widths, shape (edges,), whose surface moves by `lean_mm` within the slice over
    the reference thickness. None where there are too few, or they don't tell.

    Edges that others don't bear out count less and less (Tukey's biweight); those that come out too wide to be told are
    left out.

    >>> from calcscan.knowledge.settings import load
    >>> lean = np.linspace(0.0, 3.0, 200)
    >>> fit = fit_blur(np.hypot(0.5, 0.3 * lean), lean, load(BlurSettings))
    >>> round(fit.in_plane_mm, 3), round(fit.across, 3)
    (0.5, 0.3)
    """
    square, lean2 = width_mm**2, lean_mm**2
    if len(square) < settings.fewest_edges:
        return None
    plane, across = _first_guess(square, lean2)
    kept = np.ones(len(square), np.bool_)
    for _ in range(_ROUNDS):
        kept = plane + across * lean2 <= settings.widest_mm**2
        if int(kept.sum()) < settings.fewest_edges:
            return None
        expected = plane + across * lean2
        misfit = np.log(np.maximum(square, _TINY) / expected)
        spread = max(1.4826 * float(np.median(np.abs(misfit[kept]))), 0.02)
        weight = np.where(kept, np.clip(1.0 - (misfit / (settings.outlier * spread)) ** 2, 0.0, None) ** 2, 0.0)
        # one Gauss-Newton step in the squares, each misfit relative to what is expected
        slopes = np.stack([np.ones_like(lean2), lean2]) / expected
        normal = (slopes * weight) @ slopes.T + np.diag([_TINY, _TINY])
        step = np.linalg.solve(normal, (slopes * weight) @ misfit)
        plane = float(np.clip(plane + step[0], plane / 3.0, plane * 3.0))
        across = float(np.clip(across + step[1], across / 3.0, across * 3.0))
    covariance = np.linalg.inv(normal) * spread**2 * settings.clustered
    # what the in-plane blur is off by is taken for blur across, more so where no edge is much wider for its slant
    widened = across * float(np.percentile(lean2[kept], _LEANING))
    across_model = float(np.hypot(settings.across_model_error, settings.model_error * plane / max(widened, _TINY)))
    return Fit(
        in_plane_mm=float(np.sqrt(plane)),
        in_plane_error=float(np.hypot(np.sqrt(covariance[0, 0]) / plane / 2.0, settings.model_error)),
        across=float(np.sqrt(across)),
        across_error=float(np.hypot(np.sqrt(covariance[1, 1]) / across / 2.0, across_model)),
        spread=spread / 2.0,
        edges=int(kept.sum()),
    )


def _first_guess(square: Array, lean2: Array) -> tuple[float, float]:
    """Both squares, from the edges that lean least and those that lean most."""
    order = np.argsort(lean2)
    least, most = (part for part in (order[: max(_FEW, len(order) // 4)], order[-max(_FEW, len(order) // 4) :]))
    plane = float(np.median(square[least]))
    more = float(np.median((square[most] - plane) / np.maximum(lean2[most], _TINY)))
    return max(plane, _TINY), max(more, 0.01)
