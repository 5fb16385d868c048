"""Take what is bone out of the inside of the skull.

The smooth inner table cuts through every ridge of the skull. What is dense and hangs together with the bone outside it
is a ridge if it stays shallow; if it reaches deep (a calcified falx grows from the skull) only its root is bone.
Islands that lie on the surface itself are its blur.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from calcscan._kernels.touching import touches_outside
from calcscan.coarse import sample_at
from calcscan.components import lesion_table
from calcscan.geometry import Array
from calcscan.model import Scan

Mask = npt.NDArray[np.bool_]


def without_bone(
    scan: Scan, inside: Mask, depth_mm: npt.NDArray[np.float32], affine: Array, limits: Mapping[str, float]
) -> Mask:
    """`inside` less every voxel that belongs to the skull; `depth_mm` on the grid `affine` is the distance to the
    inner table.

    Twice: cutting the roots lets a large piece of the skull base fall into small ones, which are then judged alone.
    """
    once = _cut(scan, inside, depth_mm, affine, limits)
    return _cut(scan, once, depth_mm, affine, limits)


def _cut(
    scan: Scan, inside: Mask, depth_mm: npt.NDArray[np.float32], affine: Array, limits: Mapping[str, float]
) -> Mask:
    dense_hu = int(limits["attached_hu"])
    labels, table = lesion_table(scan.hu, dense_hu, mask=inside)
    if len(table) == 0:
        return inside
    attached = np.zeros(len(table) + 1, dtype=np.bool_)
    touches_outside(scan.hu, inside, labels, dense_hu, attached)
    kji = np.argwhere(labels > 0)
    owner = labels[tuple(kji.T)]
    depth = sample_at(depth_mm, affine, scan.geometry.to_world(kji))
    deepest = np.zeros(len(table) + 1, dtype=np.float32)
    np.maximum.at(deepest, owner, depth)
    thickest = np.zeros(len(table) + 1)
    np.maximum.at(thickest, owner, scan.geometry.slab_mm[kji[:, 0]])
    blur_mm = limits["blur_share"] * thickest
    shallow = deepest < np.where(attached, limits["protrusion_mm"], limits["edge_mm"]) + blur_mm
    root = attached[owner] & (depth < limits["root_mm"])
    out = inside.copy()
    out[tuple(kji[shallow[owner] | root].T)] = False
    return out
