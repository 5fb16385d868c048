"""Rays from the middle of the head to the vault, along which a plaque is told from the table behind it.

In fine slices they run from one point to everywhere, and so meet the table at right angles, at the vertex too. In thick
ones each runs within its slice from the line through that point across the slices: nothing is read between slices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from calcscan.grid.geometry import Array, Geometry, apply
from calcscan.grid.isotropic import sample_at
from calcscan.grid.masks import places
from calcscan.knowledge.bone_contact import BoneContactSettings
from calcscan.knowledge.intracranial import IntracranialSettings
from calcscan.model import Intracranial, Scan

Mask = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]

_ALONG_MM = np.arange(-12.0, 8.0, 0.5)
"""Where a ray is looked at: across the coarse inner table, outwards; along the ray farther, the more aslant it is."""
_LEAST_UPRIGHT = 0.4
_OUT_MM = np.arange(20.0, 130.0, 3.0)
"""Where the coarse inner table is looked for."""
RADIUS_MM = 75.0
"""Of a head, roughly: how many rays make `ray_mm` apart."""
_MARGIN_DEG = 25.0
"""Rays this far below the vault show the course of its rim."""
_APART_MM = 1000.0
"""Keeps rays of different slices from being neighbours."""
_GOLDEN = np.pi * (1.0 + np.sqrt(5.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rays:
    """Rays in numbers 0…n - 1. Lengths are mm from the point of `centres` that a ray runs from."""

    radial: bool
    """From one point to everywhere; else each within its slice."""
    centres: Array
    """For each slice, where its rays run from, LPS mm."""
    radius_mm: Array
    """For each slice, how far the table lies from there, roughly."""
    slices: Numbers
    """The slice in which each ray meets the table."""
    ways: Array
    """Unit vectors, (n, 3)."""
    beside: Numbers
    """Each ray and those next to it, (n, few)."""
    around: Numbers
    """The same and those next to it in the next slices, (n, some)."""
    cell: Array
    """What each stands for: solid angle; in slices, angle times the slab's height in mm."""
    seen: Mask
    """Whether it meets a table."""
    hole: Mask
    """Whether it and those around it run out through the vault, in the scan, and meet no table."""
    dense_mm: Array
    """Where the dense surface begins."""
    table_mm: Array
    """Where the table begins in earnest: at `table_share` of `top_hu`."""
    top_hu: Array
    """The densest on it."""
    hu: Values
    """The densities along it, (n, few), …"""
    at_mm: Array
    """… and where they were read."""

    def hu_at(self, far_mm: Array, which: Mask) -> Array:
        """The density this far along each of some rays."""
        first_mm, last_mm = self.at_mm[which, 0], self.at_mm[which, -1]
        steps = self.at_mm.shape[1] - 1
        index = np.clip(np.rint((far_mm - first_mm) / (last_mm - first_mm) * steps), 0, steps).astype(np.int64)
        return np.asarray(self.hu[np.flatnonzero(which), index], dtype=np.float64)

    def points(self, far_mm: Array) -> Array:
        """Points at these distances along each ray, LPS mm."""
        return np.asarray(self.centres[self.slices] + self.ways * far_mm[:, None])

    def cell_mm2(self, far_mm: Array) -> Array:
        """The area across each ray that it stands for, this far along it."""
        return np.asarray(self.cell * (far_mm**2 if self.radial else far_mm))

    def places(self) -> Array:
        """Where each ray lies among the others, (n, 3): neighbours are about `ray_mm` apart."""
        return _places(self.ways, self.slices, self.radius_mm, self.radial)

    def along(self, geometry: Geometry, kji: Numbers) -> tuple[Array, Array]:
        """How far along a ray voxels lie, and where among the rays."""
        offset = geometry.to_world(kji) - self.centres[kji[:, 0]]
        far_mm = np.linalg.norm(offset, axis=1)
        return far_mm, _places(offset / far_mm[:, None], kji[:, 0], self.radius_mm, self.radial)


def cast(
    scan: Scan,
    intracranial: Intracranial,
    to_head_axes: Callable[[Array], Array],
    settings: BoneContactSettings,
    space: IntracranialSettings,
) -> Rays:
    """Rays to the vault and somewhat beyond, and what they meet; where they see nothing, what the nearest sees.
    `to_head_axes` takes LPS mm to mm from the middle of the brain in the head's own axes."""
    radial = float(np.median(scan.slice_reach_mm)) <= settings.fine_mm
    centres, radius_mm, ways, slices, cell = (
        _everywhere(scan, intracranial, to_head_axes, settings)
        if radial
        else _within_slices(scan, intracranial, settings)
    )
    start_mm, upright, reaches = _starts(centres[slices], ways, intracranial)
    at_mm = start_mm[:, None] + _ALONG_MM / upright[:, None]
    index = scan.geometry.to_index(centres[slices][:, None] + ways[:, None] * at_mm[..., None])
    hu = ndimage.map_coordinates(scan.hu, np.moveaxis(index, -1, 0), order=1, output=np.float32, mode="nearest")
    dense_mm, table_mm, meets = _edges(hu, at_mm, settings, space)
    scanned = ((index[..., 0] >= -0.5) & (index[..., 0] <= len(centres) - 0.5)).all(axis=1)
    seen = reaches & meets & scanned
    if radial:
        slices = np.clip(np.rint(index[:, -1, 0]).astype(np.int64), 0, len(centres) - 1)
    places = _places(ways, slices, radius_mm, radial)
    if seen.any():
        nearest = np.flatnonzero(seen)[cKDTree(places[seen]).query(places)[1]]
        dense_mm, table_mm = dense_mm[nearest], table_mm[nearest]
    count = int(settings.rays_beside) if radial else 3
    beside = np.asarray(cKDTree(places).query(places, count)[1], dtype=np.int64)
    around = beside if radial else np.column_stack([beside, _next_slices(ways, slices)])
    through = reaches & scanned & ~meets
    return Rays(
        radial=radial,
        centres=centres,
        radius_mm=radius_mm,
        slices=slices,
        ways=ways,
        beside=beside,
        around=around,
        cell=cell,
        seen=seen,
        hole=np.asarray(through[around].all(axis=1)),
        dense_mm=dense_mm,
        table_mm=table_mm,
        top_hu=hu.max(axis=1),
        hu=hu,
        at_mm=at_mm,
    )


def from_vertex_deg(there: Array) -> Array:
    """The angle between the way up and the way to points in the head's own axes."""
    return np.asarray(np.rad2deg(np.arctan2(np.hypot(there[..., 0], there[..., 1]), there[..., 2])))


def _places(ways: Array, slices: Numbers, radius_mm: Array, radial: bool) -> Array:
    apart = 0.0 if radial else _APART_MM
    return np.column_stack([ways * radius_mm[slices][:, None], apart * slices])


def _next_slices(ways: Array, slices: Numbers) -> Numbers:
    """For each ray, the one that runs most like it in the slices before and after, (n, 2); itself at the end."""
    tree = cKDTree(_places(ways, slices, np.full(int(slices.max()) + 1, RADIUS_MM), radial=False))
    out = []
    for step in (-1, 1):
        other = np.column_stack([ways * RADIUS_MM, _APART_MM * (slices + step)])
        far, index = tree.query(other)
        out.append(np.where(far < _APART_MM / 2, index, np.arange(len(ways))))
    return np.column_stack(out)


def directions(apart_mm: float) -> Array:
    """Unit vectors everywhere, so far from each other on a head: a spiral by the golden angle."""
    count = round(4.0 * np.pi * (RADIUS_MM / apart_mm) ** 2)
    step = np.arange(count) + 0.5
    high = 1.0 - 2.0 * step / count
    wide = np.sqrt(1.0 - high**2)
    return np.column_stack([wide * np.cos(_GOLDEN * step), wide * np.sin(_GOLDEN * step), high])


def _everywhere(
    scan: Scan, intracranial: Intracranial, to_head_axes: Callable[[Array], Array], settings: BoneContactSettings
) -> tuple[Array, Array, Array, Numbers, Array]:
    """Centres, radii, ways, slices (yet unknown) and cells of rays from the middle of the head."""
    centres = np.tile(_middle(intracranial), (scan.geometry.shape[0], 1))
    ways = directions(settings.ray_mm)
    solid = 4.0 * np.pi / len(ways)
    ways = ways[from_vertex_deg(to_head_axes(centres[0] + RADIUS_MM * ways)) <= settings.vault_deg + _MARGIN_DEG]
    none = np.zeros(len(ways), dtype=np.int64)
    return centres, np.full(len(centres), RADIUS_MM), ways, none, np.full(len(ways), solid)


def _within_slices(
    scan: Scan, intracranial: Intracranial, settings: BoneContactSettings
) -> tuple[Array, Array, Array, Numbers, Array]:
    """The same of rays at even angles in each slice, as many as its size asks for."""
    geometry, middle = scan.geometry, _middle(intracranial)
    centres = middle + (geometry.positions_mm - middle @ geometry.normal)[:, None] * geometry.normal
    few = 16
    start_mm, _, _ = _starts(
        np.repeat(centres, few, axis=0), np.tile(_ways(geometry, few), (len(centres), 1)), intracranial
    )
    radius_mm = np.median(start_mm.reshape(-1, few), axis=1)
    counts = np.rint(2.0 * np.pi * radius_mm / settings.ray_mm).astype(np.int64)
    slices = np.repeat(np.arange(len(counts)), counts)
    ways = np.concatenate([_ways(geometry, int(count)) for count in counts])
    return centres, radius_mm, ways, slices, (2.0 * np.pi / counts * geometry.slab_mm)[slices]


def _middle(intracranial: Intracranial) -> Array:
    return np.asarray(apply(intracranial.isotropic_hu.affine, places(intracranial.isotropic_mask)).mean(axis=0))


def _ways(geometry: Geometry, count: int) -> Array:
    """Unit vectors in the plane of the slices, from the rows' direction towards the columns'."""
    angle = 2.0 * np.pi / count * np.arange(count)[:, None]
    down, right = (step / np.linalg.norm(step) for step in (geometry.step_j_mm, geometry.step_i_mm))
    return np.asarray(np.cos(angle) * down + np.sin(angle) * right)


def _starts(centres: Array, ways: Array, intracranial: Intracranial) -> tuple[Array, Array, Mask]:
    """Where each ray leaves the coarse inside for the last time, how straight, and whether it ever lies in it."""
    world = centres[:, None] + ways[:, None] * _OUT_MM[:, None]
    depth = sample_at(intracranial.depth_mm, intracranial.isotropic_hu.affine, world.reshape(-1, 3)).reshape(
        world.shape[:-1]
    )
    within = depth > 0
    reaches: Mask = np.asarray(within.any(axis=1))
    last = np.where(reaches, len(_OUT_MM) - 1 - np.argmax(within[:, ::-1], axis=1), 0)
    back = np.maximum(last - 2, 0)
    fall_mm = np.take_along_axis(depth, back[:, None], 1) - np.take_along_axis(depth, last[:, None], 1)
    upright = fall_mm[:, 0] / np.maximum(_OUT_MM[last] - _OUT_MM[back], 1.0)
    return _OUT_MM[last], np.clip(upright, _LEAST_UPRIGHT, 1.0), reaches


def _edges(
    hu: Values, at_mm: Array, settings: BoneContactSettings, space: IntracranialSettings
) -> tuple[Array, Array, Mask]:
    """Where each ray's dense surface begins and where its table does, between the samples; and whether it meets one."""
    top = hu.max(axis=-1)
    hard_hu = settings.table_share * top
    first = np.argmax(hu >= hard_hu[:, None], axis=-1)
    soft = (hu < space.attached_hu) & (np.arange(hu.shape[-1]) < first[:, None])
    begin = np.where(soft.any(axis=-1), hu.shape[-1] - np.argmax(soft[:, ::-1], axis=-1), 0)
    edges = [_crossing(hu, at_mm, at, level) for at, level in ((begin, space.attached_hu), (first, hard_hu))]
    return edges[0], edges[1], top >= settings.table_hu


def _crossing(hu: Values, at_mm: Array, at: Numbers, level: Values | float) -> Array:
    """Where the density passes `level` between the sample `at` and the one before."""
    after = np.clip(at, 1, None)[:, None]
    low, high = (np.take_along_axis(hu, index, axis=-1)[:, 0] for index in (after - 1, after))
    share = np.clip((level - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)
    before_mm, after_mm = (np.take_along_axis(at_mm, index, axis=-1)[:, 0] for index in (after - 1, after))
    return np.asarray(before_mm + share * (after_mm - before_mm))
