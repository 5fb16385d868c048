"""The rows of lesions.csv and sites.csv, from the report: all say the same. Unknown is empty."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from calcscan.report.quantities import (
    Agatston,
    BestVolumeMm3,
    DepositId,
    DiameterMm,
    Division,
    Grade,
    HighVolumeMm3,
    LesionCount,
    LesionId,
    LowVolumeMm3,
    MassHuMm3,
    MaxHu,
    MeanHu,
    Side,
    SiteGroup,
    SiteLabelId,
    SiteName,
    SiteShare,
    SliceNumber,
    Volume130Mm3,
    Voxels,
)
from calcscan.report.schema import LesionEntry, Part, RegionEntry, Report, SiteEntry


class LesionRow(Part, frozen=True, kw_only=True):
    """The columns of lesions.csv: one row a lesion."""

    id: LesionId
    deposit: DepositId
    site: SiteName
    side: Side
    site_share: SiteShare | None
    volume_mm3: BestVolumeMm3
    volume_low_mm3: LowVolumeMm3
    volume_high_mm3: HighVolumeMm3
    volume_130_mm3: Volume130Mm3
    voxels: Voxels
    mean_hu: MeanHu
    max_hu: MaxHu
    mass_hu_mm3: MassHuMm3
    agatston: Agatston
    diameter_mm: DiameterMm
    centroid_l_mm: Annotated[float, Meta(description="Centroid: towards the person's left, mm.")]
    centroid_p_mm: Annotated[float, Meta(description="Centroid: towards the back, mm.")]
    centroid_s_mm: Annotated[float, Meta(description="Centroid: towards the head, mm.")]
    slice: SliceNumber
    division: Annotated[Division | None, Meta(description="What its borders with the deposit's other parts rest on.")]


class SiteRow(Part, frozen=True, kw_only=True):
    """The columns of sites.csv: one row a site and side, also those without calcification."""

    label: SiteLabelId
    group: SiteGroup
    site: SiteName
    side: Side
    volume_mm3: BestVolumeMm3 | None
    volume_low_mm3: LowVolumeMm3 | None
    volume_high_mm3: HighVolumeMm3 | None
    volume_130_mm3: Volume130Mm3 | None
    count: LesionCount | None
    max_hu: MaxHu | None
    mean_hu: MeanHu | None
    grade: Grade | None


def lesions_csv(report: Report) -> str:
    """One row a lesion; none where the scan was not analysed."""
    return _csv(LesionRow, [_lesion_row(lesion) for lesion in report.lesions or ()])


def sites_csv(report: Report) -> str:
    """One row a site and side, also those without calcification."""
    numbers = {(label.site, label.side): label.label for label in report.site_labels}
    return _csv(SiteRow, [_site_row(entry, numbers[entry.site, entry.side]) for entry in report.sites])


def regions_csv(report: Report) -> str:
    """One row a region of the user's own, and one for what lies in none."""
    return _csv(RegionEntry, report.regions or ())


def _lesion_row(lesion: LesionEntry) -> LesionRow:
    left_mm, posterior_mm, superior_mm = lesion.centroid_lps_mm
    return LesionRow(
        id=lesion.id,
        deposit=lesion.deposit,
        site=lesion.site,
        side=lesion.side,
        site_share=lesion.site_share,
        volume_mm3=lesion.volume_mm3,
        volume_low_mm3=lesion.volume_low_mm3,
        volume_high_mm3=lesion.volume_high_mm3,
        volume_130_mm3=lesion.volume_130_mm3,
        voxels=lesion.voxels,
        mean_hu=lesion.mean_hu,
        max_hu=lesion.max_hu,
        mass_hu_mm3=lesion.mass_hu_mm3,
        agatston=lesion.agatston,
        diameter_mm=lesion.diameter_mm,
        centroid_l_mm=left_mm,
        centroid_p_mm=posterior_mm,
        centroid_s_mm=superior_mm,
        slice=lesion.slice,
        division=lesion.division,
    )


def _site_row(entry: SiteEntry, label: int) -> SiteRow:
    return SiteRow(
        label=label,
        group=entry.group,
        site=entry.site,
        side=entry.side,
        volume_mm3=entry.volume_mm3,
        volume_low_mm3=entry.volume_low_mm3,
        volume_high_mm3=entry.volume_high_mm3,
        volume_130_mm3=entry.volume_130_mm3,
        count=entry.count,
        max_hu=entry.max_hu,
        mean_hu=entry.mean_hu,
        grade=entry.grade,
    )


def _csv(kind: type[Part], rows: Sequence[Part]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(kind.__struct_fields__)
    writer.writerows(msgspec.structs.astuple(row) for row in rows)
    return text.getvalue()
