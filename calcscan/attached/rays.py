"""Rays within slices, from the middle of the head to the vault."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.coarse import sample_at
from calcscan.geometry import Array, Geometry, apply
from calcscan.model import Head, Scan
from calcscan.thickness import thickness_mm

Mask = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float32]

_ALONG_MM = np.arange(-12.0, 8.0, 0.5)
"""Where a ray is looked at: across the coarse inner table, outwards; along the ray farther, the more aslant it is."""
_LEAST_UPRIGHT = 0.4
_OUT_MM = np.arange(20.0, 130.0, 3.0)
"""Where the coarse inner table is looked for."""
_RADIUS_MM = 75.0
"""Of a head, roughly: how many rays make `ray_mm` apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rays:
    """Rays at even angles, a row for every few slices, shape (rows, rays). Lengths in mm from the line through the
    middle of the head across the slices."""

    middle: Array
    step_rad: float
    slices: npt.NDArray[np.int64]
    """The slice of each row."""
    every: int
    """A row stands for this many slices."""
    positions_mm: Array
    thick_mm: Array
    """What the slice of each row averages over."""
    height_mm: Array
    """What each row stands for, along the normal."""
    seen: Mask
    """Where the ray reaches bone."""
    vault: Mask
    """Where it looks at the vault."""
    dense_mm: Array
    """Where the dense surface begins."""
    table_mm: Array
    """Where the table begins in earnest."""

    def slices_of(self, row: int) -> range:
        """The slices that a row stands for."""
        first = int(self.slices[row])
        return range(first, first + self.every)

    def world(self, geometry: Geometry, k: int, far_mm: Array, which: Mask) -> Array:
        """Points at these distances along the rays of slice `k` that `which` names, LPS mm."""
        index = np.flatnonzero(which) % self.seen.shape[1]
        ways = _ways(geometry, self.seen.shape[1])[index]
        return np.asarray(_centre(geometry, self.middle, k) + ways * far_mm[:, None])

    def polar(self, geometry: Geometry, kji: npt.NDArray[np.int64]) -> tuple[Array, npt.NDArray[np.int64]]:
        """For voxels of one slice, their distance from its middle and the number of the nearest ray."""
        count = self.seen.shape[1]
        offset = geometry.to_world(kji) - (_centre(geometry, self.middle, int(kji[0, 0])) if len(kji) else 0.0)
        forwards, sideways = _ways(geometry, 4)[:2]
        angle = np.arctan2(offset @ sideways, offset @ forwards)
        return np.linalg.norm(offset, axis=1), np.rint(angle / self.step_rad).astype(np.int64) % count


def cast(scan: Scan, head: Head, own: Callable[[Array], Array], limits: Mapping[str, float]) -> Rays:
    """Rays in every slice that shows the vault, and what they meet; where they see nothing, what the nearest sees."""
    geometry = scan.geometry
    depth_mm, affine = head.depth_mm, head.coarse_hu.affine
    count = round(2.0 * np.pi * _RADIUS_MM / limits["ray_mm"])
    every = max(1, int(limits["ray_mm"] / geometry.spacing_mm[0] + 1e-6))
    middle = apply(affine, np.argwhere(head.coarse_inside)).mean(axis=0)
    slices = np.arange(0, geometry.shape[0] - every + 1, every)
    ways = _ways(geometry, count)
    centres = np.array([_centre(geometry, middle, int(k)) for k in slices])
    start_mm, upright, reaches = _starts(centres, ways, depth_mm, affine)
    at_mm = start_mm[..., None] + _ALONG_MM / upright[..., None]
    hu = _sampled(scan, slices, centres, ways, at_mm)
    dense_mm, table_mm, meets = _edges(hu, at_mm, limits)
    there = own(centres[:, None] + ways * dense_mm[..., None])
    from_vertex = np.arctan2(np.hypot(there[..., 0], there[..., 1]), there[..., 2])
    seen = reaches & meets
    if seen.any():
        nearest = tuple(ndimage.distance_transform_edt(~seen, return_indices=True, return_distances=False))
        dense_mm, table_mm = dense_mm[nearest], table_mm[nearest]
    return Rays(
        middle=middle,
        step_rad=2.0 * np.pi / count,
        slices=slices,
        every=every,
        positions_mm=geometry.positions_mm[slices],
        thick_mm=thickness_mm(scan)[slices],
        height_mm=every * geometry.slab_mm[slices],
        seen=seen,
        vault=seen & (from_vertex <= np.deg2rad(limits["vault_deg"])),
        dense_mm=dense_mm,
        table_mm=table_mm,
    )


def _ways(geometry: Geometry, count: int) -> Array:
    """Unit vectors in the plane of the slices, from the rows' direction towards the columns'."""
    angle = 2.0 * np.pi / count * np.arange(count)[:, None]
    down, right = (step / np.linalg.norm(step) for step in (geometry.step_j_mm, geometry.step_i_mm))
    return np.asarray(np.cos(angle) * down + np.sin(angle) * right)


def _centre(geometry: Geometry, middle: Array, k: int) -> Array:
    """Where the line through `middle` across the slices meets slice `k`."""
    return np.asarray(middle + (geometry.positions_mm[k] - middle @ geometry.normal) * geometry.normal)


def _starts(centres: Array, ways: Array, depth_mm: npt.NDArray[np.float32], affine: Array) -> tuple[Array, Array, Mask]:
    """Where each ray leaves the coarse inside for the last time, how straight, and whether it ever lies in it."""
    world = centres[:, None, None] + ways[:, None] * _OUT_MM[:, None]
    depth = sample_at(depth_mm, affine, world.reshape(-1, 3)).reshape(world.shape[:-1])
    within = depth > 0
    last = len(_OUT_MM) - 1 - np.argmax(within[..., ::-1], axis=-1)
    back = np.maximum(last - 2, 0)
    fall_mm = np.take_along_axis(depth, back[..., None], -1) - np.take_along_axis(depth, last[..., None], -1)
    upright = fall_mm[..., 0] / np.maximum(_OUT_MM[last] - _OUT_MM[back], 1.0)
    return _OUT_MM[last], np.clip(upright, _LEAST_UPRIGHT, 1.0), np.asarray(within.any(axis=-1))


def _sampled(scan: Scan, slices: npt.NDArray[np.int64], centres: Array, ways: Array, at_mm: Array) -> Values:
    """HU along the rays, each from its own slice."""
    geometry = scan.geometry
    plane = np.linalg.pinv(np.column_stack([geometry.step_j_mm, geometry.step_i_mm]))
    origin = (centres - geometry.origins_mm[slices]) @ plane.T
    out = np.empty(at_mm.shape, dtype=np.float32)
    for row, k in enumerate(slices):
        ji = origin[row] + (ways @ plane.T)[:, None] * at_mm[row][..., None]
        ndimage.map_coordinates(scan.hu[k], np.moveaxis(ji, -1, 0), order=1, output=out[row], mode="nearest")
    return out


def _edges(hu: Values, at_mm: Array, limits: Mapping[str, float]) -> tuple[Array, Array, Mask]:
    """Where each ray's dense surface begins and where its table does, between the samples; and whether it meets one."""
    top = hu.max(axis=-1)
    hard_hu = limits["table_share"] * top
    first = np.argmax(hu >= hard_hu[..., None], axis=-1)
    soft = (hu < limits["attached_hu"]) & (np.arange(hu.shape[-1]) < first[..., None])
    begin = np.where(soft.any(axis=-1), hu.shape[-1] - np.argmax(soft[..., ::-1], axis=-1), 0)
    edges = [_crossing(hu, at_mm, at, level) for at, level in ((begin, limits["attached_hu"]), (first, hard_hu))]
    return edges[0], edges[1], top >= limits["table_hu"]


def _crossing(hu: Values, at_mm: Array, at: npt.NDArray[np.int64], level: Values | float) -> Array:
    """Where the density passes `level` between the sample `at` and the one before."""
    after = np.clip(at, 1, None)[..., None]
    low, high = (np.take_along_axis(hu, index, axis=-1)[..., 0] for index in (after - 1, after))
    share = np.clip((level - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)
    before_mm, after_mm = (np.take_along_axis(at_mm, index, axis=-1)[..., 0] for index in (after - 1, after))
    return np.asarray(before_mm + share * (after_mm - before_mm))
