"""Where slices lie along their normal, and in which order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from calcscan.grid.geometry import Array
from calcscan.grid.slice_thickness import believed_thickness_mm
from calcscan.knowledge.reading import ReadingSettings
from calcscan.read.headers.image import Image


def normal_of(image: Image) -> Array:
    """Unit vector along which slices of this orientation advance, shape (3,)."""
    normal = np.cross(image.row_cosine, image.column_cosine)
    return np.asarray(normal / np.linalg.norm(normal))


def ascending(images: Sequence[Image]) -> list[Image]:
    """The slices in order along their normal; instance numbers only break ties."""
    normal = normal_of(images[0])
    return sorted(images, key=lambda image: (position_along(image, normal), image.instance or 0))


def position_along(image: Image, normal: Array) -> float:
    """Where a slice lies along a unit vector, in mm; 0 where its position is not known."""
    return float(np.dot(image.position_mm or (0.0, 0.0, 0.0), normal))


def positions_of(images: Sequence[Image]) -> Array:
    """Position of each slice along the normal of the first, in mm."""
    return np.array([image.position_mm for image in images], dtype=np.float64) @ normal_of(images[0])


def typical_gap_of(images: Sequence[Image]) -> float:
    """The median distance from one slice to the next, in mm."""
    return float(np.median(np.diff(positions_of(images))))


def thickness_of(images: Sequence[Image]) -> Array:
    """Nominal thickness of each slice in mm, NaN where unknown."""
    return np.array([np.nan if image.thickness_mm is None else image.thickness_mm for image in images])


def numbered_in_turn(images: Sequence[Image]) -> npt.NDArray[np.bool_]:
    """Whether the instance numbers of each slice and the next follow each other, up or down, shape (slices - 1,)."""
    numbers = [np.nan if image.instance is None else image.instance for image in images]
    return np.asarray(np.abs(np.diff(numbers)) == 1)


def used_thickness_of(images: Sequence[Image], slab_mm: Array) -> Array:
    """What is believed of the thickness that each slice states, in mm, NaN where nothing is; of one number that all
    state, that number."""
    stated_mm = thickness_of(images)
    if len({image.thickness_mm for image in images}) < 2:
        return stated_mm
    believed_mm = believed_thickness_mm(slab_mm, stated_mm.tolist())
    return stated_mm if np.isnan(believed_mm).all() else believed_mm


def ends_of(images: Sequence[Image], normal: Array) -> tuple[float, float]:
    at = [position_along(image, normal) for image in images]
    return min(at), max(at)


def distinct_positions(positions_mm: Array, settings: ReadingSettings) -> Array:
    keep = np.concatenate([[True], np.diff(positions_mm) > settings.same_position_mm])
    return np.asarray(positions_mm[keep])
