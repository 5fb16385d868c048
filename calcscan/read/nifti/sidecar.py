"""What is known of how a NIfTI was made: the JSON files that describe it, and the file name itself.

The JSON is as dcm2niix writes it and as BIDS asks for it: its keys are DICOM's own names. It is made into the same
record as a DICOM header, so that the same words mean the same whichever way a scan came.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset

from calcscan.errors import GeometryError, NoCTError
from calcscan.knowledge.reading import ReadingSettings
from calcscan.model import Acquisition, Flag, Study
from calcscan.read.files.source import SourceFile
from calcscan.read.headers.acquisition import acquisition_of
from calcscan.read.headers.contrast import contrast_of_series
from calcscan.read.headers.fields import PARSE_ERRORS, one_line
from calcscan.read.headers.flags import header_flags
from calcscan.read.headers.identity import refuse_animal
from calcscan.read.headers.image import Image, is_scout
from calcscan.read.headers.parse import image_of
from calcscan.read.headers.silent import with_stated
from calcscan.read.headers.study import age_note, study_of
from calcscan.read.nifti.sidecar_check import usable
from calcscan.read.nifti.sidecar_files import is_made_from_another, json_fields, stem_of_image
from calcscan.read.series.candidates import Candidate
from calcscan.read.series.derivation import Nature, derivation_of
from calcscan.read.series.select import derived_flag
from calcscan.read.series.stacks import Stack
from calcscan.read.stated import Stated

NAME = "(NIfTI volume)"
"""Stands for the file in a report, as its name may be a person's."""
_ALSO_CALLED = {
    "ManufacturersModelName": "ManufacturerModelName",
    "BodyPart": "BodyPartExamined",
    "GantryTilt": "GantryDetectorTilt",
}
"""Names that dcm2niix and BIDS use → DICOM's."""
_VRS = frozenset({"AE", "AS", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UI", "UT"})
_GIVEN = ("Rows", "Columns", "PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient", "PixelRepresentation",
          "RescaleSlope", "RescaleIntercept", "NumberOfFrames", "BitsAllocated", "BitsStored", "HighBit")  # fmt: skip
"""Fields for which the NIfTI itself is the better source."""
_MOST_ITEMS = 8
_SHORT, _LONG = 64, 1024
"""The most characters of a DICOM value; longer ones come from no scanner, and are not repeated in messages."""
_AGENT = re.compile(r"(?:^|_)ce-([0-9A-Za-z+]+)(?=_|$)")
"""The entity of BIDS that names a contrast agent."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sidecar:
    """What a DICOM header would say of the scan; `tilt_deg` is the gantry's, if stated."""

    acquisition: Acquisition
    study: Study
    description: str
    unit: str
    """The unit of the values, where one is stated other than Hounsfield units."""
    tilt_deg: float | None
    converter: str
    """The program that made the NIfTI, in lower case; empty where it is not said."""
    flags: tuple[Flag, ...]


def read_sidecar(
    path: Path, shape: Sequence[int], steps_mm: Sequence[float], settings: ReadingSettings, stated: Stated
) -> Sidecar:
    """What is known of a NIfTI beside its own header, and by what is stated. An unusable JSON is flagged, and so is one
    that describes another volume than that of `shape` voxels of `steps_mm` along (i, j, k).

    Raises
    ------
    InputError
        The JSON contradicts what is stated, or says that this is an animal.
    NoCTError
        The JSON says that it is no CT, or none that shows slices in Hounsfield units.
    GeometryError
        dcm2niix has put an evenly spaced copy beside it: its own slices are not where it says.
    """
    stem = stem_of_image(path)
    _refuse_uneven(path, stem)
    found, doubt = json_fields(path, settings)
    found, unused = usable(found, shape, steps_mm, settings, resampled=is_made_from_another(stem))
    dataset = _dataset(found, settings)
    agent = _AGENT.search(stem)
    named = str(dataset.get("ContrastBolusAgent", "") or "")
    if agent and (not named or settings.words.no_agent.match(named)):
        _put(dataset, "ContrastBolusAgent", agent[1])
    try:
        image = image_of(SourceFile(NAME, path=path), dataset, settings)
    except PARSE_ERRORS as error:
        doubt = f"its fields can't be interpreted ({one_line(error)})"
        image = image_of(SourceFile(NAME, path=path), _dataset({}, settings), settings)
    (image,), stated_flags = with_stated([image], stated, settings, str(path))
    refuse_animal([image], str(path), settings)
    described = _as_series(image, str(path), settings)
    contrast = described.contrast
    notes = [f"The JSON file beside the NIfTI was not used: {doubt}."] if doubt else []
    notes += [f"In the JSON file beside the NIfTI, this was not used: {unused}."] if unused else []
    if age := age_note(image.person, settings):
        notes.append(f"{age}.")
    flags = [
        *header_flags([image], set(), contrast, settings),
        *derived_flag(described, settings),
        *(Flag(code="left_out", message=note) for note in notes),
        *stated_flags,
    ]
    if is_made_from_another(stem):
        message = (
            "By its name dcm2niix made it from a tilted or unevenly spaced volume by interpolation, which dilutes "
            "small calcifications: use the DICOM files."
        )
        flags.append(Flag(code="resampled", message=message))
    plain_name = stem.replace("_", " ")
    if (
        not contrast.given
        and settings.words.name_contrast.match(plain_name)
        and not settings.words.without_contrast.match(plain_name)
    ):
        message = "Contrast medium was given (according to the file name)."
        flags.append(Flag(code="contrast", message=message))
    return Sidecar(
        acquisition=acquisition_of([image], image.thickness_mm, contrast, settings),
        study=study_of(image, settings),
        description=" ".join(image.description.split()),
        unit=_unit(found, settings),
        tilt_deg=image.gantry_tilt_deg,
        converter=str(found.get("ConversionSoftware", "")).strip().casefold(),
        flags=tuple(flags),
    )


def described(fields: Mapping[str, Any], stated: Stated, settings: ReadingSettings, where: str) -> Sidecar:
    """What fields by DICOM's names say of a scan in memory, as `read_sidecar` of a JSON."""
    image = image_of(SourceFile(NAME, path=Path()), _dataset(fields, settings), settings)
    (image,), stated_flags = with_stated([image], stated, settings, where)
    contrast = contrast_of_series([image], settings)
    return Sidecar(
        acquisition=acquisition_of([image], image.thickness_mm, contrast, settings),
        study=study_of(image, settings),
        description="",
        unit="",
        tilt_deg=image.gantry_tilt_deg,
        converter="",
        flags=(*header_flags([image], set(), contrast, settings), *stated_flags),
    )


def _unit(found: Mapping[str, Any], settings: ReadingSettings) -> str:
    """The unit of the values, where one is stated other than Hounsfield units; else empty."""
    said = found.get("Units")
    return (
        "" if not isinstance(said, str) or settings.words.hounsfield_unit.match(said) else " ".join(said.split())[:40]
    )


def _refuse_uneven(path: Path, stem: str) -> None:
    if is_made_from_another(stem):
        return
    try:
        names = [other.name for other in path.parent.iterdir() if other.name.startswith(stem + "_")]
    except OSError:
        return
    even = [name for name in names if re.fullmatch(r"_(?:Tilt_)?Eq(?:_\d+)?\.nii(?:\.gz)?", name[len(stem) :])]
    if even:
        what = f"its slices are unevenly spaced, which a NIfTI can't express: dcm2niix wrote {even[0]} beside it"
        raise GeometryError(what, where=str(path), hint="give the DICOM folder, or that file")


def _dataset(fields: Mapping[str, Any], settings: ReadingSettings) -> Dataset:
    """The fields that DICOM knows, of plain text or numbers."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    known = {_ALSO_CALLED.get(key, key): value for key, value in fields.items()} | {
        key: value for key, value in fields.items() if key not in _ALSO_CALLED
    }
    for keyword, value in known.items():
        if isinstance(keyword, str) and keyword not in _GIVEN:
            _put(dataset, keyword, value)
    if isinstance(fields.get("RescaleType"), str) and settings.words.hounsfield_unit.match(fields["RescaleType"]):
        _put(dataset, "RescaleType", "HU")
    age = fields.get("PatientAge")
    if isinstance(age, int | float) and not isinstance(age, bool):
        _put(dataset, "PatientAge", f"{age:03.0f}Y")
    for keyword, value in (
        ("Rows", 1), ("Columns", 1), ("PixelSpacing", [1, 1]), ("ImagePositionPatient", [0, 0, 0]),
        ("ImageOrientationPatient", [1, 0, 0, 0, 1, 0]),
    ):  # fmt: skip
        _put(dataset, keyword, value)
    return dataset


def _put(dataset: Dataset, keyword: str, value: Any) -> None:
    """Set an attribute as a file would hold it; what is not an attribute or not a plain value is skipped."""
    tag = tag_for_keyword(keyword)
    several = value if isinstance(value, list) else [value]
    if tag is not None and dictionary_VR(tag) == "SQ":
        dataset.add_new(tag, "SQ", [_item(one) for one in several[:_MOST_ITEMS] if isinstance(one, dict)])
        return
    if tag is None or not several or not all(isinstance(one, str | int | float) for one in several):
        return
    vr = dictionary_VR(tag)
    try:
        if vr in _VRS - {"FD", "FL"}:
            most = _LONG if vr in ("ST", "LT", "UT") else _SHORT
            text = "\\".join(str(one)[:most] for one in several)
            made = DataElement(tag, vr, text.split("\\") if "\\" in text else text, pydicom.config.IGNORE)
        elif vr in ("FD", "FL", "US"):
            numbers = [int(one) if vr == "US" else float(one) for one in several]
            made = DataElement(tag, vr, numbers if len(numbers) > 1 else numbers[0])
        else:
            return
        dataset.add(made)
    except PARSE_ERRORS:
        return


def _item(fields: Mapping[str, Any]) -> Dataset:
    """An item of a sequence; sequences within it are skipped."""
    item = Dataset()
    for keyword, value in fields.items():
        if not isinstance(value, dict) and not (isinstance(value, list) and any(isinstance(x, dict) for x in value)):
            _put(item, keyword, value)
    return item


def _as_series(image: Image, where: str, settings: ReadingSettings) -> Candidate:
    """The series that the fields describe; raises `NoCTError` where a DICOM series with them would not be read."""
    hint = "give the native CT series"
    said = image.modality
    if said and said != "CT":
        raise NoCTError(f"the JSON beside it says that it is {said[:16]}, not CT", where=where, hint=hint)
    if is_scout(image):
        raise NoCTError("the JSON beside it says that it is a localizer", where=where, hint=hint)
    derivation = derivation_of([image], settings)
    if derivation.nature >= Nature.COMPUTED:
        raise NoCTError(f"the JSON beside it says that it is not a plain CT: {derivation.why}", where=where, hint=hint)
    return Candidate(
        stack=Stack(images=(image,)), refusal="", derivation=derivation, contrast=contrast_of_series([image], settings)
    )
