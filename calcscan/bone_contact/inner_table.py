"""The inner table of the vault, as rays from the centre of the head show it: its smooth course, and what rises from it.

A slab that the table crosses obliquely smears its edge over slab times slope.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from calcscan.bone_contact.rays import Mask, Numbers, Rays, from_vertex_deg
from calcscan.grid.geometry import Array
from calcscan.grid.isotropic import sample_at
from calcscan.knowledge.bone_contact import BoneContactSettings
from calcscan.model import Intracranial, Scan

_DEEP_MM, _SLOPE_MM = 12.0, 6.0
"""How deep under the table its slope is seen, and over what way: there a plaque's own edges count for little."""
_LEAST_UPRIGHT = 0.3
_SAMPLES = 300
"""Of how many rays a median over a wide piece of the table is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InnerTable:
    """What the rays show, one value a ray; lengths along the ray."""

    surface_mm: Array
    """Where the dense surface begins, smoothed."""
    rise_mm: Array
    """How far it rises inwards over the table's smooth course."""
    layer_mm: Array
    """From there to where the table begins in earnest."""
    upright: Array
    """How much of a length along the ray lies across the table: 1 where the table faces the middle."""
    smear_mm: Array
    """How wide the slab smears the table's edge, across it."""
    clear: Mask
    """Whether a plaque would be detected there."""


def inner_table(
    scan: Scan,
    intracranial: Intracranial,
    rays: Rays,
    to_head_axes: Callable[[Array], Array],
    settings: BoneContactSettings,
) -> InnerTable:
    """What the rays show of it. `to_head_axes` takes LPS mm to mm from the middle of the brain in the head's axes."""
    surface_mm = np.median(rays.dense_mm[rays.beside], axis=1)
    rise_mm = _course(rays, surface_mm, settings) - surface_mm
    upright, smear_mm = _slopes(scan, intracranial, rays, surface_mm + rise_mm, settings)
    head_mm = to_head_axes(rays.points(surface_mm))
    down_deg = from_vertex_deg(head_mm)
    crest = (np.abs(head_mm[:, 0]) <= settings.crest_wide_mm) & (down_deg > settings.crest_deg)
    vault = (down_deg <= settings.vault_deg) & ~crest
    return InnerTable(
        surface_mm=surface_mm,
        rise_mm=rise_mm,
        layer_mm=np.median((rays.table_mm - rays.dense_mm)[rays.beside], axis=1),
        upright=upright,
        smear_mm=smear_mm,
        clear=vault & _surrounded(scan, rays, settings) & (smear_mm <= settings.plaque_smear_mm),
    )


def median_around(rays: Rays, field_mm: Array, which: Numbers, settings: BoneContactSettings) -> Array:
    """The median over `course_mm` around each ray."""
    across = settings.course_mm / settings.ray_mm
    count = round(np.pi / 4 * across**2) if rays.radial else round(across)
    every = max(1, count // _SAMPLES)
    places = rays.places()
    if len(which) == 0:
        return np.empty(0)
    _, near = cKDTree(places[::every]).query(places[which], max(1, count // every))
    return np.asarray(np.median(field_mm[::every][near], axis=1))


def _course(rays: Rays, surface_mm: Array, settings: BoneContactSettings) -> Array:
    """The table's smooth course: the surface closed over rises narrower than `plaque_wide_mm`, slopes taken out."""
    half_mm = settings.plaque_wide_mm / 2.0
    places = rays.places()
    apart_mm = np.linalg.norm(places[rays.beside] - places[:, None], axis=2)
    steps = max(1, round(half_mm / float(np.median(apart_mm.max(axis=1)))))
    count, few = rays.beside.shape
    rows = np.repeat(np.arange(count), few)
    mean = sparse.csr_matrix((np.full(count * few, 1.0 / few), (rows, rays.beside.ravel())), shape=(count, count))
    along = 2 if rays.radial else 1
    main_mm = surface_mm
    for _ in range(round(along * half_mm**2 / float((apart_mm**2).mean()))):  # variances add up to half_mm squared
        main_mm = mean @ main_mm
    out = surface_mm - main_mm
    for _ in range(steps):
        out = out[rays.beside].max(axis=1)
    for _ in range(steps):
        out = out[rays.beside].min(axis=1)
    return np.asarray(out + main_mm)


def _slopes(
    scan: Scan, intracranial: Intracranial, rays: Rays, course_mm: Array, settings: BoneContactSettings
) -> tuple[Array, Array]:
    """`InnerTable.upright` and `InnerTable.smear_mm`."""
    points = rays.points(course_mm - _DEEP_MM)
    steps = _SLOPE_MM * np.concatenate([np.eye(3), -np.eye(3)])
    depth = sample_at(
        intracranial.depth_mm, intracranial.isotropic_hu.affine, (points[:, None] + steps).reshape(-1, 3)
    ).reshape(-1, 2, 3)
    slope = depth[:, 1] - depth[:, 0]
    slope /= np.maximum(np.linalg.norm(slope, axis=1), 1e-6)[:, None]
    upright = np.clip((slope * rays.ways).sum(axis=1), _LEAST_UPRIGHT, 1.0)
    return upright, settings.table_share * scan.slice_reach_mm[rays.slices] * np.abs(slope @ scan.geometry.normal)


def _surrounded(scan: Scan, rays: Rays, settings: BoneContactSettings) -> Mask:
    """Where bone is seen all around, and the course of the table over long enough a way."""
    wide = np.pi * rays.radius_mm >= settings.course_mm
    out = rays.seen & np.asarray(wide)[rays.slices]
    if not rays.radial:
        out &= (rays.slices > 0) & (rays.slices < scan.geometry.shape[0] - 1)
    out = np.asarray(out[rays.around].all(axis=1))
    return np.asarray(out[rays.beside].all(axis=1))
