"""What the reader keeps of a DICOM header: one record per slice."""

from __future__ import annotations

import math
from dataclasses import dataclass

from calcscan.read.files.source import SourceFile
from calcscan.read.headers.fields import Vector
from calcscan.read.headers.origin import Origin

CT_CLASS = "1.2.840.10008.5.1.4.1.1.2"
"""CT images; the UIDs of multi-frame CT begin with it."""
CAPTURE_CLASS = "1.2.840.10008.5.1.4.1.1.7"
"""Secondary capture; the UIDs of its multi-frame forms begin with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Header fields about the person and the study, as text."""

    patient_id: str
    name: str
    age: str
    birth_date: str
    sex: str
    study_date: str
    also: str = ""
    """What else names the person or the study, separated by backslashes: to be struck from texts, never compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pixels:
    """How the stored values of a slice are coded, and how they are rescaled to Hounsfield units."""

    transfer_syntax: str
    offset: int | None
    """Where the pixel data element starts in the file (0 in a deflated one); None where there is none."""
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    samples: int
    frames: int
    overlay: bool
    """The header says that bits beside the values hold an overlay."""
    slope: float | None
    intercept: float | None
    rescale_type: str
    odd_rescale: str
    """RescaleSlope or RescaleIntercept as it was written, where that is no number; empty where both are, or absent."""
    padding: int | None
    padding_limit: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One slice: a single-frame file, or a frame of a multi-frame one. Absent text is empty, absent numbers None."""

    file: SourceFile
    frame: int | None
    sop_uid: str
    series_uid: str
    study_uid: str
    frame_of_reference_uid: str
    sop_class: str
    modality: str
    image_type: tuple[str, ...]
    description: str
    study_description: str
    body_part: str
    series_number: float | None
    instance: float | None
    acquisition: float | None
    acquired: str
    slice_location_mm: float | None
    manufacturer: str
    model: str
    kernel: str
    kvp_kv: float | None
    thickness_mm: float | None
    planned_spacing_mm: float | None
    """SpacingBetweenSlices: of the series as it was reconstructed, whatever slices are left of it."""
    gantry_tilt_deg: float | None
    """GantryDetectorTilt, as stated; whose sign vendors give either way."""
    species: str
    """What species, or breed, the header names; empty where it names none, as for people."""
    comments: str
    context: tuple[str, ...]
    """Names of protocols, procedures and the study: text about all passes of a study."""
    contrast_agent: str
    """What shows that contrast medium was given; empty where nothing does."""
    origin: Origin
    patient_position: str
    patient_orientation: tuple[str, ...]
    rows: int
    columns: int
    position_mm: Vector | None
    row_cosine: Vector
    column_cosine: Vector
    row_spacing_mm: float | None
    column_spacing_mm: float | None
    field_mm: float | None
    """ReconstructionDiameter: how wide the scanner made the picture."""
    spacing_text: str
    """PixelSpacing as it was written: for messages where it is not a pair of numbers."""
    position_text: str
    """ImagePositionPatient as it was written."""
    oriented: bool
    """The header gave an orientation."""
    assumed_axial: bool
    """The header gave no orientation (or no position): standard axial was assumed."""
    pixels: Pixels
    person: Person

    @property
    def assumed_place(self) -> bool:
        """The header gave no position that can be read: it was derived from the slice location."""
        return self.position_mm is not None and len(_three(self.position_text)) != 3

    @property
    def source(self) -> str:
        """The SOP instance, or the file where it has no uid; with the frame's number from 1 on."""
        name = self.sop_uid or self.file.name
        return name if self.frame is None else f"{name}#{self.frame + 1}"


def _three(written: str) -> tuple[float, ...]:
    """The numbers of a position as it was written; none where they can't be read."""
    try:
        found = tuple(float(one) for one in written.split("\\"))
    except ValueError:
        return ()
    return found if all(map(math.isfinite, found)) else ()


def is_scout(image: Image) -> bool:
    return "LOCALIZER" in image.image_type or "SCOUT" in image.image_type


def is_ct_slice(image: Image) -> bool:
    return not is_scout(image) and image.modality in ("CT", "") and not image.sop_class.startswith(CAPTURE_CLASS)
