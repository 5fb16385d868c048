"""What is denser than calcification can be."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.grid.masks import box_around, corner_of
from calcscan.knowledge.foreign_body import ForeignBodySettings
from calcscan.material.calcified_courses import ShareOf
from calcscan.material.course import Follower
from calcscan.material.partial_volume import density_of_thin
from calcscan.model import Lesion, LesionMap, Scan


def beyond_calcium(
    lesion: Lesion,
    lesions: LesionMap,
    scan: Scan,
    follower: Follower,
    where_it_calcifies: ShareOf,
    settings: ForeignBodySettings,
) -> dict[str, float] | None:
    """The figures of a lesion that is denser than calcification; None for any other."""
    scale = voltage_scale(lesions) * (settings.sharp_factor if scan.acquisition.sharp_kernel else 1.0)
    if lesion.max_hu < settings.judged_from_hu * scale:
        return None
    kji = lesions.voxels_kji(lesion.id)
    world = scan.geometry.to_world(kji)
    away = float(np.median(follower.depth_mm(world))) >= settings.away_from_bone_mm
    thick = float(scan.slice_thickness_mm[kji[:, 0]].min()) >= settings.flat_slab_mm
    diluted = thick and where_it_calcifies(world) < settings.protected_share
    thick_limit_hu = settings.beyond_calcium_thick_hu * scale
    diluted = diluted and not _fills_slices(kji, scan, thick_limit_hu, settings)
    limit_hu = thick_limit_hu if diluted else settings.beyond_calcium_hu * scale
    limit_hu = limit_hu if away else settings.beyond_bone_hu * scale
    hu, mm3 = scan.hu[tuple(kji.T)], scan.geometry.voxel_mm3[kji[:, 0]]
    dense_mm3 = float(mm3[hu >= limit_hu].sum())
    if float(mm3.sum()) >= settings.spotted_mm3 and dense_mm3 < settings.spotted_share * float(mm3.sum()):
        return None
    figures = {"max_hu": float(lesion.max_hu), "limit_hu": limit_hu, "beyond_limit_mm3": dense_mm3}
    if dense_mm3 >= settings.beyond_calcium_mm3:
        return figures
    substance_hu = density_of_thin(kji, scan, settings)
    if away and substance_hu >= limit_hu:
        return {**figures, "substance_hu": substance_hu}
    mean_hu = lesion.mass_hu_mm3 / max(lesion.volume_mm3, 1e-6)
    if away and lesion.max_hu >= settings.cast_peak_hu * scale and mean_hu >= settings.cast_hu * scale:
        return {**figures, "substance_hu": mean_hu}
    return None


def _fills_slices(kji: npt.NDArray[np.int64], scan: Scan, from_hu: float, settings: ForeignBodySettings) -> bool:
    """Whether voxels (n, 3) are so dense in three slices one above another, and so wide there, that no slice has
    diluted the one in the middle."""
    dense = kji[scan.hu[tuple(kji.T)] >= from_hu]
    if not len(dense):
        return False
    box = box_around(dense, np.ones(3, np.int64), scan.hu.shape)
    own = np.zeros(scan.hu[box].shape, np.bool_)
    own[tuple((dense - corner_of(box)).T)] = True
    own[1:-1] &= own[:-2] & own[2:]
    return any(
        float(np.max(ndimage.distance_transform_edt(level, sampling=scan.geometry.spacing_mm[1:])))
        >= settings.filled_mm
        for level in own[1:-1]
    )


def voltage_scale(lesions: LesionMap) -> float:
    """How much denser calcium reads at the scan's tube voltage than at the usual one."""
    nominal, usual = lesions.settings["nominal_threshold_hu"], lesions.settings["counted_from_hu"]
    return max(1.0, float(nominal) / float(usual)) if nominal and usual else 1.0
