"""What is as dense as faint calcium and may be something else: listed, never counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.components import lesion_table
from calcscan.detection.candidates import Candidates
from calcscan.detection.haemorrhage import BrightRegion
from calcscan.grid.isotropic import sample_at
from calcscan.knowledge.left_out import LeftOutReason
from calcscan.knowledge.thresholds import ThresholdSettings
from calcscan.model import Intracranial, LeftOut, Scan


def list_uncertain(
    scan: Scan,
    intracranial: Intracranial,
    candidates: Candidates,
    regions: Sequence[BrightRegion],
    counted: npt.NDArray[np.bool_],
    smallest_mm3: float,
    settings: ThresholdSettings,
) -> Iterator[LeftOut]:
    """The bright regions, and what reaches the scan's threshold but does not stand out from its own surround.

    `counted` (k, j, i) is what is reported as calcification.
    """
    for region in regions:
        if region.ml < settings.uncertain_ml:
            continue
        kji = region.voxels_kji(scan, intracranial)
        kji = kji[~counted[tuple(kji.T)]]
        if len(kji) == 0:
            continue
        blood = region.mean_hu <= settings.blood_mean_high_hu
        reason = LeftOutReason.HAEMORRHAGE if blood else LeftOutReason.UNCERTAIN_MATERIAL
        evidence = {"region_ml": region.ml, "averaged_hu": region.mean_hu, "radius_mm": region.radius_mm}
        yield LeftOut.of(scan, kji, reason, evidence)
    yield from _faint(scan, intracranial, candidates, regions, counted, smallest_mm3, settings)


def _faint(
    scan: Scan,
    intracranial: Intracranial,
    candidates: Candidates,
    regions: Sequence[BrightRegion],
    counted: npt.NDArray[np.bool_],
    smallest_mm3: float,
    settings: ThresholdSettings,
) -> Iterator[LeftOut]:
    """Pieces of faint voxels away from the regions that are listed anyway."""
    surround, kji = candidates.surround, candidates.faint_kji
    if surround is None or len(kji) == 0:
        return
    kji = kji[~counted[tuple(kji.T)]]
    listed = np.zeros(intracranial.isotropic_mask.shape, np.bool_)
    for region in regions:
        listed |= region.where & (region.ml >= settings.uncertain_ml)
    if listed.any():
        away_mm = ndimage.distance_transform_edt(~listed) * intracranial.isotropic_hu.spacing_mm
        near = sample_at(away_mm, surround.affine, scan.geometry.to_world(kji)) <= settings.coarse_mm
        kji = kji[~near]
    mask = np.zeros(scan.hu.shape, np.bool_)
    mask[tuple(kji.T)] = True
    components, table = lesion_table(scan.hu, candidates.levels.found_hu, mask=mask)
    labels = components[tuple(kji.T)]
    for number in range(1, len(table) + 1):
        piece = kji[labels == number]
        if len(piece) < settings.smallest_voxels:
            continue
        if scan.geometry.voxel_mm3[piece[:, 0]].sum() < smallest_mm3:
            continue
        around_hu = float(sample_at(surround.around_hu, surround.affine, scan.geometry.to_world(piece)).mean())
        contrast_hu = float(scan.hu[tuple(piece.T)].mean()) - around_hu
        ratio = contrast_hu / surround.noise_hu if surround.noise_hu else np.inf
        reason = LeftOutReason.NOISE if ratio < settings.stands_out_by else LeftOutReason.UNCERTAIN_MATERIAL
        yield LeftOut.of(scan, piece, reason, {"surround_hu": around_hu, "contrast_to_noise": ratio})
