"""What a course must be for a tube, wire or lead."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.knowledge.foreign_body import ForeignBodySettings
from calcscan.material.belonging import slice_reach_at_mm
from calcscan.material.calcified_courses import ShareOf
from calcscan.material.course import Course, Follower
from calcscan.model import Scan

_SMOOTH_DEGREE = 3
"""Of the polynomial that a tube's course is: a bend and a bend back."""


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
    slab_mm = float(np.median(slice_reach_at_mm(points, scan)))
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
