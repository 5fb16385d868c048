"""What stands up inside the skull and was taken for bone together with it.

`calcscan.intracranial.bone` cuts off what hangs together with the skull and stays shallow, and the roots of what does
not. Most of it are the skull's own ridges. A deposit that hangs on bone may be among them, so whatever reaches deeper
than the blur of the table is listed. Beyond doubt bone is only what the other side of the skull has as well.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from calcscan.bone_contact.other_side import OtherSide
from calcscan.bone_contact.rays import Mask, Numbers, from_vertex_deg
from calcscan.grid.geometry import Array, apply
from calcscan.grid.isotropic import on_native, sample_at
from calcscan.grid.masks import box_around, corner_of, places
from calcscan.knowledge.bone_contact import BoneContactSettings
from calcscan.knowledge.intracranial import IntracranialSettings
from calcscan.knowledge.left_out import LeftOutReason
from calcscan.model import Intracranial, LeftOut, Scan

_FEW, _MARGIN = 7, 12
"""Of the inside of the skull so few points bound it, with so many voxels to spare."""
_TOUCHING = np.ones((3, 3, 3), dtype=np.bool_)


def dense_inside(scan: Scan, intracranial: Intracranial, space: IntracranialSettings) -> Numbers:
    """The voxels (n, 3) within the smooth inner table that are as dense as what hangs together with bone, in the mask
    of the intracranial space or not."""
    affine = intracranial.isotropic_hu.affine
    ends_mm = apply(affine, places(intracranial.isotropic_mask)[::_FEW])
    box = box_around(np.rint(scan.geometry.to_index(ends_mm)).astype(np.int64), _MARGIN, scan.geometry.shape)
    k, j, i = box
    inside = on_native(intracranial.depth_mm, affine, scan.geometry.part((k, j, i)), 0.0)
    inside &= scan.hu[box] >= space.attached_hu
    return places(inside) + corner_of(box)


def cut_off(
    scan: Scan,
    intracranial: Intracranial,
    dense_kji: Numbers,
    known: Mask,
    to_head_axes: Callable[[Array], Array] | None,
    other: OtherSide | None,
    settings: BoneContactSettings,
    space: IntracranialSettings,
) -> tuple[LeftOut, ...]:
    """Each piece that was taken for bone inside the skull, with the flank it stands on.

    Parameters
    ----------
    dense_kji
        From `dense_inside`.
    known
        What is searched, or listed already, shape of the scan.
    to_head_axes, other
        From LPS mm to mm from the centre of the brain in the head's own axes, and the other side of the skull; None
        where the registration was not accepted: then nothing is bone beyond doubt.
    """
    kji = dense_kji[~known[tuple(dense_kji.T)]]
    if not len(kji):
        return ()
    world_mm = scan.geometry.to_world(kji)
    depth_mm = sample_at(intracranial.depth_mm, intracranial.isotropic_hu.affine, world_mm)
    blur_mm = space.blur_share * scan.slice_reach_mm[kji[:, 0]]
    shallow_mm = np.maximum(space.edge_mm + blur_mm, space.root_mm)
    deep = depth_mm > shallow_mm
    if not deep.any():
        return ()
    reached = np.isfinite(cKDTree(world_mm[deep]).query(world_mm, distance_upper_bound=float(shallow_mm.max()))[0])
    kji, world_mm, depth_mm, deep = kji[reached], world_mm[reached], depth_mm[reached], deep[reached]
    number, count = _pieces(kji, scan.hu.shape)
    mm3 = scan.geometry.voxel_mm3[kji[:, 0]]
    items = []
    for one in range(count):
        own = number == one
        volume_mm3 = float(mm3[own].sum())
        if volume_mm3 < settings.bone_listed_mm3:
            continue
        evidence = {"deepest_mm": round(float(depth_mm[own].max()), 1)}
        sure = False
        if other is not None and to_head_axes is not None:
            unlike_mm3 = float(mm3[own] @ other.unlike(world_mm[own]))
            evidence["unlike_other_side_mm3"] = round(unlike_mm3, 1)
            sure = unlike_mm3 < settings.unlike_limit_mm3(volume_mm3)
            tip_mm = world_mm[own & deep]
            if len(tip_mm) and _on_vault(to_head_axes(tip_mm).mean(axis=0), settings):
                sure &= bool(other.unlike_vault(tip_mm).mean() <= 0.5)
        items.append(LeftOut.of(scan, kji[own], LeftOutReason.BONE, evidence, sure=sure))
    return tuple(items)


def _on_vault(head_mm: Array, settings: BoneContactSettings) -> bool:
    """Whether a place in the head's own axes lies under the vault, away from its crests."""
    down_deg = float(from_vertex_deg(head_mm))
    crest = abs(float(head_mm[0])) <= settings.crest_wide_mm and down_deg > settings.crest_deg
    return down_deg <= settings.vault_deg and not crest


def _pieces(kji: Numbers, shape: tuple[int, ...]) -> tuple[Numbers, int]:
    """The number of the piece that each voxel (n, 3) belongs to, from 0 on, and how many there are."""
    there = np.zeros(shape, dtype=np.bool_)
    there[tuple(kji.T)] = True
    low = kji.min(axis=0)
    box = tuple(slice(a, b) for a, b in zip(low, kji.max(axis=0) + 1, strict=True))
    numbers, count = ndimage.label(there[box], _TOUCHING)
    return np.asarray(numbers)[tuple((kji - low).T)].astype(np.int64) - 1, int(count)
