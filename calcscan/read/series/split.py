"""Slices that must not share a volume: other sizes, directions, kernels, thicknesses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence

import numpy as np

from calcscan.knowledge.reading import ReadingSettings
from calcscan.read.headers.image import CAPTURE_CLASS, Image, is_scout
from calcscan.read.series.positions import ends_of, normal_of
from calcscan.read.series.spacing import on_one_grid, tolerance_mm


def by_kind(images: list[Image], settings: ReadingSettings) -> list[list[Image]]:
    """Slices separate from localizers, captures, projections and maps; and by size."""
    return _split(images, lambda image: _kind(image, settings))


def _kind(image: Image, settings: ReadingSettings) -> Hashable:
    words = " ".join(image.image_type)
    return (
        image.modality or "CT",
        image.sop_class.startswith(CAPTURE_CLASS),
        is_scout(image),
        settings.words.projection.match(words),
        settings.words.energy_map.match(words),
        image.pixels.rescale_type in settings.words.hounsfield_types,
        image.pixels.samples,
        (image.rows, image.columns),
        image.position_mm is not None and image.row_spacing_mm is not None and image.column_spacing_mm is not None,
    )


def by_spacing(images: list[Image], settings: ReadingSettings) -> list[list[Image]]:
    return spacing_clusters(images, settings) if placed(images[0]) else [images]


def spacing_clusters(images: Sequence[Image], settings: ReadingSettings) -> list[list[Image]]:
    """By pixel spacing; differences in the last digits do not count."""

    def same(one: Image, other: Image) -> bool:
        pairs = ((one.row_spacing_mm, other.row_spacing_mm), (one.column_spacing_mm, other.column_spacing_mm))
        return all(abs((a or 0.0) - (b or 0.0)) <= settings.same_pixel_share * (a or 0.0) for a, b in pairs)

    return _clusters(images, same)


def by_direction(images: Sequence[Image], settings: ReadingSettings) -> list[list[Image]]:
    if images[0].position_mm is None:
        return [list(images)]
    apart = np.cos(np.radians(settings.parallel_within_deg))

    def same(one: Image, other: Image) -> bool:
        if (one.row_cosine, one.column_cosine) == (other.row_cosine, other.column_cosine):
            return True
        rows = np.dot(one.row_cosine, other.row_cosine)
        return bool(rows > apart and normal_of(one) @ normal_of(other) > apart)

    return _clusters(images, same)


def by_kernel(images: list[Image], settings: ReadingSettings) -> list[list[Image]]:
    """By kernel; slices that name none go with the others where those agree."""
    named = {kernel_key(image) for image in images} - {""}
    return [images] if len(named) < 2 else _split(images, kernel_key)


def kernel_key(image: Image) -> str:
    """A kernel's name, without case and further values of a list, in whichever order they come.

    The further values are strengths of the same kernel: numbers, where the name has letters.
    """
    values = ["".join(value.split()).casefold() for value in image.kernel.split("\\")]
    return next((value for value in values if not value.isdecimal()), values[0])


def by_thickness(images: list[Image], settings: ReadingSettings) -> list[list[Image]]:
    """Fossa and vertex follow each other and stay together; thick and thin slices of one extent are two series."""
    if not placed(images[0]):
        return [images]
    stated = [image for image in images if image.thickness_mm is not None]

    def same(one: Image, other: Image) -> bool:
        return abs((one.thickness_mm or 0) - (other.thickness_mm or 0)) <= tolerance_mm(
            one.thickness_mm or 0.0, settings
        )

    groups = _clusters(stated, same)
    if len(groups) < 2 or any(len(group) < settings.min_slices for group in groups):
        return [images]
    if not _within_each_other(groups, settings) or on_one_grid(images, settings, none_missing=True):
        return [images]
    unstated = [image for image in images if image.thickness_mm is None]
    return [*groups, *([unstated] if unstated else [])]


def _within_each_other(groups: Sequence[Sequence[Image]], settings: ReadingSettings) -> bool:
    """Does any group share more than half of its extent with another?"""
    normal = normal_of(groups[0][0])
    ends = [ends_of(group, normal) for group in groups]
    shared = settings.shared_stretch_share
    return any(
        min(high, other_high) - max(low, other_low) > shared * min(high - low, other_high - other_low)
        for index, (low, high) in enumerate(ends)
        for other_low, other_high in ends[index + 1 :]
    )


def placed(image: Image) -> bool:
    """Has it a position and a pixel spacing?"""
    return image.position_mm is not None and image.row_spacing_mm is not None


def _split(images: Iterable[Image], key: Callable[[Image], Hashable]) -> list[list[Image]]:
    groups: dict[Hashable, list[Image]] = defaultdict(list)
    for image in images:
        groups[key(image)].append(image)
    return list(groups.values())


def _clusters(images: Iterable[Image], same: Callable[[Image, Image], bool]) -> list[list[Image]]:
    """Each image in the first group whose first image is the same."""
    groups: list[list[Image]] = []
    for image in images:
        for group in groups:
            if same(group[0], image):
                group.append(image)
                break
        else:
            groups.append([image])
    return groups
