"""Find and measure calcification: Scan, Intracranial → LesionMap."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from calcscan.components import Table, lesion_table
from calcscan.detection.contrast_to_noise import stands_out
from calcscan.detection.detection_limit import detection_floor_mm3
from calcscan.detection.haemorrhage import possible_haemorrhage
from calcscan.detection.threshold import Thresholds, choose
from calcscan.knowledge import values
from calcscan.measurement.patch import patch
from calcscan.measurement.statistics import plain_measures
from calcscan.measurement.volume import estimate
from calcscan.model import Flag, Intracranial, Lesion, LesionMap, Scan

Box = tuple[slice, slice, slice]


def detect_lesions(
    scan: Scan, intracranial: Intracranial, *, threshold_hu: float | None = None, min_volume_mm3: float | None = None
) -> LesionMap:
    """Every calcification inside the skull, measured, not yet located.

    Parameters
    ----------
    scan, head
        The scan and the inside of its skull; nothing outside `head.mask` is looked at.
    threshold_hu
        Instead of the threshold that suits tube voltage and noise.
    min_volume_mm3
        Instead of the smallest volume at or above the threshold that counts.

    Returns
    -------
    LesionMap
        `labels` shows the voxels that are counted: 130 HU and more (or the threshold asked for) of every component of
        the rim threshold that reaches `threshold_hu`. `settings` holds every number used, `flags` may hold
        `noisy`, `metal`, `possible_haemorrhage`, `uncertain_material`.

    Raises
    ------
    ValueError
        `threshold_hu` is not a finite number in the range of int16, or `min_volume_mm3` negative or not finite.
    """
    limits = values("thresholds")
    smallest = float(limits["smallest_mm3"]) if min_volume_mm3 is None else float(min_volume_mm3)
    if not (np.isfinite(smallest) and smallest >= 0):
        raise ValueError(f"min_volume_mm3 must be finite and not negative, not {min_volume_mm3!r}")
    if threshold_hu is not None and not -32768 <= threshold_hu <= 32767:
        raise ValueError(f"threshold_hu must lie in the range of int16, not {threshold_hu!r}")
    levels = choose(scan, intracranial, threshold_hu)
    parts, table = lesion_table(scan.hu, levels.rim_hu, mask=intracranial.mask)
    ceiling = _ceiling_hu(scan)
    metal = table["max_hu"] >= ceiling
    labels = np.zeros(scan.hu.shape, np.int32)
    sharp = any(flag.code == "sharp_kernel" for flag in scan.flags)
    lesions: list[Lesion] = []
    for number in np.flatnonzero((table["max_hu"] >= levels.found_hu) & ~metal) + 1:
        lesion = _lesion(
            scan, intracranial, parts, table, int(number), len(lesions) + 1, levels, smallest, sharp, labels
        )
        if lesion is not None:
            lesions.append(lesion)
    flags = levels.flags + _metal_flags(table[metal], ceiling) + possible_haemorrhage(intracranial)
    labels.flags.writeable = False
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
            "smallest_mm3": smallest,
            "smallest_voxels": float(limits["smallest_voxels"]),
            "metal_from_hu": float(ceiling),
            "reference_hu": float(limits["reference_hu"]),
            "detection_floor_mm3": detection_floor_mm3(
                scan, levels.found_hu, smallest, intracranial.brain_hu, sharp=sharp
            ),
        },
        flags=flags,
    )


def _lesion(
    scan: Scan,
    intracranial: Intracranial,
    parts: npt.NDArray[np.int32],
    table: Table,
    number: int,
    new: int,
    levels: Thresholds,
    smallest_mm3: float,
    sharp: bool,
    labels: npt.NDArray[np.int32],
) -> Lesion | None:
    """Measure one component and write it into `labels`; None if it is too small to count, or no more than the noise of
    what it lies in."""
    geometry = scan.geometry
    box = _box(table["bbox"][number - 1])
    hu, part = scan.hu[box], parts[box] == number
    first = np.array([s.start for s in box])
    reaching = np.argwhere(part & (hu >= levels.found_hu)) + first
    at_threshold_mm3 = float(geometry.voxel_mm3[reaching[:, 0]].sum())
    if at_threshold_mm3 < smallest_mm3 or len(reaching) < values("thresholds")["smallest_voxels"]:
        return None
    counted = part & (hu >= levels.counted_hu)
    kji = np.argwhere(counted) + first
    if not stands_out(scan, intracranial, kji):
        return None
    density = hu[counted]
    around = patch(scan, intracranial, parts, table, number, levels.rim_hu, levels.counted_hu)
    volume = estimate(around, intracranial.noise_hu, least_hu=min(levels.nominal_hu, levels.found_hu), sharp=sharp)
    labels[box][counted] = new
    return Lesion(
        id=new,
        volume_mm3=volume.best_mm3,
        volume_low_mm3=volume.low_mm3,
        volume_high_mm3=volume.high_mm3,
        **plain_measures(kji, density, geometry),
    )


def _box(bbox: npt.NDArray[np.int32]) -> Box:
    k, j, i = (slice(int(a), int(b)) for a, b in bbox)
    return (k, j, i)


def _ceiling_hu(scan: Scan) -> int:
    """From where on a voxel is metal or saturated."""
    limits = values("thresholds")
    top = int(scan.hu.max(initial=-1024))
    clipped = top >= limits["saturation_hu"] and int((scan.hu == top).sum()) >= limits["saturation_voxels"]
    return min(int(limits["metal_hu"]), top) if clipped else int(limits["metal_hu"])


def _metal_flags(metal: Table, ceiling: int) -> tuple[Flag, ...]:
    if len(metal) == 0:
        return ()
    top = int(metal["max_hu"].max())
    message = f"{len(metal)} object(s) of {ceiling} HU or more inside the skull were set apart and not measured"
    return (Flag(code="metal", message=message, value=top, limit=ceiling),)
