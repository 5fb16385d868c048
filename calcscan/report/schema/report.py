"""The whole of report.json, key by key."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from calcscan.report.quantities import Seconds, VolumeMm3
from calcscan.report.schema.guideline import GuidelineSection
from calcscan.report.schema.lesions import LeftOutEntry, LesionEntry
from calcscan.report.schema.part import Part
from calcscan.report.schema.provenance import FileEntry, ProvenanceSection, SoftwareSection
from calcscan.report.schema.reviewed import ReviewedSection
from calcscan.report.schema.scan import (
    AtlasSection,
    GridSection,
    QualitySection,
    RegistrationSection,
    SeriesEntry,
    StudySection,
)
from calcscan.report.schema.sites import PairEntry, RegionEntry, SiteEntry, SiteLabelEntry, SymmetryEntry


class Report(Part, frozen=True, kw_only=True):
    """report.json. Units stand in the names; null is unknown."""

    schema: Literal["calcscan-report/1"]
    software: SoftwareSection
    settings: Annotated[
        dict[str, Any],
        Meta(
            description="Every threshold used, and what was stated. `blur`: in_plane_mm and across_mm (standard "
            "deviations, mm; across: the median slice), measured (both of them), how sure, and the thickness of a "
            "box-shaped slice with the same blur."
        ),
    ]
    atlas: AtlasSection
    study: StudySection
    series: tuple[SeriesEntry, ...]
    grid: GridSection
    quality: QualitySection
    registration: RegistrationSection | None
    intracranial_ml: Annotated[float, Meta(ge=0, description="Volume of the intracranial space, ml.")] | None
    lesions: Annotated[tuple[LesionEntry, ...] | None, Meta(description="Null where the scan was not analysed.")]
    left_out: Annotated[
        tuple[LeftOutEntry, ...] | None,
        Meta(
            description="What was found and is not reported as calcification; in no volume, no score and no label map."
        ),
    ]
    sites: Annotated[tuple[SiteEntry, ...], Meta(description="Every site and side, also those without calcification.")]
    site_pairs: Annotated[
        tuple[PairEntry, ...] | None, Meta(description="Nuclei that share a deposit, with all that lies at both.")
    ]
    site_labels: tuple[SiteLabelEntry, ...]
    regions: Annotated[
        tuple[RegionEntry, ...] | None,
        Meta(description="Regions of the user's own; null where none were given. Together they hold all lesions."),
    ]
    symmetry: tuple[SymmetryEntry, ...] | None
    scores: Annotated[dict[str, Any] | None, Meta(description="Automated approximations of published scores.")]
    multiple: Annotated[
        bool | None, Meta(description="Calcification at several places; physiological sites not counted.")
    ]
    detection_floor_mm3: Annotated[
        VolumeMm3 | None,
        Meta(
            description="The smallest calcification of settings.reference_hu that is sure to be found; null where "
            "nothing was analysed, and where settings.threshold_hu is too high for any such calcification to be found."
        ),
    ]
    progression: dict[str, Any] | None
    facts: Annotated[dict[str, Any], Meta(description="What the guideline was given (knowledge/facts.toml).")]
    guideline: GuidelineSection | None
    files: Annotated[dict[str, FileEntry], Meta(description="The files beside report.json.")]
    timings_s: dict[str, Seconds]
    provenance: Annotated[
        ProvenanceSection | None, Meta(description="Null for a result that was not made by an analysis.")
    ]
    disclaimer: str
    reviewed: Annotated[
        ReviewedSection | UnsetType, Meta(description="What a person said; absent where nobody has reviewed it.")
    ] = UNSET
