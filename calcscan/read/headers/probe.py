"""Which study a file belongs to and whose it is, from its first few KB: fast enough for many thousands of files."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.filereader import read_partial
from pydicom.tag import BaseTag, Tag

from calcscan.errors import InputError, UnreadableError
from calcscan.knowledge.file_kinds import Use
from calcscan.knowledge.reading import ReadingSettings
from calcscan.knowledge.settings import load
from calcscan.read.files.archives import is_zip
from calcscan.read.files.inputs import source_files
from calcscan.read.files.kinds import START_BYTES, kind_of, left_out_as
from calcscan.read.files.source import SourceFile, printable
from calcscan.read.headers.context import person_in
from calcscan.read.headers.fields import PARSE_ERRORS, text
from calcscan.read.headers.image import CT_CLASS, Image, Person
from calcscan.read.headers.parse import looks_like_dicom, read_images

_STUDY = Tag("StudyInstanceUID")
_WANTED: list[BaseTag | int] = [Tag(name) for name in (
    "SpecificCharacterSet", "SOPClassUID", "Modality", "PatientID", "PatientName", "PatientAge", "PatientBirthDate",
    "PatientSex", "StudyDate", "StudyInstanceUID", "SeriesInstanceUID", "InstanceNumber",
)]  # fmt: skip
_LAST = Tag("InstanceNumber")
_CUT = "is truncated within its header"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What a file is: `dicom` if it belongs to a study, `alone` if it is a ZIP or NIfTI file, a study by itself;
    otherwise `reason` says why it is left out."""

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


def probe(path: Path, *, settings: ReadingSettings | None = None) -> Probe:
    """Look at a file. Nothing is raised: what can't be read is a reason.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     (Path(folder) / "notes.txt").write_text("seen")
    ...     probe(Path(folder) / "notes.txt").reason
    4
    'is not a DICOM image (a document, picture or program)'
    """
    return _probe(SourceFile(printable(path.name), path=path), settings or load(ReadingSettings))


def probe_archive(path: Path, *, settings: ReadingSettings | None = None) -> list[tuple[str, Probe]]:
    """Look at each entry of a ZIP, in the order of `source_files`; empty where it can't be opened."""
    settings = settings or load(ReadingSettings)
    try:
        if not is_zip(path):
            return []
        with source_files(path, settings=settings) as files:
            return [(file.name, _probe(file, settings)) for file in files]
    except InputError:
        return []


def _probe(file: SourceFile, settings: ReadingSettings) -> Probe:
    try:
        start = file.start(settings.probe_bytes)
        if looks_like_dicom(start[:132]):
            return _dicom(file, start, settings)
        return _other(file, start if len(start) < settings.probe_bytes else file.start(START_BYTES), settings)
    except UnreadableError as error:
        return Probe(reason=error.what, doubtful=True, claims=file.claims_dicom)


def _other(file: SourceFile, start: bytes, settings: ReadingSettings) -> Probe:
    kind = kind_of(file.name, start, settings.kinds)
    named_zip = file.name.lower().endswith(".zip") and kind.use != Use.SLICE
    if kind.key == "nifti" or (named_zip and kind.key != "label_map"):
        return Probe(alone=True)
    kind = left_out_as(file, start, settings.kinds)
    return Probe(reason=kind.reason, doubtful=kind.use == Use.SLICE, claims=kind.use == Use.SLICE)


def _dicom(file: SourceFile, start: bytes, settings: ReadingSettings) -> Probe:
    passed = False

    def beyond(tag: Any, _vr: str | None, _length: int) -> bool:
        nonlocal passed
        passed = bool(tag > _LAST)
        return passed

    try:
        dataset = read_partial(io.BytesIO(start), stop_when=beyond, force=True, specific_tags=_WANTED)
    except PARSE_ERRORS:
        return _thorough(file, settings)
    found = dataset.get_item(_STUDY) if _STUDY in dataset else None
    if isinstance(found, pydicom.dataelem.RawDataElement) and len(found.value or b"") < found.length != 0xFFFFFFFF:
        return (
            Probe(reason=_CUT, doubtful=True, claims=True)
            if len(start) < settings.probe_bytes
            else _thorough(file, settings)
        )
    uid = text(dataset, "StudyInstanceUID")
    if not passed or not uid or not (text(dataset, "SOPClassUID") or text(dataset, "Modality")):
        return _thorough(file, settings)
    number = text(dataset, "InstanceNumber") if text(dataset, "SOPClassUID") == CT_CLASS else ""
    series = text(dataset, "SeriesInstanceUID")
    return Probe(dicom=True, study_uid=uid, series_uid=series, person=person_in([dataset]), slice_number=number)


def _thorough(file: SourceFile, settings: ReadingSettings) -> Probe:
    """By the whole header, where its beginning does not suffice."""
    try:
        images = read_images(file, settings)
    except UnreadableError as error:
        return Probe(reason=error.what, doubtful=True, claims=True)
    if not images:
        return Probe(reason="is a DICOMDIR, a list of files", directory=True)
    first = images[0]
    if _is_cut(first):
        return Probe(reason=_CUT, doubtful=True, claims=True)
    number = f"{first.instance:g}" if first.sop_class == CT_CLASS and first.instance is not None else ""
    study, series = first.study_uid, first.series_uid
    return Probe(dicom=True, study_uid=study, series_uid=series, person=first.person, slice_number=number)


def _is_cut(image: Image) -> bool:
    """Does the header end before the series, which follows the study? The study's uid may then be half of one."""
    return image.modality == "CT" and image.pixels.offset is None and not image.series_uid
