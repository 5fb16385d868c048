"""Calcifications: implicit shapes in template space, sampled in the scanner far finer than a voxel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from person import Warp
from shapes import Field


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit:
    """One calcification: an ellipsoid in template mm, its surface made uneven by `roughness` (share of the radius)."""

    site: str
    side: str
    centre_mni_mm: tuple[float, float, float]
    radii_mm: tuple[float, float, float]
    turn_deg: float
    density_hu: float
    roughness: float
    seed: int

    def inside(self, mni_mm: Field) -> NDArray[np.bool_]:
        """Which of the points (…, 3) are calcified."""
        local = mni_mm.astype(np.float64) - self.centre_mni_mm
        turn = np.deg2rad(self.turn_deg)
        x = np.cos(turn) * local[..., 0] + np.sin(turn) * local[..., 1]
        y = -np.sin(turn) * local[..., 0] + np.cos(turn) * local[..., 1]
        unit = np.stack([x, y, local[..., 2]], axis=-1) / self.radii_mm
        return np.linalg.norm(unit, axis=-1) < 1 + self.roughness * self._bumps(unit)

    def _bumps(self, unit: NDArray[np.float64]) -> NDArray[np.float64]:
        """A few plane waves of random direction: smooth, repeatable unevenness between about −1 and 1."""
        rng = np.random.default_rng(self.seed)
        waves = rng.normal(size=(6, 3)) * 2.2
        phases = rng.uniform(0, 2 * np.pi, 6)
        return np.sin(unit @ waves.T + phases).sum(axis=-1) / 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A deposit in the scanner: its fraction of each fine cell, where that block starts, and the truth about it."""

    deposit: Deposit
    start: tuple[int, int, int]
    fraction: NDArray[np.float32]
    volume_mm3: float
    centroid_lps_mm: tuple[float, float, float]


def place(deposit: Deposit, warp: Warp, fine_affine: NDArray[np.float64], *, split: int = 3) -> Placed:
    """Count the deposit on a grid `split` times finer than the fine grid (whose affine maps (k, j, i) to LPS mm)."""
    centre = warp.to_scanner(np.array([deposit.centre_mni_mm]))[0]
    cell = np.linalg.norm(fine_affine[:3, :3], axis=0)
    middle = np.linalg.solve(fine_affine[:3, :3], centre - fine_affine[:3, 3])
    reach = np.ceil(1.6 * max(deposit.radii_mm) / cell).astype(int) + 2
    start = np.round(middle).astype(int) - reach
    steps = [(np.arange(2 * r * split) + 0.5) / split - 0.5 + s for r, s in zip(reach, start, strict=True)]
    index = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1)
    lps = index @ fine_affine[:3, :3].T + fine_affine[:3, 3]
    inside = deposit.inside(warp.to_template(lps))
    blocks = inside.reshape(2 * reach[0], split, 2 * reach[1], split, 2 * reach[2], split)
    return Placed(
        deposit=deposit,
        start=(int(start[0]), int(start[1]), int(start[2])),
        fraction=blocks.mean(axis=(1, 3, 5), dtype=np.float32),
        volume_mm3=float(inside.sum() * abs(np.linalg.det(fine_affine[:3, :3])) / split**3),
        centroid_lps_mm=tuple(float(c) for c in lps[inside].mean(axis=0)),
    )
