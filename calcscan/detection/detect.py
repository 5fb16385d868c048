"""Detect and measure calcification: Scan, Intracranial → LesionMap."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from calcscan.components import Table
from calcscan.detection.candidates import find_candidates
from calcscan.detection.contrast_to_noise import contrast_near_table
from calcscan.detection.detection_limit import detection_floor_mm3
from calcscan.detection.haemorrhage import flag_possible_haemorrhage
from calcscan.detection.specks import find_specks, speck_from_hu
from calcscan.detection.stained import judge_density
from calcscan.detection.surround import measure_surround
from calcscan.detection.threshold import choose_thresholds
from calcscan.detection.uncertain import list_uncertain
from calcscan.knowledge.left_out import LeftOutReason
from calcscan.knowledge.settings import load
from calcscan.knowledge.thresholds import ThresholdSettings
from calcscan.knowledge.volume import VolumeSettings
from calcscan.measurement.blur import assumed_psf_mm
from calcscan.measurement.patch import cut_patch
from calcscan.measurement.statistics import plain_measures
from calcscan.measurement.volume import estimate_volume
from calcscan.model import AIR_HU, Flag, Intracranial, LeftOut, Lesion, LesionMap, Scan


def detect_lesions(
    scan: Scan,
    intracranial: Intracranial,
    *,
    threshold_hu: float | None = None,
    min_volume_mm3: float | None = None,
    thresholds: ThresholdSettings | None = None,
    volume: VolumeSettings | None = None,
) -> LesionMap:
    """Every calcification inside the skull, measured, not yet located.

    Parameters
    ----------
    scan, intracranial
        The scan and its intracranial space, with bone contact recovered or not; nothing outside `intracranial.mask` is
        searched.
    threshold_hu
        Instead of the threshold that suits tube voltage and noise.
    min_volume_mm3
        Instead of the smallest volume at or above the threshold that counts.
    thresholds, volume
        Instead of the settings in `calcscan/knowledge`.

    Returns
    -------
    LesionMap
        `labels` shows the voxels that are counted: 130 HU and more (or the threshold asked for) of every component of
        the rim threshold that reaches `threshold_hu`. `settings` holds every number used, `flags` may hold
        `noisy`, `metal`, `possible_haemorrhage`, `uncertain_material`. `left_out` lists what is metal, what does not
        stand out from the noise, and specks that do but are too small to be counted.

    Raises
    ------
    ValueError
        `threshold_hu` is not a finite number in the range of int16, or `min_volume_mm3` negative or not finite.
    """
    thresholds, volume = thresholds or load(ThresholdSettings), volume or load(VolumeSettings)
    smallest_mm3 = float(thresholds.smallest_mm3) if min_volume_mm3 is None else float(min_volume_mm3)
    if not (np.isfinite(smallest_mm3) and smallest_mm3 >= 0):
        raise ValueError(f"min_volume_mm3 must be finite and not negative, not {min_volume_mm3!r}")
    if threshold_hu is not None and not -32768 <= threshold_hu <= 32767:
        raise ValueError(f"threshold_hu must lie in the range of int16, not {threshold_hu!r}")
    levels = choose_thresholds(scan, intracranial, threshold_hu, thresholds)
    surround = measure_surround(scan, intracranial, thresholds)
    candidates = find_candidates(scan, intracranial, levels, surround if threshold_hu is None else None, thresholds)
    table = candidates.table
    metal_from_hu = _metal_from_hu(scan, thresholds)
    metal = table["max_hu"] >= metal_from_hu
    psf_mm = assumed_psf_mm(scan, volume)
    lesions: list[Lesion] = []
    pieces: list[npt.NDArray[np.int64]] = []
    left_out = [
        LeftOut.of(scan, candidates.voxels_kji(n), LeftOutReason.METAL, {"limit_hu": float(metal_from_hu)})
        for n in (np.flatnonzero(metal) + 1).tolist()
    ]
    reaching = (table["max_hu"] >= levels.found_hu) & ~metal
    small = (table["max_hu"] >= speck_from_hu(intracranial, levels, thresholds)) & ~metal & ~reaching
    for number in (np.flatnonzero(reaching) + 1).tolist():
        kji = candidates.counted_kji(scan, number, smallest_mm3, thresholds)
        if kji is None:
            small[number - 1] = True
            continue
        contrast = contrast_near_table(scan, intracranial, kji, thresholds)
        if contrast is not None and contrast < thresholds.stands_out_by:
            left_out.append(LeftOut.of(scan, kji, LeftOutReason.NOISE, {"contrast_to_noise": contrast}))
            continue
        patch = cut_patch(
            scan,
            intracranial,
            candidates.components,
            table,
            number,
            rim_hu=levels.rim_hu,
            counted_hu=levels.counted_hu,
            settings=volume,
        )
        least_hu = min(levels.nominal_hu, levels.found_hu)
        estimate = estimate_volume(patch, intracranial.noise_hu, psf_mm=psf_mm, least_hu=least_hu, settings=volume)
        lesion = Lesion(
            id=len(lesions) + 1,
            volume_mm3=estimate.best_mm3,
            volume_low_mm3=estimate.low_mm3,
            volume_high_mm3=estimate.high_mm3,
            **plain_measures(kji, scan.hu[tuple(kji.T)], scan.geometry, thresholds),
        )
        lesions.append(lesion)
        pieces.append(kji)
    judged = judge_density(scan, intracranial, surround, pieces, thresholds)
    stained = judged.stained if threshold_hu is None else {}
    left_out += [
        LeftOut.of(scan, pieces[n], LeftOutReason.UNCERTAIN_MATERIAL, softness.evidence)
        for n, softness in stained.items()
    ]
    lesions, labels = _numbered(scan, lesions, pieces, left_out=stained)
    left_out += list_uncertain(scan, intracranial, candidates, judged.regions, labels > 0, smallest_mm3, thresholds)
    left_out += find_specks(scan, intracranial, candidates, np.flatnonzero(small) + 1, surround, thresholds)
    floor_mm3 = detection_floor_mm3(
        scan, levels.found_hu, smallest_mm3, intracranial.brain_hu, psf_mm=psf_mm, settings=thresholds
    )
    return LesionMap(
        labels=labels,
        geometry=scan.geometry,
        lesions=tuple(lesions),
        threshold_hu=levels.found_hu,
        settings={
            "threshold_hu": levels.found_hu,
            "nominal_threshold_hu": levels.nominal_hu,
            "counted_from_hu": levels.counted_hu,
            "rim_from_hu": levels.rim_hu,
            "smallest_mm3": smallest_mm3,
            "smallest_voxels": float(thresholds.smallest_voxels),
            "metal_from_hu": float(metal_from_hu),
            "reference_hu": float(thresholds.reference_hu),
            "detection_floor_mm3": floor_mm3,
        },
        flags=(
            *levels.flags,
            *_metal_flags(table[metal], metal_from_hu),
            *flag_possible_haemorrhage(judged.regions, thresholds),
        ),
        left_out=tuple(left_out),
    )


def _numbered(
    scan: Scan, lesions: Sequence[Lesion], pieces: Sequence[npt.NDArray[np.int64]], *, left_out: Collection[int]
) -> tuple[list[Lesion], npt.NDArray[np.int32]]:
    """The lesions but for those left out, by their place, numbered from 1, and their label map (k, j, i)."""
    labels = np.zeros(scan.hu.shape, np.int32)
    kept: list[Lesion] = []
    for n, (lesion, kji) in enumerate(zip(lesions, pieces, strict=True)):
        if n not in left_out:
            kept.append(replace(lesion, id=len(kept) + 1))
            labels[tuple(kji.T)] = len(kept)
    labels.flags.writeable = False
    return kept, labels


def _metal_from_hu(scan: Scan, settings: ThresholdSettings) -> int:
    """The density from which a voxel is metal or saturated."""
    top_hu = int(scan.hu.max(initial=AIR_HU))
    clipped = top_hu >= settings.saturation_hu and int((scan.hu == top_hu).sum()) >= settings.saturation_voxels
    return min(int(settings.metal_hu), top_hu) if clipped else int(settings.metal_hu)


def _metal_flags(metal: Table, metal_from_hu: int) -> tuple[Flag, ...]:
    if len(metal) == 0:
        return ()
    top_hu = int(metal["max_hu"].max())
    message = f"{len(metal)} object(s) of {metal_from_hu} HU or more inside the skull were excluded and not measured"
    return (Flag(code="metal", message=message, value=top_hu, limit=metal_from_hu),)
