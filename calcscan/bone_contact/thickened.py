"""Whether what no bone seems to explain is bone nevertheless: a thickening of the table, or a piece of dense bone.

A mass stands on bone with a part of its surface; a thickening of the vault lies on it with its whole outer side, wider
than any plaque. The sides of a vault with hyperostosis differ, so that its mirror image doesn't show it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from calcscan.bone_contact.bone_rises import RefusedRise
from calcscan.bone_contact.rays import Numbers
from calcscan.knowledge.bone_contact import BoneContactSettings
from calcscan.knowledge.intracranial import IntracranialSettings
from calcscan.measurement.beside_bone import beside_bone_share, cortical_share, is_cortical_bone
from calcscan.model import Scan

_TOUCHING = np.ones((3, 3, 3), dtype=np.bool_)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MassOrBone:
    """The voxels (n, 3) of masses, the pieces that are bone, and how much thickening of the table there is."""

    kji: Numbers
    refused: tuple[RefusedRise, ...]
    thickened_mm2: float


def part_bone(
    scan: Scan, masses_kji: Numbers, settings: BoneContactSettings, space: IntracranialSettings
) -> MassOrBone:
    """Part masses (n, 3) from what lies on bone as a thickening of it does, or is largely cortical bone beside bone.

    With one thickening wider than a plaque, the smaller pieces that lie on bone in the same way are bone, too, and so
    are its slivers, close beside what is bone.
    """
    kept, refused, small = [], [], []
    thickened_mm2, narrow_mm2 = 0.0, np.pi / 4 * settings.plaque_wide_mm**2
    for kji in pieces(masses_kji):
        hu = scan.hu[tuple(kji.T)]
        beside, cortical = beside_bone_share(scan, kji, space), cortical_share(scan, kji, space)
        median_hu = float(np.median(hu))
        figures = {"beside_bone_share": round(beside, 3), "median_hu": median_hu}
        if is_cortical_bone(scan, kji, space):
            refused.append(RefusedRise(kji=kji, evidence=figures | {"cortical_share": round(cortical, 3)}))
        elif beside < settings.thickened_beside_bone or median_hu < settings.thickened_hu:
            kept.append(kji)
        elif (mm2 := _mm2(scan, kji)) > narrow_mm2:
            thickened_mm2 += mm2
            refused.append(RefusedRise(kji=kji, evidence=figures | {"thickened_mm2": round(mm2, 1)}))
        else:
            small.append((kji, figures))
    if thickened_mm2:
        refused += [
            RefusedRise(kji=kji, evidence=figures | {"thickened_mm2": round(thickened_mm2, 1)})
            for kji, figures in small
        ]
        slivers = [_mm2(scan, kji) <= narrow_mm2 and _beside(scan, kji, refused, settings) for kji in kept]
        refused += [
            RefusedRise(kji=kji, evidence={"beside_thickening_mm2": round(thickened_mm2, 1)})
            for kji, sliver in zip(kept, slivers, strict=True)
            if sliver
        ]
        kept = [kji for kji, sliver in zip(kept, slivers, strict=True) if not sliver]
    else:
        kept += [kji for kji, _ in small]
    return MassOrBone(
        kji=np.concatenate([np.empty((0, 3), dtype=np.int64), *kept]),
        refused=tuple(refused),
        thickened_mm2=thickened_mm2,
    )


def _beside(scan: Scan, kji: Numbers, bone: list[RefusedRise], settings: BoneContactSettings) -> bool:
    """Whether a piece lies close beside what is bone."""
    tree = cKDTree(scan.geometry.to_world(np.concatenate([rise.kji for rise in bone])))
    near_mm = settings.mass_off_mm + float(scan.slice_reach_mm[kji[:, 0]].max()) / 2.0
    return float(tree.query(scan.geometry.to_world(kji))[0].min()) <= near_mm


def pieces(kji: Numbers) -> list[Numbers]:
    """The voxels (n, 3) of each piece that hangs together."""
    if not len(kji):
        return []
    low = kji.min(axis=0)
    there = np.zeros(kji.max(axis=0) - low + 1, dtype=np.bool_)
    there[tuple((kji - low).T)] = True
    numbers, count = ndimage.label(there, _TOUCHING)
    number = np.asarray(numbers)[tuple((kji - low).T)]
    order = np.argsort(number, kind="stable")
    return np.split(kji[order], np.searchsorted(number[order], np.arange(2, count + 1)))


def _mm2(scan: Scan, kji: Numbers) -> float:
    """The area of the ellipse with a piece's spread along its two longest axes."""
    if len(kji) < 4:
        return 0.0
    variances = np.linalg.eigvalsh(np.cov(scan.geometry.to_world(kji).T))
    return float(np.pi * 5.0 * np.sqrt(max(variances[-1], 0.0) * max(variances[-2], 0.0)))
