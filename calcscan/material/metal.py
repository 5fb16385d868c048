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
    out = _in_streaks(lesions, scan, region, settings)
    metal = [item.kji for item in lesions.left_out if item.reason == "metal"]
    if not metal:
        return out
    kji = np.concatenate(metal)
    dense = kji[scan.hu[tuple(kji.T)] >= float(lesions.settings["metal_from_hu"] or np.inf)]
    world = scan.geometry.to_world(dense)
    tree = cKDTree(world)
    tissue = region.mask & (lesions.labels == 0)
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
        around = _around(voxels, scan, tissue, settings)
        ray = _ray(lesion, around, region, settings)
        if ray is not None:
            out[lesion.id] = {"metal_mm": away_mm, **ray}
    return out


def _in_streaks(
    lesions: LesionMap, scan: Scan, region: SearchRegion, settings: ForeignBodySettings
) -> dict[int, dict[str, float]]:
    """The lesions that lie in slices crossed by streaks, wherever the metal is, and stand out no more than these."""
    out: dict[int, dict[str, float]] = {}
    for lesion in lesions.lesions if region.streaked_slices else ():
        voxels = lesions.voxels_kji(lesion.id)
        if np.isin(voxels[:, 0], region.streaked_slices).mean() < settings.streak_within:
            continue
        around = _around(voxels, scan, region.mask, settings)
        ray = _ray(lesion, around, region, settings, dark=True)
        if ray is not None:
            out[lesion.id] = ray
    return out


def _around(
    voxels: npt.NDArray[np.int64], scan: Scan, tissue: npt.NDArray[np.bool_], settings: ForeignBodySettings
) -> Array:
    """HU of the tissue around a lesion, in its slices."""
    values: list[Array] = []
    reach = np.ceil(settings.streak_ring_mm / np.array(scan.geometry.spacing_mm[1:])).astype(int)
    for k in np.unique(voxels[:, 0]):
        here = voxels[voxels[:, 0] == k]
        low = np.maximum(here[:, 1:].min(axis=0) - reach, 0)
        high = here[:, 1:].max(axis=0) + reach + 1
        box = (int(k), slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1])))
        beside = np.array(tissue[box])
        beside[tuple((here[:, 1:] - low).T)] = False
        values.append(scan.hu[box][beside].astype(np.float64))
    return np.concatenate(values)


def _ray(
    lesion: Lesion, around: Array, region: SearchRegion, settings: ForeignBodySettings, *, dark: bool = False
) -> dict[str, float] | None:
    """The figures of a lesion that is no more than the rays around it; None for any other.

    With `dark`, how strong the rays are is told by the dark ones alone: they are as dark as they are bright, and what
    is dense around makes none darker.
    """
    if len(around) < 50:
        return None
    darkest, low_hu, middle, high_hu = np.percentile(around, [2.3, 16, 50, 84]).tolist()
    varies_hu = max(middle - low_hu, (middle - darkest) / 2) if dark else (high_hu - low_hu) / 2
    if varies_hu < settings.streak_noise * float(region.noise_hu or np.inf):
        return None
    factor = (lesion.max_hu - middle) / varies_hu
    return {"surround_varies_hu": varies_hu, "stands_out_by": factor} if factor < settings.streak_factor else None
