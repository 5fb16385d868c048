"""The values of an agreement: who read what, which studies are compared, and what was found in each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from calcscan.agree.places import Place
from calcscan.agree.statistics import Estimate

SideName = Literal["results", "reference"]
RESULTS: Final = "results"
REFERENCE: Final = "reference"
Kind = Literal["run", "batch", "label_maps", "table"]
GRADES = ("none_detected", "mild", "moderate", "severe")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One study as one side read it: volumes, a label map, or both."""

    name: str
    keys: tuple[str, ...]
    """Other names that it may have on the other side."""
    participant: str | None = None
    where: str
    volumes_mm3: Mapping[Place, float | None] | None = None
    """None: they are those of the label map. A place that is not named was not read."""
    grades: Mapping[Place, str | None] = field(default_factory=dict)
    label_map: Path | None = None
    series_sha256: str | None = None
    reviewed_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """One side: all studies that it read, and what its labels mean."""

    side: SideName
    kind: Kind
    path: Path
    readings: tuple[Reading, ...]
    labels: Mapping[int, Place | None] | None = None
    """What label maps' numbers mean where calcscan's own numbers are not meant."""
    as_mask: bool = False
    """Whether labels say that something is there, and not where."""
    failed: tuple[str, ...] = ()
    """Studies without a result."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedLesion:
    """A lesion of one side with what the other holds there. A lesion is what touches within one label (26 neighbours);
    volumes are those of its voxels."""

    side: SideName
    state: Literal["matched", "missed", "false", "not_compared"]
    """`missed`: of the reference alone; `false`: of the results alone; `not_compared`: the other side doesn't know that
    place."""
    place: Place
    volume_mm3: float
    other_place: Place | None
    """Of several, that which shares most voxels."""
    other_mm3: float | None
    """Of all lesions that share voxels with it."""
    overlap_mm3: float
    centroid_lps_mm: tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """Voxels at one place, mm³, as both label maps have them."""

    results_mm3: float
    reference_mm3: float
    both_mm3: float
    dice: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPair:
    """One study as both sides read it."""

    name: str
    reference_name: str
    results: Mapping[Place, float | None]
    reference: Mapping[Place, float | None]
    results_grades: Mapping[Place, str | None]
    reference_grades: Mapping[Place, str | None]
    overlaps: Mapping[Place, Overlap] | None = None
    """None where one side has no label map."""
    lesions: tuple[ComparedLesion, ...] | None = None
    resampled: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmatched:
    """A study that only one side has."""

    side: SideName
    study: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How two readings agree at one place, over all studies in which both know it. None is not defined."""

    place: Place | None
    """None: all places together."""
    studies: int
    results_unknown: int
    """Studies, or for all places together readings of a place, that the results don't know, and so on."""
    reference_unknown: int
    results_zeros: int
    reference_zeros: int
    both_zero: int
    detected_both: int
    only_results: int
    only_reference: int
    sensitivity: Estimate | None
    ppv: Estimate | None
    false_per_study: Estimate | None
    results_mean_mm3: float | None
    reference_mean_mm3: float | None
    bias_mm3: Estimate | None
    sd_mm3: float | None
    loa_low_mm3: Estimate | None
    loa_high_mm3: Estimate | None
    icc: Estimate | None
    icc_consistency: Estimate | None
    spearman: Estimate | None
    pearson: Estimate | None
    dice: float | None
    dice_studies: int | None
    """None where no study has two label maps; else in how many either marks anything."""
    dice_undefined: int | None
    """In how many neither does."""
    graded: int
    kappa_linear: Estimate | None
    kappa_quadratic: Estimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeFigures:
    """Lesions of one class of volume, of the reference for what was found and of the results for what is false."""

    place: Place | None
    from_mm3: float
    to_mm3: float | None
    reference_lesions: int
    found: int
    sensitivity: Estimate | None
    results_lesions: int
    false: int
    ppv: Estimate | None
    false_per_study: Estimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """A table of counts: a row for what the reference says, a column for what the results say."""

    what: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How two readings of the same studies agree. `reference` is what the other is measured by; of two readers it is
    the second."""

    results: Reader
    reference: Reader
    pairs: tuple[StudyPair, ...]
    unmatched: tuple[Unmatched, ...]
    overall: Figures
    by_site: tuple[Figures, ...]
    combined: tuple[Figures, ...]
    """Sites with their sides, and groups of sites, taken together."""
    by_size: tuple[SizeFigures, ...]
    """Empty where no study has two label maps."""
    confusions: tuple[Confusion, ...]
    not_read: Mapping[Place, float]
    """What the results hold, mm³ over all studies, where the reference has no such place."""
    notes: tuple[str, ...]
