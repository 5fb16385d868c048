"""How the report came about, and which files lie beside it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from calcscan.report.quantities import Count, LengthMm, OrdinalFrom1, Sha256
from calcscan.report.schema.part import Part


class SoftwareSection(Part, frozen=True, kw_only=True):
    """What made the report; a library's version is null where it can't be determined."""

    name: Literal["calcscan"]
    version: str
    python: str
    numpy: str | None
    scipy: str | None
    scikit_image: str | None = msgspec.field(name="scikit-image")
    numba: str | None
    SimpleITK: str | None
    pydicom: str | None
    nibabel: str | None
    pillow: str | None


class FileEntry(Part, frozen=True, kw_only=True):
    """A file beside report.json; for a label map, how its grid comes from the scan's. Slices count from 1."""

    use: Annotated[str | UnsetType, Meta(description="What the file is good for.")] = UNSET
    grid: str | UnsetType = UNSET
    positions_by: Annotated[
        str | UnsetType, Meta(description="What of the input's header the positions in the report rest on.")
    ] = UNSET
    slices: OrdinalFrom1 | UnsetType = UNSET
    rows: OrdinalFrom1 | UnsetType = UNSET
    columns: OrdinalFrom1 | UnsetType = UNSET
    native_slices: OrdinalFrom1 | UnsetType = UNSET
    sheared: bool | UnsetType = UNSET
    native_slice: Annotated[
        tuple[OrdinalFrom1, ...] | UnsetType, Meta(description="The scan's slice that each slice is copied from.")
    ] = UNSET
    native_row_minus_row: tuple[int, ...] | UnsetType = UNSET
    native_column_minus_column: tuple[int, ...] | UnsetType = UNSET
    affine_off_mm: LengthMm | UnsetType = UNSET
    note: str | UnsetType = UNSET


class InputSection(Part, frozen=True, kw_only=True):
    """The files of the input, by their contents alone: neither names nor places count."""

    kind: Literal["folder", "zip", "nifti", "dicom_file"]
    files: Count
    bytes: Count
    sha256: Annotated[
        Sha256 | None, Meta(description="Of the sorted SHA-256 of each file, one a line; null of very large inputs.")
    ]
    place: Annotated[str | None, Meta(description="The path that was given; only where identifiers were asked for.")]


class ProvenanceSection(Part, frozen=True, kw_only=True):
    """How the report came about, so that `calcscan rerun` can do it again."""

    command: Annotated[str, Meta(description="The command that does it; INPUT, OUT, FILE and UID stand for theirs.")]
    date: Annotated[str, Meta(description="The day, UTC, ISO 8601.")]
    options: Annotated[dict[str, Any], Meta(description="The options; rules by the checksum of their file.")]
    context: Annotated[dict[str, Any] | None, Meta(description="Facts about the person, as they were stated.")]
    input: InputSection | None
    picture_sha256: Annotated[
        Sha256, Meta(description="Of the voxels in HU and where they lie: the same picture, however it is packed.")
    ]
