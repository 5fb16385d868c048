"""How a calcification is shaped, where the slices are thin enough to tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calcscan.grid.geometry import Array, Geometry
from calcscan.knowledge.localisation import LocalisationSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A plate, a lump, or neither; both are False where it can't be resolved."""

    flat: bool
    compact: bool
    across: Array
    """Unit vector across it, where it is thinnest, LPS."""


def shape_of(world: Array, slices: tuple[int, int], geometry: Geometry, settings: LocalisationSettings) -> Shape:
    """The shape of voxels `world` (n, 3) that lie in the slices first … last.

    A thick slab can make a plate that lies in the slice look like a lump, but never a lump like a plate: so a plate is
    recognised in any scan, a lump only where the slab is small beside it.
    """
    slab_mm = float(geometry.slab_mm[slice(*slices)].max())
    voxel_covariance = np.outer(geometry.normal, geometry.normal) * slab_mm**2
    voxel_covariance += np.outer(geometry.step_j_mm, geometry.step_j_mm) + np.outer(
        geometry.step_i_mm, geometry.step_i_mm
    )
    spread, axes = np.linalg.eigh(np.cov(world.T, bias=True) + voxel_covariance / 12.0)
    thin_mm, wide_mm, long_mm = np.sqrt(12.0 * spread)
    resolved = wide_mm >= max(slab_mm / settings.shape_slab_share, settings.shape_least_mm)
    return Shape(
        flat=bool(thin_mm <= settings.flat_ratio * wide_mm),
        compact=bool(resolved and thin_mm >= settings.compact_ratio * long_mm),
        across=axes[:, 0],
    )
