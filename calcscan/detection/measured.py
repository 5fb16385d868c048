"""One piece of calcification → Lesion: its volume with an interval, and its plain measures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from calcscan.components import Table
from calcscan.detection.threshold import Thresholds
from calcscan.knowledge.thresholds import ThresholdSettings
from calcscan.knowledge.volume import VolumeSettings
from calcscan.measurement.patch import cut_patch
from calcscan.measurement.statistics import plain_measures
from calcscan.measurement.volume import Volume, estimate_volume
from calcscan.model import Intracranial, Lesion, Scan

Voxels = npt.NDArray[np.int64]


def measure_volume(
    scan: Scan,
    intracranial: Intracranial,
    components: npt.NDArray[np.int32],
    table: Table,
    number: int,
    kji: Voxels,
    *,
    levels: Thresholds,
    settings: VolumeSettings,
) -> Volume:
    """The volume of component `number` of the label map `components` (k, j, i), whose voxels that count are `kji`
    (n, 3)."""
    patch = cut_patch(
        scan,
        intracranial,
        components,
        table,
        number,
        rim_hu=levels.rim_hu,
        counted_hu=levels.counted_hu,
        settings=settings,
    )
    faintest_hu = max(levels.least_in(kji[:, 0]), float(scan.hu[tuple(kji.T)].min()))
    return estimate_volume(patch, intracranial.noise_hu, least_hu=faintest_hu, settings=settings)


def lesion_of(scan: Scan, kji: Voxels, volume: Volume, number: int, thresholds: ThresholdSettings) -> Lesion:
    """The lesion of these voxels (n, 3), with this volume."""
    return Lesion(
        id=number,
        volume_mm3=volume.best_mm3,
        volume_low_mm3=volume.low_mm3,
        volume_high_mm3=volume.high_mm3,
        volume_counted=volume.counted,
        **plain_measures(kji, scan.hu[tuple(kji.T)], scan.geometry, thresholds),
    )


def level_settings(levels: Thresholds, metal_from_hu: float, thresholds: ThresholdSettings) -> dict[str, object]:
    """The thresholds as `LesionMap.settings` has them."""
    return {
        "threshold_hu": levels.highest_found_hu,
        "nominal_threshold_hu": levels.highest_nominal_hu,
        "counted_from_hu": levels.counted_hu,
        "rim_from_hu": levels.rim_hu,
        "metal_from_hu": float(metal_from_hu),
        "reference_hu": float(thresholds.reference_hu),
    }
