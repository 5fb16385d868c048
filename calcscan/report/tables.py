"""The rows of lesions.csv and sites.csv, from the report: all say the same. Unknown is empty."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from calcscan.model import StudyLabel
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
    Participant,
    RegionLabel,
    RegionName,
    RunLabel,
    Session,
    Side,
    SiteGroup,
    SiteLabelId,
    SiteName,
    SiteShare,
    SliceNumber,
    StudyName,
    Volume130Mm3,
    VolumeCounted,
    Voxels,
)
from calcscan.report.schema import (
    LesionEntry,
    Part,
    Report,
    ReviewedAs,
    ReviewedSection,
    SiteEntry,
    StudySection,
)

FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""A spreadsheet runs a cell that begins so, or with the wide forms of these signs."""


ReviewColumn = Annotated[ReviewedAs, Meta(description="What a reader did with it; empty where nobody touched it.")]
ReviewedBy = Annotated[str, Meta(description="Who reviewed the report; empty where nobody did, or gave no name.")]
ReviewedAt = Annotated[str, Meta(description="When the report was reviewed, ISO 8601; empty where nobody did.")]
ValueT = TypeVar("ValueT")


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
    volume_counted: VolumeCounted
    study: StudyName | None
    participant: Participant | None
    session: Session | None
    run: RunLabel | None
    review: ReviewColumn | None
    program_site: Annotated[
        SiteName | None, Meta(description="Where the program had put what a reader moved or split.")
    ]
    program_side: Annotated[Side | None, Meta(description="And on which side.")]
    reviewed_by: ReviewedBy | None
    reviewed_at: ReviewedAt | None


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
    study: StudyName | None
    participant: Participant | None
    session: Session | None
    run: RunLabel | None
    reviewed_by: ReviewedBy | None
    reviewed_at: ReviewedAt | None


class RegionRow(Part, frozen=True, kw_only=True):
    """The columns of regions.csv: one row a region of the user's own, and one for what lies in none."""

    label: RegionLabel
    name: RegionName | None
    volume_mm3: BestVolumeMm3
    volume_low_mm3: LowVolumeMm3
    volume_high_mm3: HighVolumeMm3
    volume_130_mm3: Volume130Mm3
    study: StudyName | None
    participant: Participant | None
    session: Session | None
    run: RunLabel | None
    reviewed_by: ReviewedBy | None
    reviewed_at: ReviewedAt | None


def lesions_csv(report: Report) -> str:
    """One row a lesion; none where the scan was not analysed."""
    return csv_text(LesionRow, lesion_rows(report.lesions or (), report.study, report.reviewed))


def sites_csv(report: Report) -> str:
    """One row a site and side, also those without calcification."""
    return csv_text(SiteRow, site_rows(report))


def lesion_rows(
    lesions: Iterable[LesionEntry],
    label: StudySection | StudyLabel,
    reviewed: ReviewedSection | UnsetType = UNSET,
) -> list[LesionRow]:
    """The rows of lesions.csv."""
    return [_lesion_row(lesion, label, reviewed) for lesion in lesions]


def site_rows(report: Report) -> list[SiteRow]:
    """The rows of sites.csv."""
    numbers = {(label.site, label.side): label.label for label in report.site_labels}
    return [_site_row(entry, numbers[entry.site, entry.side], report) for entry in report.sites]


def regions_csv(report: Report) -> str:
    """One row a region of the user's own, and one for what lies in none."""
    told = _label(report.study) | _who_and_when(report.reviewed)
    rows = [RegionRow(**msgspec.structs.asdict(region), **told) for region in report.regions or ()]
    return csv_text(RegionRow, rows)


def _lesion_row(
    lesion: LesionEntry, study: StudySection | StudyLabel, reviewed: ReviewedSection | UnsetType
) -> LesionRow:
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
        volume_counted=lesion.volume_counted,
        **_label(study),
        review=_known(lesion.review),
        program_site=_known(lesion.program_site),
        program_side=_known(lesion.program_side),
        **_who_and_when(reviewed),
    )


def _known(value: ValueT | UnsetType) -> ValueT | None:
    return None if value is UNSET else value


def _who_and_when(reviewed: ReviewedSection | UnsetType) -> dict[str, str | None]:
    """Empty cells where nobody has reviewed the report; of a reader without a name the time alone."""
    if reviewed is UNSET:
        return {"reviewed_by": None, "reviewed_at": None}
    return {"reviewed_by": reviewed.reader, "reviewed_at": reviewed.at}


def _site_row(entry: SiteEntry, label: int, report: Report) -> SiteRow:
    study = report.study
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
        **_label(study),
        **_who_and_when(report.reviewed),
    )


def _label(study: StudySection | StudyLabel) -> dict[str, Any]:
    """What every row says of its study."""
    return {name: getattr(study, name) for name in ("study", "participant", "session", "run")}


def csv_text(kind: type[Part], rows: Sequence[Part]) -> str:
    """Rows of one kind as CSV, their columns named first. Text is made safe for spreadsheets."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns_of(kind))
    writer.writerows([cell(value) for value in msgspec.structs.astuple(row)] for row in rows)
    return text.getvalue()


def columns_of(kind: type[Part]) -> tuple[str, ...]:
    """The names of the columns, in order."""
    return kind.__struct_encode_fields__


def cell(value: object) -> object:
    """A value for a table that spreadsheets open: free text is neither a formula nor anything unprintable.

    >>> cell("=SUM(1)"), cell("a\\x1b[31m"), cell("two\\nlines"), cell(-1.5), cell(None)
    ("'=SUM(1)", 'a?[31m', 'two?lines', -1.5, None)
    """
    if not isinstance(value, str):
        return value
    plain = "".join(letter if letter.isprintable() else "?" for letter in value)
    return f"'{plain}" if plain.startswith(FORMULA) else plain
