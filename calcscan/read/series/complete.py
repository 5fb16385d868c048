"""Fields that are absent in some slices of a series and agree in all the others."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from calcscan.knowledge.reading import ReadingSettings
from calcscan.read.headers.fields import vector
from calcscan.read.headers.image import Image, is_ct_slice
from calcscan.read.series.positions import normal_of
from calcscan.read.series.split import by_direction, spacing_clusters
from calcscan.read.wording import counted


def complete_headers(images: Sequence[Image], settings: ReadingSettings) -> tuple[list[Image], list[str]]:
    """Pixel spacing, orientation and rescaling where only some files lack them and all the others agree; position by
    the slice location where one position is given for all."""
    found, notes = list(images), []
    for fill in (_with_spacing, _with_orientation, _with_positions, _with_places, _with_rescale):
        found, note = fill(found, settings)
        notes += [note] * bool(note)
    return found, notes


def _with_spacing(images: list[Image], settings: ReadingSettings) -> tuple[list[Image], str]:
    given = [image for image in images if image.row_spacing_mm and image.column_spacing_mm]
    lack = [image for image in images if not (image.row_spacing_mm and image.column_spacing_mm) and is_ct_slice(image)]
    same = {(image.rows, image.columns) for image in (*given, *lack)}
    if not given or not lack or len(lack) > len(given) or len(same) > 1 or len(spacing_clusters(given, settings)) > 1:
        return images, ""
    row, column = given[0].row_spacing_mm, given[0].column_spacing_mm
    filled = _changed(images, lack, row_spacing_mm=row, column_spacing_mm=column)
    without = f"PixelSpacing is absent or unusable in {counted(len(lack), 'slice')}"
    return filled, f"{without}; that of the other {len(given)} was used"


def _with_orientation(images: list[Image], settings: ReadingSettings) -> tuple[list[Image], str]:
    given = [image for image in images if image.oriented and image.position_mm is not None]
    lack = [image for image in images if not image.oriented and image.position_text and is_ct_slice(image)]
    if not given or not lack or len(lack) > len(given) or len(by_direction(given, settings)) > 1:
        return images, ""
    row, column = given[0].row_cosine, given[0].column_cosine
    filled = _changed(images, lack, row_cosine=row, column_cosine=column, oriented=True, assumed_axial=False)
    return (
        filled,
        f"ImageOrientationPatient is absent in {counted(len(lack), 'slice')}; that of the other {len(given)} was used",
    )


def _with_positions(images: list[Image], settings: ReadingSettings) -> tuple[list[Image], str]:
    """ImagePositionPatient the same in all slices, SliceLocation different in each: placed by SliceLocation."""
    slices = [image for image in images if image.oriented and image.position_text and is_ct_slice(image)]
    if len(slices) < settings.min_slices:
        return images, ""
    spots = {image.position_mm for image in slices}
    heights = [image.slice_location_mm for image in slices]
    known = [height for height in heights if height is not None]
    if len(spots) > 1 or len(set(known)) < len(slices) or len(by_direction(slices, settings)) > 1:
        return images, ""
    normal = normal_of(slices[0])
    start = np.array(slices[0].position_mm)
    first = known[0]
    if abs(normal[2]) > abs(normal[:2]).max() and normal[2] < 0:
        normal = -normal  # locations grow towards the head, whichever way the slices face
    moved = {
        id(image): replace(image, position_mm=tuple(start + normal * (height - first)))
        for image, height in zip(slices, known, strict=True)
    }
    note = "ImagePositionPatient is the same in all slices and was not used; SliceLocation was"
    return [moved.get(id(image), image) for image in images], note


_SHARED = 3
"""Up to so many slices may share a position as phases of one scan; more that differ in SliceLocation do not."""


def _with_places(images: list[Image], settings: ReadingSettings) -> tuple[list[Image], str]:
    """Slices without a position of their own, or of which many share one: placed by the slice location where those of
    the others follow it; else left without a place, never put where standard axial slices would lie."""
    slices = [image for image in images if image.oriented and is_ct_slice(image)]
    spots = Counter(image.position_mm for image in slices)
    heights: dict[object, set[float | None]] = defaultdict(set)
    for image in slices:
        heights[image.position_mm].add(image.slice_location_mm)

    def doubtful(image: Image) -> bool:
        shared = spots[image.position_mm] > _SHARED and len(heights[image.position_mm]) == spots[image.position_mm]
        return image.assumed_place or image.position_mm is None or shared

    given = [image for image in slices if not doubtful(image) and image.slice_location_mm is not None]
    lack = [
        image for image in images if is_ct_slice(image) and (doubtful(image) if image.oriented else image.assumed_place)
    ]
    placed = [image for image in slices if not doubtful(image)]
    if not lack or not placed:
        return images, ""
    known = np.array([image.slice_location_mm for image in given], dtype=np.float64)
    changed: dict[int, Image] = {}
    if len(given) >= settings.min_slices and np.ptp(known) > 0 and len(by_direction(given, settings)) == 1:
        at = np.array([image.position_mm for image in given])
        line = np.polyfit(known, at, 1)
        if np.abs(np.outer(known, line[0]) + line[1] - at).max() <= settings.same_spacing_mm:
            row, column = given[0].row_cosine, given[0].column_cosine
            changed = {
                id(image): replace(
                    image,
                    position_mm=vector(line[0] * image.slice_location_mm + line[1]),
                    row_cosine=row,
                    column_cosine=column,
                    oriented=True,
                    assumed_axial=False,
                )
                for image in lack
                if image.slice_location_mm is not None
            }
    without = {id(image) for image in lack if id(image) not in changed and image.assumed_place}
    found = [
        replace(image, position_mm=None) if id(image) in without else changed.get(id(image), image) for image in images
    ]
    absent = f"ImagePositionPatient is absent or unusable in {counted(len(lack), 'slice')}"
    return found, f"{absent}; SliceLocation placed {len(changed)} of them among the others"


def _with_rescale(images: list[Image], settings: ReadingSettings) -> tuple[list[Image], str]:
    """Slope and intercept. A slice that they don't fit is found by its values (`pixels.hounsfield_check`)."""
    slices = [image for image in images if is_ct_slice(image)]
    scales = {id(image): (image.pixels.slope, image.pixels.intercept) for image in slices}
    given = {scale for scale in scales.values() if None not in scale}
    lack = {key for key, scale in scales.items() if None in scale}
    if len(given) != 1 or not lack:
        return images, ""
    ((slope, intercept),) = given

    def rescaled(image: Image) -> Image:
        return replace(image, pixels=replace(image.pixels, slope=slope, intercept=intercept, odd_rescale=""))

    filled = [rescaled(image) if id(image) in lack else image for image in images]
    replaced = f"that of the other {len(slices) - len(lack)} was used"
    return (
        filled,
        f"RescaleSlope or RescaleIntercept is absent or unusable in {counted(len(lack), 'slice')}; {replaced}",
    )


def _changed(images: list[Image], which: list[Image], **fields: Any) -> list[Image]:
    """All the images, some of them with other values of these fields."""
    chosen = {id(image) for image in which}
    return [replace(image, **fields) if id(image) in chosen else image for image in images]
