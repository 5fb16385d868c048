"""Take what is bone out of the inside of the skull.

The smooth inner table cuts through every ridge of the skull. What is dense and hangs together with the bone outside it
is a ridge if it stays shallow; if it reaches deep (a calcified falx grows from the skull) only its stump is bone.
Islands that lie on the surface itself are its blur.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from calcscan._kernels.touching import touches_outside
from calcscan.components import lesion_table
from calcscan.grid.geometry import Array
from calcscan.grid.isotropic import sample_at
from calcscan.grid.masks import box_of, places
from calcscan.knowledge.intracranial import IntracranialSettings
from calcscan.model import Scan

Mask = npt.NDArray[np.bool_]


def without_bone(
    scan: Scan, inside: Mask, depth_mm: npt.NDArray[np.float32], affine: Array, settings: IntracranialSettings
) -> Mask:
    """`inside` less every voxel that belongs to the skull; `depth_mm` on the grid `affine` is the distance to the
    inner table.

    Twice: cutting the roots lets a large piece of the skull base fall into small ones, which are then judged alone.
    What then stays gets its own root back, as wide as itself.
    """
    box = box_of(inside, margin=1)
    part = Scan(
        hu=scan.hu[box],
        geometry=scan.geometry.part(box),
        acquisition=scan.acquisition,
        stated_thickness_mm=scan.stated_thickness_mm[box[0]],
    )
    first = _cut(part, inside[box], depth_mm, affine, settings)
    second = _cut(part, first.inside, depth_mm, affine, settings)
    roots = np.concatenate([first.roots_kji, second.roots_kji])
    out = np.zeros_like(inside)
    out[box] = _with_roots(part, second.inside, roots, depth_mm, affine, settings)
    return out


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """What a cut leaves; `roots_kji` (n, 3) are the voxels cut off deep pieces."""

    inside: Mask
    roots_kji: npt.NDArray[np.int64]


def _cut(
    scan: Scan, inside: Mask, depth_mm: npt.NDArray[np.float32], affine: Array, settings: IntracranialSettings
) -> _Cut:
    dense_hu = int(settings.attached_hu)
    labels, table = lesion_table(scan.hu, dense_hu, mask=inside)
    if len(table) == 0:
        return _Cut(inside=inside, roots_kji=np.empty((0, 3), dtype=np.int64))
    attached = np.zeros(len(table) + 1, dtype=np.bool_)
    touches_outside(scan.hu, inside, labels, dense_hu, attached)
    kji = places(labels > 0)
    owner = labels[tuple(kji.T)]
    depth = sample_at(depth_mm, affine, scan.geometry.to_world(kji))
    deepest = np.zeros(len(table) + 1, dtype=np.float32)
    np.maximum.at(deepest, owner, depth)
    thickest = np.zeros(len(table) + 1)
    np.maximum.at(thickest, owner, scan.slice_reach_mm[kji[:, 0]])
    blur_mm = settings.blur_share * thickest
    shallow = deepest < np.where(attached, settings.protrusion_mm, settings.edge_mm) + blur_mm
    root = attached[owner] & (depth < settings.root_mm)
    out = inside.copy()
    out[tuple(kji[shallow[owner] | root].T)] = False
    return _Cut(inside=out, roots_kji=kji[root & ~shallow[owner]])


def _with_roots(
    scan: Scan,
    inside: Mask,
    roots_kji: npt.NDArray[np.int64],
    depth_mm: npt.NDArray[np.float32],
    affine: Array,
    settings: IntracranialSettings,
) -> Mask:
    """Give back every root voxel from whose place the way straight inwards meets tissue that stayed, about as dense:
    bone grows denser towards its root."""
    world = scan.geometry.to_world(roots_kji)
    depth = sample_at(depth_mm, affine, world)
    keep = depth >= settings.stump_mm
    world, kji, depth = world[keep], roots_kji[keep], depth[keep]
    step_mm = float(affine[0, 2])
    inwards = np.stack(
        [
            sample_at(depth_mm, affine, world + step_mm * axis) - sample_at(depth_mm, affine, world - step_mm * axis)
            for axis in np.eye(3)
        ],
        axis=-1,
    )
    inwards /= np.maximum(np.linalg.norm(inwards, axis=1), 1e-6)[:, None]
    beyond = world + inwards * (settings.root_mm - depth + step_mm / 2)[:, None]
    there = np.rint(scan.geometry.to_index(beyond)).astype(np.int64)
    there = np.clip(there, 0, np.array(inside.shape) - 1)
    tip_hu = scan.hu[tuple(there.T)]
    meets = inside[tuple(there.T)] & (tip_hu >= settings.attached_hu)
    root_hu = scan.hu[tuple(kji.T)]
    meets &= (root_hu <= settings.root_ratio * tip_hu) & (root_hu < settings.cortical_hu)
    out = inside.copy()
    out[tuple(kji[meets].T)] = True
    return out
