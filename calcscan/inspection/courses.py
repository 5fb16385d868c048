"""Are arteries enhanced where the atlas has them?

In thick slices an artery that runs along the slice is diluted, and no tube is left to be seen. But where arteries run
is known to within a few millimetres: near most of each course beyond the circle of Willis, clear of bone, something is
brighter than brain and blood are. Calcified walls do this along few arteries; blood in the cisterns is less bright,
and fills them. Medium too faint for this still lifts each artery above what lies beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.grid.geometry import Array, apply
from calcscan.grid.isotropic import sample_at
from calcscan.grid.masks import box_around, corner_of
from calcscan.grid.smooth import gaussian
from calcscan.inspection.evidence import Evidence
from calcscan.knowledge.arteries import ArterySettings
from calcscan.knowledge.inspection import InspectionSettings
from calcscan.model import Intracranial, Registration, Scan

_SMOOTH = 0.5
_STEP_MM = 2.0
_HIDDEN_HU = -1000.0
_MARGIN = 3


def enhanced_arteries(
    scan: Scan,
    intracranial: Intracranial,
    registration: Registration,
    arteries: ArterySettings,
    settings: InspectionSettings,
) -> Evidence | None:
    """Arteries beyond the circle of Willis, where several of them are bright along most of their course, or those that
    run far from bone stand out from what lies beside them, on both sides."""
    brain_hu = intracranial.brain_hu
    if not registration.accepted or brain_hu is None:
        return None
    thickness_mm = float(np.median(scan.slice_thickness_mm))
    least_hu = float(np.interp(thickness_mm, settings.course_thickness_mm, settings.course_hu))
    courses = list(_courses(arteries, settings))
    around = _Around(intracranial, registration, [course_mm for *_, course_mm in courses], settings)
    bright: dict[tuple[str, bool], float] = {}
    for artery, left, course_mm in courses:
        seen, hu = around(course_mm)
        if len(hu) < settings.course_share * len(course_mm):
            continue
        level_hu = float(np.quantile(hu.max(axis=1), 1.0 - settings.course_share))
        if level_hu >= settings.course_sure_hu or (
            level_hu >= least_hu and _wide_share(hu, seen, brain_hu) <= settings.course_wide
        ):
            bright[artery, left] = max(level_hu, bright.get((artery, left), 0.0))
    names = sorted({artery for artery, _ in bright})
    if len(bright) < settings.course_count or len(names) < settings.course_arteries:
        return _standing_out(around, courses, brain_hu, settings)
    return Evidence(where="arteries", hu=float(np.median(list(bright.values()))), extent=", ".join(names))


class _Around:
    """What lies around the points of a course."""

    def __init__(
        self,
        intracranial: Intracranial,
        registration: Registration,
        courses: Sequence[Array],
        settings: InspectionSettings,
    ) -> None:
        coarse = intracranial.isotropic_hu
        self._registration, self._settings = registration, settings
        self._ball_mm = _ball(settings.course_reach_mm)
        aside = [course + way for course in courses for way in _aside(settings)]
        world_mm = registration.to_scan(np.concatenate(aside))
        index = apply(np.linalg.inv(coarse.affine), world_mm)
        margin = _MARGIN + int(np.ceil(settings.course_reach_mm / coarse.spacing_mm))
        box = box_around(np.rint(index).astype(np.int64), margin, coarse.values.shape)
        self._affine = coarse.affine.copy()
        self._affine[:3, 3] = apply(coarse.affine, corner_of(box)[None])[0]
        self._smooth = gaussian(coarse.values[box], _SMOOTH)
        usable = intracranial.depth_mm[box] > settings.course_depth_mm
        self._usable = usable & (ndimage.maximum_filter(self._smooth, 5) <= settings.enhanced_high_hu)

    def __call__(self, course_mm: Array) -> tuple[npt.NDArray[np.bool_], Array]:
        """For those points (n, 3) of the atlas that lie clear of bone: what may be looked at around each, and its
        density."""
        at_mm = (self._registration.to_scan(course_mm)[:, None] + self._ball_mm).reshape(-1, 3)
        shape = len(course_mm), len(self._ball_mm)
        seen = (sample_at(self._usable, self._affine, at_mm, nearest=True) > 0.5).reshape(shape)
        hu = sample_at(self._smooth, self._affine, at_mm, nearest=True).reshape(shape)
        clear = seen.mean(axis=1) >= self._settings.course_clear
        return seen[clear], np.where(seen, hu, _HIDDEN_HU)[clear]


def _standing_out(
    around: _Around,
    courses: Sequence[tuple[str, bool, Array]],
    brain_hu: float,
    settings: InspectionSettings,
) -> Evidence | None:
    """The arteries of `course_far`, where all of them, left and right, are thin and brighter than what lies beside
    them: faint medium, or thick slices. Noise lifts both alike."""
    excess_hu: dict[str, list[float]] = {name: [] for name in settings.course_far}
    wide: dict[str, list[float]] = {name: [] for name in settings.course_far}
    levels_hu: list[float] = []
    for artery, _, course_mm in courses:
        if artery not in excess_hu:
            continue
        seen, hu = around(course_mm)
        beside = [around(course_mm + way)[1] for way in _aside(settings)[1:]]
        beside_hu = [float(np.median(part.max(axis=1))) for part in beside if len(part) >= len(course_mm) / 2]
        if len(hu) < settings.course_share * len(course_mm) or not beside_hu:
            return None
        levels_hu.append(float(np.median(hu.max(axis=1))))
        excess_hu[artery].append(levels_hu[-1] - float(np.median(beside_hu)))
        wide[artery].append(_wide_share(hu, seen, brain_hu))
    means = [float(np.mean(part)) for part in excess_hu.values()]
    if max(float(np.mean(part)) for part in wide.values()) > settings.course_narrow:
        return None
    if min(means) < settings.course_least_excess_hu or np.mean(means) < settings.course_excess_hu:
        return None
    return Evidence(where="arteries", hu=float(np.median(levels_hu)), extent=", ".join(settings.course_far))


def _aside(settings: InspectionSettings) -> Array:
    """Where a course itself is looked at, and where it is compared: left, right, above and before, (5, 3)."""
    x, y, z = np.eye(3) * settings.course_aside_mm
    return np.array([0 * x, x, -x, z, -y])


def _wide_share(hu: Array, seen: npt.NDArray[np.bool_], brain_hu: float) -> float:
    """The share of what lies around a course that is half as bright as the brightest or more; median of its points."""
    half = (hu.max(axis=1, keepdims=True) + brain_hu) / 2
    return float(np.median((hu >= half).sum(axis=1) / seen.sum(axis=1)))


def _courses(arteries: ArterySettings, settings: InspectionSettings) -> Iterator[tuple[str, bool, Array]]:
    """The courses that lie clear of bone: the artery's short name, whether it is the left one, and points along it,
    LPS mm of the atlas."""
    for course in arteries.courses:
        name = next((name for name in settings.course_names if name in course.artery), None)
        if name is None:
            continue
        corner_mm = np.array(course.points)
        along_mm = np.append(0.0, np.linalg.norm(np.diff(corner_mm, axis=0), axis=1).cumsum())
        at_mm = np.arange(0.0, along_mm[-1], _STEP_MM)
        points = np.stack([np.interp(at_mm, along_mm, axis) for axis in corner_mm.T], axis=1)
        yield name, False, points * (-1.0, -1.0, 1.0)
        yield name, True, points * (1.0, -1.0, 1.0)


def _ball(radius_mm: float) -> Array:
    """Offsets on an even grid that fill a ball, (n, 3)."""
    axis = np.arange(-radius_mm, radius_mm + 0.1, _STEP_MM)
    offsets = np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(-1, 3)
    return np.asarray(offsets[np.linalg.norm(offsets, axis=1) <= radius_mm])
