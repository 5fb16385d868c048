"""Which lesions lie along a course."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from calcscan.grid.geometry import Array
from calcscan.grid.masks import box_around
from calcscan.knowledge.foreign_body import ForeignBodySettings
from calcscan.material.course import Course
from calcscan.model import LesionMap, Scan


def on_course(
    course: Course,
    scan: Scan,
    places: Mapping[int, Array],
    width_mm: float,
    share: float,
    settings: ForeignBodySettings,
) -> tuple[int, ...]:
    """The numbers of the lesions that lie along a course. Across the slices a voxel reaches as far as its slice."""
    points = _prolonged(course.points[course.seen], settings)
    return on_points(points, scan, places, width_mm / 2 + settings.belongs_mm, settings, share=share)


def on_points(
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
        beyond = np.maximum(np.abs(along_normal) - slice_reach_at_mm(world, scan) / 2, 0.0)
        level = np.sqrt(np.maximum((off**2).sum(axis=1) - along_normal**2, 0.0))
        held = np.hypot(level, beyond) <= reach_mm
        if held.mean() >= share:
            out.append(number)
    return tuple(out)


def is_bulkier(number: int, lesions: LesionMap, scan: Scan, width_mm: float, settings: ForeignBodySettings) -> bool:
    """Whether a lesion has room for a disc within a slice that is wider than anything of this width and its blur: no
    tube, nor the branches of a cast, fill a nucleus."""
    kji = lesions.voxels_kji(number)
    box = box_around(kji, np.array([0, 1, 1]), lesions.labels.shape)
    own = lesions.labels[box] == number
    widest_mm = max(
        float(np.max(ndimage.distance_transform_edt(level, sampling=scan.geometry.spacing_mm[1:]))) for level in own
    )
    return widest_mm > width_mm / 2 + settings.bulkier_mm


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


def slice_reach_at_mm(points: Array, scan: Scan) -> Array:
    """How far the slices at points (n, 3) speak for, mm."""
    index = np.rint(scan.geometry.to_index(points)[:, 0]).astype(int)
    return np.asarray(scan.slice_reach_mm[index.clip(0, len(scan.slice_reach_mm) - 1)])
