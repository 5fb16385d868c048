"""Images → groups in which nothing that touches the picture differs, however untidy their headers.

What is compared decides what is torn apart. A header detail that does not touch the picture (a word of the image type,
a frame of reference, a UID that changes with each file) never splits a series: half of its slices would be measured as
if they were all. What does touch the picture (size, pixel spacing, direction, kernel, thickness) always splits it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from calcscan.grid.geometry import Array
from calcscan.read.fields import vector
from calcscan.read.header import CAPTURE_CLASS, Image
from calcscan.read.identity import people_in
from calcscan.read.rules import limit, members, says
from calcscan.read.stack import ascending, normal_of, position_along, positions_of, tolerance_mm


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Group:
    """Images that belong together. `notes` says what was repaired or overlooked to put them together, and `fault` why
    nothing could be made of them."""

    images: tuple[Image, ...]
    notes: tuple[str, ...] = ()
    fault: str = ""


def series_of(images: Iterable[Image]) -> list[Group]:
    """Every series, in the order in which they are met: by UID, and by all else where UIDs change with each file."""
    by_uid: dict[Hashable, list[Image]] = defaultdict(list)
    for image in images:
        by_uid[image.study_uid, image.series_uid].append(image)
    return _rejoined([Group(images=tuple(found)) for found in by_uid.values()])


def alike(series: Group) -> list[Group]:
    """A series in groups of one size, spacing, direction, kernel and thickness, each on one grid."""
    images, notes = _completed(series.images)
    parts = [list(images)]
    for split in (_by_kind, _by_spacing, _by_direction, _by_kernel, _by_thickness, _by_offset):
        parts = [piece for part in parts for piece in split(part)]
    return [Group(images=tuple(part), notes=(*series.notes, *notes), fault=series.fault) for part in parts]


def on_one_grid(images: Sequence[Image], *, none_missing: bool = False) -> bool:
    """Do parallel images stand at even distances, each at a position of its own? Missing ones are no matter, unless
    `none_missing`."""
    if any(image.position_mm is None for image in images):
        return False
    at = positions_of(ascending(images))
    return bool((np.diff(at) > limit("same_position_mm")).all()) and _unevenness(
        at, none_missing=none_missing
    ) <= limit("even_share")


# --- series whose UIDs say too little ---


def _rejoined(series: list[Group]) -> list[Group]:
    """Series that are one but for their UIDs, joined: where each file, or every second one, has a UID of its own."""
    families: dict[Hashable, list[Group]] = defaultdict(list)
    for group in series:
        families[_family(group.images[0])].append(group)
    found: list[Group] = []
    for family in families.values():
        found += _joined(family) if len(family) > 1 else family
    order = {id(image): number for number, group in enumerate(series) for image in group.images}
    return sorted(found, key=lambda group: min(order[id(image)] for image in group.images))


def _family(image: Image) -> Hashable:
    """What series that may be one have in common."""
    words = " ".join(image.description.casefold().split())
    return (image.modality, image.person.study_date, words, image.rows, image.columns, image.position_mm is None)


def _joined(family: list[Group]) -> list[Group]:
    fewest = limit("min_slices")
    few = [group for group in family if len(group.images) < fewest]
    many = [group for group in family if len(group.images) >= fewest]
    return _absorbed(_combs(many), few)


def _absorbed(many: list[Group], few: list[Group]) -> list[Group]:
    """Series of a file or two, put into a whole one where they fill its gaps or go on where it ends."""
    found, left = list(many), list(few)
    tries = [left] if len(left) > limit("most_passes") else [left, *([one] for one in left)]
    for part in tries:
        part = [group for group in part if any(group is one for one in left)]
        rest = Group(images=tuple(image for group in part for image in group.images))
        place = next((n for n, group in enumerate(found) if part and _one_series(group, rest)), None)
        if place is not None:
            found[place] = _as_one(found[place], rest)
            left = [one for one in left if not any(one is group for group in part)]
    return [*found, *_fragments(left)]


def _fragments(few: list[Group]) -> list[Group]:
    """Series of a file or two, joined where together they make one stack."""
    images = [image for group in few for image in group.images]
    if len(few) < 2 or len(images) < limit("min_slices") or images[0].position_mm is None:
        return few
    uids = _differing_uids(images)
    largest = max(alike(Group(images=tuple(images))), key=lambda part: len(part.images)).images
    if len(people_in(images)) == 1 and len(largest) >= limit("min_slices") and on_one_grid(largest):
        note = f"{uids} differs from file to file and was not used: {len(images)} files agree in all else"
        return [Group(images=tuple(images), notes=(note,))]
    why = "they are of several people" if len(people_in(images)) > 1 else "they do not make one even stack"
    fault = f"{uids} differs from file to file ({len(images)} files), and {why}"
    return [replace(group, fault=fault) for group in few]


def _combs(many: list[Group]) -> list[Group]:
    """Whole series of one number that fill each other's gaps, or go on where the other ends, joined."""
    left = list(many)
    found: list[Group] = []
    while left:
        first, *left = left
        for other in list(left):
            if _one_series(first, other):
                first = _as_one(first, other)
                left.remove(other)
        found.append(first)
    return found


def _as_one(one: Group, other: Group) -> Group:
    images = (*one.images, *other.images)
    each = Counter((image.study_uid, image.series_uid) for image in images).values()
    counts = " and ".join(map(str, each)) if len(each) <= _SHOWN else f"{len(each)} times {min(each)} to {max(each)}"
    numbers = {f"{image.series_number:g}" for image in images if image.series_number is not None}
    which = f"series {' and '.join(sorted(numbers))}" if numbers else "a series without number"
    note = f"{_differing_uids(images)} differs within {which} ({counts} images) and was not used"
    return Group(images=images, notes=(note,))


def _one_series(one: Group, other: Group) -> bool:
    images = (*one.images, *other.images)
    if any(image.position_mm is None for image in images):
        return False
    number, its = (group.images[0].series_number for group in (one, other))
    instances = [image.instance for image in images]
    counted = number is not None and number == its and len(set(instances)) == len(images) and None not in instances
    if not counted and not _goes_on(one, other):
        return False
    return len(people_in(images)) == 1 and len(alike(Group(images=images))) == 1 and on_one_grid(images)


def _goes_on(one: Group, other: Group) -> bool:
    """Does one lie wholly above the other, at just the distance that its slices have among each other?"""
    normal = normal_of(one.images[0])
    (low, high), (other_low, other_high) = _ends(one.images, normal), _ends(other.images, normal)
    longer = max(one, other, key=lambda group: len(group.images))
    usual = float(np.median(np.diff(positions_of(ascending(longer.images)))))
    gap = max(other_low - high, low - other_high)
    return gap > limit("same_position_mm") and abs(gap - usual) <= tolerance_mm(usual)


def _differing_uids(images: Sequence[Image]) -> str:
    studies, series = {image.study_uid for image in images}, {image.series_uid for image in images}
    names = ["StudyInstanceUID"] * (len(studies) > 1) + ["SeriesInstanceUID"] * (len(series) > 1)
    return " and ".join(names)


_SHOWN = 3
"""So many counts are told one by one."""


# --- fields that are absent in some files ---


def _completed(images: Sequence[Image]) -> tuple[list[Image], list[str]]:
    """Pixel spacing, orientation and rescaling where only some files lack them and all the others agree; position by
    the slice location where one position is given for all."""
    found, notes = list(images), []
    for fill in (_with_spacing, _with_orientation, _with_positions, _with_places, _with_rescale):
        found, note = fill(found)
        notes += [note] * bool(note)
    return found, notes


def _with_spacing(images: list[Image]) -> tuple[list[Image], str]:
    given = [image for image in images if image.row_spacing_mm and image.column_spacing_mm]
    lack = [image for image in images if not (image.row_spacing_mm and image.column_spacing_mm) and _ct_slice(image)]
    same = {(image.rows, image.columns) for image in (*given, *lack)}
    if not given or not lack or len(lack) > len(given) or len(same) > 1 or len(_spacing_clusters(given)) > 1:
        return images, ""
    row, column = given[0].row_spacing_mm, given[0].column_spacing_mm
    filled = _changed(images, lack, row_spacing_mm=row, column_spacing_mm=column)
    return filled, f"PixelSpacing is absent in {len(lack)} slices; that of the other {len(given)} was used"


def _changed(images: list[Image], which: list[Image], **fields: Any) -> list[Image]:
    """All the images, some of them with other values of these fields."""
    chosen = {id(image) for image in which}
    return [replace(image, **fields) if id(image) in chosen else image for image in images]


def _with_orientation(images: list[Image]) -> tuple[list[Image], str]:
    given = [image for image in images if image.oriented and image.position_mm is not None]
    lack = [image for image in images if not image.oriented and image.position_text and _ct_slice(image)]
    if not given or not lack or len(lack) > len(given) or len(_by_direction(given)) > 1:
        return images, ""
    row, column = given[0].row_cosine, given[0].column_cosine
    filled = _changed(images, lack, row_cosine=row, column_cosine=column, oriented=True, assumed_axial=False)
    return filled, f"ImageOrientationPatient is absent in {len(lack)} slices; that of the other {len(given)} was used"


def _with_positions(images: list[Image]) -> tuple[list[Image], str]:
    """ImagePositionPatient the same in all slices, SliceLocation different in each: the location tells."""
    slices = [image for image in images if image.oriented and image.position_text and _ct_slice(image)]
    if len(slices) < limit("min_slices"):
        return images, ""
    spots = {image.position_mm for image in slices}
    heights = [image.slice_location_mm for image in slices]
    known = [height for height in heights if height is not None]
    if len(spots) > 1 or len(set(known)) < len(slices) or len(_by_direction(slices)) > 1:
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


def _with_places(images: list[Image]) -> tuple[list[Image], str]:
    """Slices without a position of their own, or of which many share one: placed by the slice location where those of
    the others follow it; else left without a place, never put where standard axial slices would lie."""
    slices = [image for image in images if image.oriented and _ct_slice(image)]
    spots = Counter(image.position_mm for image in slices)
    heights: dict[object, set[float | None]] = defaultdict(set)
    for image in slices:
        heights[image.position_mm].add(image.slice_location_mm)

    def doubtful(image: Image) -> bool:
        shared = spots[image.position_mm] > _SHARED and len(heights[image.position_mm]) == spots[image.position_mm]
        return image.assumed_place or image.position_mm is None or shared

    given = [image for image in slices if not doubtful(image) and image.slice_location_mm is not None]
    lack = [
        image for image in images if _ct_slice(image) and (doubtful(image) if image.oriented else image.assumed_place)
    ]
    placed = [image for image in slices if not doubtful(image)]
    if not lack or not placed:
        return images, ""
    known = np.array([image.slice_location_mm for image in given], dtype=np.float64)
    changed: dict[int, Image] = {}
    if len(given) >= limit("min_slices") and np.ptp(known) > 0 and len(_by_direction(given)) == 1:
        at = np.array([image.position_mm for image in given])
        line = np.polyfit(known, at, 1)
        if np.abs(np.outer(known, line[0]) + line[1] - at).max() <= limit("same_spacing_mm"):
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
    told = f"ImagePositionPatient is absent or senseless in {len(lack)} slices"
    return found, f"{told}; SliceLocation placed {len(changed)} of them among the others"


def _with_rescale(images: list[Image]) -> tuple[list[Image], str]:
    """Slope and intercept. A slice that they don't fit is found out by its own air (`calcscan.read.plausible`)."""
    slices = [image for image in images if _ct_slice(image)]
    scales = {id(image): (image.pixels.slope, image.pixels.intercept) for image in slices}
    given = {scale for scale in scales.values() if None not in scale}
    lack = {key for key, scale in scales.items() if None in scale}
    if len(given) != 1 or not lack:
        return images, ""
    ((slope, intercept),) = given
    filled = [
        replace(image, pixels=replace(image.pixels, slope=slope, intercept=intercept)) if id(image) in lack else image
        for image in images
    ]
    told = f"that of the other {len(slices) - len(lack)} was used"
    return filled, f"RescaleSlope or RescaleIntercept is absent in {len(lack)} slices; {told}"


def _ct_slice(image: Image) -> bool:
    return not is_scout(image) and image.modality in ("CT", "") and not image.sop_class.startswith(CAPTURE_CLASS)


_SHARED = 3
"""So many slices at one position may be phases or echoes of it; more that differ in their location are not."""


# --- what touches the picture ---


def is_scout(image: Image) -> bool:
    return "LOCALIZER" in image.image_type or "SCOUT" in image.image_type


def _by_kind(images: list[Image]) -> list[list[Image]]:
    """Slices apart from localizers, captures, projections and maps; and by size."""
    return _split(images, _kind)


def _kind(image: Image) -> Hashable:
    words = " ".join(image.image_type)
    return (
        image.modality or "CT",
        image.sop_class.startswith(CAPTURE_CLASS),
        is_scout(image),
        says("projection", words),
        says("energy_map", words),
        image.pixels.rescale_type in (*members("plain_rescale_types"), *members("unsaid_types")),
        image.pixels.samples,
        (image.rows, image.columns),
        image.position_mm is not None and image.row_spacing_mm is not None and image.column_spacing_mm is not None,
    )


def _by_spacing(images: list[Image]) -> list[list[Image]]:
    return _spacing_clusters(images) if _placed(images[0]) else [images]


def _spacing_clusters(images: Sequence[Image]) -> list[list[Image]]:
    """By pixel spacing; what differs in the last digits only is the same."""

    def same(one: Image, other: Image) -> bool:
        pairs = ((one.row_spacing_mm, other.row_spacing_mm), (one.column_spacing_mm, other.column_spacing_mm))
        return all(abs((a or 0.0) - (b or 0.0)) <= limit("same_pixel_share") * (a or 0.0) for a, b in pairs)

    return _clusters(images, same)


def _by_direction(images: Sequence[Image]) -> list[list[Image]]:
    if images[0].position_mm is None:
        return [list(images)]
    apart = np.cos(np.radians(limit("max_gap_in_plane_deg")))

    def same(one: Image, other: Image) -> bool:
        if (one.row_cosine, one.column_cosine) == (other.row_cosine, other.column_cosine):
            return True
        rows = np.dot(one.row_cosine, other.row_cosine)
        return bool(rows > apart and normal_of(one) @ normal_of(other) > apart)

    return _clusters(images, same)


def _by_kernel(images: list[Image]) -> list[list[Image]]:
    """By kernel; slices that name none go with the others where those agree."""
    named = {kernel_key(image) for image in images} - {""}
    return [images] if len(named) < 2 else _split(images, kernel_key)


def kernel_key(image: Image) -> str:
    """A kernel's name without what is only written differently: case, or a list whose first value it is.

    The further values of a list tell strengths of the same kernel.
    """
    return "".join(image.kernel.split("\\")[0].split()).casefold()


def _by_thickness(images: list[Image]) -> list[list[Image]]:
    """Fossa and vertex follow each other and stay together; thick and thin ones of one stretch are two series."""
    if not _placed(images[0]):
        return [images]
    told = [image for image in images if image.thickness_mm is not None]

    def same(one: Image, other: Image) -> bool:
        return abs((one.thickness_mm or 0) - (other.thickness_mm or 0)) <= tolerance_mm(one.thickness_mm or 0.0)

    groups = _clusters(told, same)
    if len(groups) < 2 or any(len(group) < limit("min_slices") for group in groups):
        return [images]
    if not _within_each_other(groups) or on_one_grid(images, none_missing=True):
        return [images]
    untold = [image for image in images if image.thickness_mm is None]
    return [*groups, *([untold] if untold else [])]


def _within_each_other(groups: Sequence[Sequence[Image]]) -> bool:
    """Does any group share more than half of its stretch with another?"""
    normal = normal_of(groups[0][0])
    ends = [_ends(group, normal) for group in groups]
    shared = limit("shared_stretch_share")
    return any(
        min(high, other_high) - max(low, other_low) > shared * min(high - low, other_high - other_low)
        for index, (low, high) in enumerate(ends)
        for other_low, other_high in ends[index + 1 :]
    )


_OFFSET_KEYS: tuple[Callable[[Image], Hashable], ...] = (
    lambda image: image.frame_of_reference_uid,
    lambda image: image.acquisition,
    lambda image: image.kvp_kv,
    lambda image: image.image_type,
)
"""By which two passes may differ whose slices lie between each other."""


def _by_offset(images: list[Image]) -> list[list[Image]]:
    """Two passes of one stretch whose slices do not coincide: each is even, both together are not.

    Where both together are even too, they are one stack whose header alternates.
    """
    if not _placed(images[0]):
        return [images]
    for key in _OFFSET_KEYS:
        groups = _split(images, key)
        if not 2 <= len(groups) <= limit("most_passes") or min(map(len, groups)) < limit("min_slices"):
            continue
        if _torn(groups):
            return groups
    return [images]


def _torn(groups: Sequence[list[Image]]) -> bool:
    normal = normal_of(groups[0][0])
    for index, one in enumerate(groups):
        for other in groups[index + 1 :]:
            (low, high), (other_low, other_high) = _ends(one, normal), _ends(other, normal)
            bottom, top = max(low, other_low), min(high, other_high)
            inside = [
                [image for image in group if bottom <= position_along(image, normal) <= top] for group in (one, other)
            ]
            if min(map(len, inside)) < limit("pattern_run"):
                continue
            apart = [_unevenness(positions_of(ascending(group))) for group in inside]
            together = _unevenness(_distinct(positions_of(ascending([*inside[0], *inside[1]]))), none_missing=True)
            if max(apart) <= limit("even_share") and together > limit("uneven_share"):
                return True
    return False


def _unevenness(positions_mm: Array, *, none_missing: bool = False) -> float:
    """Share of neighbouring gaps that differ; a gap in which slices may be missing counts as the gap that it repeats,
    unless none can be."""
    gaps = np.diff(positions_mm)
    if len(gaps) < 2:
        return 0.0
    usual = np.inf if none_missing else max(float(np.quantile(gaps, 0.25)), limit("same_position_mm"))
    single = gaps / np.maximum(np.rint(gaps / usual), 1.0)
    differ = np.abs(np.diff(single)) > np.array([tolerance_mm(gap) for gap in single[1:]])
    return float(np.count_nonzero(differ)) / len(differ)


def _distinct(positions_mm: Array) -> Array:
    keep = np.concatenate([[True], np.diff(positions_mm) > limit("same_position_mm")])
    return np.asarray(positions_mm[keep])


# --- small things ---


def _placed(image: Image) -> bool:
    return image.position_mm is not None and image.row_spacing_mm is not None


def _ends(images: Sequence[Image], normal: Array) -> tuple[float, float]:
    at = [position_along(image, normal) for image in images]
    return min(at), max(at)


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


_NOTED: tuple[tuple[str, Callable[[Image], Hashable]], ...] = (
    ("ImageType", lambda image: tuple(word for word in image.image_type if word not in members("skipped_image_types"))),
    ("ConvolutionKernel", lambda image: image.kernel),
    ("FrameOfReferenceUID", lambda image: image.frame_of_reference_uid),
    ("SliceThickness", lambda image: image.thickness_mm),
    ("SeriesDescription", lambda image: image.description),
)


def differences(images: Sequence[Image]) -> tuple[str, ...]:
    """The header fields in which the slices of one stack differ though it does not touch the picture, with counts."""
    found = []
    for name, key in _NOTED:
        counts = Counter(key(image) for image in images)
        if len(counts) > _SHOWN:
            found.append(f"{name} differs between slices ({len(counts)} values)")
        elif len(counts) > 1:
            found.append(f"{name} differs between slices ({' and '.join(map(str, sorted(counts.values())))})")
    return tuple(found)
