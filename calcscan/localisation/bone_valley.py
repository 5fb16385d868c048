"""How far a lesion lies from bone in this scan, and how deep the valley of density between the two is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from calcscan.grid.geometry import Array
from calcscan.knowledge.localisation import LocalisationSettings
from calcscan.model import Lesion, LesionMap, Scan, SearchRegion

_NEIGHBOURS = np.ones((3, 3, 3), dtype=np.bool_)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoneValley:
    """What lies between a lesion and the nearest bone."""

    gap_mm: float
    """From the lesion's voxels to those of bone, faces of slabs included; infinite where none is near."""
    saddle: float
    """How dense the densest path to bone stays, from brain (0) to the lesion's peak (1); 0 where no bone is near."""


def measure_valley(
    lesion: Lesion, lesions: LesionMap, scan: Scan, region: SearchRegion, settings: LocalisationSettings
) -> BoneValley:
    """The gap and the saddle of a lesion, sought as far as `saddle_mm` around it.

    Bone is what is surely dense outside the inside of the skull. The saddle is the highest density at which the
    lesion's peak is still connected with it (the key saddle of topographic prominence), as a share of the peak above
    brain: near 1 a spur of bone, low where the tissue between is only the blur of both.
    """
    margin = np.ceil(settings.saddle_mm / np.array(scan.geometry.spacing_mm)).astype(int)
    box = tuple(
        slice(max(a - m, 0), min(b + m, n)) for (a, b), m, n in zip(lesion.bbox_kji, margin, scan.hu.shape, strict=True)
    )
    hu = scan.hu[box]
    bone = (hu >= settings.surely_bone_hu) & ~region.mask[box]
    if not bone.any():
        return BoneValley(gap_mm=np.inf, saddle=0.0)
    own = lesions.labels[box] == lesion.id
    corner = np.array([part.start for part in box])
    gap_mm = _gap_mm(scan, np.argwhere(_surface(own)) + corner, np.argwhere(_surface(bone)) + corner)
    if gap_mm > settings.saddle_mm:
        return BoneValley(gap_mm=np.inf, saddle=0.0)
    brain_hu = float(region.brain_hu or 0.0)
    saddle = _saddle_hu(hu, own & (hu >= lesion.max_hu), bone, brain_hu, float(lesion.max_hu), settings.saddle_step_hu)
    return BoneValley(gap_mm=gap_mm, saddle=(saddle - brain_hu) / max(lesion.max_hu - brain_hu, 1.0))


def _saddle_hu(
    hu: npt.NDArray[np.int16],
    peak: npt.NDArray[np.bool_],
    bone: npt.NDArray[np.bool_],
    low: float,
    high: float,
    step_hu: float,
) -> float:
    while high - low > step_hu:
        level = (low + high) / 2
        pieces, _ = ndimage.label(hu >= level, _NEIGHBOURS)
        if (bone & np.isin(pieces, np.unique(pieces[peak]))).any():
            low = level
        else:
            high = level
    return low


def _gap_mm(scan: Scan, lesion_kji: npt.NDArray[np.int64], bone_kji: npt.NDArray[np.int64]) -> float:
    """Between the middles of pixels, but the faces of slabs: what lies in the next slice touches, however thick."""
    tree = cKDTree(_through_slab(scan, bone_kji))
    return float(np.min(tree.query(_through_slab(scan, lesion_kji))[0]))


def _through_slab(scan: Scan, kji: npt.NDArray[np.int64]) -> Array:
    """The middle of each voxel and those of its lower and upper face, LPS mm (3 n, 3)."""
    middle = scan.geometry.to_world(kji)
    half = scan.geometry.slab_mm[kji[:, 0], None] / 2 * scan.geometry.normal
    return np.concatenate([middle - half, middle, middle + half])


def _surface(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    return np.asarray(mask & ~ndimage.binary_erosion(mask))
