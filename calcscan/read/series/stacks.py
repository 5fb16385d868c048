"""Slices → stacks: what belongs together, and nothing that doesn't."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from calcscan.errors import UnreadableError
from calcscan.knowledge.reading import ReadingSettings
from calcscan.read.headers.contrast import contrast_of_image
from calcscan.read.headers.image import Image
from calcscan.read.pixels.decode import stored_pixels
from calcscan.read.series.derivation import derivation_of_image
from calcscan.read.series.grouping import split_series
from calcscan.read.series.image_comparison import why_not_native
from calcscan.read.series.positions import ascending, positions_of
from calcscan.read.series.rejoin import group_by_series
from calcscan.read.series.split import kernel_key

_PASS_KEYS: tuple[Callable[[Image, ReadingSettings], Hashable], ...] = (
    lambda image, settings: contrast_of_image(image, settings).given is True,
    lambda image, settings: derivation_of_image(image, settings).nature,
    lambda image, settings: image.thickness_mm,
    lambda image, settings: image.kvp_kv,
    lambda image, settings: image.acquisition,
    lambda image, settings: image.acquired,
    lambda image, settings: image.series_number,
    lambda image, settings: image.frame_of_reference_uid,
    lambda image, settings: image.image_type,
    lambda image, settings: kernel_key(image),
)
"""Header fields by which two images at one position may differ."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stack:
    """Parallel slices of one series, of one size and one reconstruction, in ascending order, each position once.

    `images` without position or orientation stand in the order of their instance numbers.
    """

    images: tuple[Image, ...]
    part: str = ""
    """How it is named among the other stacks of its series; empty where it is the only one."""
    copies: int = 0
    """Files left out because they say the same as another."""
    retakes: int = 0
    """Images left out because a later one was acquired at the same position."""
    notes: tuple[str, ...] = ()
    """What was repaired or overlooked in the headers to put the slices together."""
    fault: str = ""
    """Why the series to which these images belong could not be put together."""

    @property
    def first(self) -> Image:
        return self.images[0]

    @property
    def placed(self) -> bool:
        return self.first.position_mm is not None and self.first.row_spacing_mm is not None


def stacks_of(images: Iterable[Image], settings: ReadingSettings) -> list[Stack]:
    """Every stack of every series, in the order in which series occur."""
    found: list[Stack] = []
    for series in group_by_series(images, settings):
        groups = split_series(series, settings)
        stacks = [replace(stack, notes=g.notes, fault=g.fault) for g in groups for stack in _passes(g.images, settings)]
        found += stacks if len(stacks) == 1 else [_named(stack, stacks) for stack in stacks]
    return found


def _passes(images: Sequence[Image], settings: ReadingSettings) -> list[Stack]:
    """One stack, or one for each pass: where most positions hold several images, or some follow contrast."""
    if images[0].position_mm is None:
        unique = {(image.sop_uid or image.file.name, image.frame): image for image in images}
        ordered = sorted(unique.values(), key=lambda image: image.instance or 0)
        return [Stack(images=tuple(ordered), copies=len(images) - len(ordered))]
    return [stack for group in _before_and_after(images, settings) for stack in _of_one_medium(group, settings)]


def _before_and_after(images: Sequence[Image], settings: ReadingSettings) -> list[list[Image]]:
    """The native images, and those acquired after contrast medium at the same positions; else all of them together.

    Where only some slices state an injection, those acquired since the first of them belong to it.
    """
    enhanced = [image for image in images if contrast_of_image(image, settings).given]
    rest = [image for image in images if not contrast_of_image(image, settings).given]
    if not enhanced or not rest:
        return [list(images)]
    start = min(_when(image) for image in enhanced)
    for native in ([image for image in rest if _when(image) < start], rest):
        after = [image for image in images if image not in native]
        places = _places(images, settings)
        has_native = [any(image in native for image in place) for place in places]
        both = sum(
            native_here and any(image in after for image in place)
            for native_here, place in zip(has_native, places, strict=True)
        )
        if both and sum(has_native) >= max(settings.two_passes_share * len(places), settings.min_slices):
            return [native, after]
    return [list(images)]


def _of_one_medium(images: Sequence[Image], settings: ReadingSettings) -> list[Stack]:
    def taken(image: Image) -> tuple[bool, int, float, str, float]:
        return _taken(image, settings)

    places = [_different(place, settings) for place in _places(images, settings)]
    distinct = [image for place in places for image in place]
    copies = len(images) - len(distinct)
    repeated = [place for place in places if len(place) > 1]
    if len(repeated) > settings.two_passes_share * len(places):
        groups = _by_pass(distinct, places, settings)
        return [Stack(images=tuple(ascending(group)), copies=copies if n == 0 else 0) for n, group in enumerate(groups)]
    kept = [place[0] if len(place) == 1 else max(place, key=taken) for place in places]
    again = [max(place, key=taken) for place in repeated]
    if len(again) >= settings.retaken_compared and why_not_native(
        again, [min(place, key=taken) for place in repeated], settings
    ):
        kept = [image for image in kept if image not in again] + [min(place, key=taken) for place in repeated]
        return [Stack(images=tuple(ascending(kept)), copies=copies), Stack(images=tuple(again))]
    return [Stack(images=tuple(kept), copies=copies, retakes=len(distinct) - len(kept))]


def _when(image: Image) -> tuple[float, str]:
    return (image.acquisition or 0.0, image.acquired)


def _taken(image: Image, settings: ReadingSettings) -> tuple[bool, int, float, str, float]:
    """The sort key of images at one position, of which the greatest is used: native before contrast, before derived;
    otherwise the later one."""
    nature = int(derivation_of_image(image, settings).nature)
    return (not contrast_of_image(image, settings).given, -nature, *_when(image), image.instance or 0.0)


def _places(images: Sequence[Image], settings: ReadingSettings) -> list[list[Image]]:
    """Images in ascending order, those at one position together."""
    ordered = ascending(images)
    at = positions_of(ordered)
    places: list[list[Image]] = []
    start = -np.inf
    for image, position in zip(ordered, at, strict=True):
        if position - start > settings.same_position_mm:
            places.append([])
            start = position
        places[-1].append(image)
    return places


def _different(place: list[Image], settings: ReadingSettings) -> list[Image]:
    """Of the images at one position, those that differ: not the same instance, and not the same pixels.

    Pixels are compared only where nothing in the header tells the images apart.
    """
    if len(place) == 1:
        return place
    by_uid: dict[Hashable, Image] = {}
    for image in place:
        by_uid.setdefault((image.sop_uid or image.file.name, image.frame), image)
    indistinguishable: dict[Hashable, list[Image]] = defaultdict(list)
    for image in by_uid.values():
        indistinguishable[tuple(key(image, settings) for key in _PASS_KEYS)].append(image)
    different: list[Image] = []
    for group in indistinguishable.values():
        by_digest: dict[bytes, Image] = {}
        for image in group if len(group) > 1 else ():
            by_digest.setdefault(_digest(image, settings), image)
        different += by_digest.values() or group
    return different


def _digest(image: Image, settings: ReadingSettings) -> bytes:
    """A digest of the stored values; an image that can't be decoded equals only itself."""
    try:
        (values,) = stored_pixels(image.file, [image], settings)
    except UnreadableError:
        return image.source.encode()
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).digest()


def _by_pass(
    images: Sequence[Image], places: Sequence[Sequence[Image]], settings: ReadingSettings
) -> list[list[Image]]:
    """Split by what differs between passes: thickness, voltage, acquisition or time; else in turn at each position."""
    most = max(len(place) for place in places)
    for key in _PASS_KEYS:
        groups: dict[Hashable, list[Image]] = defaultdict(list)
        for image in images:
            groups[key(image, settings)].append(image)
        if 1 < len(groups) <= most and all(len(_places(group, settings)) == len(group) for group in groups.values()):
            return list(groups.values())
    turns: dict[int, list[Image]] = defaultdict(list)
    for place in places:
        for turn, image in enumerate(sorted(place, key=lambda image: _taken(image, settings))):
            turns[turn].append(image)
    return list(turns.values())


def _named(stack: Stack, among: Sequence[Stack]) -> Stack:
    return replace(stack, part=f"part {among.index(stack) + 1} of {len(among)}")
