"""Two passes over one extent whose slices do not coincide, in one series: told by what the headers count."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from itertools import combinations

import numpy as np

from calcscan.knowledge.reading import ReadingSettings
from calcscan.read.headers.contrast import contrast_of_image
from calcscan.read.headers.image import Image
from calcscan.read.series.image_comparison import enhanced_of
from calcscan.read.series.positions import (
    ascending,
    distinct_positions,
    ends_of,
    normal_of,
    position_along,
    positions_of,
)
from calcscan.read.series.spacing import unevenness
from calcscan.read.series.split import placed

Labels = Sequence[Hashable]


def by_offset(images: list[Image], settings: ReadingSettings) -> list[list[Image]]:
    """Two passes whose slices lie between each other's: each is even, and both together are not.

    Where both together are even too, they are one stack whose header alternates, unless one was taken after contrast
    medium, by its header or by its images.
    """
    if not placed(images[0]):
        return [images]
    for labels_of in _LABELS:
        groups: dict[Hashable, list[Image]] = defaultdict(list)
        for image, label in zip(images, labels_of(images), strict=True):
            groups[label].append(image)
        passes = list(groups.values())
        if not 2 <= len(passes) <= settings.max_passes or min(map(len, passes)) < settings.min_slices:
            continue
        if any(_two_passes(one, other, settings) for one, other in combinations(passes, 2)):
            return passes
    return [images]


def _field(of: Callable[[Image], Hashable]) -> Callable[[Sequence[Image]], Labels]:
    return lambda images: [of(image) for image in images]


def _runs(images: Sequence[Image]) -> Labels:
    """How often the slices, in the order of their numbers, have gone back to the other end of the head."""
    order = sorted(range(len(images)), key=lambda n: images[n].instance or 0.0)
    at = positions_of([images[n] for n in order])
    steps = np.diff(at)
    back = np.sign(np.median(steps)) * steps < -np.ptp(at) / 2
    labels = np.zeros(len(images), dtype=int)
    labels[order[1:]] = np.cumsum(back)
    return [int(label) for label in labels]


def _turns(images: Sequence[Image]) -> Labels:
    """Of the slices with one number, from the lowest on: the first, the second …"""
    met: dict[float | None, int] = defaultdict(int)
    labels: dict[int, int] = {}
    for image in ascending(images):
        labels[id(image)] = met[image.instance]
        met[image.instance] += 1
    return [labels[id(image)] for image in images]


_LABELS: tuple[Callable[[Sequence[Image]], Labels], ...] = (
    _field(lambda image: image.frame_of_reference_uid),
    _field(lambda image: image.acquisition),
    _field(lambda image: image.kvp_kv),
    _field(lambda image: image.image_type),
    _runs,
    _turns,
)
"""What may tell two interleaved passes apart: a field, or how they are numbered."""


def _two_passes(one: list[Image], other: list[Image], settings: ReadingSettings) -> bool:
    normal = normal_of(one[0])
    (low, high), (other_low, other_high) = ends_of(one, normal), ends_of(other, normal)
    bottom, top = max(low, other_low), min(high, other_high)
    inside = [[image for image in group if bottom <= position_along(image, normal) <= top] for group in (one, other)]
    if min(map(len, inside)) < settings.pattern_run:
        return False
    apart = [unevenness(positions_of(ascending(group)), settings) for group in inside]
    if max(apart) > settings.even_share:
        return False
    at = distinct_positions(positions_of(ascending([*inside[0], *inside[1]])), settings)
    if len(at) < len(inside[0]) + len(inside[1]):
        return unevenness(at, settings, none_missing=True) > settings.uneven_share
    if unevenness(at, settings, none_missing=True) > settings.uneven_share:
        return True
    given = [{contrast_of_image(image, settings).given is True for image in group} for group in (one, other)]
    if given[0].isdisjoint(given[1]):
        return True
    return enhanced_of(one, other, settings) is not None
