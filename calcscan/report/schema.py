"""The one description of report.json: a class for each of its parts, a field for each of its keys, in their order.

`calcscan.report.json_schema` generates the JSON Schema (`calcscan/knowledge/report.schema.json`) from these classes.
Units stand in the names. None is unknown, never a default that looks measured; an optional key (UNSET) is left out
where it does not apply.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from calcscan.knowledge.left_out import LeftOutReason
from calcscan.report.quantities import (
    Agatston,
    BestVolumeMm3,
    Colour,
    Count,
    DepositId,
    DiameterMm,
    Division,
    FlagCode,
    Grade,
    HighVolumeMm3,
    LengthMm,
    LesionCount,
    LesionId,
    LowVolumeMm3,
    MassHuMm3,
    MaxHu,
    MeanHu,
    OrdinalFrom1,
    Participant,
    RegionLabel,
    RegionName,
    RunLabel,
    Seconds,
    Session,
    Severity,
    Sha256,
    Share,
    Side,
    SiteGroup,
    SiteLabelId,
    SiteName,
    SiteShare,
    SliceNumber,
    State,
    StudyName,
    Volume130Mm3,
    VolumeMm3,
    Voxels,
)

ReviewedAs = Literal["accepted", "moved", "split", "redrawn", "added"]
FileAxis = Literal["i", "j", "k"]
RowOf4 = tuple[float | None, float | None, float | None, float | None]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of everything in a report; a key that is not named here is refused."""


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


class AtlasSection(Part, frozen=True, kw_only=True):
    """The atlas that the sites come from."""

    name: str
    version: str
    sha256: Sha256


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


class AlsoEntry(Part, frozen=True, kw_only=True):
    """Another site that a lesion may lie in."""

    site: SiteName
    side: Side
    share: Share


class PlaceEntry(Part, frozen=True, kw_only=True):
    """A site and side."""

    site: SiteName
    side: Side


class LesionEntry(Part, frozen=True, kw_only=True):
    """One calcification, or the part of one that lies at one site. A voxel's index is (k, j, i): slice, row, column,
    counted as the input's are."""

    id: LesionId
    voxels: Voxels
    volume_mm3: BestVolumeMm3
    volume_low_mm3: LowVolumeMm3
    volume_high_mm3: HighVolumeMm3
    volume_130_mm3: Volume130Mm3
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


class RegionEntry(Part, frozen=True, kw_only=True):
    """What lies in one region of the user's own; label 0, `elsewhere`, is what lies in none."""

    label: RegionLabel
    name: RegionName | None
    volume_mm3: BestVolumeMm3
    volume_low_mm3: LowVolumeMm3
    volume_high_mm3: HighVolumeMm3
    volume_130_mm3: Volume130Mm3


class PairEntry(Part, frozen=True, kw_only=True):
    """Two nuclei of one side that share a deposit: what they hold together is surer than what either does."""

    sites: Annotated[tuple[PlaceEntry, PlaceEntry], Meta(description="Both nuclei.")]
    volume_mm3: BestVolumeMm3
    volume_low_mm3: LowVolumeMm3
    volume_high_mm3: HighVolumeMm3
    division: Annotated[Division, Meta(description="What the border between them rests on.")]


class SiteLabelEntry(Part, frozen=True, kw_only=True):
    """A site and side with its number in sites.nii.gz."""

    label: SiteLabelId
    site: SiteName
    side: Side
    group: SiteGroup
    colour: Colour


class SymmetryEntry(Part, frozen=True, kw_only=True):
    """Left against right, for a paired site or the basal ganglia as a whole."""

    pair: str
    left_mm3: VolumeMm3 | None
    right_mm3: VolumeMm3 | None
    index: Annotated[float, Meta(ge=-1, le=1, description="(left − right) / (left + right).")] | None
    mirror_overlap: Annotated[float, Meta(ge=0, le=1, description="Dice of one side with the other mirrored.")] | None
    bilateral: bool | None
    symmetric: bool | None


class BecauseEntry(Part, frozen=True, kw_only=True):
    """A fact that a recommendation rests on, and where it comes from."""

    fact: str
    value: bool | int | float | str | None
    origin: str
    detail: str | UnsetType = UNSET


class SourceEntry(Part, frozen=True, kw_only=True):
    """The publication behind a recommendation; `facts` are the ids of its statements, `nature` what it is."""

    document: str
    section: str
    facts: tuple[str, ...]
    date: str | None
    status: str
    publisher: str | None
    address: str | None
    nature: str | None


class CautionEntry(Part, frozen=True, kw_only=True):
    """What goes with a recommendation so that it does no harm; its words stand at the end of the text, too."""

    rule: str
    text: str
    covers: tuple[str, ...]


class RecommendationEntry(Part, frozen=True, kw_only=True):
    """One thing to consider. The priority is calcscan's own, for the reason beside it."""

    id: str
    topic: str
    state: Literal["suggested", "done", "held_back"]
    kind: str
    text: str
    priority: Literal["urgent", "soon", "routine"]
    priority_why: str
    covers: tuple[str, ...]
    because: tuple[BecauseEntry, ...]
    source: SourceEntry
    cautions: tuple[CautionEntry, ...] | UnsetType = UNSET
    result: Annotated[str | UnsetType, Meta(description="For what is done: what came of it.")] = UNSET
    held_back_because: str | UnsetType = UNSET


class PageLineEntry(Part, frozen=True, kw_only=True):
    """One line of the page that a person reads: the rules that it joins, and why."""

    group: Literal["answer", "now", "next", "done", "ask", "keep_in_mind"]
    topic: str
    text: str
    rules: tuple[str, ...]
    covers: tuple[str, ...]
    because: tuple[str, ...]


class NeedsInputEntry(Part, frozen=True, kw_only=True):
    """A fact that is unknown, and the rules that it would decide."""

    fact: str
    would_decide: tuple[str, ...]


class ConflictSideEntry(Part, frozen=True, kw_only=True):
    """One side of a conflict: a fact and who states it, or what a publication says."""

    text: str
    fact: str | UnsetType = UNSET
    value: bool | int | float | str | UnsetType | None = UNSET
    origin: str | UnsetType = UNSET
    covers: tuple[str, ...] | UnsetType = UNSET


class ConflictEntry(Part, frozen=True, kw_only=True):
    """Facts or publications that contradict each other, and how that is handled."""

    id: str
    kind: str
    text: str
    sides: tuple[ConflictSideEntry, ...]
    handling: str


class NotApplicableEntry(Part, frozen=True, kw_only=True):
    """A rule that the facts exclude, and the fact that does."""

    id: str
    because: str


class GuidelineSection(Part, frozen=True, kw_only=True):
    """What the guideline's rules suggest; the most decisive unknown fact first."""

    ruleset: str
    version: str
    sha256: Annotated[Sha256, Meta(description="Of what is active: rules added and left out count.")]
    rules_added: tuple[str, ...]
    rules_left_out: tuple[str, ...]
    page: Annotated[tuple[PageLineEntry, ...], Meta(description="In order, at most ten lines, the answer first.")]
    recommendations: tuple[RecommendationEntry, ...]
    needs_input: tuple[NeedsInputEntry, ...]
    conflicts: tuple[ConflictEntry, ...]
    not_applicable: tuple[NotApplicableEntry, ...]


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


class Report(Part, frozen=True, kw_only=True):
    """report.json. Units stand in the names; null is unknown."""

    schema: Literal["calcscan-report/1"]
    software: SoftwareSection
    settings: Annotated[dict[str, Any], Meta(description="Every threshold used.")]
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
