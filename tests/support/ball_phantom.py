"""A head with one dense ball in it, averaged over voxels as a scanner does, and the ball measured in any volume of it.

Brain (35 HU) in a skull (900 HU) in air, a ball of 1500 HU at `BALL_MM`. All in the world (LPS mm): whatever the
slices' orientation or spacing, the ball stays where it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

BALL_MM = (12.0, -10.0, 4.0)
RADIUS_MM = 14.0
BALL_MM3 = 4 / 3 * np.pi * RADIUS_MM**3
HEAD_MM = (70.0, 85.0, 70.0)
BRAIN_HU, SKULL_HU, BALL_HU = 35.0, 900.0, 1500.0
CORE_HU = 1200
"""Above it lies the ball, and nothing else."""

_AROUND_MM = 11.0
"""How far beyond its surface the ball is summed up: a voxel of 8 mm, and as much blur as a resampling adds."""
_SPLIT = (8, 6, 6)
Vectors = npt.NDArray[np.float64]


def head_hu(xyz_mm: Vectors, ball_hu: float = BALL_HU) -> Vectors:
    """The head's values at points (…, 3)."""
    shell = np.sqrt(((xyz_mm / np.array(HEAD_MM)) ** 2).sum(axis=-1))
    hu = np.where(shell < 1.0, np.where(shell < 0.92, BRAIN_HU, SKULL_HU), -1000.0)
    ball = np.linalg.norm(xyz_mm - np.array(BALL_MM), axis=-1) < RADIUS_MM
    return np.asarray(np.where(ball, ball_hu, hu))


def voxels_hu(centres_mm: Vectors, sides_mm: Vectors, ball_hu: float = BALL_HU) -> Vectors:
    """The head's values averaged over voxels at `centres_mm` (…, 3), in whole HU; `sides_mm` (3, 3) is a voxel's edges.

    Only voxels that the ball touches are averaged; elsewhere the value at the centre stands for the voxel.
    """
    hu = head_hu(centres_mm, ball_hu)
    reach_mm = RADIUS_MM + np.linalg.norm(sides_mm, axis=1).sum() / 2
    near = np.linalg.norm(centres_mm - np.array(BALL_MM), axis=-1) < reach_mm
    if near.any():
        parts = [(np.arange(n) + 0.5) / n - 0.5 for n in _SPLIT]
        offsets = np.stack(np.meshgrid(*parts, indexing="ij"), axis=-1).reshape(-1, 3) @ sides_mm
        hu[near] = np.rint(head_hu(centres_mm[near][:, None] + offsets, ball_hu).mean(axis=1))
    return hu


class Measured(NamedTuple):
    """The ball as a volume shows it."""

    error_mm: float
    """How far its centre of mass lies from the truth."""
    volume_ratio: float
    """Its volume by the true one."""


def measured(hu: npt.NDArray[Any], xyz_mm: Vectors, voxel_mm3: npt.ArrayLike) -> Measured | None:
    """The ball in `hu` (…) at `xyz_mm` (…, 3), each voxel weighted by how much of it the ball fills; None without one.

    `voxel_mm3` is that of every voxel, or broadcasts to `hu`.
    """
    parts, count = ndimage.label(hu > CORE_HU)
    if not count:
        return None
    core = parts == np.bincount(parts.ravel())[1:].argmax() + 1
    centre = xyz_mm[core].mean(axis=0)
    near = np.linalg.norm(xyz_mm - centre, axis=-1) < RADIUS_MM + _AROUND_MM
    mm3 = np.broadcast_to(np.asarray(voxel_mm3), hu.shape)[near]
    share = (hu[near] - BRAIN_HU) / (BALL_HU - BRAIN_HU) * mm3
    if share.sum() <= 0:
        return None
    found = (share[:, None] * xyz_mm[near]).sum(axis=0) / share.sum()
    return Measured(float(np.linalg.norm(found - np.array(BALL_MM))), float(share.sum() / BALL_MM3))


def grid_of(shape: Sequence[int], to_world: Vectors) -> Vectors:
    """The centres (…, 3) of an array's voxels by a 4×4 matrix from its indices to mm."""
    index = np.moveaxis(np.indices(tuple(shape)), 0, -1)
    return np.asarray(index @ to_world[:3, :3].T + to_world[:3, 3])
