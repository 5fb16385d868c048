"""Detect and measure calcification: Scan, Intracranial → LesionMap."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from calcscan.components import Table
from calcscan.detection.candidates import Candidates, find_candidates
from calcscan.detection.contrast_to_noise import contrast_near_table
from calcscan.detection.detection_limit import detection_floor_mm3
from calcscan.detection.haemorrhage import flag_possible_haemorrhage, raise_surround
from calcscan.detection.measured import lesion_of, level_settings, measure_volume
from calcscan.detection.specks import find_specks, speck_from_hu
from calcscan.detection.stained import judge_density
from calcscan.detection.surround import Surround, measure_surround
from calcscan.detection.threshold import Thresholds, choose_thresholds, threshold_by_kvp
from calcscan.detection.uncertain import list_uncertain
from calcscan.knowledge.left_out import LeftOutReason
from calcscan.knowledge.settings import load
from calcscan.knowledge.thresholds import ThresholdSettings
from calcscan.knowledge.volume import VolumeSettings
from calcscan.measurement.blur import blur_of
from calcscan.model import AIR_HU, Flag, Intracranial, LeftOut, Lesion, LesionMap, Scan
from calcscan.processors import at_once, both


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
        Instead of the smallest volume that counts: of the voxels at or above the threshold, and as it is estimated.
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
    metal_from_hu = metal_threshold_hu(scan, thresholds)
    rising = surround if threshold_hu is None else None
    found = _find_pieces(scan, intracranial, levels, rising, metal_from_hu, smallest_mm3, thresholds)
    judged = judge_density(scan, intracranial, surround, found.pieces, thresholds)
    if rising is not None and any(region.ml >= thresholds.uncertain_ml for region in judged.regions):
        rising = raise_surround(rising, judged.regions, intracranial.isotropic_hu.spacing_mm, thresholds)
        found = _find_pieces(scan, intracranial, levels, rising, metal_from_hu, smallest_mm3, thresholds)
        judged = judge_density(scan, intracranial, surround, found.pieces, thresholds, regions=judged.regions)
    stained = judged.stained if threshold_hu is None else {}
    kept = [n for n in range(len(found.pieces)) if n not in stained]
    psf_mm = blur_of(scan).in_plane_mm
    labels = np.zeros(scan.hu.shape, np.int32)
    lesions: list[Lesion] = []
    too_small: list[LeftOut] = []
    measures = [
        partial(
            measure_volume,
            scan,
            intracranial,
            found.candidates.components,
            found.candidates.table,
            found.numbers[n],
            found.pieces[n],
            levels=levels,
            settings=volume,
        )
        for n in kept
    ]
    estimates, specks = both(
        partial(at_once, measures),
        partial(find_specks, scan, intracranial, found.candidates, found.small, surround, thresholds),
    )
    for n, estimate in zip(kept, estimates, strict=True):
        kji = found.pieces[n]
        if estimate.best_mm3 < smallest_mm3:  # blur spreads a dense speck over voxels enough
            evidence = {"volume_mm3": estimate.best_mm3, "smallest_mm3": smallest_mm3}
            too_small.append(LeftOut.of(scan, kji, LeftOutReason.BELOW_LIMIT, evidence))
            continue
        lesion = lesion_of(scan, kji, estimate, len(lesions) + 1, thresholds)
        lesions.append(lesion)
        labels[tuple(kji.T)] = lesion.id
    labels.flags.writeable = False
    left_out = [
        *found.left_out,
        *too_small,
        *(
            LeftOut.of(scan, found.pieces[n], LeftOutReason.UNCERTAIN_MATERIAL, softness.evidence)
            for n, softness in stained.items()
        ),
        *list_uncertain(scan, intracranial, found.candidates, judged.regions, labels > 0, smallest_mm3, thresholds),
        *specks,
    ]
    floor_mm3 = detection_floor_mm3(
        scan, levels.highest_found_hu, smallest_mm3, intracranial.brain_hu, psf_mm=psf_mm, settings=thresholds
    )
    return LesionMap(
        labels=labels,
        geometry=scan.geometry,
        lesions=tuple(lesions),
        threshold_hu=levels.highest_found_hu,
        settings={
            **level_settings(levels, metal_from_hu, thresholds),
            "smallest_mm3": smallest_mm3,
            "smallest_voxels": float(thresholds.smallest_voxels),
            "detection_floor_mm3": floor_mm3,
            "brain_hu": intracranial.brain_hu,
            **({"threshold_by_kvp": by_kvp} if (by_kvp := threshold_by_kvp(scan, levels)) else {}),
        },
        flags=(
            *levels.flags,
            *_metal_flags(found.candidates.table[found.metal - 1], metal_from_hu),
            *flag_possible_haemorrhage(
                judged.regions,
                {piece.volume_mm3 / 1000.0: piece.dense_hu for piece in judged.fading if threshold_hu is None},
                thresholds,
            ),
        ),
        left_out=tuple(left_out),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Found:
    """Components by number: those with counted voxels `pieces` (n, 3), metal, and those too small to be counted."""

    candidates: Candidates
    numbers: list[int]
    pieces: list[npt.NDArray[np.int64]]
    metal: npt.NDArray[np.int64]
    small: npt.NDArray[np.int64]
    left_out: list[LeftOut]
    """Metal, and what does not stand out from the noise."""


def _find_pieces(
    scan: Scan,
    intracranial: Intracranial,
    levels: Thresholds,
    surround: Surround | None,
    metal_from_hu: int,
    smallest_mm3: float,
    thresholds: ThresholdSettings,
) -> _Found:
    """What may be calcification, with thresholds that rise with the surround, if there is one."""
    candidates = find_candidates(scan, intracranial, levels, surround, thresholds)
    top_hu = candidates.table["max_hu"]
    metal = top_hu >= metal_from_hu
    numbers: list[int] = []
    pieces: list[npt.NDArray[np.int64]] = []
    left_out = [
        LeftOut.of(scan, candidates.voxels_kji(n), LeftOutReason.METAL, {"limit_hu": float(metal_from_hu)})
        for n in (np.flatnonzero(metal) + 1).tolist()
    ]
    reaching = (top_hu >= levels.found_hu) & ~metal
    small = (top_hu >= speck_from_hu(intracranial, levels, thresholds)) & ~metal & ~reaching
    for number in (np.flatnonzero(reaching) + 1).tolist():
        kji = candidates.counted_kji(scan, number, smallest_mm3, thresholds)
        if kji is None:
            small[number - 1] = True
            continue
        contrast = contrast_near_table(scan, intracranial, kji, thresholds)
        if contrast is not None and contrast < thresholds.stands_out_by:
            left_out.append(LeftOut.of(scan, kji, LeftOutReason.NOISE, {"contrast_to_noise": contrast}))
            continue
        numbers.append(number)
        pieces.append(kji)
    return _Found(
        candidates=candidates,
        numbers=numbers,
        pieces=pieces,
        metal=np.flatnonzero(metal) + 1,
        small=np.flatnonzero(small) + 1,
        left_out=left_out,
    )


def metal_threshold_hu(scan: Scan, settings: ThresholdSettings) -> int:
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
