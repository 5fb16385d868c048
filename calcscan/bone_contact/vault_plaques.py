"""Calcified plaques on the inner table of the vault.

They are sought along rays from the centre of the head. A plaque is a rise of the dense surface narrower than the
vault's own curves, and a layer less dense than the table behind it, thicker than the table's own blur around it.
A bump of cortical density (impressions, osteoma, hyperostosis) stays bone, and so does what is broad.

A slab that the table crosses obliquely smears its edge over slab times slope. A plaque must show more than that; and
where that approaches a plaque's own thickness, in thick slices towards the vertex, none is detected.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph
from scipy.spatial import cKDTree

from calcscan.bone_contact.bone_rises import RefusedRise, Rise, as_dense_as_bone, bone_evidence, knob_figures
from calcscan.bone_contact.inner_table import InnerTable, inner_table, median_around
from calcscan.bone_contact.rays import Mask, Numbers, Rays, cast
from calcscan.grid.geometry import Array
from calcscan.knowledge.bone_contact import BoneContactSettings, PlaqueLimits
from calcscan.knowledge.intracranial import IntracranialSettings
from calcscan.knowledge.left_out import LeftOutReason
from calcscan.model import Intracranial, Scan


@dataclass(frozen=True, slots=True, kw_only=True)
class Plaques:
    """What was found on the vault."""

    kji: Numbers
    """Every voxel of a plaque, (n, 3)."""
    judged: Array
    """Points of the vault at which a plaque would have been detected, LPS mm."""
    refused: tuple[RefusedRise, ...]
    """What rises as a plaque does, and is bone or may be, or is too small to tell."""


def detect_vault_plaques(
    scan: Scan,
    intracranial: Intracranial,
    to_head_axes: Callable[[Array], Array],
    holes_mm: Array,
    settings: BoneContactSettings,
    space: IntracranialSettings,
) -> Plaques:
    """Plaques of the vault. `to_head_axes` takes LPS mm to mm from the middle of the brain in the head's own axes;
    `holes_mm` are points in the holes of the vault (n, 3), LPS mm."""
    rays = cast(scan, intracranial, to_head_axes, settings, space)
    plaque = settings.plaque_limits(thick_slices=not rays.radial)
    table = inner_table(scan, intracranial, rays, to_head_axes, settings)
    high_mm = table.rise_mm * table.upright
    high = np.flatnonzero(table.clear & (high_mm >= plaque.bump_mm))
    blur_mm = np.full_like(table.layer_mm, np.inf)
    blur_mm[high] = median_around(rays, table.layer_mm, high, settings)
    course_mm, off_mm = table.surface_mm + table.rise_mm, settings.table_off_mm + table.smear_mm
    layer_mm = (table.layer_mm - blur_mm) * table.upright
    plain = table.clear & (high_mm >= np.maximum(plaque.plaque_mm, table.smear_mm))
    plain &= layer_mm >= np.maximum(plaque.plaque_layer_mm, table.smear_mm)
    plain &= rays.table_mm - blur_mm <= course_mm + off_mm
    base = np.isfinite(blur_mm) & (layer_mm >= plaque.plaque_layer_mm / 2.0)
    rises = _rises(scan, rays, table, np.flatnonzero(base), plain, settings, plaque)
    large = [rise for rise in rises if rise.plain_mm2 >= plaque.plaque_mm2]
    slab_mm = 0.0 if rays.radial else float(np.median(scan.slice_reach_mm))
    head_mm = to_head_axes(rays.points(table.surface_mm))
    evidence = bone_evidence(large, rays, head_mm, to_head_axes(holes_mm), slab_mm, settings)
    reach = [np.unique(rays.around[rays.around[rise.rays]]) for rise in rises]
    every = np.unique(np.concatenate([high[:0], *reach]))
    blur_mm[every] = median_around(rays, table.layer_mm, every, settings)
    blur_mm[np.isinf(blur_mm)] = 0.0
    pulled_mm = np.zeros_like(blur_mm)
    pulled_mm[base] = _pulled(rays, intracranial, table, blur_mm, base, settings, space)
    edge_mm = np.minimum(rays.table_mm - blur_mm + pulled_mm, course_mm + off_mm)
    bone_mm = np.clip(course_mm, edge_mm, edge_mm + table.smear_mm / table.upright)
    bone_mm[~base] = np.minimum(bone_mm, course_mm - settings.rim_mm)[~base]
    voxels = _voxels(scan, rays, reach, bone_mm, settings)
    kept, refused = _judged(scan, rays.points(table.surface_mm), slab_mm, large, voxels, evidence, settings, space)
    small = [
        RefusedRise(kji=kji, evidence={"high_and_thick_mm2": round(rise.plain_mm2, 1)})
        for rise, kji in zip(rises[len(large) :], voxels[len(large) :], strict=True)
    ]
    return Plaques(
        kji=np.concatenate([np.empty((0, 3), dtype=np.int64), *kept]),
        judged=rays.points(table.surface_mm)[table.clear],
        refused=tuple(rise for rise in (*refused, *small) if len(rise.kji)),
    )


def _judged(
    scan: Scan,
    points_mm: Array,
    slab_mm: float,
    rises: list[Rise],
    voxels: list[Numbers],
    evidence: list[dict[str, float]],
    settings: BoneContactSettings,
    space: IntracranialSettings,
) -> tuple[list[Numbers], list[RefusedRise]]:
    """The voxels of each rise that is a plaque, and the rises that are bone, or may be.

    `points_mm` is where every ray meets the dense surface, `slab_mm` as for `bone_evidence`. Where half of all rises
    are bone or look like it, and more than one, the others that are as dense can't be told from it.
    """
    hu = [scan.hu[tuple(kji.T)].astype(np.float64) for kji in voxels]
    bone = [found | _cortical(scan, kji, space) for found, kji in zip(evidence, voxels, strict=False)]
    mm3 = [float(scan.geometry.voxel_mm3[kji[:, 0]].sum()) for kji in voxels]
    knob = [knob_figures(rise, hu[n], mm3[n], points_mm[rise.rays], slab_mm, settings) for n, rise in enumerate(rises)]
    like_bone = sum(bool(found or figures) for found, figures in zip(bone, knob, strict=True))
    many = like_bone >= settings.knobs_least and like_bone >= settings.knobs_share * len(rises)
    kept, refused = [], []
    for n, kji in enumerate(voxels[: len(rises)]):
        figures = knob[n]
        if not figures and many and as_dense_as_bone(hu[n], settings):
            figures = {"rises_like_bone": float(like_bone)}
        if bone[n]:
            refused.append(RefusedRise(kji=kji, evidence=bone[n]))
        elif figures:
            refused.append(RefusedRise(kji=kji, evidence=figures, reason=LeftOutReason.UNCERTAIN_MATERIAL))
        else:
            kept.append(kji)
    return kept, refused


def _cortical(scan: Scan, kji: Numbers, space: IntracranialSettings) -> dict[str, float]:
    """The density that half of a rise's voxels (n, 3) reach, where it is that of cortical bone; else empty."""
    if not len(kji):
        return {}
    half_hu = float(np.median(scan.hu[tuple(kji.T)]))
    return {"median_hu": half_hu} if half_hu >= space.cortical_hu else {}


def _pulled(
    rays: Rays,
    intracranial: Intracranial,
    table: InnerTable,
    blur_mm: Array,
    base: Mask,
    settings: BoneContactSettings,
    space: IntracranialSettings,
) -> Array:
    """How much sooner than without a plaque the rays of `base` reach the density at which the table begins: there the
    plaque fills the bone's part of the blur. The table's blur is taken to rise evenly with bone's share."""
    brain_hu, top_hu = float(intracranial.brain_hu or 0.0), rays.top_hu[base].astype(np.float64)
    middle_mm = (rays.dense_mm + rays.table_mm - blur_mm)[base] / 2.0
    plaque_hu = np.minimum(rays.hu_at(middle_mm, base), settings.table_share * top_hu)
    begins_hu = settings.table_share * top_hu
    alone, filled = ((begins_hu - under) / (top_hu - under) for under in (brain_hu, plaque_hu))
    first = (space.attached_hu - brain_hu) / (top_hu - brain_hu)
    return np.asarray(blur_mm[base] * np.clip((alone - filled) / (alone - first), 0.0, 1.0))


def _rises(
    scan: Scan,
    rays: Rays,
    table: InnerTable,
    base: Numbers,
    plain: Mask,
    settings: BoneContactSettings,
    limits: PlaqueLimits,
) -> list[Rise]:
    """Each rise: the rays of `base` that hang together, with enough plain area, those first that are large enough for a
    plaque. What is no higher than slab and interpolation smear a step of bone is none."""
    if len(base) == 0:
        return []
    number = np.full(len(plain), -1)
    number[base] = np.arange(len(base))
    other = number[rays.around[base]]
    one, column = np.nonzero(other >= 0)
    links = sparse.coo_matrix((np.ones(len(one)), (one, other[one, column])), shape=(len(base), len(base)))
    count, bump = csgraph.connected_components(links, directed=False)
    ray_mm2 = (rays.cell_mm2(table.surface_mm) / table.upright)[base]
    plain_mm2 = np.bincount(bump, ray_mm2 * plain[base], minlength=count)
    base_mm2 = np.bincount(bump, ray_mm2, minlength=count)
    at = rays.points(table.surface_mm)
    rises = [
        Rise(
            rays=base[bump == number],
            mm2=float(base_mm2[number]),
            plain_mm2=float(plain_mm2[number]),
            high_mm=table.rise_mm * table.upright,
        )
        for number in np.flatnonzero(plain_mm2 >= settings.rise_doubt_share * limits.plaque_mm2)
    ]
    rises.sort(key=lambda rise: rise.plain_mm2 < limits.plaque_mm2)
    return [
        rise
        for rise in rises
        if not rays.radial or _slabs(scan, rays, rise.rays[plain[rise.rays]], at) >= settings.step_slabs
    ]


def _slabs(scan: Scan, rays: Rays, which: Numbers, at: Array) -> float:
    """How many slabs these rays reach over, along the table; many where the table lies flat in the slab."""
    normal = scan.geometry.normal
    aslant = 1.0 - float(rays.ways[which].mean(axis=0) @ normal) ** 2
    slab_mm = float(scan.slice_reach_mm[rays.slices[which]].mean())
    return float(np.ptp(at[which] @ normal)) / max(aslant * slab_mm, 1e-6)


def _voxels(
    scan: Scan, rays: Rays, reaches: list[Numbers], bone_mm: Array, settings: BoneContactSettings
) -> list[Numbers]:
    """Native voxels between the dense surface and `bone_mm`, along the rays that meet each rise and those beside."""
    out: list[Numbers] = []
    low_mm = rays.dense_mm[rays.beside].min(axis=1) - 1.0
    tree = cKDTree(rays.places())
    for reach in reaches:
        ends = scan.geometry.to_index(np.concatenate([rays.points(low_mm)[reach], rays.points(bone_mm)[reach]]))
        first = np.maximum(np.floor(ends.min(axis=0)).astype(int) - 1, 0)
        last = np.ceil(ends.max(axis=0)).astype(int) + 2
        box = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
        kji = np.argwhere(scan.hu[box] >= settings.rim_hu) + first
        far_mm, places = rays.along(scan.geometry, kji)
        _, ray = tree.query(places)
        out.append(kji[np.isin(ray, reach) & (far_mm >= low_mm[ray]) & (far_mm <= bone_mm[ray])])
    return out
