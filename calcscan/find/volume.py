"""The physical volume of a lesion, corrected for partial volume."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """Best estimate and 95 % interval, mm3."""

    best_mm3: float
    low_mm3: float
    high_mm3: float


def estimate(
    hu: npt.NDArray[np.float32],
    lesion: npt.NDArray[np.bool_],
    usable: npt.NDArray[np.bool_],
    voxel_mm3: npt.NDArray[np.float64],
) -> Volume:
    """First, simple version: each voxel's share by its place between background and core.

    All arrays (k, j, i) of one neighbourhood; `usable` is what may be looked at; `voxel_mm3` (k,).
    """
    near = ndimage.binary_dilation(lesion, iterations=2) & usable
    shell = usable & ~near
    background = float(np.median(hu[shell])) if shell.sum() >= 20 else 35.0
    core = float(np.percentile(hu[lesion], 90))
    share = np.clip((hu - background) / max(core - background, 1.0), 0.0, 1.0) * near
    best = float((share.sum(axis=(1, 2)) * voxel_mm3).sum())
    return Volume(best_mm3=best, low_mm3=0.7 * best, high_mm3=1.3 * best)
