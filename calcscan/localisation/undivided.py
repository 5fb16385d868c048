"""Calcifications that are one whole, and lie at none of the sites that the atlas shows in their place.

A wall round something, or a layer along the inner table, displaces the brain: what the atlas draws there says little of
where it belongs. A wall in pieces is one, too. A large lump over structures that no single disease joins, such as a
nucleus and the cortex beside it, is a mass; confluent calcification of the nuclei is no lump, or has its like on the
other side. So is a lump across the midline: left and right nuclei that calcify until they meet are much wider.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from calcscan.grid.geometry import Array, apply
from calcscan.grid.isotropic import sample_at
from calcscan.knowledge.localisation import LocalisationSettings
from calcscan.knowledge.sites import SiteGroup, all_sites
from calcscan.localisation.atlas_vote import NOWHERE, Place
from calcscan.localisation.deposit_form import Cloud, Hollow, is_hollow, is_layer, measure_hollow, measure_layer
from calcscan.localisation.features import Features
from calcscan.localisation.parts import Part
from calcscan.model import Lesion, Registration, Scan, SearchRegion

_KIND_OF = {
    SiteGroup.BASAL_GANGLIA: "nuclei",
    SiteGroup.DEEP: "nuclei",
    SiteGroup.PARENCHYMA: "brain",
    SiteGroup.UNASSIGNED: "brain",
}
"""Groups whose sites calcify together; every other group is a kind of its own."""
_SAMPLE = 2000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """A lesion that is no bone, its voxels (n, 3), and what this head and the atlas say of it."""

    lesion: Lesion
    kji: npt.NDArray[np.int64]
    features: Features
    weights: Mapping[str, float]
    votes: Sequence[tuple[Place, float]]
    whole: bool = False
    """It is at its first place as a whole, and never divided."""

    @property
    def site(self) -> str:
        """The site with most votes."""
        return self.votes[0][0][0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """Lesions that are one deposit, by their numbers, and where it lies."""

    lesions: tuple[int, ...]
    place: Place


def undivided(
    judged: Sequence[Judged], scan: Scan, region: SearchRegion, settings: LocalisationSettings
) -> Mapping[int, Whole]:
    """The shells among the lesions, by the number of each lesion that belongs to one."""
    out: dict[int, Whole] = {}
    large = [item for item in judged if item.lesion.diameter_mm >= settings.hollow_mm]
    for item in large:
        place = _shell_place(item, scan, region, settings)
        if place is not None:
            out[item.lesion.id] = Whole(lesions=(item.lesion.id,), place=place)
    for item in [item for item in large if item.lesion.id in out and out[item.lesion.id].place != NOWHERE]:
        rest = [other for other in judged if other.lesion.id not in out]
        numbers = (item.lesion.id, *_broken_off(item, rest, scan, region, settings))
        out |= dict.fromkeys(numbers, Whole(lesions=numbers, place=out[item.lesion.id].place))
    for group in _neighbours([item for item in judged if item.lesion.id not in out], scan, settings):
        hollow = measure_hollow(Cloud.joined([Cloud.of(scan, item.kji) for item in group]))
        if is_hollow(hollow, settings) and not _own_site(group, hollow, settings):
            numbers = tuple(item.lesion.id for item in group)
            out |= dict.fromkeys(numbers, Whole(lesions=numbers, place=NOWHERE))
    return out


def is_lump(
    item: Judged, parts: Sequence[Part], others: Sequence[Judged], scan: Scan, registration: Registration,
    settings: LocalisationSettings,
) -> bool:  # fmt: skip
    """Whether a lesion that was divided into these parts is a mass that the division would tear apart."""
    if len(parts) < 2 or not item.features.shape.compact or item.lesion.diameter_mm < settings.lump_mm:
        return False
    kinds: dict[str, float] = {}
    sides: dict[str, float] = {}
    for part in parts:
        kind, side, mm3 = _kind(part.lesion.site), part.lesion.side, part.lesion.volume_130_mm3
        kinds[kind] = kinds.get(kind, 0.0) + mm3
        sides[side] = sides.get(side, 0.0) + mm3
    least_mm3 = settings.lump_share * sum(kinds.values())
    across = min(sides.get("left", 0.0), sides.get("right", 0.0)) >= least_mm3
    if across and item.lesion.diameter_mm <= settings.lump_across_mm:
        return True
    if len(kinds) < 2 or sorted(kinds.values())[-2] < least_mm3:
        return False
    return _mirrored_share(item, others, scan, registration, settings) < settings.lump_mirrored


def is_one_kind(item: Judged, parts: Sequence[Part], settings: LocalisationSettings) -> bool:
    """Whether the parts of a lump but for slivers lie at one kind of structure: the slivers are its edge, not deposits
    of what lies beside it."""
    if len(parts) < 2 or not item.features.shape.compact or item.lesion.diameter_mm < settings.lump_mm:
        return False
    kinds: dict[str, float] = {}
    for part in parts:
        kind = _kind(part.lesion.site)
        kinds[kind] = kinds.get(kind, 0.0) + part.lesion.volume_130_mm3
    main = _kind(item.site)
    return len(kinds) > 1 and kinds.get(main, 0.0) > (1.0 - settings.lump_share) * sum(kinds.values())


def _kind(site: str) -> str:
    group = all_sites()[site].group
    return _KIND_OF.get(group, group.value)


def _shell_place(item: Judged, scan: Scan, region: SearchRegion, settings: LocalisationSettings) -> Place | None:
    """Where a lesion lies that is a wall or a layer; None for any other."""
    cloud = Cloud.of(scan, item.kji)
    hollow = measure_hollow(cloud)
    if is_hollow(hollow, settings, hangs_on_bone=item.features.in_mass and item.features.touches_bone):
        return None if _own_site([item], hollow, settings) else NOWHERE
    on_table = all_sites()[item.site].cerebral or all_sites()[item.site].group is SiteGroup.DURA
    if not on_table or item.lesion.diameter_mm < settings.layer_wide_mm:
        return None
    middle_mm = apply(region.isotropic_hu.affine, (np.array(region.isotropic_mask.shape) - 1) / 2)
    slab_mm = float(scan.slice_reach_mm[item.kji[:, 0]].max())
    layer = measure_layer(cloud, region, middle_mm, settings.layer_cell_mm + slab_mm)
    if not is_layer(layer, hollow, slab_mm, settings):
        return None
    return "convexity_dura", "left" if item.features.atlas_x_mm > 0 else "right"


def _broken_off(
    layer: Judged, others: Sequence[Judged], scan: Scan, region: SearchRegion, settings: LocalisationSettings
) -> tuple[int, ...]:
    """The numbers of the lesions that continue a layer along the table beyond its gaps: as deep, one near another."""
    low_mm, high_mm = np.percentile(_depth_mm(layer, scan, region), (2.0, 98.0))
    slab_mm = float(scan.slice_reach_mm[layer.kji[:, 0]].max())
    as_deep = {}
    for other in others:
        middle_mm = float(np.median(_depth_mm(other, scan, region)))
        if all_sites()[other.site].cerebral and low_mm - slab_mm / 2 <= middle_mm <= high_mm + slab_mm / 2:
            as_deep[other.lesion.id] = _surface_mm(other, scan)
    out: list[int] = []
    todo = [_surface_mm(layer, scan)]
    while todo:
        tree = cKDTree(todo.pop())
        near = [n for n, place in as_deep.items() if tree.query(place)[0].min() <= settings.piece_gap_mm]
        out += near
        todo += [as_deep.pop(n) for n in near]
    return tuple(out)


def _depth_mm(item: Judged, scan: Scan, region: SearchRegion) -> Array:
    """How deep an even sample of a lesion's voxels lies under the inner table."""
    return sample_at(region.depth_mm, region.isotropic_hu.affine, _surface_mm(item, scan))


def _own_site(group: Sequence[Judged], hollow: Hollow, settings: LocalisationSettings) -> bool:
    """Whether a small wall surely lies at a site of which hollow calcification is known: a cyst of the pineal gland or
    of the plexus, the wall of an artery."""
    known = all(
        item.site == group[0].site
        and all_sites()[item.site].group in (SiteGroup.PHYSIOLOGICAL, SiteGroup.VASCULAR)
        and item.votes[0][1] >= settings.hollow_own_share
        for item in group
    )
    return known and hollow.width_mm <= settings.hollow_own_mm


def _neighbours(judged: Sequence[Judged], scan: Scan, settings: LocalisationSettings) -> list[list[Judged]]:
    """Groups of two and more lesions of which each is near another one."""
    some = [item for item in judged if item.lesion.volume_130_mm3 >= settings.piece_mm3]
    if len(some) < 2:
        return []
    places = [_surface_mm(item, scan) for item in some]
    owner = np.repeat(np.arange(len(some)), [len(place) for place in places])
    tree = cKDTree(np.concatenate(places))
    pairs = owner[tree.query_pairs(settings.piece_gap_mm, output_type="ndarray")]
    near = coo_array((np.ones(len(pairs)), tuple(pairs.T)), shape=(len(some), len(some)))
    count, number = connected_components(near, directed=False)
    groups = [[some[n] for n in np.flatnonzero(number == g)] for g in range(count)]
    return [group for group in groups if len(group) > 1]


def _surface_mm(item: Judged, scan: Scan) -> Array:
    """An even sample of a lesion's voxels, LPS mm."""
    return scan.geometry.to_world(item.kji[:: max(1, len(item.kji) // 300)])


def _mirrored_share(
    item: Judged, others: Sequence[Judged], scan: Scan, registration: Registration, settings: LocalisationSettings
) -> float:
    """The share of a lesion that has calcification at its mirror image across the midline of the atlas; a lump on the
    midline is no mirror image of itself."""
    if item.lesion.diameter_mm <= settings.lump_across_mm:
        others = [other for other in others if other is not item]
    if not others:
        return 0.0
    own = registration.to_atlas(scan.geometry.to_world(item.kji[:: max(1, len(item.kji) // _SAMPLE)]))
    all_mm = np.concatenate(
        [registration.to_atlas(scan.geometry.to_world(o.kji[:: max(1, len(o.kji) // _SAMPLE)])) for o in others]
    )
    lateral = np.abs(own[:, 0]) > settings.lump_midline_mm
    if not lateral.any():
        return 0.0
    far_mm = cKDTree(all_mm).query(own[lateral] * (-1.0, 1.0, 1.0))[0]
    return float((far_mm <= settings.lump_near_mm).mean())
