"""Whether a calcification lies in the wall of an artery, and of which: by what the scan shows around it.

The atlas only says which arteries run nearby. That it is an artery, and no brain beside one, the scan must show: fluid
around the deposit, as arteries at the base run in cisterns, or a shape that follows the course as walls of arteries do.
Where neither is clear it stays uncertain between both; and where several arteries are near it is a vessel without a
name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from calcscan.grid.geometry import Array, Geometry, apply
from calcscan.grid.masks import box_around, corner_of
from calcscan.knowledge.arteries import ArteryCourse, ArterySettings
from calcscan.knowledge.localisation import LocalisationSettings
from calcscan.knowledge.sites import SiteGroup, all_sites
from calcscan.localisation.atlas_vote import NOWHERE, Place
from calcscan.localisation.features import BoneContact
from calcscan.model import Registration, SearchRegion

_STEP_MM = 0.5
"""Between the points of a course."""
_POINTS = 400
"""About as many voxels of a deposit are looked at."""
_YIELDS = (SiteGroup.BASAL_GANGLIA, SiteGroup.DEEP, SiteGroup.PARENCHYMA, SiteGroup.VASCULAR, SiteGroup.UNASSIGNED)
"""Groups that what is drawn as theirs may be an artery instead: dura, plexus and glands calcify much more often than
the arteries beside them."""
_REACH = 6
"""So many steps to both sides the direction of a course is taken."""
_FEWEST = 4
"""Voxels of which a shape can be told."""
_SMEARED = 3.0
"""Two slabs that show one thin thing spread it by three squares of a slab, in the measure of extents used here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artery:
    """How likely a deposit is the wall of an artery."""

    probability: float
    """Of an artery, against brain."""
    places: Mapping[Place, float]
    """Which one, if it is one: site and side, with shares that sum to 1."""
    x_mm: float
    """Of its middle in the atlas, to the left."""
    distance_mm: float
    """To the nearest course, in the atlas: the median of its voxels."""
    fluid_share: float
    """Of its surround."""
    tube: float
    """How much it is a tube along that course, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Course:
    """A course near a deposit."""

    site: str
    side: str
    distance_mm: float
    way: Array
    """Along it, beside the deposit, (3,), in the atlas."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Form:
    """How a deposit is shaped."""

    tube: float
    """How much it is long and thin, 0 to 1 …"""
    way: Array
    """… and along which way, (3,), in the atlas."""
    thick_mm: float
    """Its second largest extent, less what thick slices smear."""

    def cosine(self, way: Array) -> float:
        """Of the angle to another way; 0 for what has no way."""
        length = float(np.linalg.norm(self.way) * np.linalg.norm(way))
        return abs(float(self.way @ way)) / length if length > 0 else 0.0


def measure_artery(
    world_mm: Array, geometry: Geometry, region: SearchRegion, registration: Registration, settings: ArterySettings
) -> Artery | None:
    """Of a deposit with voxels at points (n, 3), LPS mm; None where no artery is near, or the brain's density is not
    known."""
    if region.brain_hu is None:
        return None
    atlas_mm = registration.to_atlas(world_mm[:: max(1, len(world_mm) // _POINTS)])
    near = _near(atlas_mm, settings)
    if not near:
        return None
    form = _form(world_mm, geometry, registration, settings)
    nearest = min(near, key=lambda course: course.distance_mm)
    fluid_share = _fluid_share(world_mm, region, float(region.brain_hu), settings)
    tube = form.tube * (form.cosine(nearest.way) >= settings.tube_along)
    odds = settings.odds
    logarithm = odds.none + odds.fluid * min(fluid_share / settings.fluid_full, 1.0) + odds.tube * tube
    logarithm += odds.per_mm * max(nearest.distance_mm - settings.at_course_mm, 0.0)
    logarithm += odds.per_thick_mm * max(form.thick_mm - settings.tube_mm, 0.0)
    return Artery(
        probability=float(1.0 / (1.0 + np.exp(-logarithm))),
        places=_places(near, form, settings),
        x_mm=float(atlas_mm[:, 0].mean()),
        distance_mm=nearest.distance_mm,
        fluid_share=fluid_share,
        tube=tube,
    )


def with_artery(
    votes: Sequence[tuple[Place, float]], artery: Artery | None, settings: ArterySettings, *, near_bone: bool = False
) -> list[tuple[Place, float]]:
    """The atlas's votes with those for arteries, the likeliest first.

    Unchanged where no artery is likely, and where the atlas is sure of dura, or has plexus or a gland. Where an artery
    is sure, its name comes first, or `vessel` where none is sure. Where it is neither sure nor unlikely, or only the
    atlas says so and is not sure, `unassigned` comes first, with a share of 0: what follows is what it may be. The
    share of a `vessel` includes those of the arteries that it may be, which follow. Near bone the atlas's siphon and
    vertebral artery are left as they are: no brain lies there.
    """
    votes = list(votes)
    (first, _), first_share = votes[0]
    group = all_sites()[first].group
    beside_dura = group is SiteGroup.DURA and first_share < settings.dura_share
    sure = artery is not None and artery.probability >= settings.sure
    if group is SiteGroup.VASCULAR and not sure:
        on_course = artery is not None and artery.distance_mm <= settings.at_course_mm
        enough = first_share >= (settings.atlas_share if on_course else settings.atlas_share_beside)
        return votes if enough or near_bone else [(NOWHERE, 0.0), *votes]
    if artery is None or artery.probability < settings.unlikely or not (group in _YIELDS or beside_dura):
        return votes
    if beside_dura and not sure:
        return votes
    others = {p: s for p, s in votes if all_sites()[p[0]].group is not SiteGroup.VASCULAR and p[0] != "unassigned"}
    total = sum(others.values())
    odds = 0.5 if beside_dura else artery.probability
    rest = {place: share / total * (1.0 - odds) for place, share in others.items()} if total > 0 else {}
    name = _name(artery, settings)
    named = {place: odds * share for place, share in artery.places.items() if place[0] != "vessel"}
    named[name] = odds * artery.places[name] if name[0] != "vessel" else odds
    ranked = sorted((named | rest).items(), key=lambda item: (-item[1], item[0]))
    if not sure or beside_dura:
        return [(NOWHERE, 0.0), *ranked]
    return [(name, named[name]), *(item for item in ranked if item[0] != name)]


def is_uncertain(votes: Sequence[tuple[Place, float]]) -> bool:
    """Whether these votes say that it may be an artery or what lies beside it."""
    return votes[0] == (NOWHERE, 0.0)


def is_artery(votes: Sequence[tuple[Place, float]], artery: Artery | None, settings: ArterySettings) -> bool:
    """Whether a deposit with these votes is one artery's, and so is not divided along the borders of other sites."""
    first = all_sites()[votes[0][0][0]].group
    return artery is not None and artery.probability >= settings.sure and first is SiteGroup.VASCULAR


def site_beside_bone(
    of_atlas: Sequence[tuple[Place, float]], votes: Sequence[tuple[Place, float]]
) -> tuple[Place, float]:
    """The site and share by which a deposit is told from bone: that of the atlas's votes where it lies between bones,
    as siphon and vertebral artery do, by whatever name it goes; else the first of `votes`, with arteries."""
    return of_atlas[0] if all_sites()[of_atlas[0][0][0]].between_bones else votes[0]


def stands_in_cistern(
    votes: Sequence[tuple[Place, float]],
    artery: Artery | None,
    contact: BoneContact,
    settings: ArterySettings,
    localisation: LocalisationSettings,
) -> bool:
    """Whether a deposit is an artery's for the fluid around it, and so clear of bone that it is none of it, though it
    may lie in the zone of the skull base, as the basilar artery does behind the dorsum sellae."""
    if artery is None or not is_artery(votes, artery, settings) or artery.fluid_share < settings.fluid_full:
        return False
    valley = localisation.clear_saddle_thick if contact.thick_slices else settings.clear_saddle
    apart = contact.gap_mm >= settings.clear_gap_mm and contact.saddle < valley
    on_bone = contact.touches_bone or contact.on_base_peak or contact.cortical_bone
    return apart and not (on_bone or contact.at_scan_edge or contact.lines_air)


@cache
def _lines(courses: tuple[ArteryCourse, ...]) -> tuple[tuple[str, str, Array], ...]:
    """Site, side and points (n, 3) of each course, LPS mm of the atlas."""
    out = []
    for course in courses:
        points = np.array(course.points)
        at = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
        steps = np.arange(0.0, at[-1] + _STEP_MM, _STEP_MM)
        line = np.column_stack([np.interp(steps, at, axis) for axis in points.T])
        for side, sign in (("midline", 1.0),) if course.midline else (("right", 1.0), ("left", -1.0)):
            out.append((course.site, side, line * (-sign, -1.0, 1.0)))
    return tuple(out)


def _near(atlas_mm: Array, settings: ArterySettings) -> list[_Course]:
    """The courses near a deposit with voxels at points (n, 3) of the atlas."""
    near = []
    low, high = atlas_mm.min(axis=0) - settings.near_mm, atlas_mm.max(axis=0) + settings.near_mm
    for site, side, line in _lines(settings.courses):
        if not ((line >= low) & (line <= high)).all(axis=1).any():
            continue
        away_mm, at = cKDTree(line).query(atlas_mm)
        distance_mm, middle = float(np.median(away_mm)), int(np.median(at))
        if distance_mm <= settings.near_mm:
            way = line[min(middle + _REACH, len(line) - 1)] - line[max(middle - _REACH, 0)]
            near.append(_Course(site=site, side=side, distance_mm=distance_mm, way=way))
    return near


def _places(near: Sequence[_Course], form: _Form, settings: ArterySettings) -> dict[Place, float]:
    """How likely each artery is among those near: by its distance, by whether the deposit runs along it, and by how
    often it is calcified."""
    shares: dict[Place, float] = {}
    for course in near:
        likely = float(np.exp(-0.5 * (course.distance_mm / settings.spread_mm) ** 2))
        likely *= settings.frequent.get(course.site, 1.0)
        across = 1.0 - form.cosine(course.way) ** 2
        likely *= 1.0 - form.tube * (1.0 - settings.along_weight) * across
        shares[course.site, course.side] = max(shares.get((course.site, course.side), 0.0), likely)
    total = sum(shares.values())
    return {place: share / total for place, share in shares.items()}


def _name(artery: Artery, settings: ArterySettings) -> Place:
    """The name of an artery that is sure; else `vessel`, with its side if that is sure."""
    place, share = max(artery.places.items(), key=lambda item: item[1])
    if share >= settings.named and place[0] != "vessel":
        return place
    side = "left" if artery.x_mm > 0 else "right"
    on_side = sum(share for (_, where), share in artery.places.items() if where == side)
    sure = abs(artery.x_mm) >= settings.side_mm and on_side >= settings.side_share
    return "vessel", side if sure else "midline"


def _fluid_share(world_mm: Array, region: SearchRegion, brain_hu: float, settings: ArterySettings) -> float:
    """The share of fluid in a shell around a deposit on the isotropic grid."""
    coarse = region.isotropic_hu
    index = np.rint(apply(np.linalg.inv(coarse.affine), world_mm)).astype(np.int64)
    index = np.clip(index, 0, np.array(coarse.values.shape) - 1)
    margin = np.full(3, int(np.ceil(settings.shell_outer_mm / coarse.spacing_mm)) + 1)
    box = box_around(index, margin, coarse.values.shape)
    hu = coarse.values[box]
    free = np.ones(hu.shape, dtype=np.bool_)
    free[tuple((index - corner_of(box)).T)] = False
    away_mm = np.asarray(ndimage.distance_transform_edt(free, sampling=coarse.spacing_mm))
    shell = (away_mm > settings.shell_inner_mm) & (away_mm <= settings.shell_outer_mm)
    fluid = (hu < brain_hu - settings.fluid_below_brain_hu) & (hu > settings.fluid_least_hu)
    return float(fluid[shell].mean()) if shell.any() else 0.0


def _form(world_mm: Array, geometry: Geometry, registration: Registration, settings: ArterySettings) -> _Form:
    """How a deposit is shaped."""
    if len(world_mm) < _FEWEST:
        return _Form(tube=0.0, way=np.zeros(3), thick_mm=0.0)
    spread, axes = np.linalg.eigh(np.cov(world_mm.T))
    steps = np.column_stack([geometry.normal * geometry.spacing_mm[0], geometry.step_j_mm, geometry.step_i_mm])
    _, width_mm, length_mm = np.sqrt(12.0 * np.maximum(spread, 0.0)).tolist()
    smear_mm = float(np.abs(axes[:, 1] @ steps[:, 0]))
    thick_mm = float(np.sqrt(max(width_mm**2 - _SMEARED * smear_mm**2, 0.0)))
    width_mm = max(width_mm, float(np.abs(axes[:, 1] @ steps).max()))
    low, high = settings.tube_ratio
    tube = float(np.clip((length_mm / width_mm - low) / (high - low), 0.0, 1.0))
    if length_mm < settings.tube_long_mm or thick_mm > settings.tube_mm:
        tube = 0.0
    centre = world_mm.mean(axis=0)
    way = np.diff(registration.to_atlas(np.stack([centre - axes[:, 2], centre + axes[:, 2]])), axis=0)[0]
    return _Form(tube=tube, way=way, thick_mm=thick_mm)
