"""Does a lesion stand out from what lies right around it?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from calcscan.grid.isotropic import sample_at
from calcscan.grid.masks import box_around, corner_of
from calcscan.knowledge.thresholds import ThresholdSettings
from calcscan.measurement.patch import within_mm
from calcscan.model import Intracranial, Scan


def contrast_near_table(
    scan: Scan, intracranial: Intracranial, kji: npt.NDArray[np.int64], settings: ThresholdSettings
) -> float | None:
    """The contrast to noise of a lesion near the inner table, voxels (n, 3), where the surround may be dense itself;
    None for all that lies deeper, and where nothing can be said."""
    depth_mm = sample_at(intracranial.depth_mm, intracranial.isotropic_hu.affine, scan.geometry.to_world(kji))
    if depth_mm.max() > settings.table_mm:
        return None
    return measure_contrast_to_noise(scan, intracranial, kji, settings)


def measure_contrast_to_noise(
    scan: Scan,
    intracranial: Intracranial,
    kji: npt.NDArray[np.int64],
    settings: ThresholdSettings,
    *,
    ring_mm: float | None = None,
) -> float | None:
    """How far the mean of a lesion's voxels (n, 3) lies above the median of the inside right around it in the same
    slices, in standard deviations of the noise; None where the noise or the surround is unknown.

    The surround is `ring_mm` wide, else as the settings say."""
    ring_mm = settings.ring_mm if ring_mm is None else ring_mm
    pixel_mm = scan.geometry.spacing_mm[1:]
    margin = np.array([0, *(int(np.ceil(ring_mm / mm)) + 1 for mm in pixel_mm)])
    box = box_around(kji, margin, scan.hu.shape)
    lesion = np.zeros(scan.hu[box].shape, np.bool_)
    lesion[tuple((kji - corner_of(box)).T)] = True
    ring = within_mm(lesion, ring_mm, pixel_mm) & ~lesion & intracranial.mask[box]
    if not intracranial.noise_hu or ring.sum() < settings.smallest_voxels:
        return None
    return float(scan.hu[box][lesion].mean() - np.median(scan.hu[box][ring])) / intracranial.noise_hu
