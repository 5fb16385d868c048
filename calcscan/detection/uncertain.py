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

Voxels = npt.NDArray[np.int64]


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
    listed = [region for region in regions if region.ml >= settings.uncertain_ml]
    for region in listed:
        kji = region.voxels_kji(scan, intracranial)
        kji = kji[~counted[tuple(kji.T)]]
        if len(kji) == 0:
            continue
        blood = region.mean_hu <= settings.blood_mean_high_hu
        reason = LeftOutReason.HAEMORRHAGE if blood else LeftOutReason.UNCERTAIN_MATERIAL
        evidence = {"region_ml": region.ml, "averaged_hu": region.mean_hu, "radius_mm": region.radius_mm}
        yield LeftOut.of(scan, kji, reason, evidence)
    faint_kji = candidates.faint_kji[~counted[tuple(candidates.faint_kji.T)]]
    faint_kji = _away_from(listed, faint_kji, scan, intracranial, settings)
    yield from _pieces(scan, candidates, faint_kji, smallest_mm3, settings)


def _away_from(
    regions: Sequence[BrightRegion], kji: Voxels, scan: Scan, intracranial: Intracranial, settings: ThresholdSettings
) -> Voxels:
    """The voxels (n, 3) that do not lie in or beside one of the regions."""
    where = np.zeros(intracranial.isotropic_mask.shape, np.bool_)
    for region in regions:
        where |= region.where
    if not where.any() or len(kji) == 0:
        return kji
    volume = intracranial.isotropic_hu
    away_mm = ndimage.distance_transform_edt(~where) * volume.spacing_mm
    near = sample_at(away_mm, volume.affine, scan.geometry.to_world(kji)) <= settings.coarse_mm
    return np.asarray(kji[~near])


def _pieces(
    scan: Scan, candidates: Candidates, kji: Voxels, smallest_mm3: float, settings: ThresholdSettings
) -> Iterator[LeftOut]:
    """The connected pieces of voxels (n, 3) that do not stand out from their surround, if large enough to count."""
    surround = candidates.surround
    if surround is None or len(kji) == 0:
        return
    mask = np.zeros(scan.hu.shape, np.bool_)
    mask[tuple(kji.T)] = True
    components, table = lesion_table(scan.hu, candidates.levels.found_hu, mask=mask)
    labels = components[tuple(kji.T)]
    for number in range(1, len(table) + 1):
        piece = kji[labels == number]
        if len(piece) < settings.smallest_voxels or scan.geometry.voxel_mm3[piece[:, 0]].sum() < smallest_mm3:
            continue
        around_hu = float(sample_at(surround.around_hu, surround.affine, scan.geometry.to_world(piece)).mean())
        contrast_hu = float(scan.hu[tuple(piece.T)].mean()) - around_hu
        ratio = contrast_hu / surround.noise_hu if surround.noise_hu else np.inf
        reason = LeftOutReason.NOISE if ratio < settings.stands_out_by else LeftOutReason.UNCERTAIN_MATERIAL
        yield LeftOut.of(scan, piece, reason, {"surround_hu": around_hu, "contrast_to_noise": ratio})
