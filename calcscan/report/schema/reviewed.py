"""What a person said of the report."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from calcscan.report.quantities import Count, LesionId, Sha256, Side, SiteName
from calcscan.report.schema.part import Part


class DecisionEntry(Part, frozen=True, kw_only=True):
    """What a reader decided on one lesion. `redraw`, `add` and `merge` come from an edited label map."""

    lesion: LesionId
    decision: Literal["accept", "reject", "move", "split", "redraw", "add", "merge"]
    reason: Annotated[str | UnsetType, Meta(description="What a rejected one is taken for.")] = UNSET
    site: SiteName | UnsetType = UNSET
    side: Side | UnsetType = UNSET
    seeds_lps_mm: Annotated[
        tuple[tuple[float, float, float], ...] | UnsetType,
        Meta(description="Of a split one: each voxel goes to the nearest of these points, LPS mm."),
    ] = UNSET
    comment: str | UnsetType = UNSET
    into: Annotated[LesionId | UnsetType, Meta(description="The lesion that it was merged into.")] = UNSET
    voxels_added: Count | UnsetType = UNSET
    voxels_removed: Count | UnsetType = UNSET


class EditedMapEntry(Part, frozen=True, kw_only=True):
    """A label map as a reader left it, whole, so that the review can be done again."""

    kind: Annotated[Literal["lesions", "sites"], Meta(description="Which of the report's label maps was edited.")]
    sha256: Annotated[Sha256 | None, Meta(description="Of its file.")]
    runs: Annotated[
        str,
        Meta(
            description="Base64 of the zlib-compressed runs of equal labels (start in C order of (k, j, i) on the "
            "scan's grid, length, label; three rows of little-endian int64)."
        ),
    ]


class ReviewEntry(Part, frozen=True, kw_only=True):
    """What a person said of the report. Text is the person's own."""

    reader: Annotated[str | None, Meta(description="Who; null where no name was given.")]
    at: Annotated[str, Meta(description="When, ISO 8601.")]
    decisions: tuple[DecisionEntry, ...]
    comment: str | None
    report_sha256: Annotated[
        Sha256 | None, Meta(description="Of the report.json that was reviewed; null for an edited label map.")
    ]
    label_map: EditedMapEntry | None


class ReviewedSection(ReviewEntry, frozen=True, kw_only=True):
    """The last review, and those before it that it was made on. report.program.json is what the program had said."""

    earlier: Annotated[tuple[ReviewEntry, ...], Meta(description="The first one first.")]
