"""Series that are one but for their UIDs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from calcscan.knowledge.reading import ReadingSettings
from calcscan.read.headers.identity import people_in
from calcscan.read.headers.image import Image
from calcscan.read.series.grouping import COUNTS_SHOWN, Group, split_series
from calcscan.read.series.positions import ascending, ends_of, normal_of, positions_of
from calcscan.read.series.spacing import on_one_grid, tolerance_mm


def group_by_series(images: Iterable[Image], settings: ReadingSettings) -> list[Group]:
    """Every series, in the order in which they occur: by UID, and by all else where UIDs change from file to file."""
    by_uid: dict[Hashable, list[Image]] = defaultdict(list)
    for image in images:
        by_uid[image.study_uid, image.series_uid].append(image)
    return _rejoined([Group(images=tuple(found)) for found in by_uid.values()], settings)


def _rejoined(series: list[Group], settings: ReadingSettings) -> list[Group]:
    """Series that are one but for their UIDs, joined: each file, or every second one, may have a UID of its own."""
    families: dict[Hashable, list[Group]] = defaultdict(list)
    for group in series:
        families[_family(group.images[0])].append(group)
    found: list[Group] = []
    for family in families.values():
        found += _joined(family, settings) if len(family) > 1 else family
    order = {id(image): number for number, group in enumerate(series) for image in group.images}
    return sorted(found, key=lambda group: min(order[id(image)] for image in group.images))


def _family(image: Image) -> Hashable:
    """What series that may be one have in common."""
    words = " ".join(image.description.casefold().split())
    return (image.modality, image.person.study_date, words, image.rows, image.columns, image.position_mm is None)


def _joined(family: list[Group], settings: ReadingSettings) -> list[Group]:
    fewest = settings.min_slices
    few = [group for group in family if len(group.images) < fewest]
    many = [group for group in family if len(group.images) >= fewest]
    return _absorbed(_interleaved(many, settings), few, settings)


def _absorbed(many: list[Group], few: list[Group], settings: ReadingSettings) -> list[Group]:
    """Series of a few files, merged into a larger one where they fill its gaps or continue where it ends."""
    found, left = list(many), list(few)
    tries = [left] if len(left) > settings.max_passes else [left, *([one] for one in left)]
    for part in tries:
        part = [group for group in part if any(group is one for one in left)]
        rest = Group(images=tuple(image for group in part for image in group.images))
        place = next((n for n, group in enumerate(found) if part and _one_series(group, rest, settings)), None)
        if place is not None:
            found[place] = _as_one(found[place], rest)
            left = [one for one in left if not any(one is group for group in part)]
    return [*found, *_fragments(left, settings)]


def _fragments(few: list[Group], settings: ReadingSettings) -> list[Group]:
    """Series of a few files, joined where together they form one stack."""
    images = [image for group in few for image in group.images]
    if len(few) < 2 or len(images) < settings.min_slices or images[0].position_mm is None:
        return few
    uids = _differing_uids(images)
    largest = max(split_series(Group(images=tuple(images)), settings), key=lambda part: len(part.images)).images
    if len(people_in(images, settings)) == 1 and len(largest) >= settings.min_slices and on_one_grid(largest, settings):
        note = f"{uids} differs from file to file and was not used: {len(images)} files agree in everything else"
        return [Group(images=tuple(images), notes=(note,))]
    why = (
        "they belong to several people"
        if len(people_in(images, settings)) > 1
        else "they do not form one evenly spaced stack"
    )
    fault = f"{uids} differs from file to file ({len(images)} files), and {why}"
    return [replace(group, fault=fault) for group in few]


def _interleaved(many: list[Group], settings: ReadingSettings) -> list[Group]:
    """Whole series of one number that fill each other's gaps, or continue where the other ends, joined."""
    left = list(many)
    found: list[Group] = []
    while left:
        first, *left = left
        for other in list(left):
            if _one_series(first, other, settings):
                first = _as_one(first, other)
                left.remove(other)
        found.append(first)
    return found


def _as_one(one: Group, other: Group) -> Group:
    images = (*one.images, *other.images)
    each = Counter((image.study_uid, image.series_uid) for image in images).values()
    counts = (
        " and ".join(map(str, each)) if len(each) <= COUNTS_SHOWN else f"{len(each)} times {min(each)} to {max(each)}"
    )
    numbers = {f"{image.series_number:g}" for image in images if image.series_number is not None}
    which = f"series {' and '.join(sorted(numbers))}" if numbers else "a series without number"
    note = f"{_differing_uids(images)} differs within {which} ({counts} images) and was not used"
    return Group(images=images, notes=(note,))


def _one_series(one: Group, other: Group, settings: ReadingSettings) -> bool:
    images = (*one.images, *other.images)
    if any(image.position_mm is None for image in images):
        return False
    number, other_number = (group.images[0].series_number for group in (one, other))
    instances = [image.instance for image in images]
    counted = (
        number is not None and number == other_number and len(set(instances)) == len(images) and None not in instances
    )
    if not counted and not _continues(one, other, settings):
        return False
    return (
        len(people_in(images, settings)) == 1
        and len(split_series(Group(images=images), settings)) == 1
        and on_one_grid(images, settings)
    )


def _continues(one: Group, other: Group, settings: ReadingSettings) -> bool:
    """Does one lie wholly above the other, at just the distance between its slices?"""
    normal = normal_of(one.images[0])
    (low, high), (other_low, other_high) = ends_of(one.images, normal), ends_of(other.images, normal)
    longer = max(one, other, key=lambda group: len(group.images))
    usual = float(np.median(np.diff(positions_of(ascending(longer.images)))))
    gap = max(other_low - high, low - other_high)
    return gap > settings.same_position_mm and abs(gap - usual) <= tolerance_mm(usual, settings)


def _differing_uids(images: Sequence[Image]) -> str:
    studies, series = {image.study_uid for image in images}, {image.series_uid for image in images}
    names = ["StudyInstanceUID"] * (len(studies) > 1) + ["SeriesInstanceUID"] * (len(series) > 1)
    return " and ".join(names)
