"""Whether what rises from the inner table as a plaque does is bone nevertheless.

One rise alone is judged by its height, layer and breadth. Hyperostosis makes many, close together or the same on both
sides; and beside a hole in the vault its cut or worn edge rises. A plaque stands alone.

A lone knob as dense as a plaque differs from it at most in form: it rises gradually from a broad base, and is dense up
to its surface. Where that is seen, the picture can't decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csgraph
from scipy.spatial import cKDTree

from calcscan.bone_contact.rays import Numbers, Rays
from calcscan.grid.geometry import Array
from calcscan.knowledge.bone_contact import BoneContactSettings
from calcscan.knowledge.left_out import LeftOutReason

_MIRROR = (-1.0, 1.0, 1.0)
HYPEROSTOSIS = frozenset({"thickened_mm2", "rises_together", "hyperostosis_share"})
"""The figures that show a thickening of the table in many places."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rise:
    """A narrow or broad piece of the table that rises and shows a layer less dense than the table."""

    rays: Numbers
    mm2: float
    plain_mm2: float
    """The part of it that is as high, and has as thick a layer, as a plaque."""
    high_mm: Array
    """How high every ray's surface rises over the table's course, of all rays."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RefusedRise:
    """A rise that is bone, or may be: its voxels (n, 3), and the figures that decided."""

    kji: Numbers
    evidence: Mapping[str, float]
    reason: LeftOutReason = LeftOutReason.BONE


def bone_evidence(
    rises: Sequence[Rise], rays: Rays, head_mm: Array, holes_mm: Array, slab_mm: float, settings: BoneContactSettings
) -> list[dict[str, float]]:
    """For each rise, the figures that make it bone; empty where none does.

    Parameters
    ----------
    rises
        All of them, too broad ones as well.
    rays, head_mm
        The rays, and where each meets the dense surface in the head's own axes: mm from the middle, x to the left.
    holes_mm
        Points in the holes of the vault (n, 3), in the head's own axes; those that rays run through needn't be among
        them.
    slab_mm
        How thick slices are, where each is judged alone, else 0: places are known no better across them.
    """
    if not rises:
        return []
    trees = [cKDTree(head_mm[rise.rays]) for rise in rises]
    holes_mm = np.concatenate([holes_mm, head_mm[rays.hole]])
    hole = cKDTree(holes_mm) if len(holes_mm) else None
    count = len(rises)
    near, mirrored = np.zeros((count, count), dtype=np.bool_), np.zeros((count, count))
    for one, other in np.ndindex(count, count):
        if one == other:
            continue
        at = head_mm[rises[one].rays]
        near[one, other] = trees[other].query(at)[0].min() <= settings.rises_apart_mm + slab_mm
        mirrored[one, other] = (trees[other].query(at * _MIRROR)[0] <= settings.rise_mirror_mm + slab_mm).mean()
    alike = np.maximum(mirrored, mirrored.T)
    _, beside = csgraph.connected_components(near, directed=False)
    _, thickening = csgraph.connected_components(near | (alike >= settings.rise_mirror_share), directed=False)
    mm2 = np.array([rise.mm2 for rise in rises])
    together = np.bincount(beside)[beside]
    together_mm2 = np.bincount(thickening, mm2)[thickening]
    out = []
    for number, rise in enumerate(rises):
        found: dict[str, float] = {}
        if together_mm2[number] > np.pi / 4 * settings.plaque_wide_mm**2:
            found["thickened_mm2"] = round(float(together_mm2[number]), 1)
        if together[number] > settings.rises_most:
            found["rises_together"] = float(together[number])
        if found and alike[number].max() >= settings.rise_mirror_share:
            found["mirrored_share"] = round(float(alike[number].max()), 3)
        if hole is not None:
            away_mm = float(hole.query(head_mm[rise.rays])[0].min())
            if away_mm <= settings.hole_edge_mm:
                found["hole_mm"] = round(away_mm, 1)
        out.append(found)
    usual = np.array([HYPEROSTOSIS.isdisjoint(found) for found in out])
    share = float(mm2[~usual].sum() / mm2.sum())
    if share >= settings.hyperostosis_share and mm2[~usual].sum() > np.pi / 4 * settings.plaque_wide_mm**2:
        for found in out:
            found["hyperostosis_share"] = round(share, 3)
    return out


def knob_figures(
    rise: Rise, hu: Array, volume_mm3: float, points_mm: Array, slab_mm: float, settings: BoneContactSettings
) -> dict[str, float]:
    """The figures by which a rise looks like a knob of bone rather than a plaque; empty where it looks like a plaque.

    Parameters
    ----------
    rise
        With its area, and how much of it is as high and thick as a plaque.
    hu, volume_mm3
        Of its voxels, (n,), and their volume.
    points_mm
        Where its rays meet it, LPS mm, (rays, 3).
    slab_mm
        As for `bone_evidence`.
    """
    if not as_dense_as_bone(hu, settings):
        return {}
    core_hu, half_hu, quarter_hu = (float(value) for value in np.percentile(hu, (90, 50, 25)))
    steep = rise.plain_mm2 / rise.mm2
    long_mm = 4.0 * float(np.sqrt(np.linalg.eigvalsh(np.cov(points_mm.T))[-1])) if len(points_mm) > 1 else 0.0
    solid = core_hu >= settings.knob_solid_hu
    figures = {
        "steep_share": (round(steep, 3), steep < settings.knob_steep_share),
        "long_mm": (round(long_mm, 1), long_mm > settings.knob_long_mm + slab_mm / 2.0),
        "volume_mm3": (round(volume_mm3, 1), volume_mm3 > settings.knob_mm3),
        "core_hu": (round(core_hu, 1), core_hu >= settings.knob_core_hu),
        "half_beside_core": (round(half_hu / core_hu, 3), solid and half_hu > settings.knob_half_share * core_hu),
        "three_quarters_hu": (round(quarter_hu, 1), solid and quarter_hu > settings.knob_quarter_hu),
    }
    return {name: value for name, (value, knob) in figures.items() if knob}


def as_dense_as_bone(hu: Array, settings: BoneContactSettings) -> bool:
    """Whether the core of a rise with these densities (n,) may be bone: no thickening of the table is less dense."""
    return bool(len(hu)) and float(np.percentile(hu, 90)) >= settings.knob_hu
