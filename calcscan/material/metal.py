"""What metal does to its surround: a halo, and rays that reach across its slices."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from calcscan.grid.geometry import Array
from calcscan.knowledge.foreign_body import ForeignBodySettings
from calcscan.model import Lesion, LesionMap, Scan, SearchRegion


def near_metal(
    lesions: LesionMap, scan: Scan, region: SearchRegion, settings: ForeignBodySettings
) -> dict[int, dict[str, float]]:
    """The lesions, by number, that are the halo or a ray of metal, with the figures that say so."""
    metal = [item.kji for item in lesions.left_out if item.reason == "metal"]
    if not metal:
        return {}
    kji = np.concatenate(metal)
    dense = kji[scan.hu[tuple(kji.T)] >= float(lesions.settings["metal_from_hu"] or np.inf)]
    world = scan.geometry.to_world(dense)
    tree = cKDTree(world)
    out: dict[int, dict[str, float]] = {}
    for lesion in lesions.lesions:
        voxels = lesions.voxels_kji(lesion.id)
        away, _ = tree.query(scan.geometry.to_world(voxels))
        away_mm = float(np.min(away))
        if away_mm <= settings.halo_mm:
            out[lesion.id] = {"metal_mm": away_mm}
            continue
        between = np.abs(dense[:, 0][:, None] - np.unique(voxels[:, 0])[None, :]).min()
        if away_mm > settings.streak_reach_mm or between > 1:
            continue
        ray = _ray(lesion, voxels, lesions.labels, scan, region, settings)
        if ray is not None:
            out[lesion.id] = {"metal_mm": away_mm, **ray}
    return out


def _ray(
    lesion: Lesion,
    voxels: npt.NDArray[np.int64],
    labels: npt.NDArray[np.int32],
    scan: Scan,
    region: SearchRegion,
    settings: ForeignBodySettings,
) -> dict[str, float] | None:
    """The figures of a lesion that is no more than the rays around it; None for any other."""
    values: list[Array] = []
    reach = np.ceil(settings.streak_ring_mm / np.array(scan.geometry.spacing_mm[1:])).astype(int)
    for k in np.unique(voxels[:, 0]):
        here = voxels[voxels[:, 0] == k]
        low = np.maximum(here[:, 1:].min(axis=0) - reach, 0)
        high = here[:, 1:].max(axis=0) + reach + 1
        box = (int(k), slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1])))
        tissue = region.mask[box] & (labels[box] == 0)
        values.append(scan.hu[box][tissue].astype(np.float64))
    around = np.concatenate(values)
    if len(around) < 50:
        return None
    middle = float(np.median(around))
    low_hu, high_hu = np.percentile(around, [16, 84])
    varies_hu = float(high_hu - low_hu) / 2
    if varies_hu < settings.streak_noise * float(region.noise_hu or np.inf):
        return None
    factor = (lesion.max_hu - middle) / varies_hu
    return {"surround_varies_hu": varies_hu, "stands_out_by": factor} if factor < settings.streak_factor else None
