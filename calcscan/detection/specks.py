"""Specks that stand out clearly but are too small to be counted.

Many tiny calcifications of a nucleus may each be smaller than the smallest that counts. They are not measured, but the
site is not free of calcification either: they are listed as left out, below the limit.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from calcscan.detection.contrast_to_noise import measure_contrast_to_noise
from calcscan.grid.isotropic import sample_at
from calcscan.knowledge.left_out import LeftOutReason
from calcscan.knowledge.thresholds import ThresholdSettings
from calcscan.model import Intracranial, LeftOut, Scan


def speck(
    scan: Scan, intracranial: Intracranial, kji: npt.NDArray[np.int64], settings: ThresholdSettings
) -> LeftOut | None:
    """What is too small to be counted, as left out below the limit; None where it may be noise or bone.

    Parameters
    ----------
    scan, intracranial
        As given to `detect_lesions`.
    kji
        Its voxels that reach the threshold, (n, 3).
    settings
        Specks lie deeper under the inner table than `table_mm`, for nearer to it vessels, dura and tips of bone show some
        in every head, and stand out from what surrounds them by `speck_stands_out_by` times the noise.
    """
    if len(kji) == 0:
        return None
    depth_mm = sample_at(intracranial.depth_mm, intracranial.isotropic_hu.affine, scan.geometry.to_world(kji))
    if depth_mm.min() <= settings.table_mm:
        return None
    contrast = measure_contrast_to_noise(scan, intracranial, kji, settings, ring_mm=settings.speck_ring_mm)
    if contrast is None or contrast < settings.speck_stands_out_by:
        return None
    return LeftOut.of(scan, kji, LeftOutReason.BELOW_LIMIT, {"contrast_to_noise": contrast})
