"""What lies so near air that it lines a sinus or an air cell: only bone does."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from calcscan.knowledge.air_contact import AirContactSettings
from calcscan.model import Scan

_DIRECTIONS = 8


def near_air(scan: Scan, kji: npt.NDArray[np.int64], settings: AirContactSettings) -> npt.NDArray[np.bool_]:
    """Which of these voxels (n, 3) have air within the distance of a wall in their slice, shape (n,)."""
    angles = np.arange(_DIRECTIONS) * 2.0 * np.pi / _DIRECTIONS
    steps = np.array([[0.0, np.sin(angle), np.cos(angle)] for angle in angles]) / (1.0, *scan.geometry.spacing_mm[1:])
    steps = np.concatenate([np.rint(steps * far) for far in (settings.air_mm / 2, settings.air_mm)]).astype(np.int64)
    around = np.clip(kji[:, None] + steps, 0, np.array(scan.hu.shape) - 1)
    return np.asarray((scan.hu[tuple(np.moveaxis(around, -1, 0))] < settings.air_hu).any(axis=1))


def lines_air(share: npt.ArrayLike, settings: AirContactSettings) -> npt.NDArray[np.bool_]:
    """Whether a piece of which this share lies near air is the wall of a sinus."""
    return np.asarray(np.asarray(share) > settings.air_share)
