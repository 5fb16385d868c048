"""How much of a dense piece's surface lies beside bone, and whether it is bone itself."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.knowledge.intracranial import IntracranialSettings
from calcscan.model import Scan

Numbers = npt.NDArray[np.int64]


def beside_bone_share(scan: Scan, kji: Numbers, settings: IntracranialSettings) -> float:
    """The share of the voxels around a piece (n, 3) that is as dense as what hangs together with bone."""
    low, high = np.maximum(kji.min(axis=0) - 1, 0), np.minimum(kji.max(axis=0) + 2, scan.hu.shape)
    piece = np.zeros(high - low, dtype=np.bool_)
    piece[tuple((kji - low).T)] = True
    around = np.asarray(ndimage.binary_dilation(piece)) & ~piece
    hu = scan.hu[tuple(slice(a, b) for a, b in zip(low, high, strict=True))][around]
    return float((hu >= settings.attached_hu).mean()) if len(hu) else 0.0


def cortical_share(scan: Scan, kji: Numbers, settings: IntracranialSettings) -> float:
    """The share of a piece (n, 3) that is as dense as cortical bone."""
    return float((scan.hu[tuple(kji.T)] >= settings.cortical_hu).mean())


def is_cortical_bone(scan: Scan, kji: Numbers, settings: IntracranialSettings) -> bool:
    """Whether a piece (n, 3) is largely cortical bone, and bone lies beside more of it than beside what has a root on
    bone."""
    return (
        cortical_share(scan, kji, settings) >= settings.cortical_share
        and beside_bone_share(scan, kji, settings) >= settings.cortical_beside_bone
    )
