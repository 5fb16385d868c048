"""Calcified plaques that hang on the inner table of the vault.

Seen along rays from the middle of the head. A plaque is a rise of the dense surface narrower than the vault's own
curves, and a layer less dense than the table behind it, thicker than the table's own blur around it. A bump of cortical
density (impressions, osteoma, hyperostosis) stays bone, and so does what is broad.

A slab through which the table runs aslant smears its edge over slab times slope. A plaque must show more than that; and
where it comes near a plaque's own thickness, in thick slices towards the vertex, nothing is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.spatial import cKDTree

from calcscan.attached.rays import Mask, Numbers, Rays, cast
from calcscan.coarse import sample_at
from calcscan.geometry import Array
from calcscan.model import Head, Scan
from calcscan.thickness import thickness_mm

_DEEP_MM, _SLOPE_MM = 12.0, 6.0
"""How deep under the table its slope is seen, and over what way: there a plaque's own edges count for little."""
_SAMPLES = 300
"""Of how many rays a median over many is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plaques:
    """What was told of the vault."""

    kji: Numbers
    """Every voxel of a plaque, (n, 3)."""
    judged: Array
    """Points of the vault where plaques would have been told, LPS mm."""


def find_plaques(scan: Scan, head: Head, own: Callable[[Array], Array], limits: Mapping[str, float]) -> Plaques:
    """Plaques of the vault. `own` takes LPS mm to mm from the middle of the brain in the head's own axes."""
    rays = cast(scan, head, limits)
    surface_mm = np.median(rays.dense_mm[rays.beside], axis=1)
    layer_mm = np.median((rays.table_mm - rays.dense_mm)[rays.beside], axis=1)
    rise_mm = _closed(rays, surface_mm, limits) - surface_mm
    upright, smear_mm = _slopes(scan, head, rays, surface_mm + rise_mm)
    smear_mm = smear_mm * limits["table_share"]
    at = rays.points(surface_mm)
    clear = _in_vault(own(at), limits) & _surrounded(scan, rays, limits) & (smear_mm <= limits["plaque_smear_mm"])
    fine = "" if rays.radial else "_thick"
    base = np.flatnonzero(clear & (rise_mm * upright >= limits["bump_mm" + fine]))
    blur_mm = np.zeros_like(layer_mm)
    blur_mm[base] = _around(rays, layer_mm, base, limits)
    told = rise_mm * upright >= np.maximum(limits["plaque_mm" + fine], smear_mm)
    told &= (layer_mm - blur_mm) * upright >= np.maximum(limits["plaque_layer_mm" + fine], smear_mm)
    plaques = _large_enough(scan, rays, base, told, rays.cell_mm2(surface_mm) / upright, at, limits)
    reach = np.unique(rays.beside[np.concatenate([base[:0], *plaques])])
    blur_mm[reach] = _around(rays, layer_mm, reach, limits)
    edge_mm = rays.table_mm - blur_mm
    bone_mm = np.clip(surface_mm + rise_mm, edge_mm, edge_mm + smear_mm / upright)
    return Plaques(kji=_voxels(scan, rays, plaques, bone_mm, limits), judged=at[clear])


def _in_vault(there: Array, limits: Mapping[str, float]) -> Mask:
    from_vertex = np.arctan2(np.hypot(there[:, 0], there[:, 1]), there[:, 2])
    return np.asarray(from_vertex <= np.deg2rad(limits["vault_deg"]))


def _closed(rays: Rays, surface_mm: Array, limits: Mapping[str, float]) -> Array:
    """The table's smooth course: the surface without rises narrower than `plaque_wide_mm`."""
    places = rays.places()
    step_mm = np.median(np.linalg.norm(places[rays.beside[:, -1]] - places, axis=1))
    steps = max(1, round(limits["plaque_wide_mm"] / 2.0 / float(step_mm)))
    out = surface_mm
    for _ in range(steps):
        out = out[rays.beside].max(axis=1)
    for _ in range(steps):
        out = out[rays.beside].min(axis=1)
    return out


def _slopes(scan: Scan, head: Head, rays: Rays, course_mm: Array) -> tuple[Array, Array]:
    """For each ray, how much of a length along it lies across the table (1 where the table faces the middle), and how
    wide the slab smears the table across it, mm."""
    points = rays.points(course_mm - _DEEP_MM)
    steps = _SLOPE_MM * np.concatenate([np.eye(3), -np.eye(3)])
    depth = sample_at(head.depth_mm, head.coarse_hu.affine, (points[:, None] + steps).reshape(-1, 3)).reshape(-1, 2, 3)
    slope = depth[:, 1] - depth[:, 0]
    slope /= np.maximum(np.linalg.norm(slope, axis=1), 1e-6)[:, None]
    upright = np.clip((slope * rays.ways).sum(axis=1), 0.3, 1.0)
    return upright, thickness_mm(scan)[rays.slices] * np.abs(slope @ scan.geometry.normal)


def _surrounded(scan: Scan, rays: Rays, limits: Mapping[str, float]) -> Mask:
    """Where bone is seen all around, and the course of the table over long enough a way."""
    out = rays.seen & (np.pi * rays.radius_mm[rays.slices] >= limits["course_mm"])
    if not rays.radial:
        out &= (rays.slices > 0) & (rays.slices < scan.geometry.shape[0] - 1)
    if not rays.seen.all():
        even = _even(scan, rays, rays.points(rays.start_mm), limits)
        away_mm, _ = cKDTree(even[~rays.seen]).query(even, distance_upper_bound=2.3 * limits["ray_mm"])
        out &= np.isinf(away_mm)
    return np.asarray(out)


def _even(scan: Scan, rays: Rays, points: Array, limits: Mapping[str, float]) -> Array:
    """Points with the way across the slices drawn so that slices with rays of their own lie `ray_mm` apart."""
    if rays.radial:
        return points
    normal = scan.geometry.normal
    high_mm = points @ normal
    index = np.interp(high_mm, scan.geometry.positions_mm, np.arange(scan.geometry.shape[0]))
    return np.asarray(points + (index * limits["ray_mm"] - high_mm)[:, None] * normal)


def _around(rays: Rays, field_mm: Array, which: Numbers, limits: Mapping[str, float]) -> Array:
    """The median over `course_mm` around each ray."""
    across = limits["course_mm"] / limits["ray_mm"]
    count = round(np.pi / 4 * across**2) if rays.radial else round(across)
    every = max(1, count // _SAMPLES)
    places = rays.places()
    if len(which) == 0:
        return np.empty(0)
    _, near = cKDTree(places[::every]).query(places[which], max(1, count // every))
    return np.asarray(np.median(field_mm[::every][near], axis=1))


def _large_enough(
    scan: Scan, rays: Rays, base: Numbers, told: Mask, ray_mm2: Array, at: Array, limits: Mapping[str, float]
) -> list[Numbers]:
    """The rays of each rise with enough area that shows a layer, and not too broad a base."""
    if len(base) == 0:
        return []
    even = _even(scan, rays, at, limits)[base]
    pairs = cKDTree(even).query_pairs(1.6 * limits["ray_mm"], output_type="ndarray")
    links = sparse.coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), (len(base),) * 2)
    count, bump = sparse.csgraph.connected_components(links, directed=False)
    told_mm2 = np.bincount(bump, (told * ray_mm2)[base], minlength=count)
    base_mm2 = np.bincount(bump, ray_mm2[base], minlength=count)
    least_mm2 = limits["plaque_mm2" if rays.radial else "plaque_mm2_thick"]
    plaque = (told_mm2 >= least_mm2) & (base_mm2 <= np.pi / 4 * limits["plaque_wide_mm"] ** 2)
    return [base[bump == number] for number in np.flatnonzero(plaque)]


def _voxels(scan: Scan, rays: Rays, plaques: list[Numbers], bone_mm: Array, limits: Mapping[str, float]) -> Numbers:
    """Native voxels between the dense surface and `bone_mm`, along the rays that meet a plaque and their neighbours."""
    out = [np.empty((0, 3), dtype=np.int64)]
    low_mm = rays.dense_mm[rays.beside].min(axis=1) - 1.0
    tree = cKDTree(rays.places())
    for plaque in plaques:
        reach = np.unique(rays.beside[plaque])
        ends = scan.geometry.to_index(np.concatenate([rays.points(low_mm)[reach], rays.points(bone_mm)[reach]]))
        first = np.maximum(np.floor(ends.min(axis=0)).astype(int) - 1, 0)
        last = np.ceil(ends.max(axis=0)).astype(int) + 2
        box = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
        kji = np.argwhere(scan.hu[box] >= limits["rim_hu"]) + first
        far_mm, places = rays.along(scan.geometry, kji)
        _, ray = tree.query(places)
        out.append(kji[np.isin(ray, reach) & (far_mm >= low_mm[ray]) & (far_mm <= bone_mm[ray])])
    return np.concatenate(out)
