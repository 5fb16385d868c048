"""What lies where: by site, pair of sites and region, and left against right."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from calcscan.report.quantities import (
    BestVolumeMm3,
    Colour,
    Division,
    Grade,
    HighVolumeMm3,
    LesionCount,
    LowVolumeMm3,
    MaxHu,
    MeanHu,
    RegionLabel,
    RegionName,
    Side,
    SiteGroup,
    SiteLabelId,
    SiteName,
    Volume130Mm3,
    VolumeMm3,
)
from calcscan.report.schema.part import Part


class PlaceEntry(Part, frozen=True, kw_only=True):
    """A site and side."""

    site: SiteName
    side: Side


class SiteEntry(Part, frozen=True, kw_only=True):
    """What lies at one site and side; null where that is unknown."""

    site: SiteName
    side: Side
    group: SiteGroup
    volume_mm3: BestVolumeMm3 | None
    volume_low_mm3: LowVolumeMm3 | None
    volume_high_mm3: HighVolumeMm3 | None
    volume_130_mm3: Volume130Mm3 | None
    count: LesionCount | None
    max_hu: MaxHu | None
    mean_hu: MeanHu | None
    grade: Grade | None


class SiteLabelEntry(Part, frozen=True, kw_only=True):
    """A site and side with its number in sites.nii.gz."""

    label: SiteLabelId
    site: SiteName
    side: Side
    group: SiteGroup
    colour: Colour


class PairEntry(Part, frozen=True, kw_only=True):
    """Two nuclei of one side that share a deposit: what they hold together is surer than what either does."""

    sites: Annotated[tuple[PlaceEntry, PlaceEntry], Meta(description="Both nuclei.")]
    volume_mm3: BestVolumeMm3
    volume_low_mm3: LowVolumeMm3
    volume_high_mm3: HighVolumeMm3
    division: Annotated[Division, Meta(description="What the border between them rests on.")]


class RegionEntry(Part, frozen=True, kw_only=True):
    """What lies in one region of the user's own; label 0, `elsewhere`, is what lies in none."""

    label: RegionLabel
    name: RegionName | None
    volume_mm3: BestVolumeMm3
    volume_low_mm3: LowVolumeMm3
    volume_high_mm3: HighVolumeMm3
    volume_130_mm3: Volume130Mm3


class SymmetryEntry(Part, frozen=True, kw_only=True):
    """Left against right, for a paired site or the basal ganglia as a whole."""

    pair: str
    left_mm3: VolumeMm3 | None
    right_mm3: VolumeMm3 | None
    index: Annotated[float, Meta(ge=-1, le=1, description="(left − right) / (left + right).")] | None
    mirror_overlap: Annotated[float, Meta(ge=0, le=1, description="Dice of one side with the other mirrored.")] | None
    bilateral: bool | None
    symmetric: bool | None
