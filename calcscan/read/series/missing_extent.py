"""Slices that should exist and don't: what the thickness, the numbers, the directory and the rest of the series
say of them. (A wide gap among narrow ones is found by `calcscan.read.series.spacing`.)"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from calcscan.grid.geometry import Array
from calcscan.knowledge.reading import ReadingSettings
from calcscan.model import Flag
from calcscan.read.headers.dicomdir import ListedImage
from calcscan.read.headers.image import CAPTURE_CLASS, Image, is_scout
from calcscan.read.series.criteria import another_region
from calcscan.read.series.positions import normal_of, numbered_in_turn, positions_of, thickness_of
from calcscan.read.series.spacing import spacing_of
from calcscan.read.series.split import kernel_key
from calcscan.read.series.stacks import Stack
from calcscan.read.wording import counted, were


def missing_flags(
    kept: Sequence[Image],
    chosen: Stack,
    stacks: Sequence[Stack],
    everything: Sequence[Image],
    listed: Sequence[ListedImage],
    settings: ReadingSettings,
) -> tuple[Flag, ...]:
    """`missing_slices` for each sign that slices of the chosen stack, of which `kept` could be read, are missing.

    `everything` is every image of the input, `listed` what its directory lists.
    """
    uids = _uids(chosen.images)
    of_series = [image for image in everything if (image.study_uid, image.series_uid) in uids]
    return (
        *_wide_apart(kept, of_series, settings),
        *_not_in_folder(of_series, everything, listed),
        *(flag for stack in stacks if stack is not chosen for flag in _rest(stack, chosen, settings)),
        *_without_place(stacks, chosen),
        *_another_series_continues(stacks, chosen, settings),
    )


def _uids(images: Iterable[Image]) -> set[tuple[str, str]]:
    return {(image.study_uid, image.series_uid) for image in images}


def _wide_apart(images: Sequence[Image], of_series: Sequence[Image], settings: ReadingSettings) -> Iterator[Flag]:
    gaps, known = np.diff(positions_of(images)), thickness_of(images)
    filled = np.fmax(known[:-1], known[1:])
    gap_mm = float(np.median(gaps))
    thickness_mm = float(np.nanmedian(filled)) if not np.isnan(filled).all() else None
    times = float(np.nanmedian(gaps / filled)) if thickness_mm else np.nan
    skipped = _skipped_numbers(images, of_series, settings)
    unseen = thickness_mm is None or times > settings.missing_thickness_ratio
    planned = [image.planned_spacing_mm for image in images if image.planned_spacing_mm is not None]
    planned_mm = float(np.median(planned)) if planned else np.inf
    thick = "" if thickness_mm is None else f" and are {thickness_mm:.1f} mm thick"
    if unseen and gap_mm > settings.missing_ratio * planned_mm:
        message = (
            f"Slices are missing: they lie {gap_mm:.1f} mm apart{thick}, "
            f"but were reconstructed {planned_mm:.1f} mm apart (SpacingBetweenSlices)."
        )
        at_most = settings.missing_ratio * planned_mm
        yield Flag(code="missing_slices", message=message, value=round(gap_mm, 2), limit=round(at_most, 2))
    elif skipped and unseen:
        message = (
            f"Slices are missing: {skipped} instance numbers between those of the slices are absent, "
            f"and the slices lie {gap_mm:.1f} mm apart{thick}."
        )
        yield Flag(code="missing_slices", message=message, value=float(skipped), limit=0.0)
    else:
        in_turn = numbered_in_turn(images)
        meant = ~spacing_of(positions_of(images), known, settings, in_turn=in_turn).missing
        yield from gap_flag(gaps[meant], filled[meant], settings, in_turn=in_turn[meant])


def gap_flag(
    apart_mm: Array, thickness_mm: Array, settings: ReadingSettings, *, in_turn: npt.NDArray[np.bool_] | None = None
) -> tuple[Flag, ...]:
    """`missing_slices` where slices lie farther apart than they are thick; only a note where the gaps are narrow.

    All of shape (slices - 1,): `apart_mm` is the distance from each slice to the next, `thickness_mm` what the two show
    of it (NaN: unknown), `in_turn` whether their instance numbers follow each other.
    """
    wide = apart_mm >= settings.gap_told * thickness_mm
    if np.count_nonzero(wide) < min(settings.pattern_run, len(wide)):
        return ()
    every_mm, thick_mm = float(np.median(apart_mm[wide])), float(np.median(thickness_mm[wide]))
    gaps_mm = apart_mm[wide] - thickness_mm[wide]
    where = "" if wide.all() else f" in {counted(int(np.count_nonzero(wide)), 'place')}"
    why = (
        "The instance numbers go on without a jump, so it was acquired with gaps"
        if in_turn is not None and in_turn[wide].mean() >= settings.numbered_share
        else "Either slices are missing, or it was acquired with gaps"
    )
    message = (
        f"Slices {thick_mm:.1f} mm thick lie {every_mm:.1f} mm apart{where}: gaps of {np.median(gaps_mm):.1f} mm, "
        f"{gaps_mm.sum() / apart_mm.sum():.0%} of the head, were not imaged. {why}. "
        "What lies in a gap is not seen, and volumes are interpolated over it."
    )
    told_mm, doubtful_mm = settings.gap_told * thick_mm, settings.gap_beside_thickness * thick_mm
    narrow = every_mm < doubtful_mm
    limit_mm = round(told_mm if narrow else doubtful_mm, 2)
    return (Flag(code="missing_slices", message=message, value=round(every_mm, 2), limit=limit_mm, note=narrow),)


def _skipped_numbers(images: Sequence[Image], of_series: Sequence[Image], settings: ReadingSettings) -> int:
    """How many instance numbers are absent where the numbers follow the slices in equal steps of two or more; else 0.

    Numbers that other images of the series carry (a second reconstruction, numbered in turns) are not absent.
    """
    numbers = np.array([np.nan if image.instance is None else image.instance for image in images])
    steps = np.diff(numbers)
    if np.isnan(steps).any() or not len(steps):
        return 0
    usual = float(np.median(steps))
    follows = np.count_nonzero(np.abs(steps - usual) <= abs(usual)) >= settings.numbered_share * len(steps)
    if not follows or abs(usual) < 1.5 or len(set(numbers)) < len(numbers):
        return 0
    present = {image.instance for image in of_series}
    low, high = int(numbers.min()), int(numbers.max())
    absent = sum(float(number) not in present for number in range(low, high + 1))
    return absent if absent >= settings.numbered_share * (high + 1 - low - len(numbers)) else 0


def _not_in_folder(
    of_series: Sequence[Image], everything: Sequence[Image], listed: Sequence[ListedImage]
) -> Iterator[Flag]:
    """By instance, or by file where the list names none; what is listed under no series may belong to any."""
    uids = {image.series_uid for image in of_series}
    of_listed = [one for one in listed if (one.series_uid in uids or not one.series_uid) and (one.sop_uid or one.file)]
    if not of_listed:
        return
    present = {image.sop_uid for image in everything}
    ends = {end for image in everything for end in _ends_of(image.file.name)}
    gone = [one for one in of_listed if not (one.sop_uid in present if one.sop_uid else one.file.casefold() in ends)]
    if gone:
        message = f"The DICOMDIR lists {len(of_listed)} images of the series; {len(gone)} are absent or unreadable."
        yield Flag(code="missing_slices", message=message, value=float(len(gone)), limit=0.0)


def _ends_of(name: str) -> Iterator[str]:
    """A file's path from each of its folders on, in lower case, with and without an extension."""
    parts = name.casefold().split("/")
    for start in range(len(parts)):
        end = "/".join(parts[start:])
        yield end
        yield end.rpartition(".")[0]


def _rest(stack: Stack, chosen: Stack, settings: ReadingSettings) -> Iterator[Flag]:
    """A part of the series that was left out though it shows what the chosen one does not: in gaps, or beyond it."""
    if not _same_series(stack, chosen) or not _shows_the_same(stack.first, chosen.first, settings):
        return
    normal = normal_of(chosen.first)
    used_mm, left_out_mm = _centres(chosen.images, normal), _centres(stack.images, normal)
    reach_mm = max(used_mm.min() - left_out_mm.min(), left_out_mm.max() - used_mm.max())
    between = int(np.count_nonzero(_uncovered(left_out_mm, used_mm, thickness_of(chosen.images), settings)))
    if reach_mm <= settings.beyond_mm and not between:
        return
    lie = [f"{between} between the slices used"] * bool(between)
    lie += [f"they show {reach_mm:.0f} mm more"] * bool(reach_mm > settings.beyond_mm)
    count, why = len(stack.images), _why(stack, chosen, settings)
    message = f"{counted(count, 'slice')} of the series {were(count)} left out ({why}): {', '.join(lie)}."
    yield Flag(code="missing_slices", message=message, value=float(len(stack.images)), limit=0.0)


def _without_place(stacks: Sequence[Stack], chosen: Stack) -> Iterator[Flag]:
    """Slices of the series whose position is not known: they may lie anywhere in the head."""
    first = chosen.first
    lost = [
        image
        for stack in stacks
        if stack is not chosen and _same_series(stack, chosen)
        for image in stack.images
        if image.position_mm is None and (image.rows, image.columns, image.modality, image.sop_class)
        == (first.rows, first.columns, first.modality, first.sop_class) and not is_scout(image)
    ]  # fmt: skip
    if lost:
        left_out = f"{counted(len(lost), 'slice')} of the series {were(len(lost))} left out"
        message = f"{left_out}: ImagePositionPatient is absent or unusable."
        yield Flag(code="missing_slices", message=message, value=float(len(lost)), limit=0.0)


def _another_series_continues(stacks: Sequence[Stack], chosen: Stack, settings: ReadingSettings) -> Iterator[Flag]:
    """Less than a head was chosen, and another series of the study lies right above or below it."""
    normal = normal_of(chosen.first)
    chosen_mm = _centres(chosen.images, normal)
    if chosen_mm[-1] - chosen_mm[0] >= settings.whole_head_mm:
        return
    for stack in stacks:
        if (
            stack.first.study_uid != chosen.first.study_uid
            or _same_series(stack, chosen)
            or another_region(stack, settings)
        ):
            continue
        if len(stack.images) < settings.min_slices or not _shows_the_same(stack.first, chosen.first, settings):
            continue
        other_mm = _centres(stack.images, normal)
        step = max(float(np.median(np.diff(chosen_mm))), float(np.median(np.diff(other_mm))))
        gap = max(other_mm[0] - chosen_mm[-1], chosen_mm[0] - other_mm[-1])
        if -2 * step <= gap <= settings.missing_ratio * step:
            name = " ".join(stack.first.description.split()) or "without description"
            message = (
                f"The series shows {chosen_mm[-1] - chosen_mm[0]:.0f} mm of the head; another series of the study "
                f"({name}, {len(stack.images)} slices) continues where it ends and was not read."
            )
            yield Flag(code="missing_slices", message=message, value=float(len(stack.images)), limit=0.0)
            return


def _same_series(stack: Stack, chosen: Stack) -> bool:
    return bool(_uids(stack.images) & _uids(chosen.images))


def _shows_the_same(image: Image, chosen: Image, settings: ReadingSettings) -> bool:
    """Is it also a slice, in much the same plane, whichever way round?"""
    if image.position_mm is None or image.row_spacing_mm is None or is_scout(image):
        return False
    if image.sop_class.startswith(CAPTURE_CLASS):
        return False
    if image.modality != chosen.modality and image.sop_class != chosen.sop_class:
        return False
    return bool(abs(normal_of(image) @ normal_of(chosen)) > np.cos(np.radians(settings.beyond_turn_deg)))


def _uncovered(positions: Array, used: Array, used_thickness_mm: Array, settings: ReadingSettings) -> Array:
    """Which of the `positions` lie between the slices `used`, outside what those show."""
    after = np.clip(np.searchsorted(used, positions), 1, len(used) - 1)
    nearest = np.where(positions - used[after - 1] < used[after] - positions, after - 1, after)
    gap = used[after] - used[after - 1]
    half = np.where(np.isnan(used_thickness_mm), 0.0, used_thickness_mm / 2)[nearest]
    inside = (positions > used[0]) & (positions < used[-1])
    apart = np.abs(positions - used[nearest]) > np.maximum(half, settings.beside_share * gap)
    return np.asarray(inside & apart)


def _why(stack: Stack, chosen: Stack, settings: ReadingSettings) -> str:
    one, other = stack.first, chosen.first
    signs = {
        f"their modality is said to be {one.modality or 'unknown'}": one.modality != other.modality,
        "another direction": normal_of(one) @ normal_of(other) < np.cos(np.radians(settings.parallel_within_deg)),
        "another size": (one.rows, one.columns) != (other.rows, other.columns),
        "another pixel spacing": one.row_spacing_mm != other.row_spacing_mm,
        f"another kernel, {one.kernel}": kernel_key(one) != kernel_key(other),
        "another thickness": one.thickness_mm != other.thickness_mm,
        "another image type": one.image_type != other.image_type,
    }
    return next((words for words, differs in signs.items() if differs), "another pass")


def _centres(images: Iterable[Image], normal: Array) -> Array:
    """Positions of the centres of slices along a direction, ascending."""
    return np.sort([float(_centre(image) @ normal) for image in images])


def _centre(image: Image) -> Array:
    along_row = (image.columns - 1) / 2 * (image.column_spacing_mm or 0.0)
    along_column = (image.rows - 1) / 2 * (image.row_spacing_mm or 0.0)
    centre = np.array(image.position_mm) + np.array(image.row_cosine) * along_row
    return np.asarray(centre + np.array(image.column_cosine) * along_column)
