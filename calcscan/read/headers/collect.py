"""The files of an input → slices, and the files that can't be read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from calcscan.errors import NoCTError, UnreadableError
from calcscan.knowledge.file_kinds import FileKinds, Use
from calcscan.knowledge.reading import ReadingSettings
from calcscan.read.files.kinds import START_BYTES, left_out_as, what_instead
from calcscan.read.files.source import SourceFile
from calcscan.read.headers.dicomdir import ListedImage, is_directory, listed_images, named_directory
from calcscan.read.headers.image import CT_CLASS, Image
from calcscan.read.headers.impossible import impossible_value
from calcscan.read.headers.parse import read_images

_CT_CLASSES = tuple(CT_CLASS + end for end in ("", ".1", ".2"))


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableFile:
    """A file that should be read and can't be."""

    name: str
    what: str
    series_uid: str = ""
    """The series that it belongs to; empty, or the beginning of its uid, where the header is truncated."""
    foreign: bool = False
    """It is not a slice of a series: an archive, another format, a pipe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Headers:
    """What the files of an input say before any pixel is read: slices, files that can't be read, a directory's list."""

    images: list[Image]
    unreadable: list[UnreadableFile]
    listed: list[ListedImage]


def read_headers(files: Sequence[SourceFile], settings: ReadingSettings) -> Headers:
    """Every slice that the files hold, every file that can't be read though it claims to be DICOM, and what a DICOMDIR
    lists."""
    images: list[Image] = []
    unreadable: list[UnreadableFile] = []
    listed: list[ListedImage] = []
    empty: list[SourceFile] = []
    for file in files:
        try:
            found = read_images(file, settings)
        except UnreadableError as error:
            foreign = (bool(file.problem) and not file.doubtful) or named_directory(file)
            unreadable.append(UnreadableFile(name=file.name, what=error.what, foreign=foreign))
            continue
        if not found and is_directory(file):
            listed += listed_images(file)
        elif not found:
            empty.append(file)
        whole = [image for image in found if image.pixels.offset is not None or not _is_ct_class(image)]
        if len(whole) < len(found):
            uid = found[0].series_uid
            unreadable.append(
                UnreadableFile(name=file.name, what="holds no pixel data; it may be truncated", series_uid=uid)
            )
        for image in whole:
            wrong = impossible_value(image, settings) if _is_ct_class(image) else ""
            if wrong:
                unreadable.append(UnreadableFile(name=file.name, what=wrong, series_uid=image.series_uid))
            else:
                images.append(image)
    slices = {_numbered(image.file.name) for image in images if _is_ct_class(image)} - {""}
    for file in empty:
        why = _no_image(file, settings.kinds)
        if _numbered(file.name) in slices and all(one.foreign for one in why):
            what = why[0].what if why else "is not a DICOM image"
            why = [UnreadableFile(name=file.name, what=f"{what}, although it is named like the slices")]
        unreadable += why
    return Headers(images=images, unreadable=unreadable, listed=listed)


def _numbered(name: str) -> str:
    """The pattern of a numbered file's name: the name without its numbers; empty where it has none."""
    file_name = name.rpartition("/")[2]
    bare = re.sub(r"\d+", "#", file_name)
    return bare if bare != file_name else ""


def _is_ct_class(image: Image) -> bool:
    """Is it a CT image by its class (plain, enhanced, converted), or by modality if its class is not given?"""
    return image.sop_class in _CT_CLASSES or (not image.sop_class and image.modality == "CT")


def _no_image(file: SourceFile, kinds: FileKinds) -> list[UnreadableFile]:
    """Why a file without CT images is left out; nothing for a DICOMDIR, or for what never holds images."""
    try:
        start = file.start(START_BYTES)
    except UnreadableError as error:
        return [UnreadableFile(name=file.name, what=error.what)]
    if start[128:132] == b"DICM":
        return []
    kind = left_out_as(file, start, kinds)
    known = kind.use in (Use.NONE, Use.LEFTOVER)
    return [] if known else [UnreadableFile(name=file.name, what=kind.reason, foreign=kind.use != Use.SLICE)]


def no_images(
    files: Sequence[SourceFile], unreadable: Sequence[UnreadableFile], where: str, kinds: FileKinds
) -> UnreadableError | NoCTError:
    claimed = [one for one in unreadable if not one.foreign]
    if claimed:
        more = f" (and {len(claimed) - 1} more)" if len(claimed) > 1 else ""
        instead, hint = what_instead([file for file in files if file.name == claimed[0].name], kinds)
        said = claimed[0].what
        if instead and instead.removeprefix("it is ") in said:  # then it says what to do as well, which is the hint
            said, instead = said.partition(": ")[0], ""
        what = f"no file can be read as DICOM: {claimed[0].name} {said}{more}" + (f" ({instead})" if instead else "")
        return UnreadableError(what, where=where, hint=hint or "export the series again, or check permissions")
    what = f"none of {len(files)} files is a DICOM image" if len(files) > 1 else "the file is not a DICOM image"
    instead, hint = what_instead(files, kinds)
    what += f" ({instead})" if instead else ""
    hint = hint or "give a DICOM folder, a ZIP of one, or a NIfTI file (.nii, .nii.gz)"
    return NoCTError(what, where=where, hint=hint)


def is_dicom(file: SourceFile) -> bool:
    """Does it carry the preamble of a DICOM file?"""
    with file.open() as stream:
        return stream.read(132)[128:] == b"DICM"


def series_of_file(file: SourceFile, settings: ReadingSettings) -> str | None:
    """The series that a single file belongs to; None if it is not a DICOM image."""
    images = read_images(file, settings)
    return images[0].series_uid if images else None
