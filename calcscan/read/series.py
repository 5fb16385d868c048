"""Slices → stacks: what belongs together, and nothing that doesn't."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from calcscan.errors import UnreadableError
from calcscan.geometry import Array
from calcscan.read.header import Image
from calcscan.read.pixels import stored_pixels
from calcscan.read.rules import limit, members
from calcscan.read.stack import ascending, normal_of, positions_of

_PASS_KEYS: tuple[Callable[[Image], Hashable], ...] = (
    lambda image: image.thickness_mm,
    lambda image: image.kvp_kv,
    lambda image: image.acquisition,
    lambda image: image.acquired,
)
"""What may tell two images at one position apart."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stack:
    """Parallel slices of one series, of one size and one reconstruction, in ascending order, each position once.

    `images` without position or orientation stand in the order of their instance numbers.
    """

    images: tuple[Image, ...]
    part: str = ""
    """What tells it from the other stacks of its series; empty where it is the only one."""
    copies: int = 0
    """Files left out because they say the same as another."""
    retakes: int = 0
    """Images left out because a later one was taken at the same position."""

    @property
    def first(self) -> Image:
        return self.images[0]

    @property
    def placed(self) -> bool:
        return self.first.position_mm is not None and self.first.row_spacing_mm is not None


def stacks_of(images: Iterable[Image]) -> list[Stack]:
    """Every stack of every series, in the order in which series are met."""
    series: dict[Hashable, list[Image]] = defaultdict(list)
    for image in images:
        series[image.study_uid, image.series_uid].append(image)
    found: list[Stack] = []
    for members_ in series.values():
        stacks = [stack for group in _alike(members_) for stack in _passes(group)]
        found += stacks if len(stacks) == 1 else [_named(stack, stacks) for stack in stacks]
    return found


def _kind(image: Image) -> Hashable:
    """What all slices of one reconstruction share. Exposure, thickness and acquisition may differ within it."""
    types = tuple(word for word in image.image_type if word not in members("skipped_image_types"))
    size = (image.rows, image.columns)
    spacing = tuple(round(value or 0.0, 3) for value in (image.row_spacing_mm, image.column_spacing_mm))
    placed = image.position_mm is not None
    return (image.sop_class, image.modality, types, image.kernel, image.frame_of_reference_uid, size, spacing, placed)


def _alike(images: Sequence[Image]) -> list[list[Image]]:
    """Split by kind, then by orientation, then thick ones from thin ones where they lie within each other."""
    kinds: dict[Hashable, list[Image]] = defaultdict(list)
    for image in images:
        kinds[_kind(image)].append(image)
    return [part for kind in kinds.values() for group in _parallel(kind) for part in _by_thickness(group)]


def _by_thickness(images: list[Image]) -> list[list[Image]]:
    """Fossa and vertex follow each other and stay together; thick and thin ones of one stretch are two series."""
    groups: dict[Hashable, list[Image]] = defaultdict(list)
    for image in images:
        groups[image.thickness_mm].append(image)
    enough = all(len(group) >= limit("min_slices") for group in groups.values())
    if images[0].position_mm is None or len(groups) < 2 or not enough:
        return [images]
    normal = normal_of(images[0])
    ends = [_ends(group, normal) for group in groups.values()]
    shared = limit("shared_stretch_share")
    for index, (low, high) in enumerate(ends):
        for other_low, other_high in ends[index + 1 :]:
            common = min(high, other_high) - max(low, other_low)
            if common > shared * min(high - low, other_high - other_low):
                return list(groups.values())
    return [images]


def _ends(images: Sequence[Image], normal: Array) -> tuple[float, float]:
    at = [float(np.dot(image.position_mm or (), normal)) for image in images]
    return min(at), max(at)


def _parallel(images: Sequence[Image]) -> list[list[Image]]:
    if images[0].position_mm is None:
        return [list(images)]
    groups: list[list[Image]] = []
    apart = np.cos(np.radians(limit("max_gap_in_plane_deg")))
    for image in images:
        for group in groups:
            same = np.dot(group[0].row_cosine or (), image.row_cosine or ())
            if same > apart and normal_of(group[0]) @ normal_of(image) > apart:
                group.append(image)
                break
        else:
            groups.append([image])
    return groups


def _passes(images: Sequence[Image]) -> list[Stack]:
    """One stack, or one for each pass where most positions hold several different images."""
    if images[0].position_mm is None:
        unique = {(image.sop_uid or image.blob.name, image.frame): image for image in images}
        ordered = sorted(unique.values(), key=lambda image: image.instance or 0)
        return [Stack(images=tuple(ordered), copies=len(images) - len(ordered))]
    places = [_different(place) for place in _places(images)]
    distinct = [image for place in places for image in place]
    copies = len(images) - len(distinct)
    repeated = sum(len(place) > 1 for place in places)
    if repeated <= limit("two_passes_share") * len(places):
        kept = [max(place, key=_taken) for place in places]
        return [Stack(images=tuple(kept), copies=copies, retakes=len(distinct) - len(kept))]
    groups = _by_pass(distinct, places)
    return [Stack(images=tuple(ascending(group)), copies=copies if n == 0 else 0) for n, group in enumerate(groups)]


def _taken(image: Image) -> tuple[float, str, float]:
    return (image.acquisition or 0.0, image.acquired, image.instance or 0.0)


def _places(images: Sequence[Image]) -> list[list[Image]]:
    """Images in ascending order, those at one position together."""
    ordered = ascending(images)
    at = positions_of(ordered)
    places: list[list[Image]] = []
    start = -np.inf
    for image, position in zip(ordered, at, strict=True):
        if position - start > limit("same_position_mm"):
            places.append([])
            start = position
        places[-1].append(image)
    return places


def _different(place: list[Image]) -> list[Image]:
    """Of the images at one position, those that differ: not the same instance, and not the same pixels.

    Pixels are compared only where nothing in the header tells the images apart.
    """
    if len(place) == 1:
        return place
    by_uid: dict[Hashable, Image] = {}
    for image in place:
        by_uid.setdefault((image.sop_uid or image.blob.name, image.frame), image)
    alike: dict[Hashable, list[Image]] = defaultdict(list)
    for image in by_uid.values():
        alike[tuple(key(image) for key in _PASS_KEYS)].append(image)
    different: list[Image] = []
    for group in alike.values():
        seen: dict[bytes, Image] = {}
        for image in group if len(group) > 1 else ():
            seen.setdefault(_digest(image), image)
        different += seen.values() or group
    return different


def _digest(image: Image) -> bytes:
    """Of the stored values; an image that can't be decoded equals only itself."""
    try:
        (values,) = stored_pixels(image.blob, [image])
    except UnreadableError:
        return image.source.encode()
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).digest()


def _by_pass(images: Sequence[Image], places: Sequence[Sequence[Image]]) -> list[list[Image]]:
    """Split by what tells passes apart: thickness, voltage, acquisition or time; else by turns at each position."""
    most = max(len(place) for place in places)
    for key in _PASS_KEYS:
        groups: dict[Hashable, list[Image]] = defaultdict(list)
        for image in images:
            groups[key(image)].append(image)
        if 1 < len(groups) <= most and all(len(_places(group)) == len(group) for group in groups.values()):
            return list(groups.values())
    turns: dict[int, list[Image]] = defaultdict(list)
    for place in places:
        for turn, image in enumerate(sorted(place, key=_taken)):
            turns[turn].append(image)
    return list(turns.values())


def _named(stack: Stack, among: Sequence[Stack]) -> Stack:
    part = f"part {among.index(stack) + 1} of {len(among)}"
    return Stack(images=stack.images, part=part, copies=stack.copies, retakes=stack.retakes)
