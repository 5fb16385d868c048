"""Calcifications of known shape, volume and density, to be inserted into a scan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from calcscan.grid.geometry import Array

Mask = npt.NDArray[np.bool_]
Test = Callable[[Array], Mask]
SHAPES = ("ball", "ellipsoid", "uneven", "clump")
_STEP = 1.0 / 20.0
"""Of the radius: the step at which a shape's volume, centroid and reach are integrated; accurate to about 0.1 %."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Deposit:
    """One calcification of even density. `centre_mm` is its centroid in LPS mm.

    `holds` takes points in mm from the centroid (…, 3) to bool; none farther than `reach_mm` is held.
    """

    shape: str
    centre_mm: tuple[float, float, float]
    volume_mm3: float
    hu: float
    holds: Test
    reach_mm: float

    @property
    def diameter_mm(self) -> float:
        """Of the ball of the same volume."""
        return 2.0 * ball_radius_mm(self.volume_mm3)


def ball_radius_mm(volume_mm3: float) -> float:
    """The radius of a ball.

    >>> round(ball_radius_mm(14.137), 3)
    1.5
    """
    return float((3.0 * volume_mm3 / (4.0 * np.pi)) ** (1.0 / 3.0))


def make_deposit(
    shape: str, centre_mm: npt.ArrayLike, volume_mm3: float, hu: float, *, rng: np.random.Generator | None = None
) -> Deposit:
    """A deposit of one of `SHAPES`, exact in volume and centroid; all but a ball are drawn from `rng`.

    Examples
    --------
    >>> deposit = make_deposit("ball", (0.0, 0.0, 0.0), 14.137, 300.0)
    >>> deposit.holds(np.array([[0.0, 0.0, 1.49], [0.0, 0.0, 1.51]])).tolist()
    [True, False]
    """
    x, y, z = (float(part) for part in np.asarray(centre_mm, dtype=np.float64))
    unit: Test = _unit_ball
    own_volume, centroid, reach = 4.0 * np.pi / 3.0, np.zeros(3), 1.0
    if shape != "ball":
        if rng is None:
            raise ValueError(f"a deposit of shape {shape!r} is drawn at random: give rng")
        unit = _SHAPERS[shape](rng)
        own_volume, centroid, reach = _measure(unit)
    scale_mm = float((volume_mm3 / own_volume) ** (1.0 / 3.0))
    return Deposit(
        shape=shape,
        centre_mm=(x, y, z),
        volume_mm3=float(volume_mm3),
        hu=float(hu),
        holds=lambda from_mm: unit(from_mm / scale_mm + centroid),
        reach_mm=reach * scale_mm,
    )


def _unit_ball(unit: Array) -> Mask:
    return np.asarray((unit**2).sum(axis=-1) < 1.0)


def _ellipsoid(rng: np.random.Generator) -> Test:
    turn, stretch = _rotation(rng), _stretch(rng, 0.3)
    return lambda unit: _unit_ball(unit @ turn / stretch)


def _uneven(rng: np.random.Generator) -> Test:
    """An ellipsoid with a bumpy surface."""
    turn, stretch = _rotation(rng), _stretch(rng, 0.25)
    waves, phases = rng.normal(size=(6, 3)) * 2.2, rng.uniform(0.0, 2.0 * np.pi, 6)
    roughness = rng.uniform(0.1, 0.3)

    def holds(unit: Array) -> Mask:
        scaled = unit @ turn / stretch
        bumps = np.sin(scaled @ waves.T + phases).sum(axis=-1) / 2.5
        return np.asarray(np.linalg.norm(scaled, axis=-1) < 1.0 + roughness * bumps)

    return holds


def _clump(rng: np.random.Generator) -> Test:
    """Three balls that touch or overlap."""
    turn = _rotation(rng)
    offsets = rng.normal(size=(3, 3))
    offsets *= 0.7 * rng.uniform(0.5, 0.8, (3, 1)) / np.linalg.norm(offsets, axis=1, keepdims=True)
    radii = 0.7 * rng.uniform(0.8, 1.25, 3)

    def holds(unit: Array) -> Mask:
        turned = unit @ turn
        gaps = [np.linalg.norm(turned - at, axis=-1) - radius for at, radius in zip(offsets, radii, strict=True)]
        return np.asarray(np.minimum.reduce(gaps) < 0.0)

    return holds


_SHAPERS: dict[str, Callable[[np.random.Generator], Test]] = {
    "ellipsoid": _ellipsoid,
    "uneven": _uneven,
    "clump": _clump,
}


def _rotation(rng: np.random.Generator) -> Array:
    return np.asarray(np.linalg.qr(rng.standard_normal((3, 3)))[0])


def _stretch(rng: np.random.Generator, spread: float) -> Array:
    stretch = np.exp(rng.normal(0.0, spread, 3))
    return np.asarray(stretch / stretch.prod() ** (1.0 / 3.0))


def _measure(unit: Test) -> tuple[float, Array, float]:
    """Volume, centroid and reach from the centroid of a shape about the origin with a radius of about 1."""
    coarse = _lattice(np.full(3, -4.0), np.full(3, 4.0), 4.0 * _STEP)
    near = coarse[unit(coarse)]
    points = _lattice(near.min(axis=0) - 8.0 * _STEP, near.max(axis=0) + 8.0 * _STEP, _STEP)
    held = points[unit(points)]
    centroid = held.mean(axis=0)
    return len(held) * _STEP**3, centroid, float(np.linalg.norm(held - centroid, axis=1).max()) + _STEP


def _lattice(low: Array, high: Array, step: float) -> Array:
    """Points every `step` from low to high, shape (n, 3)."""
    axes = [np.arange(a, b, step) for a, b in zip(low, high, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
