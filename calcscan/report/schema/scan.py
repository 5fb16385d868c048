"""The scan: whose it is, how it was made, how far it may be trusted and how it lies in the atlas."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from calcscan.report.quantities import (
    Count,
    FlagCode,
    LengthMm,
    OrdinalFrom1,
    Participant,
    RunLabel,
    Session,
    Severity,
    Sha256,
    State,
    StudyName,
)
from calcscan.report.schema.part import Part

FileAxis = Literal["i", "j", "k"]
RowOf4 = tuple[float | None, float | None, float | None, float | None]


class StudySection(Part, frozen=True, kw_only=True):
    """Whose scan and how it was made, as far as the header says. Identifiers only where they were asked for."""

    study: StudyName | None
    participant: Participant | None
    session: Session | None
    run: RunLabel | None
    uid_hash: Annotated[str, Meta(description="How the UIDs are hashed.")]
    study_uid_sha256: Sha256 | None
    series_uid_sha256: Sha256 | None
    frame_of_reference_uid_sha256: Sha256 | None
    study_uid: str | None
    series_uid: str | None
    frame_of_reference_uid: str | None
    patient_id: str | None
    patient_name: str | None
    study_date: str | None
    age_years: Annotated[float, Meta(ge=0)] | None
    sex: str | None
    manufacturer: str | None
    model: str | None
    kernel: Annotated[str | None, Meta(description="Reconstruction kernel.")]
    kvp_kv: Annotated[float, Meta(ge=0, description="Tube voltage, kV.")] | None
    slice_thickness_mm: LengthMm | None
    contrast: Annotated[bool | None, Meta(description="Whether a contrast agent was given; null if not stated.")]


class SeriesEntry(Part, frozen=True, kw_only=True):
    """One series of the input: the one analysed, or why not. Without any UID it is a file that was not read."""

    uid_sha256: Sha256 | None
    uid: str | None
    description: str | None
    images: Count
    chosen: bool
    reason: str


class GridSection(Part, frozen=True, kw_only=True):
    """The scan's own grid."""

    slices: OrdinalFrom1
    rows: OrdinalFrom1
    columns: OrdinalFrom1
    slice_spacing_mm: LengthMm
    row_spacing_mm: LengthMm
    column_spacing_mm: LengthMm
    tilt_deg: Annotated[float, Meta(ge=0, description="Gantry tilt, degrees.")]
    irregularity_mm: Annotated[float, Meta(ge=0, description="Largest departure of a slice from even spacing, mm.")]
    counted_along: Annotated[
        tuple[FileAxis, FileAxis, FileAxis] | UnsetType,
        Meta(
            description="For a NIfTI: the axes of the file's array (i, j, k) that slices, rows and columns are counted "
            "along, in its direction."
        ),
    ] = UNSET


class FlagEntry(Part, frozen=True, kw_only=True):
    """A doubt about the scan, or a repair of it."""

    code: FlagCode
    severity: Severity
    message: str
    value: Annotated[float | str | None, Meta(description="What was found.")]
    limit: Annotated[float | str | None, Meta(description="The limit that it crosses.")]
    meaning: Annotated[str, Meta(description="What the code means in general.")]


class QualitySection(Part, frozen=True, kw_only=True):
    """How far the report may be trusted, and why; the gravest flag first."""

    state: State
    flags: tuple[FlagEntry, ...]


class AtlasSection(Part, frozen=True, kw_only=True):
    """The atlas that the sites come from."""

    name: str
    version: str
    sha256: Sha256


class RegistrationSection(Part, frozen=True, kw_only=True):
    """How the scan was registered to the atlas."""

    method: str
    metric: float | None
    overlap: Annotated[float | None, Meta(description="Dice of the brain with the atlas's.")]
    accepted: Annotated[bool, Meta(description="Whether sites may rest on it.")]
    reason: Annotated[str | None, Meta(description="Why it was accepted or not.")]
    scan_to_atlas: Annotated[
        tuple[RowOf4, RowOf4, RowOf4, RowOf4],
        Meta(description="Affine from LPS mm of the scan to LPS mm of the atlas, before the local deformation."),
    ]
    bend_rms_mm: Annotated[
        float | None, Meta(description="Root mean square of the deformation around the deep nuclei, mm.")
    ]
