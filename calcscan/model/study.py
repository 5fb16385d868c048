"""A study, its series and files, and how a result came about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesChoice:
    """One series of the input: chosen, or why not."""

    uid: str = field(repr=False)
    description: str = field(repr=False)
    images: int
    chosen: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Acquisition:
    """What is known of how the chosen series was made."""

    manufacturer: str | None = None
    model: str | None = None
    kernel: str | None = None
    kvp_kv: float | None = None
    """None where it is not known, or differs between slices (`Scan.slice_kvp_kv`)."""
    slice_thickness_mm: float | None = None
    """The largest that is stated, where it differs between slices (`Scan.stated_thickness_mm`)."""
    contrast: bool | None = None
    """True only if the header or the image says so; None where neither tells."""
    sharp_kernel: bool = False
    """By the kernel's name, or the description of the series: edges overshoot, and noise is grainy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """Whose scan, as far as the header says. Identifiers stay in memory unless the user asks for them; no `repr` shows
    them."""

    study_uid: str = field(default="", repr=False)
    series_uid: str = field(default="", repr=False)
    frame_of_reference_uid: str = field(default="", repr=False)
    patient_id: str = field(default="", repr=False)
    patient_name: str = field(default="", repr=False)
    study_date: str = field(default="", repr=False)
    also: str = field(default="", repr=False)
    """What else names the person or the study (birth date, accession number, physicians), separated by backslashes:
    never written, and struck from texts."""
    age_years: float | None = None
    sex: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyLabel:
    """How a study is named in tables, none of it from a header: participant, session and run as in BIDS, with their
    keys (`sub-01`)."""

    study: str | None = None
    participant: str | None = None
    session: str | None = None
    run: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFiles:
    """The files of an input, by their contents alone."""

    kind: str
    """`folder`, `zip`, `nifti` (with its JSON) or `dicom_file` (alone, whatever was read beside it)."""
    files: int
    bytes: int
    sha256: str | None
    """Of the sorted SHA-256 of each file; None of what is too much to read twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """How a result came about, so that it can be had again."""

    date: str
    """The day, UTC, ISO 8601; no more, so that what is done twice on a day is the same to the bit."""
    options: Mapping[str, Any]
    """The options by name, those left at their default included; rules by the checksum of their file."""
    context: Mapping[str, Any] | None
    """Facts about the person, as they were stated."""
    input: InputFiles | None
    """None for a scan that was handed over in memory."""
    place: str
    """The path that was given; written only where identifiers may be."""
    picture_sha256: str
    """Of the voxels and where they lie."""
