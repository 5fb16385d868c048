"""Recognise what was put into the head: tubes, wires, leads, contacts, coils, casts, fragments.

Four kinds of evidence, each sufficient:

- a course: thin, smooth, as wide and as dense all along, longer than anything calcified runs so, or denser than
  calcium, however it winds (`course`);
- a row: dots alike, evenly spaced on a straight line, as contacts are, or a wire in slices that are far apart (`rows`);
- a density beyond that of calcification, or the substance of a cast;
- metal beside it: its halo and rays (`metal`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from calcscan.grid.geometry import Array
from calcscan.grid.isotropic import sample_at
from calcscan.knowledge.foreign_body import ForeignBodySettings
from calcscan.knowledge.left_out import LeftOutReason
from calcscan.knowledge.quality import FlagCode
from calcscan.material.course import Course, Follower
from calcscan.material.metal import near_metal
from calcscan.material.partial_volume import density_of_thin
from calcscan.material.recognised import Material, Recognised
from calcscan.material.rows import on_its_line, rows_of_dots
from calcscan.model import Atlas, Flag, Lesion, LesionMap, Registration, Scan, SearchRegion

ShareOf = Callable[[Array], float]
_SMOOTH_DEGREE = 3
"""Of the polynomial that a tube's course is: a bend and a bend back."""


def foreign_bodies(
    lesions: LesionMap,
    scan: Scan,
    region: SearchRegion,
    registration: Registration | None = None,
    atlas: Atlas | None = None,
    *,
    settings: ForeignBodySettings,
) -> Recognised:
    """The lesions that are foreign bodies or belong to one, with the figures that say so, and the flag `foreign_body`.

    Parameters
    ----------
    lesions
        As detected; metal stands in `left_out` already.
    scan, region
        What they were detected in.
    registration, atlas
        Where falx, tentorium, arteries and plexus lie, which calcify along smooth courses: there, more is asked for.
    """
    if not lesions.lesions:
        return Recognised(lesions={})
    places = {lesion.id: scan.geometry.to_world(lesions.voxels_kji(lesion.id)) for lesion in lesions.lesions}
    follower = Follower(scan, region, settings)
    found: dict[int, Mapping[str, float]] = {}
    where_it_calcifies = _share_at_sites(registration, atlas, settings)
    for tube in _tubes(lesions, scan, places, follower, region, where_it_calcifies, settings):
        for number in tube.lesions:
            found.setdefault(number, tube.evidence)
    for row in rows_of_dots(lesions, scan, settings):
        protected = where_it_calcifies(row.places) >= settings.protected_share
        if protected and len(row.places) < settings.row_many:
            continue
        for number in {*row.lesions, *_on_points(row.line, scan, places, settings.row_bead_mm / 2, settings)}:
            found.setdefault(number, row.evidence)
    for lesion in lesions.lesions:
        evidence = _beyond_calcium(lesion, lesions, scan, follower, where_it_calcifies, settings)
        if evidence:
            found.setdefault(lesion.id, evidence)
    for number, figures in tuple(found.items()):
        for dot in on_its_line(number, lesions, scan, settings):
            found.setdefault(dot, figures)
    materials = {
        number: Material(reason=LeftOutReason.FOREIGN_BODY, evidence=evidence) for number, evidence in found.items()
    }
    for number, evidence in near_metal(lesions, scan, region, settings).items():
        materials.setdefault(number, Material(reason=LeftOutReason.METAL, evidence=evidence))
    return Recognised(lesions=materials, flags=_flags(lesions, found))


def _share_at_sites(registration: Registration | None, atlas: Atlas | None, settings: ForeignBodySettings) -> ShareOf:
    """Tells which share of points (n, 3) lies at sites that calcify along smooth courses: none without a registration
    to look it up by, all where one was tried and does not fit, for then any of them may."""
    if registration is None or atlas is None:
        return lambda points: 0.0
    if not registration.accepted:
        return lambda points: 1.0
    numbers = [n for n, site in atlas.sites.items() if site.site in settings.protected_sites]
    around = settings.protected_mm * np.vstack([np.zeros(3), np.eye(3), -np.eye(3)])

    def share(points: Array) -> float:
        there = (registration.to_atlas(points)[:, None] + around).reshape(-1, 3)
        label = sample_at(atlas.labels, atlas.affine, there, nearest=True).astype(int)
        return float(np.isin(label, numbers).reshape(-1, len(around)).any(axis=1).mean())

    return share


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tube:
    """Something thin and even, and the numbers of the lesions that it explains."""

    lesions: tuple[int, ...]
    evidence: Mapping[str, float]


def _tubes(
    lesions: LesionMap,
    scan: Scan,
    places: Mapping[int, Array],
    follower: Follower,
    region: SearchRegion,
    where_it_calcifies: ShareOf,
    settings: ForeignBodySettings,
) -> Iterator[_Tube]:
    """Every tube, wire or lead that a lesion lies on."""
    beyond_calcium_hu = settings.beyond_calcium_hu * _voltage_scale(lesions)
    settings = msgspec.structs.replace(settings, beyond_calcium_hu=beyond_calcium_hu)
    accepted: list[Array] = []
    tries: dict[int, int] = {}
    explained: set[int] = set()
    seeds = sorted(_seeds(lesions, scan, places, follower, region, settings), key=lambda seed: -seed[0])
    for _, number, start, way in seeds[: settings.most_seeds]:
        on_known = any(np.linalg.norm(start - p, axis=1).min() < settings.window_mm for p in accepted)
        tries[number] = tries.get(number, 0) + 1
        if number in explained or on_known or tries[number] > settings.most_tries:
            continue
        course = follower.follow(start, way)
        if course is None:
            continue
        metal_from_hu = float(lesions.settings["metal_from_hu"] or np.inf)
        evidence = tube_evidence(course, scan, follower, metal_from_hu, where_it_calcifies, settings)
        if evidence is None:
            continue
        accepted.append(course.points)
        dense = evidence["substance_hu"] >= settings.dense_course_hu
        share = settings.belongs_share_dense if dense else settings.belongs_share
        on_it = _on_course(course, scan, places, evidence["width_mm"], share, settings)
        explained |= set(on_it)
        if on_it:
            yield _Tube(lesions=on_it, evidence=evidence)


def _seeds(
    lesions: LesionMap,
    scan: Scan,
    places: Mapping[int, Array],
    follower: Follower,
    region: SearchRegion,
    settings: ForeignBodySettings,
) -> Iterator[tuple[float, int, Array, Array]]:
    """(extent of the lesion, its number, a place in it, its direction there); nothing that lies at the skull base or
    is short."""
    yield from _seeds_between(lesions, places, follower, settings)
    surround_hu = float(region.brain_hu or 0.0)
    for lesion in lesions.lesions:
        world = places[lesion.id]
        extent_mm = float(np.linalg.norm(world.max(axis=0) - world.min(axis=0)))
        if extent_mm < settings.seed_extent_mm or follower.depth_mm(world).max() < settings.deep_mm:
            continue
        kji = lesions.voxels_kji(lesion.id)
        signal = scan.hu[tuple(kji.T)] - surround_hu
        slab_mm = float(scan.slice_reach_mm[kji[:, 0]].max())
        smear = np.outer(scan.geometry.normal, scan.geometry.normal) * slab_mm**2 / 12.0
        left = np.ones(len(world), dtype=np.bool_)
        while left.any():
            start = world[np.flatnonzero(left)[signal[left].argmax()]]
            away_mm = np.linalg.norm(world - start, axis=1)
            left &= away_mm > settings.seed_apart_mm
            near = away_mm <= settings.seed_reach_mm
            weight, part = signal[near] / signal[near].sum(), world[near]
            centre = weight @ part
            spread, axes = np.linalg.eigh(((part - centre).T * weight) @ (part - centre) - smear)
            deep = float(follower.depth_mm(centre[None])[0]) >= settings.deep_mm
            if deep and spread[2] > settings.seed_elongation**2 * max(spread[1], 0.05):
                yield extent_mm, lesion.id, centre, axes[:, 2]


def _seeds_between(
    lesions: LesionMap, places: Mapping[int, Array], follower: Follower, settings: ForeignBodySettings
) -> Iterator[tuple[float, int, Array, Array]]:
    """As `_seeds`, from each lesion towards its nearest neighbours: what shows of something faint may be dots."""
    numbers = [lesion.id for lesion in lesions.lesions]
    if len(numbers) < settings.least_in_line:
        return
    middles = np.array([places[number].mean(axis=0) for number in numbers])
    deep = follower.depth_mm(middles) >= settings.deep_mm
    done: set[tuple[int, int]] = set()
    for one in np.flatnonzero(deep):
        away_mm = np.linalg.norm(middles - middles[one], axis=1)
        for two in np.argsort(away_mm)[1:3]:
            pair = (min(int(one), int(two)), max(int(one), int(two)))
            if pair in done or not 0.0 < away_mm[two] <= settings.neighbour_mm:
                continue
            done.add(pair)
            yield 0.0, numbers[one], middles[one], (middles[two] - middles[one]) / away_mm[two]


def tube_evidence(
    course: Course,
    scan: Scan,
    follower: Follower,
    metal_from_hu: float,
    where_it_calcifies: ShareOf,
    settings: ForeignBodySettings,
) -> dict[str, float] | None:
    """The figures of a course that is a tube or wire; None for any other."""
    numbers = np.flatnonzero(course.seen & (course.depth_mm >= settings.depth_mm))
    if len(numbers) * settings.step_mm < settings.supported_share * settings.very_even_mm * settings.covered_share:
        return None
    points, at_mm = course.points[numbers], numbers * settings.step_mm
    length_mm = float(at_mm[-1] - at_mm[0] + settings.step_mm)
    covered = len(numbers) * settings.step_mm / length_mm
    slab_mm = float(np.median(_reach_mm(points, scan)))
    curve = [np.polyfit(at_mm, points[:, n], _SMOOTH_DEGREE) for n in range(3)]
    smooth = np.stack([np.polyval(part, at_mm) for part in curve], axis=1)
    wander_mm = float(np.sqrt(((points - smooth) ** 2).sum(axis=1).mean()))
    bend = np.polyfit(at_mm, points, 2)[0]
    radius_mm = 0.5 / max(float(np.linalg.norm(bend)), 1e-4)
    deep_share = float((course.depth_mm[numbers] >= settings.deep_mm).mean())
    if covered < settings.covered_share or deep_share < settings.deep_share:
        return None
    straight = wander_mm <= settings.wander_mm + settings.wander_slab_share * slab_mm
    straight &= radius_mm >= settings.radius_mm
    at_calcified_course = where_it_calcifies(points) >= settings.protected_share
    if not straight and not _is_cast(course, at_calcified_course, settings):
        return None
    between_mm = np.arange(at_mm[0], at_mm[-1] + settings.step_mm / 2, settings.step_mm)
    even = follower.along(np.stack([np.polyval(part, between_mm) for part in curve], axis=1))
    uneven = _unevenness(even, scan, slab_mm, settings)
    spread_mm = even.spread_mm[even.seen] if even.seen.any() else even.spread_mm
    width_mm = 4.0 * float(np.median(spread_mm))
    if _is_high(even, scan, follower, slab_mm, settings):
        return None
    steepness = _entry_steepness(course, numbers, settings)
    substance_hu = _substance_hu(even, settings)
    dense = substance_hu >= settings.dense_course_hu
    metal = float(course.peak_hu.max()) >= metal_from_hu
    supports = sum((steepness >= settings.entry_steepness, metal, dense))
    least_mm = _least_mm(uneven, settings) * settings.supported_share**supports
    if not straight and substance_hu < settings.beyond_calcium_hu:
        return None
    beyond_calcium = substance_hu >= settings.beyond_calcium_hu and slab_mm <= settings.flat_slab_mm
    if at_calcified_course and not metal and not beyond_calcium:
        straight_in = steepness >= settings.entry_steepness and uneven <= settings.very_even
        least_mm = least_mm if straight_in else float("inf")
    if beyond_calcium or (substance_hu >= settings.beyond_calcium_hu and not at_calcified_course):
        least_mm = min(least_mm, settings.beyond_calcium_mm)
    if width_mm > settings.width_mm or length_mm < least_mm or _flatness(even, slab_mm, settings) > settings.flattest:
        return None
    return {
        "length_mm": length_mm,
        "width_mm": width_mm,
        "wander_mm": wander_mm,
        "bend_radius_mm": radius_mm,
        "unevenness": uneven,
        "enters_at_cosine": steepness,
        "covered_share": covered,
        "substance_hu": substance_hu,
        "max_hu": float(course.peak_hu[numbers].max()),
    }


def _is_cast(course: Course, at_calcified_course: bool, settings: ForeignBodySettings) -> bool:
    """Whether a course that winds as arteries do is filled with something denser than calcium can be. Not where walls
    of arteries and plexus calcify along such courses."""
    return not at_calcified_course and _substance_hu(course, settings) >= settings.beyond_calcium_hu


def _unevenness(course: Course, scan: Scan, slab_mm: float, settings: ForeignBodySettings) -> float:
    """How much the signal varies along a course: median absolute deviation, as a standard deviation, over the median.
    Averaged over what one slice shows of the course; the ends, which are full in part only, are left out."""
    points, ends = course.points, round(settings.end_mm / settings.step_mm)
    signal = course.signal[ends:-ends] if len(points) > 4 * ends else course.signal
    way = points[-1] - points[0]
    steep = abs(float(way @ scan.geometry.normal)) / max(float(np.linalg.norm(way)), 1e-6)
    window = min(slab_mm / max(steep, 0.2), len(signal) * settings.step_mm / 5.0)
    signal = ndimage.uniform_filter1d(signal, max(1, round(window / settings.step_mm)), mode="nearest")
    middle = float(np.median(signal))
    return float(1.4826 * np.median(np.abs(signal - middle)) / max(middle, 1e-6))


def _flatness(course: Course, slab_mm: float, settings: ForeignBodySettings) -> float:
    """How many times wider than narrow something is across its course, as it looks; 1 where slices are too thick to
    tell."""
    told = course.seen & (course.smear_mm <= settings.shape_slab_mm)
    if slab_mm > settings.flat_slab_mm or not told.any():
        return 1.0
    return float(np.median(course.height_mm[told] / np.maximum(course.spread_mm[told], 1e-6)))


def _is_high(course: Course, scan: Scan, follower: Follower, slab_mm: float, settings: ForeignBodySettings) -> bool:
    """Whether something that runs along thick slices reaches over more of them than a tube can: a plate."""
    way = course.points[-1] - course.points[0]
    steep = abs(float(way @ scan.geometry.normal)) / max(float(np.linalg.norm(way)), 1e-6)
    if slab_mm < settings.high_slab_mm or steep > settings.high_steepest:
        return False
    return follower.slices_high(course.points, slab_mm) >= settings.high_slices


def _substance_hu(course: Course, settings: ForeignBodySettings) -> float:
    """The density of what runs along a course, as if it were solid: its signal over the area of its cross-section, the
    blur taken off. How thick the slices are, and how they cut it, does not matter."""
    if not course.seen.any():
        return 0.0
    signal, spread, height = (
        float(np.median(part[course.seen])) for part in (course.signal, course.spread_mm, course.height_mm)
    )
    least_mm2 = settings.thinnest_mm**2
    wide, high = (max(16.0 * (part**2 - settings.thin_blur_mm**2), least_mm2) for part in (spread, height))
    return signal / (np.pi / 4.0 * float(np.sqrt(wide * max(wide, high))))


def _reach_mm(points: Array, scan: Scan) -> Array:
    """How far the slices at points (n, 3) speak for, mm."""
    index = np.rint(scan.geometry.to_index(points)[:, 0]).astype(int)
    return np.asarray(scan.slice_reach_mm[index.clip(0, len(scan.slice_reach_mm) - 1)])


def _least_mm(uneven: float, settings: ForeignBodySettings) -> float:
    """How long a course must be, the more uneven the longer."""
    if uneven <= settings.very_even:
        return settings.very_even_mm
    if uneven <= settings.even:
        return settings.even_mm
    return settings.fairly_even_mm if uneven <= settings.fairly_even else float("inf")


def _entry_steepness(course: Course, numbers: npt.NDArray[np.intp], settings: ForeignBodySettings) -> float:
    """The cosine between the course and the way straight inwards, at the end that comes near the inner table; 0 where
    none does."""
    best = 0.0
    for end, inner in ((numbers[0], numbers[min(8, len(numbers) - 1)]), (numbers[-1], numbers[max(-9, -len(numbers))])):
        if course.depth_mm[end] > settings.entry_depth_mm:
            continue
        way = course.points[inner] - course.points[end]
        length = float(np.linalg.norm(way))
        if length > 0:
            best = max(best, float(course.depth_mm[inner] - course.depth_mm[end]) / length)
    return best


def _on_course(
    course: Course,
    scan: Scan,
    places: Mapping[int, Array],
    width_mm: float,
    share: float,
    settings: ForeignBodySettings,
) -> tuple[int, ...]:
    """The numbers of the lesions that lie along a course. Across the slices a voxel reaches as far as its slice."""
    points = _prolonged(course.points[course.seen], settings)
    return _on_points(points, scan, places, width_mm / 2 + settings.belongs_mm, settings, share=share)


def _on_points(
    points: Array,
    scan: Scan,
    places: Mapping[int, Array],
    reach_mm: float,
    settings: ForeignBodySettings,
    *,
    share: float | None = None,
) -> tuple[int, ...]:
    """The numbers of the lesions of which a share, or `belongs_share`, lies within reach of points (n, 3)."""
    share = settings.belongs_share if share is None else share
    tree = cKDTree(points)
    out = []
    for number, world in places.items():
        _, nearest = tree.query(world)
        off = world - points[nearest]
        along_normal = off @ scan.geometry.normal
        beyond = np.maximum(np.abs(along_normal) - _reach_mm(world, scan) / 2, 0.0)
        level = np.sqrt(np.maximum((off**2).sum(axis=1) - along_normal**2, 0.0))
        held = np.hypot(level, beyond) <= reach_mm
        if held.mean() >= share:
            out.append(number)
    return tuple(out)


def _prolonged(points: Array, settings: ForeignBodySettings) -> Array:
    """A course (n, 3) with straight ends added, over what was too faint to follow."""
    count = round(settings.direction_mm / settings.step_mm)
    ahead = np.arange(1.0, round(settings.gap_mm / settings.step_mm) + 1.0)[:, None] * settings.step_mm
    ends = []
    for end, inner in (
        (points[0], points[min(count, len(points) - 1)]),
        (points[-1], points[max(-1 - count, -len(points))]),
    ):
        way = (end - inner) / max(float(np.linalg.norm(end - inner)), 1e-6)
        ends.append(end + ahead * way)
    return np.concatenate([points, *ends])


def _beyond_calcium(
    lesion: Lesion,
    lesions: LesionMap,
    scan: Scan,
    follower: Follower,
    where_it_calcifies: ShareOf,
    settings: ForeignBodySettings,
) -> dict[str, float] | None:
    """The figures of a lesion that is denser than calcification; None for any other."""
    scale = _voltage_scale(lesions) * (settings.sharp_factor if scan.acquisition.sharp_kernel else 1.0)
    if lesion.max_hu < settings.judged_from_hu * scale:
        return None
    kji = lesions.voxels_kji(lesion.id)
    world = scan.geometry.to_world(kji)
    away = float(np.median(follower.depth_mm(world))) >= settings.away_from_bone_mm
    thick = float(scan.slice_thickness_mm[kji[:, 0]].min()) >= settings.flat_slab_mm
    diluted = thick and where_it_calcifies(world) < settings.protected_share
    limit_hu = (settings.beyond_calcium_thick_hu if diluted else settings.beyond_calcium_hu) * scale
    limit_hu = limit_hu if away else settings.beyond_bone_hu * scale
    hu, mm3 = scan.hu[tuple(kji.T)], scan.geometry.voxel_mm3[kji[:, 0]]
    dense_mm3 = float(mm3[hu >= limit_hu].sum())
    figures = {"max_hu": float(lesion.max_hu), "limit_hu": limit_hu, "beyond_limit_mm3": dense_mm3}
    if dense_mm3 >= settings.beyond_calcium_mm3:
        return figures
    substance_hu = density_of_thin(kji, scan, settings)
    if away and substance_hu >= limit_hu:
        return {**figures, "substance_hu": substance_hu}
    mean_hu = lesion.mass_hu_mm3 / max(lesion.volume_mm3, 1e-6)
    if away and lesion.max_hu >= settings.cast_peak_hu * scale and mean_hu >= settings.cast_hu * scale:
        return {**figures, "substance_hu": mean_hu}
    return None


def _voltage_scale(lesions: LesionMap) -> float:
    """How much denser calcium reads at the scan's tube voltage than at the usual one."""
    nominal, usual = lesions.settings["nominal_threshold_hu"], lesions.settings["counted_from_hu"]
    return max(1.0, float(nominal) / float(usual)) if nominal and usual else 1.0


def _flags(lesions: LesionMap, found: Mapping[int, Mapping[str, float]]) -> tuple[Flag, ...]:
    if not found:
        return ()
    of = {lesion.id: lesion for lesion in lesions.lesions}
    mm3 = sum(of[number].volume_130_mm3 for number in found)
    bodies = {id(evidence): evidence for evidence in found.values()}
    words = [_words(evidence) for evidence in bodies.values()]
    named = ", ".join(
        f"{words.count(word)} × {word}" if words.count(word) > 1 else word for word in dict.fromkeys(words)
    )
    message = f"what was put into the head is not calcification: {named}; {mm3:.0f} mm3 were not counted"
    return (Flag(code=FlagCode.FOREIGN_BODY, message=message, value=round(mm3, 1)),)


def _words(evidence: Mapping[str, float]) -> str:
    if "length_mm" in evidence:
        through = ", through the skull" if evidence["enters_at_cosine"] >= 0.5 else ""
        return (
            f"a tube, wire or lead {evidence['length_mm']:.0f} mm long and {evidence['width_mm']:.1f} mm wide{through}"
        )
    if "dots" in evidence:
        return f"a row of {evidence['dots']:.0f} dots every {evidence['pitch_mm']:.1f} mm"
    return f"something of {evidence['max_hu']:.0f} HU"
