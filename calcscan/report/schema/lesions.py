"""What was found: calcification, and what is dense and not reported as such."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from calcscan.knowledge.left_out import LeftOutReason
from calcscan.report.quantities import (
    Agatston,
    BestVolumeMm3,
    DepositId,
    DiameterMm,
    Division,
    HighVolumeMm3,
    LengthMm,
    LesionId,
    LowVolumeMm3,
    MassHuMm3,
    MaxHu,
    MeanHu,
    Share,
    Side,
    SiteName,
    SiteShare,
    SliceNumber,
    Volume130Mm3,
    VolumeCounted,
    Voxels,
)
from calcscan.report.schema.part import Part

ReviewedAs = Literal["accepted", "moved", "split", "redrawn", "added"]


class AlsoEntry(Part, frozen=True, kw_only=True):
    """Another site that a lesion may lie in."""

    site: SiteName
    side: Side
    share: Share


class LesionEntry(Part, frozen=True, kw_only=True):
    """One calcification, or the part of one that lies at one site. A voxel's index is (k, j, i): slice, row, column,
    counted as the input's are."""

    id: LesionId
    voxels: Voxels
    volume_mm3: BestVolumeMm3
    volume_low_mm3: LowVolumeMm3
    volume_high_mm3: HighVolumeMm3
    volume_130_mm3: Volume130Mm3
    volume_counted: VolumeCounted
    mean_hu: MeanHu
    max_hu: MaxHu
    mass_hu_mm3: MassHuMm3
    agatston: Agatston
    diameter_mm: DiameterMm
    centroid_lps_mm: Annotated[tuple[float, float, float], Meta(description="Centroid, LPS mm of the scan.")]
    centroid_kji: Annotated[tuple[float, float, float], Meta(description="Centroid in voxels, counted from 0.")]
    bbox_kji: Annotated[
        tuple[tuple[int, int], tuple[int, int], tuple[int, int]],
        Meta(description="(first, last + 1) along k, j and i, counted from 0."),
    ]
    site: SiteName
    side: Side
    site_share: SiteShare | None
    also: tuple[AlsoEntry, ...]
    deposit: DepositId
    slice: SliceNumber
    division: Annotated[
        Division | None,
        Meta(description="What its borders with the deposit's other parts rest on; null for a whole one."),
    ]
    review: Annotated[
        ReviewedAs | UnsetType, Meta(description="What a reader did with it; absent where nobody touched it.")
    ] = UNSET
    program_site: Annotated[
        SiteName | UnsetType, Meta(description="Where the program had put what a reader moved or split.")
    ] = UNSET
    program_side: Side | UnsetType = UNSET
    from_lesion: Annotated[LesionId | UnsetType, Meta(description="The lesion that a reader split it from.")] = UNSET


class LeftOutEntry(Part, frozen=True, kw_only=True):
    """Something dense that was found and is not reported as calcification."""

    reason: LeftOutReason
    meaning: Annotated[str, Meta(description="What the reason means.")]
    volume_mm3: Annotated[float, Meta(ge=0, description="Volume of its voxels, mm³.")]
    mean_hu: MeanHu
    max_hu: MaxHu
    centroid_lps_mm: Annotated[tuple[float, float, float], Meta(description="Centroid, LPS mm of the scan.")]
    slice: SliceNumber
    sure: Annotated[bool, Meta(description="Beyond doubt: it hides no calcification.")]
    nearest_site: Annotated[SiteName | None, Meta(description="The site that it lies in, or nearest to.")]
    nearest_side: Side
    distance_mm: Annotated[LengthMm | None, Meta(description="How far it stays away from that site; 0 in it.")]
    evidence: Annotated[dict[str, float | None], Meta(description="The figures that decided.")]
    lesion: Annotated[
        LesionId | UnsetType, Meta(description="The number that it had as a lesion, before a reader rejected it.")
    ] = UNSET
