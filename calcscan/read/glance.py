"""Which study a file belongs to and whose it is, from its first few KB: for looking through many thousand files."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.filereader import read_partial
from pydicom.tag import Tag

from calcscan.errors import InputError, UnreadableError
from calcscan.read.fields import PARSE_ERRORS, text
from calcscan.read.files import Blob, blobs_of, is_zip, printable
from calcscan.read.header import Image, Person, looks_like_dicom, person_in, read_images
from calcscan.read.kinds import START_BYTES, kind_of, left_out_as
from calcscan.read.rules import limit

_STUDY = Tag("StudyInstanceUID")
_WANTED = [Tag(name) for name in (
    "SpecificCharacterSet", "SOPClassUID", "Modality", "PatientID", "PatientName", "PatientAge", "PatientBirthDate",
    "PatientSex", "StudyDate", "StudyInstanceUID", "SeriesInstanceUID", "InstanceNumber",
)]  # fmt: skip
_LAST = Tag("InstanceNumber")
_SLICE = "1.2.840.10008.5.1.4.1.1.2"
_CUT = "is cut short within its header"


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """What a file is. `dicom` one that belongs to a study, `alone` a ZIP or NIfTI file, which is a study by itself; of
    any other `reason` says why it is left out."""

    dicom: bool = False
    alone: bool = False
    study_uid: str = ""
    series_uid: str = ""
    person: Person | None = None
    slice_number: str = ""
    """The instance number of a file that holds one slice, as most scanners write them."""
    reason: str = ""
    doubtful: bool = False
    """Might it be a part of a study, though it can't be read?"""
    claims: bool = False
    """Does it say that it is DICOM, by its name or content?"""
    directory: bool = False
    """Is it a DICOMDIR?"""


def glance(path: Path) -> Glance:
    """Look at a file. Nothing is raised: what can't be read is a reason.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     (Path(folder) / "notes.txt").write_text("seen")
    ...     glance(Path(folder) / "notes.txt").reason
    4
    'is no DICOM image (a document, picture or program)'
    """
    return _glance(Blob(printable(path.name), path=path))


def glance_into(path: Path) -> list[tuple[str, Glance]]:
    """Look at each entry of a ZIP, in the order of `calcscan.read.files.blobs_of`; empty where it can't be opened."""
    try:
        if not is_zip(path):
            return []
        with blobs_of(path) as blobs:
            return [(blob.name, _glance(blob)) for blob in blobs]
    except InputError:
        return []


def _glance(blob: Blob) -> Glance:
    try:
        start = blob.start(int(limit("glance_bytes")))
        if looks_like_dicom(start[:132]):
            return _dicom(blob, start)
        return _other(blob, start if len(start) < limit("glance_bytes") else blob.start(START_BYTES))
    except UnreadableError as error:
        return Glance(reason=error.what, doubtful=True, claims=blob.claims_dicom)


def _other(blob: Blob, start: bytes) -> Glance:
    kind = kind_of(blob.name, start)
    named_zip = blob.name.lower().endswith(".zip") and kind.use != "slice"
    if kind.key == "nifti" or (named_zip and kind.key != "label_map"):
        return Glance(alone=True)
    kind = left_out_as(blob, start)
    return Glance(reason=kind.reason, doubtful=kind.use == "slice", claims=kind.use == "slice")


def _dicom(blob: Blob, start: bytes) -> Glance:
    passed = False

    def beyond(tag: Any, _vr: str | None, _length: int) -> bool:
        nonlocal passed
        passed = bool(tag > _LAST)
        return passed

    try:
        dataset = read_partial(io.BytesIO(start), stop_when=beyond, force=True, specific_tags=_WANTED)
    except PARSE_ERRORS:
        return _thorough(blob)
    found = dataset.get_item(_STUDY) if _STUDY in dataset else None
    if isinstance(found, pydicom.dataelem.RawDataElement) and len(found.value or b"") < found.length != 0xFFFFFFFF:
        return (
            Glance(reason=_CUT, doubtful=True, claims=True) if len(start) < limit("glance_bytes") else _thorough(blob)
        )
    uid = text(dataset, "StudyInstanceUID")
    if not passed or not uid or not (text(dataset, "SOPClassUID") or text(dataset, "Modality")):
        return _thorough(blob)
    number = text(dataset, "InstanceNumber") if text(dataset, "SOPClassUID") == _SLICE else ""
    series = text(dataset, "SeriesInstanceUID")
    return Glance(dicom=True, study_uid=uid, series_uid=series, person=person_in([dataset]), slice_number=number)


def _thorough(blob: Blob) -> Glance:
    """By the whole header, where its beginning does not tell."""
    try:
        images = read_images(blob)
    except UnreadableError as error:
        return Glance(reason=error.what, doubtful=True, claims=True)
    if not images:
        return Glance(reason="is a DICOMDIR, a list of files", directory=True)
    first = images[0]
    if _is_cut(first):
        return Glance(reason=_CUT, doubtful=True, claims=True)
    number = f"{first.instance:g}" if first.sop_class == _SLICE and first.instance is not None else ""
    study, series = first.study_uid, first.series_uid
    return Glance(dicom=True, study_uid=study, series_uid=series, person=first.person, slice_number=number)


def _is_cut(image: Image) -> bool:
    """Does the header end before the series, which follows the study? The study's uid may then be half of one."""
    return image.modality == "CT" and image.pixels.offset is None and not image.series_uid
