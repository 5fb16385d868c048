"""Calcification between the bones of the skull base that stands out from them.

Arteries and dural folds run within a millimetre or two of bone there. A deposit that touches bone only through the
scanner's blur keeps a peak of its own, with a valley of density between; a spur of bone rises evenly into its bone.
So the density is flooded from its peaks down: what meets bone only low on its own flank has prominence of its own, and
the valley separates the two. In slices thicker than a deposit no valley shows where it lies above bone: then it stays
bone.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from calcscan._kernels.prominence import stands_out
from calcscan.grid.geometry import Array, Geometry, apply
from calcscan.grid.isotropic import on_native, sample_at
from calcscan.grid.masks import grown, places
from calcscan.knowledge.air_contact import AirContactSettings
from calcscan.knowledge.bone_contact import BoneContactSettings
from calcscan.knowledge.intracranial import IntracranialSettings
from calcscan.measurement.air_contact import lines_air, near_air
from calcscan.model import Intracranial, Scan

Mask = npt.NDArray[np.bool_]
Field = npt.NDArray[np.float32]
Voxels = npt.NDArray[np.int64]


def with_skull_base_peaks(
    scan: Scan,
    intracranial: Intracranial,
    to_head_axes: Callable[[Array], Array],
    settings: BoneContactSettings,
    space: IntracranialSettings,
    air: AirContactSettings,
) -> tuple[Mask, Voxels]:
    """A copy of `intracranial.mask` that holds every peak, separated from bone by a voxel, and the (k, j, i) of the
    peaks that it did not hold.

    `to_head_axes` takes LPS mm to mm from the centre of the brain in the head's own axes. A peak that counts lies
    mostly within the inner table, reaches deeper than the blur of its edge, as any island must, and lines no air.
    """
    out = intracranial.mask.copy()
    depth_mm, affine = intracranial.depth_mm, intracranial.isotropic_hu.affine
    box = _base_box(scan.geometry, depth_mm, affine, to_head_axes, settings)
    if box is None:
        return out, np.empty((0, 3), dtype=np.int64)
    thick_mm = scan.slice_thickness_mm[box[0]]
    numbers = _peak_numbers(scan, box, thick_mm, depth_mm, affine, float(intracranial.brain_hu or 0.0), settings, space)
    block = out[box]
    kji = places(numbers > 0)
    owner = numbers[tuple(kji.T)]
    first = np.array([part.start for part in box])
    depth = sample_at(depth_mm, affine, scan.geometry.to_world(kji + first))
    counted_mm3 = scan.geometry.voxel_mm3[kji[:, 0] + first[0]] * (scan.hu[box][tuple(kji.T)] >= space.attached_hu)
    clear = depth >= space.edge_mm + space.blur_share * thick_mm[kji[:, 0]]
    size, within, deep, airy, held = (
        np.bincount(owner, counted_mm3 * which, minlength=int(numbers.max(initial=0)) + 1)
        for which in (
            True,
            depth > 0.0,
            clear,
            near_air(scan, kji + first, air),
            block[tuple(kji.T)],
        )
    )
    chosen = (2 * within > size) & (deep > 0) & (size <= settings.peak_most_mm3)
    chosen &= ~lines_air(airy / np.maximum(size, 1e-6), air)
    peaks = chosen[numbers]
    beside = grown(peaks, corners=True) & ~peaks & (scan.hu[box] >= settings.rim_hu)
    block[beside] = False
    block[peaks] = True
    return out, kji[(chosen & (2 * held < size))[owner]] + first


def _base_box(
    grid: Geometry,
    depth_mm: Field,
    affine: Array,
    to_head_axes: Callable[[Array], Array],
    settings: BoneContactSettings,
) -> tuple[slice, slice, slice] | None:
    """The part of the scan in which the arteries and folds at the base run; None where it was cut off."""
    points = apply(affine, places(depth_mm > 0.0))
    head_mm = to_head_axes(points)
    near = (np.abs(head_mm[:, 0]) <= settings.base_wide_mm) & (head_mm[:, 2] <= -settings.base_below_mm)
    if not near.any():
        return None
    index = grid.to_index(points[near])
    low = np.maximum(np.floor(index.min(axis=0)).astype(int) - 1, 0)
    high = np.minimum(np.ceil(index.max(axis=0)).astype(int) + 2, grid.shape)
    if (low >= high).any():
        return None
    k, j, i = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return (k, j, i)


def _peak_numbers(
    scan: Scan,
    box: tuple[slice, slice, slice],
    thick_mm: Array,
    depth_mm: Field,
    affine: Array,
    brain_hu: float,
    settings: BoneContactSettings,
    space: IntracranialSettings,
) -> npt.NDArray[np.int32]:
    """The number of each voxel's peak, in the box; 0 for none. Bone is what is dense farther out than the reach."""
    grid = scan.geometry.part(box)
    hu = np.ascontiguousarray(scan.hu[box])
    reach_mm = settings.peak_reach_mm
    looked_at = on_native(depth_mm, affine, grid, -reach_mm - space.grid_mm) & (hu >= settings.rim_hu)
    kji = places(looked_at)
    kji = np.ascontiguousarray(kji[np.argsort(-hu[looked_at].astype(np.int32), kind="stable")])
    bone = ~on_native(depth_mm, affine, grid, -reach_mm)[tuple(kji.T)]
    owner = np.zeros(len(kji), np.int32)
    numbers = np.zeros(hu.shape, np.int32)
    ratio = settings.peak_ratio_thick if thick_mm.max() > settings.peak_thick_mm else settings.peak_ratio
    stands_out(hu, kji, bone, brain_hu, ratio, settings.rim_hu, numbers, owner)
    numbers[tuple(kji.T)] = owner
    return numbers
