"""How much of each voxel of a lesion is filled, where its parts differ in density.

A dense part blooms: more of its blur is counted than of a faint one's. So each voxel counts by its signal above brain,
divided by the signal of the densest voxels nearby, and what lies in the blur outside the lesion counts with the voxel
of the lesion that is nearest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.grid.geometry import Array
from calcscan.knowledge.localisation import LocalisationSettings
from calcscan.model import Scan


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Filling:
    """Of each voxel of a lesion, shape (n,): `signal` in HU above brain, `density` the signal of what is filled nearby,
    `mm3` what of the lesion's substance it stands for."""

    signal: Array
    density: Array
    mm3: Array


def measure_filling(
    kji: npt.NDArray[np.int64], scan: Scan, background_hu: float, settings: LocalisationSettings
) -> Filling:
    """How much the voxels (n, 3) of a lesion are filled, in a brain of `background_hu`."""
    step_mm = np.array(scan.geometry.spacing_mm)
    margin = np.ceil(settings.rim_mm / step_mm).astype(int)
    low = np.maximum(kji.min(axis=0) - margin, 0)
    high = np.minimum(kji.max(axis=0) + margin + 1, scan.hu.shape)
    signal = scan.hu[tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))] - np.float32(background_hu)
    own = tuple((kji - low).T)
    lesion = np.zeros(signal.shape, np.bool_)
    lesion[own] = True
    signal = np.where(lesion | (signal < signal[own].min()), signal, np.float32(0.0))  # what is as dense is another's
    soft = ndimage.gaussian_filter(signal, (0.0, *(settings.full_smooth_mm / step_mm[1:])))
    reach = 2 * np.maximum(np.floor(settings.full_mm / step_mm + 0.5).astype(int), 1) + 1
    density = np.maximum(np.asarray(ndimage.maximum_filter(np.where(lesion, soft, 0.0), tuple(reach))), 1.0)
    far, nearest = ndimage.distance_transform_edt(~lesion, sampling=tuple(step_mm), return_indices=True)
    near = np.asarray(far) <= settings.rim_mm
    owner = np.full(signal.shape, -1, np.int64)
    owner[own] = np.arange(len(kji))
    owner = owner[tuple(part[near] for part in np.asarray(nearest))]
    mm3 = scan.geometry.voxel_mm3[low[0] : high[0], None, None]
    share = np.minimum(signal[near] / density[own][owner], 1.0) * np.broadcast_to(mm3, signal.shape)[near]
    held = np.bincount(owner, share, minlength=len(kji))
    return Filling(
        signal=signal[own].astype(np.float64), density=density[own].astype(np.float64), mm3=np.maximum(held, 0.0)
    )
