"""Are arteries enhanced where the atlas has them?

In thick slices an artery that runs along the slice is diluted, and no tube is left to be seen. But where arteries run
is known to within a few millimetres: near most of each course beyond the circle of Willis, clear of bone, something is
brighter than brain and blood are. Calcified walls do this along few arteries; blood in the cisterns is less bright,
and fills them.
"""

from __future__ import annotations

from collections.abc import Iterator

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
    """Arteries beyond the circle of Willis, where several of them are bright along most of their course."""
    brain_hu = intracranial.brain_hu
    if not registration.accepted or brain_hu is None:
        return None
    coarse = intracranial.isotropic_hu
    thickness_mm = float(np.median(scan.slice_thickness_mm))
    least_hu = float(np.interp(thickness_mm, settings.course_thickness_mm, settings.course_hu))
    ball_mm = _ball(settings.course_reach_mm)
    courses = [
        (artery, left, registration.to_scan(course_mm)[:, None] + ball_mm)
        for artery, left, course_mm in _courses(arteries, settings)
    ]
    index = apply(np.linalg.inv(coarse.affine), np.concatenate([around.reshape(-1, 3) for *_, around in courses]))
    box = box_around(np.rint(index).astype(np.int64), _MARGIN, coarse.values.shape)
    affine = coarse.affine.copy()
    affine[:3, 3] = apply(coarse.affine, corner_of(box)[None])[0]
    smooth = gaussian(coarse.values[box], _SMOOTH)
    usable = intracranial.depth_mm[box] > settings.course_depth_mm
    usable &= ndimage.maximum_filter(smooth, 5) <= settings.enhanced_high_hu
    bright: dict[tuple[str, bool], float] = {}
    for artery, left, around in courses:
        seen = (sample_at(usable, affine, around.reshape(-1, 3), nearest=True) > 0.5).reshape(around.shape[:2])
        hu = sample_at(smooth, affine, around.reshape(-1, 3), nearest=True).reshape(seen.shape)
        clear = seen.mean(axis=1) >= settings.course_clear
        if clear.mean() < settings.course_share:
            continue
        seen, hu = seen[clear], np.where(seen, hu, _HIDDEN_HU)[clear]
        level_hu = float(np.quantile(hu.max(axis=1), 1.0 - settings.course_share))
        if level_hu >= settings.course_sure_hu or (
            level_hu >= least_hu and _wide_share(hu, seen, brain_hu) <= settings.course_wide
        ):
            bright[artery, left] = max(level_hu, bright.get((artery, left), 0.0))
    names = sorted({artery for artery, _ in bright})
    if len(bright) < settings.course_count or len(names) < settings.course_arteries:
        return None
    return Evidence(where="arteries", hu=float(np.median(list(bright.values()))), extent=", ".join(names))


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
