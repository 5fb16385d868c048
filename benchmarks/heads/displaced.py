"""Heads whose brain has moved: pushed over the midline from one side, or with widened ventricles.

A smooth, invertible displacement inside the skull, zero at the inner table, or at one side's table too where a
collection lies under it. Deposits are put in where the tissue came from, so that they move and deform with it: the
truth is their site in the head as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from scipy import ndimage

from calcscan.atlas import load_atlas
from calcscan.grid.geometry import Array, apply
from calcscan.grid.isotropic import sample_at
from calcscan.grid.masks import distance_mm
from calcscan.model import Atlas, Intracranial, Registration, Scan

STEEPEST = 0.85
"""Of the displacement, mm per mm: below 1 it can be inverted."""
VENTRICLES_LOW_MM, VENTRICLES_HIGH_MM = (-40.0, -45.0, -12.0), (40.0, 58.0, 38.0)
"""Box around lateral and third ventricles, LPS mm of the atlas."""
FLUID_HU = 18.0
NUCLEI = ("caudate", "putamen", "pallidum", "thalamus")
APART_MM = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """How the brain has moved. Positions are LPS mm of the atlas."""

    shift_mm: float = 0.0
    """Of the midline where it is greatest; positive to the left."""
    centre_mm: tuple[float, float] = (-5.0, 12.0)
    """Where it is greatest, (y, z)."""
    spread_mm: tuple[float, float] = (40.0, 35.0)
    """Its standard deviation along y and z."""
    reach_mm: float = 60.0
    """It grows from the inner table to this depth."""
    collection: float = 0.0
    """Fluid under the table on the side that pushes: its thickness, as a share of the shift."""
    collection_hu: float = 25.0
    tumour_mm: float = 0.0
    """Radius of a dark mass on the side that pushes; 0 for none."""
    widened_mm: tuple[float, float] = (0.0, 0.0)
    """How far the walls of the ventricles move outwards: left, right."""
    widened_reach_mm: float = 30.0
    """The tissue beside them is compressed over this far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit:
    site: str
    side: str
    lps_mm: tuple[float, float, float]
    """Its centre in the head as it was."""
    radius_mm: float
    hu: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Field:
    """By how much each point of a head came from elsewhere, on an even grid (k, j, i, 3), LPS mm: what lies at p lay
    at p - back_mm(p)."""

    back_mm: np.ndarray
    affine: Array

    def origin(self, points: Array) -> Array:
        """Where points (n, 3) of the displaced head lay before."""
        parts = [sample_at(self.back_mm[..., axis], self.affine, points) for axis in range(3)]
        return points - np.stack(parts, axis=-1)

    def moved(self, points: Array) -> Array:
        """Where points (n, 3) of the head as it was have gone."""
        out = np.array(points, dtype=np.float64)
        for _ in range(60):
            out = points + (out - self.origin(out))
        return out


def field_of(move: Move, inside: Intracranial, registration: Registration, atlas: Atlas) -> Field:
    """The displacement of a head that was registered as it was."""
    affine, depth = inside.isotropic_hu.affine, np.maximum(inside.depth_mm, 0.0)
    points = apply(affine, np.moveaxis(np.indices(depth.shape), 0, -1))
    in_atlas = apply(registration.scan_to_atlas, points)
    left = registration.scan_to_atlas[0, :3] / np.linalg.norm(registration.scan_to_atlas[0, :3])
    reach_mm = max(move.reach_mm, abs(move.shift_mm) * np.pi / 2 / STEEPEST)
    deep = np.sin(0.5 * np.pi * np.minimum(depth / reach_mm, 1.0)) ** 2
    full = float(np.quantile(deep[depth > 0], 0.98))
    deep = np.minimum(deep / max(full, 0.5), 1.0)
    if move.collection:
        pushing = np.clip((-np.sign(move.shift_mm) * in_atlas[..., 0] - 8.0) / 20.0, 0.0, 1.0)
        deep += (1.0 - deep) * move.collection * pushing**2 * (3.0 - 2.0 * pushing) * (depth > 0)
    there = [(in_atlas[..., a + 1] - move.centre_mm[a]) / move.spread_mm[a] for a in range(2)]
    size = move.shift_mm * deep * np.exp(-0.5 * (there[0] ** 2 + there[1] ** 2))
    back = size[..., None] * left
    if max(move.widened_mm) > 0:
        back = back + _widening(move, points, in_atlas, depth, registration, atlas, inside.isotropic_hu.spacing_mm)
    return Field(back_mm=np.float32(back), affine=affine)


def _widening(
    move: Move, points: Array, in_atlas: Array, depth: Array, registration: Registration, atlas: Atlas, step_mm: float
) -> Array:
    away = _from_ventricles_mm()
    head = np.where((np.abs(in_atlas) < 120).all(axis=-1).ravel(), 1, 0).astype(bool)
    flat = points.reshape(-1, 3)
    sampled = np.full(len(flat), 99.0)
    sampled[head] = sample_at(np.float32(away), atlas.affine, registration.to_atlas(flat[head]))
    d = ndimage.gaussian_filter(sampled.reshape(depth.shape), 2.0 / step_mm)
    half = np.maximum(ndimage.maximum_filter(-d, size=int(16 / step_mm)), 1.0)
    half = ndimage.gaussian_filter(half, 4.0 / step_mm)
    outwards = np.stack(np.gradient(d, step_mm)[::-1], axis=-1)
    outwards /= np.maximum(np.linalg.norm(outwards, axis=-1, keepdims=True), 0.5)
    side = np.clip(in_atlas[..., 0] / 16.0 + 0.5, 0.0, 1.0)
    wide = move.widened_mm[1] + (move.widened_mm[0] - move.widened_mm[1]) * side
    reach = np.maximum(move.widened_reach_mm, wide * np.pi / 2 / STEEPEST)
    beyond = np.cos(0.5 * np.pi * np.clip((d - wide) / reach, 0.0, 1.0)) ** 2
    within_new = np.clip((d + half) / np.maximum(wide + half, 1e-3), 0.0, 1.0)
    size = wide * np.where(d < wide, within_new, beyond)
    size *= np.sin(0.5 * np.pi * np.minimum(depth / 22.0, 1.0)) ** 2
    return np.stack([ndimage.gaussian_filter(size * outwards[..., a], 1.5 / step_mm) for a in range(3)], axis=-1)


@cache
def _from_ventricles_mm() -> np.ndarray:
    """Distance of the atlas's voxels from its ventricles, negative within."""
    atlas = load_atlas()
    low, high = np.array(VENTRICLES_LOW_MM), np.array(VENTRICLES_HIGH_MM)
    world = apply(atlas.affine, np.moveaxis(np.indices(atlas.template_hu.shape), 0, -1))
    within = ((world > low) & (world < high)).all(axis=-1)
    fluid = ndimage.binary_opening(within & (ndimage.gaussian_filter(atlas.template_hu, 1.0) < FLUID_HU))
    pieces, _ = ndimage.label(fluid)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    fluid = np.isin(pieces, np.flatnonzero(sizes > 500))
    spacing = float(np.linalg.norm(atlas.affine[:3, 0]))
    return distance_mm(fluid, spacing) - distance_mm(~fluid, spacing)


def folds(field: Field, inside: Intracranial) -> float:
    """The least volume that the displacement leaves of a small cube: positive where it can be inverted."""
    step = float(np.linalg.norm(field.affine[:3, 0]))
    grads = np.stack([np.stack(np.gradient(field.back_mm[..., a], step)[::-1], axis=-1) for a in range(3)], axis=-2)
    return float(np.linalg.det(np.eye(3) - grads)[inside.depth_mm > 4.0].min())


def displaced(
    scan: Scan, inside: Intracranial, field: Field, move: Move, deposits: list[Deposit], registration: Registration,
    rng: np.random.Generator,
) -> tuple[Scan, np.ndarray]:  # fmt: skip
    """The displaced scan with its deposits, and which voxels each one fills by half (1…n), (k, j, i)."""
    hu = scan.hu.astype(np.float32)
    mask = ndimage.binary_dilation(inside.mask, np.ones((1, 3, 3)))
    kji = np.argwhere(mask)
    world = scan.geometry.to_world(kji)
    origin = field.origin(world)
    far = np.linalg.norm(origin - world, axis=1) > 0.05
    kji, world, origin = kji[far], world[far], origin[far]
    index = scan.geometry.to_index(origin).T
    new = ndimage.map_coordinates(scan.hu, index, order=1, output=np.float32, mode="nearest")
    smoothed = np.random.default_rng(1).normal(0.0, float(inside.noise_hu or 3.0), len(new))
    if move.collection:
        outside = sample_at(inside.depth_mm, inside.isotropic_hu.affine, origin) < 1.0
        outside &= sample_at(inside.depth_mm, inside.isotropic_hu.affine, world) > 0.5
        new[outside] = move.collection_hu + smoothed[outside]
    if move.tumour_mm:
        in_atlas = apply(registration.scan_to_atlas, world)
        centre = np.array([-np.sign(move.shift_mm) * 48.0, *move.centre_mm])
        away = np.linalg.norm(in_atlas - centre, axis=1)
        deep = sample_at(inside.depth_mm, inside.isotropic_hu.affine, world) > 3.0
        share = np.clip((move.tumour_mm - away) / 4.0 + 0.5, 0.0, 1.0) * deep
        new = new * (1.0 - share) + share * (21.0 + smoothed)
    hu[tuple(kji.T)] = new
    owner = np.zeros(hu.shape, np.int16)
    for number, deposit in enumerate(deposits, start=1):
        _put(hu, owner, number, scan, field, deposit)
    return replace(scan, hu=np.rint(np.clip(hu, -3000, 3071)).astype(np.int16)), owner


def _put(hu: np.ndarray, owner: np.ndarray, number: int, scan: Scan, field: Field, deposit: Deposit) -> None:
    grid = scan.geometry
    centre = field.moved(np.array([deposit.lps_mm]))[0]
    nearest = np.rint(grid.to_index(centre)).astype(int)
    reach_mm = 2.5 * deposit.radius_mm + 3.0
    reach = np.ceil(reach_mm / np.array([np.diff(grid.positions_mm).min(), *grid.spacing_mm[1:]])).astype(int)
    low, high = np.maximum(nearest - reach, 0), np.minimum(nearest + reach + 1, grid.shape)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    index = np.stack(np.meshgrid(*(np.arange(part.start, part.stop) for part in box), indexing="ij"), axis=-1)
    world = grid.to_world(index.reshape(-1, 3))
    slab = np.repeat(grid.slab_mm[box[0]], index[0, ..., 0].size)
    share = np.zeros(len(world))
    for step in np.linspace(-0.4, 0.4, 5):
        origin = field.origin(world + (step * slab)[:, None] * grid.normal)
        away = np.linalg.norm(origin - np.array(deposit.lps_mm), axis=1)
        share += np.clip((deposit.radius_mm - away) + 0.5, 0.0, 1.0) / 5
    share = share.reshape(index.shape[:3])
    block = hu[box]
    block += share * np.maximum(deposit.hu - block, 0.0)
    owner[box][share > 0.4] = number


def deposits_of(
    registration: Registration, atlas: Atlas, inside: Intracranial, rng: np.random.Generator
) -> list[Deposit]:
    """Deposits at random places of the atlas's sites, through the registration of the head as it was: the deep nuclei,
    the brain beside the midline and beside the ventricles; each well within its site."""
    out: list[Deposit] = []
    places = [
        (str(site), str(side))
        for sites in (NUCLEI, ("cortex", "white_matter"))
        for site in rng.permutation(sites)
        for side in rng.permutation(["left", "right"])
    ]
    for site, side in places:
        mm = _well_within(site, side)
        for point in mm[rng.permutation(len(mm))[:200]]:
            world = registration.to_scan(point[None])[0]
            deep = float(sample_at(inside.depth_mm, inside.isotropic_hu.affine, world[None])[0])
            if deep < 12.0 or any(np.linalg.norm(world - other.lps_mm) < APART_MM for other in out):
                continue
            radius_mm, hu = float(rng.uniform(2.5, 3.6)), float(rng.uniform(320, 500))
            out.append(Deposit(site=site, side=side, lps_mm=tuple(world), radius_mm=radius_mm, hu=hu))
            break
    return out


@cache
def _well_within(site: str, side: str) -> np.ndarray:
    """Points of the atlas at this site, LPS mm (n, 3), not near its borders; of brain, those near the midline."""
    atlas = load_atlas()
    label = next(n for n, s in atlas.sites.items() if (s.site, s.side) == (site, side))
    kji = np.argwhere(atlas.labels == label)
    low = np.maximum(kji.min(axis=0) - 1, 0)
    box = tuple(slice(a, b + 2) for a, b in zip(low, kji.max(axis=0), strict=True))
    within = distance_mm(atlas.labels[box] != label, float(np.linalg.norm(atlas.affine[:3, 0])))
    need_mm = 3.0 if site in NUCLEI else 2.5
    mm = apply(atlas.affine, np.argwhere(within >= min(need_mm, float(within.max()) - 0.5)) + low)
    x, y, z = mm.T
    if site == "caudate":
        return mm[y < 5]
    if site in NUCLEI:
        return mm
    return mm[(np.abs(x) > 5) & (np.abs(x) < 25) & (np.abs(y) < 55) & (z > 5) & (z < 45)]
