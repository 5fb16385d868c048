"""The files of an input → `Scan`, by way of headers, stacks, one choice, and pixels."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from calcscan.errors import GeometryError, NoCTError, UnreadableError
from calcscan.model import Flag, Scan, SeriesChoice
from calcscan.read.choose import choose, derived_flag
from calcscan.read.directory import ListedImage, is_directory, listed_images
from calcscan.read.files import Blob
from calcscan.read.grouping import differences
from calcscan.read.header import Image, read_images
from calcscan.read.identity import refuse_several_people
from calcscan.read.kinds import START_BYTES, left_out_as, what_instead
from calcscan.read.leftover import left_out_flags, shown
from calcscan.read.missing import missing_flags
from calcscan.read.pixels import stored_pixels, to_hounsfield
from calcscan.read.plausible import hounsfield_flags, off_scale
from calcscan.read.sensible import refuse_large, senseless, without_strays
from calcscan.read.series import Stack, stacks_of
from calcscan.read.stack import geometry_of
from calcscan.read.study import acquisition_of, age_note, header_flags, person_of, study_of

_CT_CLASSES = tuple("1.2.840.10008.5.1.4.1.1.2" + end for end in ("", ".1", ".2"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A file that ought to be read and can't be."""

    name: str
    what: str
    series_uid: str = ""
    """The series that it belongs to; empty, or the beginning of its uid, where the header is cut short."""
    foreign: bool = False
    """It is no slice of a series: an archive, another format, a pipe."""


def scan_of(blobs: Sequence[Blob], *, series_uid: str | None, where: str) -> Scan:
    """Read the best CT series of some files. Errors as `calcscan.read.read_scan`."""
    headers = headers_of(blobs)
    if not headers.images:
        raise _no_images(blobs, headers.lost, where)
    stacks = stacks_of(headers.images)
    chosen, choices = choose(stacks, series_uid=series_uid, where=where)
    stack = chosen.stack
    _refuse_several_people(stack, headers.images, series_uid, where)
    together, strays = without_strays(stack.images)
    refuse_large(together, where)
    hu, kept, broken = _volume(together)
    if not kept:
        what = f"no slice can be decoded: {broken[0].name} {broken[0].what}"
        raise UnreadableError(what, where=where, hint="export the series again, uncompressed")
    try:
        geometry, flags = geometry_of(kept, where=where)
    except GeometryError as error:
        if not broken:
            raise
        hint = f"{len(broken)} more can't be decoded: {broken[0].name} {broken[0].what}"
        raise GeometryError(error.what, where=where, hint=hint) from error
    first = replace(kept[0], person=person_of(kept), kernel=_first_named(kept))
    thicknesses = [image.thickness_mm for image in kept if image.thickness_mm is not None]
    said = {image.patient_position for image in kept if image.patient_position}
    flags = (
        *header_flags([first, *kept[1:]], said, chosen.contrast),
        *derived_flag(chosen),
        *_lost_flags(broken, [one for one in headers.lost if _may_belong(one, first)]),
        *missing_flags(kept, stack, stacks, headers.images, headers.listed),
        *left_out_flags(stack, stacks, [one for one in headers.lost if one.foreign]),
        *strays,
        *_copies_flag(stack),
        *flags,
        *hounsfield_flags(hu, top_hu=_top_hu(first)),
        *_notes(first, stack, hu),
    )
    return Scan(
        hu=hu,
        geometry=geometry,
        acquisition=acquisition_of(kept, max(thicknesses, default=None), chosen.contrast),
        study=study_of(first),
        series=(*(_noted(choice, stack) for choice in choices), *(_lost_choice(one) for one in headers.lost)),
        flags=flags,
        sources=tuple(image.source for image in kept),
    )


def _may_belong(lost: Lost, image: Image) -> bool:
    """Might a file that can't be read be a slice of the image's series?"""
    return not lost.foreign and image.series_uid.startswith(lost.series_uid)


def _refuse_several_people(stack: Stack, images: Sequence[Image], series_uid: str | None, where: str) -> None:
    """Of the series that was chosen; and of the whole study, unless one series of it was asked for."""
    series = {(image.study_uid, image.series_uid) for image in stack.images}
    studies = {image.study_uid for image in stack.images}
    refuse_several_people([one for one in images if (one.study_uid, one.series_uid) in series], "the series", where)
    if series_uid is None:
        refuse_several_people([one for one in images if one.study_uid in studies], "the study", where)


def _first_named(images: Sequence[Image]) -> str:
    """The kernel, of the first slice that names one."""
    return next((image.kernel for image in images if image.kernel), "")


def _notes(first: Image, stack: Stack, hu: npt.NDArray[np.int16]) -> tuple[Flag, ...]:
    """What of the header was not believed, and what was used instead."""
    notes = [*stack.notes, age_note(first.person)]
    bits = first.pixels.bits_stored
    if bits < first.pixels.bits_allocated and (top := int(hu.max())) > _top_hu(first):
        notes.append(f"BitsStored ({bits}) is too small for the values stored (up to {top} HU) and was not used")
    return tuple(Flag(code="left_out", message=f"{note}.") for note in notes if note)


def _noted(choice: SeriesChoice, stack: Stack) -> SeriesChoice:
    """The chosen series with what its slices do not have in common."""
    differ = differences(stack.images) if choice.chosen else ()
    return replace(choice, reason="; ".join((choice.reason, *differ))) if differ else choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Headers:
    """What the files of an input say before any pixel is read: slices, files that can't be read, a directory's list."""

    images: list[Image]
    lost: list[Lost]
    listed: list[ListedImage]


def headers_of(blobs: Sequence[Blob]) -> Headers:
    """Every slice that the files hold, every file that can't be read though it claims to be DICOM, and what a DICOMDIR
    lists."""
    images: list[Image] = []
    lost: list[Lost] = []
    listed: list[ListedImage] = []
    empty: list[Blob] = []
    for blob in blobs:
        try:
            found = read_images(blob)
        except UnreadableError as error:
            lost.append(Lost(name=blob.name, what=error.what, foreign=bool(blob.problem) and not blob.doubtful))
            continue
        if not found and is_directory(blob):
            listed += listed_images(blob)
        elif not found:
            empty.append(blob)
        whole = [image for image in found if image.pixels.offset is not None or not _is_ct_class(image)]
        if len(whole) < len(found):
            uid = found[0].series_uid
            lost.append(Lost(name=blob.name, what="holds no pixels, it may be cut short", series_uid=uid))
        for image in whole:
            wrong = senseless(image) if _is_ct_class(image) else ""
            if wrong:
                lost.append(Lost(name=blob.name, what=wrong, series_uid=image.series_uid))
            else:
                images.append(image)
    slices = {_numbered(image.blob.name) for image in images if _is_ct_class(image)} - {""}
    for blob in empty:
        why = _no_image(blob)
        if _numbered(blob.name) in slices and all(one.foreign for one in why):
            what = why[0].what if why else "is no DICOM image"
            why = [Lost(name=blob.name, what=f"{what}, though it is named as the slices are")]
        lost += why
    return Headers(images=images, lost=lost, listed=listed)


def _numbered(name: str) -> str:
    """How files are named that are numbered in turn: the name without its numbers; empty where it has none."""
    own = name.rpartition("/")[2]
    bare = re.sub(r"\d+", "#", own)
    return bare if bare != own else ""


def _is_ct_class(image: Image) -> bool:
    """Is it a CT image by its class (plain, enhanced, converted), or by modality if its class is not told?"""
    return image.sop_class in _CT_CLASSES or (not image.sop_class and image.modality == "CT")


def _no_image(blob: Blob) -> list[Lost]:
    """Why a file that holds no image of ours is left out; nothing for a directory record, or what never holds any."""
    try:
        start = blob.start(START_BYTES)
    except UnreadableError as error:
        return [Lost(name=blob.name, what=error.what)]
    if start[128:132] == b"DICM":
        return []
    kind = left_out_as(blob, start)
    known = kind.use in ("none", "leftover")
    return [] if known else [Lost(name=blob.name, what=kind.reason, foreign=kind.use != "slice")]


def is_dicom(blob: Blob) -> bool:
    """Does it carry the preamble of a DICOM file?"""
    with blob.open() as stream:
        return stream.read(132)[128:] == b"DICM"


def _no_images(blobs: Sequence[Blob], lost: Sequence[Lost], where: str) -> UnreadableError | NoCTError:
    claimed = [one for one in lost if not one.foreign]
    if claimed:
        more = f" (and {len(claimed) - 1} more)" if len(claimed) > 1 else ""
        instead, hint = what_instead([blob for blob in blobs if blob.name == claimed[0].name])
        said = claimed[0].what
        if instead and instead.removeprefix("it is ") in said:  # then it says what to do as well, which is the hint
            said, instead = said.partition(": ")[0], ""
        what = f"no file can be read as DICOM: {claimed[0].name} {said}{more}" + (f" ({instead})" if instead else "")
        return UnreadableError(what, where=where, hint=hint or "export the series again, or check permissions")
    what = f"none of {len(blobs)} files is a DICOM image" if len(blobs) > 1 else "the file is not a DICOM image"
    instead, hint = what_instead(blobs)
    what += f" ({instead})" if instead else ""
    hint = hint or "give a DICOM folder, a ZIP of one, or a NIfTI file (.nii, .nii.gz)"
    return NoCTError(what, where=where, hint=hint)


def _volume(images: Sequence[Image]) -> tuple[npt.NDArray[np.int16], list[Image], list[Lost]]:
    """HU of every slice that can be decoded, (k, j, i); those slices; and the files of the others."""
    hu = np.empty((len(images), images[0].rows, images[0].columns), dtype=np.int16)
    by_blob: dict[Blob, list[int]] = defaultdict(list)
    for index, image in enumerate(images):
        by_blob[image.blob].append(index)

    def fill(indices: list[int]) -> str:
        indices = sorted(indices, key=lambda index: images[index].frame or 0)  # as stored: what is cut off is the end
        members = [images[index] for index in indices]
        done: list[int] = []
        try:
            for index, stored in zip(indices, stored_pixels(members[0].blob, members), strict=True):
                to_hounsfield(stored, images[index], hu[index])
                done.append(index)
        except UnreadableError as error:
            bad.extend(index for index in indices if index not in done)
            return error.what
        return ""

    bad: list[int] = []
    with ThreadPoolExecutor(max_workers=2) as pool:
        whats = list(pool.map(fill, by_blob.values()))
    broken = [Lost(name=blob.name, what=what) for blob, what in zip(by_blob, whats, strict=True) if what]
    for index in off_scale(hu, [_scale(image) for image in images]) if not bad else ():
        what = "is not on the scale of the other slices (RescaleSlope or RescaleIntercept is wrong or absent)"
        broken.append(Lost(name=images[index].blob.name, what=what))
        bad.append(index)
    if not bad:
        return hu, list(images), broken
    good = sorted(set(range(len(images))) - set(bad))
    return hu[good], [images[index] for index in good], broken


def _scale(image: Image) -> tuple[float | None, float | None, bool, int]:
    """What makes Hounsfield units of a slice's stored values: slices with the same can only be wrong together."""
    pixels = image.pixels
    return (pixels.slope, pixels.intercept, pixels.signed, pixels.bits_stored)


def _top_hu(image: Image) -> float:
    pixels = image.pixels
    top = (1 << (pixels.bits_stored - 1 if pixels.signed else pixels.bits_stored)) - 1
    return top * (pixels.slope or 1.0) + (pixels.intercept or 0.0)


def _lost_flags(broken: Sequence[Lost], lost: Sequence[Lost]) -> tuple[Flag, ...]:
    """One flag for slices of the series that can't be decoded, one for files that may have been slices of it."""
    flags = []
    for files, what, more in ((broken, "slice", ""), (lost, "file", " that may belong to the series")):
        if files:
            message = f"{len(files)} {what}{'s' * (len(files) > 1)}{more} can't be read: {shown(files)}."
            flags.append(Flag(code="missing_slices", message=message, value=float(len(files)), limit=0.0))
    return tuple(flags)


def _copies_flag(stack: Stack) -> tuple[Flag, ...]:
    if not stack.copies and not stack.retakes:
        return ()
    parts = [f"{stack.copies} copies left out"] * bool(stack.copies)
    parts += [f"at {stack.retakes} positions the last of several images was used"] * bool(stack.retakes)
    total = float(stack.copies + stack.retakes)
    return (Flag(code="duplicate_slices", message=f"Duplicate slices: {', '.join(parts)}.", value=total, limit=0.0),)


def _lost_choice(lost: Lost) -> SeriesChoice:
    return SeriesChoice(uid="", description=lost.name, images=1, chosen=False, reason=lost.what)


def series_of_file(blob: Blob) -> str | None:
    """The series that a single file belongs to; None if it is no DICOM image."""
    images = read_images(blob)
    return images[0].series_uid if images else None
