"""The files of an input → `Scan`, by way of headers, stacks, the selected series, and pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from calcscan.errors import GeometryError, UnreadableError
from calcscan.knowledge.reading import ReadingSettings
from calcscan.model import Flag, Scan, SeriesChoice
from calcscan.read.files.source import SourceFile
from calcscan.read.headers.acquisition import acquisition_of, kernel_of, slice_kvp
from calcscan.read.headers.collect import UnreadableFile, no_images, read_headers
from calcscan.read.headers.flags import header_flags
from calcscan.read.headers.identity import refuse_animal, refuse_several_people
from calcscan.read.headers.image import Image
from calcscan.read.headers.silent import with_stated
from calcscan.read.headers.study import age_note, person_of, study_of
from calcscan.read.pixels.picture_flags import picture_flags
from calcscan.read.pixels.volume import decode_volume
from calcscan.read.series.geometry import geometry_of
from calcscan.read.series.grouping import differences
from calcscan.read.series.left_out import left_out_flags, listed
from calcscan.read.series.missing_extent import missing_flags
from calcscan.read.series.outliers import without_outliers
from calcscan.read.series.positions import used_thickness_of
from calcscan.read.series.select import derived_flag, select_series
from calcscan.read.series.stacks import Stack, stacks_of
from calcscan.read.size_limits import refuse_large
from calcscan.read.stated import Stated
from calcscan.read.wording import counted


def read_dicom(
    files: Sequence[SourceFile], settings: ReadingSettings, *, series_uid: str | None, stated: Stated, where: str
) -> Scan:
    """Read the best CT series of some files. Errors as `calcscan.read.read_scan`."""
    headers = read_headers(files, settings)
    if not headers.images:
        raise no_images(files, headers.unreadable, where, settings.kinds)
    stacks = stacks_of(headers.images, settings)
    chosen, choices = select_series(stacks, settings, series_uid=series_uid, where=where)
    stack = chosen.stack
    refuse_animal(stack.images, where, settings)
    _refuse_several_people(stack, headers.images, series_uid, where, settings)
    slices, outlier_flags = without_outliers(stack.images, settings)
    refuse_large(slices, where, settings)
    hu, kept, undecodable = decode_volume(slices, settings)
    if not kept:
        what = f"no slice can be decoded: {undecodable[0].name} {undecodable[0].what}"
        raise UnreadableError(what, where=where, hint="export the series again, uncompressed")
    kept, stated_flags = with_stated(kept, stated, settings, where)
    try:
        geometry, geometry_flags = geometry_of(kept, settings, where=where)
    except GeometryError as error:
        if not undecodable:
            raise
        hint = f"{len(undecodable)} more can't be decoded: {undecodable[0].name} {undecodable[0].what}"
        raise GeometryError(error.what, where=where, hint=hint) from error
    first = replace(kept[0], person=person_of(kept), kernel=kernel_of(kept))
    labelled = [first, *kept[1:]]
    stated_mm = tuple(image.thickness_mm for image in kept)
    used_mm = used_thickness_of(kept, geometry.slab_mm)
    thickest_mm = None if np.isnan(used_mm).all() else float(np.nanmax(used_mm))
    patient_positions = {image.patient_position for image in kept if image.patient_position}
    flags = (
        *header_flags(labelled, patient_positions, chosen.contrast, settings),
        *derived_flag(chosen, settings),
        *_unreadable_flags(undecodable, [one for one in headers.unreadable if _may_belong(one, first)], settings),
        *missing_flags(kept, stack, stacks, headers.images, headers.listed, settings),
        *left_out_flags(stack, stacks, [one for one in headers.unreadable if one.foreign], settings),
        *outlier_flags,
        *_copies_flag(stack),
        *geometry_flags,
        *picture_flags(hu, settings, top_hu=_top_hu(first)),
        *_notes(first, stack, hu, settings),
        *_thickness_flag(stated_mm, used_mm),
        *stated_flags,
    )
    return Scan(
        hu=hu,
        geometry=geometry,
        acquisition=acquisition_of(labelled, thickest_mm, chosen.contrast, settings),
        study=study_of(first, settings),
        series=(
            *(_noted(choice, stack, settings) for choice in choices),
            *(_unreadable_choice(one) for one in headers.unreadable),
        ),
        flags=flags,
        sources=tuple(image.source for image in kept),
        slice_kvp_kv=slice_kvp(labelled, settings),
        stated_thickness_mm=stated_mm if len(set(stated_mm)) > 1 else (),
    )


def _may_belong(file: UnreadableFile, image: Image) -> bool:
    """Might a file that can't be read be a slice of the image's series?"""
    return not file.foreign and image.series_uid.startswith(file.series_uid)


def _refuse_several_people(
    stack: Stack, images: Sequence[Image], series_uid: str | None, where: str, settings: ReadingSettings
) -> None:
    """Of the series that was chosen; and of the whole study, unless one series of it was requested."""
    series = {(image.study_uid, image.series_uid) for image in stack.images}
    studies = {image.study_uid for image in stack.images}
    refuse_several_people(
        [one for one in images if (one.study_uid, one.series_uid) in series], "the series", where, settings
    )
    if series_uid is None:
        refuse_several_people([one for one in images if one.study_uid in studies], "the study", where, settings)


def _notes(first: Image, stack: Stack, hu: npt.NDArray[np.int16], settings: ReadingSettings) -> tuple[Flag, ...]:
    """Header values that were not used, and what was used instead."""
    notes = [*stack.notes, age_note(first.person, settings)]
    bits = first.pixels.bits_stored
    if bits < first.pixels.bits_allocated and (top := int(hu.max())) > _top_hu(first):
        notes.append(f"BitsStored ({bits}) is too small for the values stored (up to {top} HU) and was not used")
    return tuple(Flag(code="left_out", message=f"{note}.") for note in notes if note)


def _thickness_flag(stated_mm: Sequence[float | None], used_mm: npt.NDArray[np.float64]) -> tuple[Flag, ...]:
    """A note of the thicknesses that some slices state and that can't be theirs."""
    pairs = zip(stated_mm, used_mm.tolist(), strict=True)
    wrong = [said for said, used in pairs if said is not None and not np.isclose(said, used)]
    if not wrong:
        return ()
    shown = ", ".join(f"{mm:g} mm" for mm in sorted(set(wrong))[:3])
    message = f"SliceThickness of {counted(len(wrong), 'slice')} ({shown}) can't be right beside the others: not used."
    return (Flag(code="left_out", message=message),)


def _noted(choice: SeriesChoice, stack: Stack, settings: ReadingSettings) -> SeriesChoice:
    """The chosen series with the fields in which its slices differ."""
    differ = differences(stack.images, settings) if choice.chosen else ()
    return replace(choice, reason="; ".join((choice.reason, *differ))) if differ else choice


def _top_hu(image: Image) -> float:
    pixels = image.pixels
    top = (1 << (pixels.bits_stored - 1 if pixels.signed else pixels.bits_stored)) - 1
    return top * (pixels.slope or 1.0) + (pixels.intercept or 0.0)


def _unreadable_flags(
    undecodable: Sequence[UnreadableFile], unreadable: Sequence[UnreadableFile], settings: ReadingSettings
) -> tuple[Flag, ...]:
    """One flag for slices of the series that can't be decoded, one for files that may have been slices of it."""
    flags = []
    for files, what, more in ((undecodable, "slice", ""), (unreadable, "file", " that may belong to the series")):
        if files:
            message = f"{counted(len(files), what)}{more} can't be read: {listed(files, settings)}."
            flags.append(Flag(code="missing_slices", message=message, value=float(len(files)), limit=0.0))
    return tuple(flags)


def _copies_flag(stack: Stack) -> tuple[Flag, ...]:
    if not stack.copies and not stack.retakes:
        return ()
    parts = [f"{stack.copies} left out"] * bool(stack.copies)
    parts += [f"at {counted(stack.retakes, 'position')} the last of several images was used"] * bool(stack.retakes)
    total = float(stack.copies + stack.retakes)
    return (Flag(code="duplicate_slices", message=f"Duplicate slices: {', '.join(parts)}.", value=total, limit=0.0),)


def _unreadable_choice(file: UnreadableFile) -> SeriesChoice:
    return SeriesChoice(uid="", description=file.name, images=1, chosen=False, reason=file.what)
