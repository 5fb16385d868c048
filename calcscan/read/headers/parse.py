"""DICOM files → `Image` records."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pydicom
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from calcscan.errors import UnreadableError
from calcscan.knowledge.reading import ReadingSettings
from calcscan.read.files.inflation import refuse_inflating
from calcscan.read.files.source import SourceFile
from calcscan.read.headers.context import context_in, person_in, species_in
from calcscan.read.headers.contrast_agent import contrast_agent_in
from calcscan.read.headers.fields import (
    PARSE_ERRORS,
    Vector,
    get,
    measure,
    number,
    numbers,
    one_line,
    positive,
    stored_value,
    text,
    unit,
    vector,
    whole,
    words,
)
from calcscan.read.headers.image import CT_CLASS, Image, Person, Pixels
from calcscan.read.headers.origin import origin_of

_DIRECTORY = "1.2.840.10008.1.3.10"
_OVERLAY_POSITIONS = tuple(0x60000102 + 0x20000 * number for number in range(16))
"""OverlayBitPosition of each overlay: 0 where it is stored apart from the pixels."""
_META_BYTES = 2048
"""The transfer syntax is among the first elements of a file."""
_ITEM_BYTES = 8
"""The least size of a compressed frame: the header of its item."""
_PIXEL_DATA = (b"\xe0\x7f\x10\x00", b"\x7f\xe0\x00\x10")
_FLOAT_PIXELS = (b"\xe0\x7f\x08\x00", b"\xe0\x7f\x09\x00", b"\x7f\xe0\x00\x08", b"\x7f\xe0\x00\x09")


def looks_like_dicom(start: bytes) -> bool:
    """By its first 132 bytes: the preamble, or a first element of group 2 or 8 in a file without one."""
    if start[128:132] == b"DICM":
        return True
    if len(start) < 8 or start[0] not in (2, 8) or start[1] != 0 or start[3] != 0:
        return start[:2] == b"\x00\x08" and start[4:6].isalpha()
    return (start[4:6].isalpha() and start[4:6].isupper()) or int.from_bytes(start[4:8], "little") < 1024


def read_images(file: SourceFile, settings: ReadingSettings) -> list[Image]:
    """The slices that a file holds; none if it isn't DICOM, or is a directory record.

    Raises
    ------
    UnreadableError
        It can't be opened, or is DICOM but can't be understood.
    """
    if file.archive is not None and not looks_like_dicom(file.start(132)):
        return []  # so that what is no DICOM is not unpacked
    with file.open() as stream:
        start = stream.read(132)
        if not looks_like_dicom(start):
            return []
        try:
            if DeflatedExplicitVRLittleEndian.encode() in start + stream.read(_META_BYTES):
                refuse_inflating(stream, file.name, settings)
            stream.seek(0)
            dataset = pydicom.dcmread(stream, stop_before_pixels=True, force=True, defer_size=settings.max_value_bytes)
            deflated = text(dataset.file_meta, "TransferSyntaxUID") == DeflatedExplicitVRLittleEndian
            at, tag = stream.tell(), stream.read(4)
            offset = 0 if deflated else at if tag in _PIXEL_DATA else None
            room = None if deflated or offset is None else stream.seek(0, os.SEEK_END) - offset
        except PARSE_ERRORS as error:
            raise UnreadableError(f"is damaged ({one_line(error)})", where=file.name, hint="export it again") from error
    if _DIRECTORY in (text(dataset.file_meta, "MediaStorageSOPClassUID"), text(dataset, "SOPClassUID")):
        return []
    if tag in _FLOAT_PIXELS and _is_ct([dataset]):
        what = "holds its pixels as floating-point numbers, which a CT image can't have"
        raise UnreadableError(what, where=file.name, hint="export it as the scanner wrote it")
    if not text(dataset, "SOPClassUID") and not text(dataset, "Modality"):
        raise UnreadableError("is truncated or not a DICOM image", where=file.name, hint="export it again")
    try:
        return list(_images(file, dataset, offset, room, settings))
    except PARSE_ERRORS as error:
        raise UnreadableError(f"is damaged ({one_line(error)})", where=file.name, hint="export it again") from error


def image_of(file: SourceFile, dataset: Any, settings: ReadingSettings) -> Image:
    """The record of header fields that don't come from a DICOM file; `dataset` is pydicom's, with a `file_meta`."""
    return next(_images(file, dataset, None, None, settings))


def _images(
    file: SourceFile, dataset: Any, offset: int | None, room: int | None, settings: ReadingSettings
) -> Iterator[Image]:
    """`room` is the number of bytes of pixel data, where that is known."""
    each = get([dataset], "PerFrameFunctionalGroupsSequence")
    frames = whole([dataset], "NumberOfFrames") or len(each or ()) or 1
    if frames > settings.max_frames:
        raise UnreadableError(f"is damaged (it claims {frames} frames)", where=file.name, hint="export it again")
    if frames > 1 and room is not None and _too_many(dataset, frames, room):
        what = f"is damaged (NumberOfFrames is {frames}, more than it has room for)"
        raise UnreadableError(what, where=file.name, hint="export it again")
    many = frames > 1 or each is not None
    person = person_in([dataset])
    for frame in range(frames) if many else [None]:
        layers = _layers(dataset, frame)
        yield _image(file, frame, layers, _pixels(dataset.file_meta, layers, offset, frames), person, settings)


def _too_many(dataset: Any, frames: int, room: int) -> bool:
    """More frames than the file describes and has room for. (One that describes them all was truncated, and is read
    as far as it goes.)"""
    described = get([dataset], "PerFrameFunctionalGroupsSequence")
    if described is not None and len(described) >= frames:
        return False
    syntax = text(dataset.file_meta, "TransferSyntaxUID")
    plain = syntax in ("", ImplicitVRLittleEndian, ExplicitVRLittleEndian)
    size = _ITEM_BYTES
    if plain:
        pixels = (whole([dataset], "Rows") or 0) * (whole([dataset], "Columns") or 0)
        size = pixels * max(8, whole([dataset], "BitsAllocated") or 0) // 8
    return frames * size > room


_GROUPS = (
    "PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence", "PixelValueTransformationSequence",
    "CTReconstructionSequence", "CTImageFrameTypeSequence", "CTXRayDetailsSequence", "FrameContentSequence",
    "DerivationImageSequence", "MultienergyCTCharacteristicsSequence",
)  # fmt: skip


def _layers(dataset: Any, frame: int | None) -> list[Any]:
    """Where to look for an attribute: the frame's own functional groups, the shared ones, the file."""
    if frame is None:
        return [dataset]
    each = get([dataset], "PerFrameFunctionalGroupsSequence")
    shared = get([dataset], "SharedFunctionalGroupsSequence")
    groups = ([each[frame]] if each is not None and frame < len(each) else []) + ([shared[0]] if shared else [])
    found = [get([group], name) for group in groups for name in _GROUPS]
    return [item[0] for item in found if item is not None] + [dataset]


def _pixels(meta: Any, layers: list[Any], offset: int | None, frames: int) -> Pixels:
    allocated, stored = whole(layers, "BitsAllocated"), whole(layers, "BitsStored")
    allocated = allocated if allocated in (8, 16, 32) else 16
    stored = stored if stored is not None and 0 < stored <= allocated else allocated
    high = whole(layers, "HighBit")
    return Pixels(
        transfer_syntax=text(meta, "TransferSyntaxUID"),
        offset=offset,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=high if high is not None and stored <= high + 1 <= allocated else stored - 1,
        signed=whole(layers, "PixelRepresentation") == 1,
        samples=whole(layers, "SamplesPerPixel") or 1,
        frames=frames,
        overlay=_overlay_in_pixels(layers[-1]),
        slope=number(layers, "RescaleSlope"),
        intercept=number(layers, "RescaleIntercept"),
        rescale_type=text(layers, "RescaleType").upper(),
        odd_rescale=_odd_rescale(layers),
        padding=stored_value(layers, "PixelPaddingValue"),
        padding_limit=stored_value(layers, "PixelPaddingRangeLimit"),
    )


def _odd_rescale(layers: list[Any]) -> str:
    for keyword in ("RescaleSlope", "RescaleIntercept"):
        written = text(layers, keyword)
        if written and number(layers, keyword) is None:
            return f"{keyword} is {written[:20]!r}, not a number"
    return ""


def _overlay_in_pixels(dataset: Any) -> bool:
    try:
        return any(dataset[tag].value for tag in _OVERLAY_POSITIONS if tag in dataset)
    except PARSE_ERRORS:
        return True


def _image(
    file: SourceFile, frame: int | None, layers: list[Any], pixels: Pixels, person: Person, settings: ReadingSettings
) -> Image:
    rows, columns = whole(layers, "Rows") or 0, whole(layers, "Columns") or 0
    spacing = numbers(layers, "PixelSpacing", 2)
    position, row, column, oriented, assumed = _place(layers, rows, columns, spacing, settings)
    types = words(layers, "FrameType") if frame is not None else ()
    return Image(
        file=file,
        frame=frame,
        sop_uid=text(layers, "SOPInstanceUID"),
        series_uid=text(layers, "SeriesInstanceUID"),
        study_uid=text(layers, "StudyInstanceUID"),
        frame_of_reference_uid=text(layers, "FrameOfReferenceUID"),
        sop_class=text(layers, "SOPClassUID"),
        modality=text(layers, "Modality").upper() or ("CT" if _is_ct(layers) else ""),
        image_type=tuple(word.upper() for word in types or words(layers, "ImageType")),
        description=text(layers, "SeriesDescription"),
        study_description=text(layers, "StudyDescription"),
        body_part=text(layers, "BodyPartExamined"),
        series_number=number(layers, "SeriesNumber"),
        instance=number(layers, "InstanceNumber") if frame is None else float(frame),
        acquisition=number(layers, "FrameAcquisitionNumber") or number(layers, "AcquisitionNumber"),
        acquired=text(layers, "FrameAcquisitionDateTime") or text(layers, "AcquisitionTime"),
        slice_location_mm=number(layers, "SliceLocation"),
        manufacturer=text(layers, "Manufacturer"),
        model=text(layers, "ManufacturerModelName"),
        kernel=text(layers, "ConvolutionKernel"),
        kvp_kv=_tube_voltage(layers, settings),
        thickness_mm=positive(measure(layers, "SliceThickness", "mm")),
        planned_spacing_mm=positive(measure(layers, "SpacingBetweenSlices", "mm")),
        gantry_tilt_deg=measure(layers, "GantryDetectorTilt", "deg"),
        species=species_in(layers),
        comments=text(layers, "ImageComments"),
        context=context_in(layers, settings),
        contrast_agent=contrast_agent_in(layers, settings, _usage(layers[-1], frame)),
        origin=origin_of(layers),
        patient_position=text(layers, "PatientPosition").upper(),
        patient_orientation=words(layers, "PatientOrientation"),
        rows=rows,
        columns=columns,
        position_mm=position,
        row_cosine=row,
        column_cosine=column,
        row_spacing_mm=positive(spacing[0]) if spacing else None,
        column_spacing_mm=positive(spacing[1]) if spacing else None,
        field_mm=positive(measure(layers, "ReconstructionDiameter", "mm")),
        spacing_text=text(layers, "PixelSpacing"),
        position_text=text(layers, "ImagePositionPatient"),
        oriented=oriented,
        assumed_axial=assumed,
        pixels=pixels,
        person=person,
    )


def _tube_voltage(layers: list[Any], settings: ReadingSettings) -> float | None:
    """In kV; None where none is stated, or none that an X-ray tube of a CT has."""
    kvp_kv = measure(layers, "KVP", "kV", "kVp")
    return kvp_kv if kvp_kv is not None and settings.min_kvp_kv <= kvp_kv <= settings.max_kvp_kv else None


def _is_ct(layers: list[Any]) -> bool:
    """Is it a CT image by its class?"""
    sop_class = text(layers, "SOPClassUID")
    return sop_class == CT_CLASS or sop_class.startswith(f"{CT_CLASS}.")


def _usage(dataset: Any, frame: int | None) -> Any:
    """A frame's own entries of the contrast agents used, or those that all frames share."""
    if frame is None:
        return None
    each = get([dataset], "PerFrameFunctionalGroupsSequence")
    shared = get([dataset], "SharedFunctionalGroupsSequence")
    groups = ([each[frame]] if each is not None and frame < len(each) else []) + ([shared[0]] if shared else [])
    return get(groups, "ContrastBolusUsageSequence")


def _place(
    layers: list[Any], rows: int, columns: int, spacing: tuple[float, ...] | None, settings: ReadingSettings
) -> tuple[Vector | None, Vector, Vector, bool, bool]:
    """Position, row and column cosines, whether the header gave them, and whether standard axial had to be assumed."""
    cosines = numbers(layers, "ImageOrientationPatient", 6)
    oriented = cosines is not None and _square(cosines, settings)
    if cosines is None or not oriented:
        cosines = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    row, column = unit(cosines[:3]), unit(cosines[3:])
    position = numbers(layers, "ImagePositionPatient", 3)
    if position is not None:
        return vector(position), row, column, oriented, not oriented
    height = number(layers, "SliceLocation")
    if height is None or spacing is None:
        return None, row, column, oriented, False
    corner = (-columns * spacing[1] / 2, -rows * spacing[0] / 2, height)
    return vector(corner), row, column, oriented, True


def _square(cosines: tuple[float, ...], settings: ReadingSettings) -> bool:
    """Two directions at right angles, each of a length that rounding can explain."""
    row, column = np.array(cosines[:3]), np.array(cosines[3:])
    lengths = np.hypot.reduce(row), np.hypot.reduce(column)
    if not all(1 - settings.cosine_slack < length < 1 + settings.cosine_slack for length in lengths):
        return False
    return bool(abs(row @ column) / (lengths[0] * lengths[1]) < settings.cosine_slack)
