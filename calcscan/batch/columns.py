"""The columns of batch.csv and left_out.csv, each with its meaning."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from calcscan.knowledge.sites import all_sites, in_words
from calcscan.report.quantities import (
    LengthMm,
    Participant,
    RunLabel,
    Seconds,
    Session,
    State,
    VolumeMm3,
)
from calcscan.report.schema import Part
from calcscan.report.tables import ReviewedAt, ReviewedBy


class _Begin(Part, frozen=True, kw_only=True):
    """What stands before the sites."""

    study: Annotated[str, Meta(description="Name of the study: its folder among the results.")]
    state: Annotated[
        str,
        Meta(
            description="How it ended: done, abstained (there is a report, but nothing is given a site) or failed.",
            extra_json_schema={"enum": ["done", "abstained", "failed"]},
        ),
    ]
    quality: Annotated[State | None, Meta(description="How far the report may be trusted.")]
    flags: Annotated[str | None, Meta(description="Codes of its quality flags, with spaces between them.")]
    age_years: Annotated[float | None, Meta(description="Age of the person by the header, else as stated, years.")]
    sex: Annotated[str | None, Meta(description="Sex of the person by the header, else as stated.")]
    lesions: Annotated[int | None, Meta(description="Number of lesions; empty where the scan was not analysed.")]
    volume_mm3: Annotated[float | None, Meta(description="Sum of the best estimates of all lesions' volumes, mm³.")]


class _End(Part, frozen=True, kw_only=True):
    """What stands behind the sites' volumes."""

    rules: Annotated[str | None, Meta(description="Rules used: name, version, what was added and left out.")]
    rules_sha256: Annotated[str | None, Meta(description="Checksum of the rules that were active.")]
    files: Annotated[int | None, Meta(description="How many files of the input are the study's own.")]
    input: Annotated[str, Meta(description="Where it lies below the root of the batch.")]
    same_series_as: Annotated[
        str | None, Meta(description="Other studies that measure the very same series: a sum would count it twice.")
    ]
    seconds: Annotated[Seconds, Meta(description="How long it took, seconds.")]
    error: Annotated[str, Meta(description="Why it failed, or what else went wrong; empty where nothing did.")]
    participant: Participant | None
    session: Session | None
    run: RunLabel | None
    version: Annotated[str | None, Meta(description="Version of calcscan that made the report.")]
    atlas: Annotated[str | None, Meta(description="Atlas used, with its version.")]
    threshold_hu: Annotated[float | None, Meta(description="Density from which a lesion starts, HU.")]
    detection_floor_mm3: Annotated[
        VolumeMm3 | None, Meta(description="Smallest ball of 300 HU that is sure to be found, mm³; empty if none is.")
    ]
    volume_low_mm3: Annotated[
        float | None, Meta(description="Sum of the lower ends of the lesions' 95 % intervals, mm³.")
    ]
    volume_high_mm3: Annotated[
        float | None, Meta(description="Sum of the upper ends of the lesions' 95 % intervals, mm³.")
    ]
    kvp_kv: Annotated[float | None, Meta(description="Tube voltage, kV; empty where it is not known.")]
    slice_thickness_mm: Annotated[LengthMm | None, Meta(description="Slice thickness by the header or as stated, mm.")]
    effective_thickness_mm: Annotated[
        LengthMm | None, Meta(description="Thickness of a box-shaped slice that blurs as this scan does, mm.")
    ]
    kernel: Annotated[str | None, Meta(description="Reconstruction kernel by the header or as stated.")]
    intracranial_ml: Annotated[float | None, Meta(description="Volume of the intracranial space, ml.")]


class _Review(Part, frozen=True, kw_only=True):
    """What stands last."""

    reviewed_by: ReviewedBy | None
    reviewed_at: ReviewedAt | None


class LeftOutRow(Part, frozen=True, kw_only=True):
    """The columns of left_out.csv: one row a file, or many files of one kind in one folder."""

    path: Annotated[str, Meta(description="Below the root of the batch; `folder/*.ending` stands for many files.")]
    reason: Annotated[str, Meta(description="Why it is part of no study, or what of it was not used.")]
    files: Annotated[
        int | None,
        Meta(description="How many files; empty for a folder that can't be looked into, 0 where they stand elsewhere."),
    ]


@cache
def site_columns() -> Mapping[tuple[str, str], str]:
    """Site and side → the beginning of its columns in batch.csv, which end in `_mm3`, `_low_mm3` and `_high_mm3`."""
    places = [(info.site, side) for info in all_sites().values() for side in info.sides]
    return {place: "_".join(part for part in place if part) for place in places}


@cache
def study_row() -> type[Part]:
    """The columns of batch.csv: one row a study."""
    best = [_site(place, "", "Best estimate of the volume of calcification") for place in site_columns()]
    ends = [
        _site(place, end, f"{which} end of the 95 % interval of the volume")
        for place in site_columns()
        for end, which in (("_low", "Lower"), ("_high", "Upper"))
    ]
    fields = [*_fields(_Begin), *best, *_fields(_End), *ends, *_fields(_Review)]
    made: type[Part] = msgspec.defstruct("StudyRow", fields, bases=(Part,), frozen=True, kw_only=True)  # type: ignore[assignment]
    return made


def _fields(kind: type[Part]) -> list[tuple[str, Any]]:
    return [(field.name, field.type) for field in msgspec.structs.fields(kind)]


def _site(place: tuple[str, str], end: str, what: str) -> tuple[str, Any]:
    where = " ".join(reversed([in_words(part) for part in place if part]))
    about = Meta(description=f"{what}: {where}, mm³; empty where it is unknown.")
    return f"{site_columns()[place]}{end}_mm3", Annotated[float | None, about]
