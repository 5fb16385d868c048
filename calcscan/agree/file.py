"""What agreement.json holds: its keys, types and JSON Schema."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from calcscan.agree.model import Kind, SideName
from calcscan.agree.schema import FigureRow, SizeRow
from calcscan.knowledge.agreement import AgreementSettings
from calcscan.knowledge.yardsticks import Yardstick
from calcscan.report.quantities import SiteName
from calcscan.report.schema import Part

Count = Annotated[int, Meta(ge=0)]


class MadeBy(Part, frozen=True, kw_only=True):
    """What made the file."""

    name: Literal["calcscan"]
    version: str


class SideEntry(Part, frozen=True, kw_only=True):
    """One side of the comparison."""

    kind: Annotated[Kind, Meta(description="What it was read from.")]
    name: Annotated[str, Meta(description="Name of its file or folder, without the path.")]
    studies: Annotated[Count, Meta(description="Studies that it has.")]
    compared: Annotated[Count, Meta(description="Studies that the other side has, too.")]
    failed: Annotated[tuple[str, ...], Meta(description="Studies of a batch that had failed: they say nothing.")]


class ConfusionEntry(Part, frozen=True, kw_only=True):
    """A table of counts: a row for what the reference says, a column for what the results say."""

    what: str
    reference: Annotated[tuple[str, ...], Meta(description="Names of the rows.")]
    results: Annotated[tuple[str, ...], Meta(description="Names of the columns.")]
    counts: tuple[tuple[Count, ...], ...]


class UnmatchedEntry(Part, frozen=True, kw_only=True):
    """A study that only one side has."""

    side: SideName
    study: str
    why: str


class NotReadEntry(Part, frozen=True, kw_only=True):
    """A place that the reference does not have at all, and what the results hold there."""

    site: SiteName | None
    side: str | None
    volume_a_mm3: Annotated[float, Meta(ge=0, description="Over all studies, mm³.")]


class AgreementFile(Part, frozen=True, kw_only=True):
    """agreement.json: how results (A) agree with a reference (B), or one reader with another. null is not defined for
    these data, or not known."""

    schema: Literal["calcscan-agreement/1"]
    software: MadeBy
    disclaimer: str
    results: Annotated[SideEntry, Meta(description="A.")]
    reference: Annotated[SideEntry, Meta(description="B.")]
    overall: FigureRow
    by_site: tuple[FigureRow, ...]
    combined: Annotated[tuple[FigureRow, ...], Meta(description="Sites with their sides, and groups of sites.")]
    by_size: Annotated[
        tuple[SizeRow, ...] | None, Meta(description="Lesions by their size; null unless both sides have label maps.")
    ]
    confusion: tuple[ConfusionEntry, ...]
    unmatched: tuple[UnmatchedEntry, ...]
    not_read_by_reference: tuple[NotReadEntry, ...]
    notes: Annotated[tuple[str, ...], Meta(description="What should be known before the figures are used.")]
    yardsticks: Annotated[tuple[Yardstick, ...], Meta(description="Published figures.")]
    beside: Annotated[
        dict[str, Any] | None,
        Meta(description="Of another agreement.json, such as two readers': name, schema, overall, combined, by_site."),
    ]
    settings: AgreementSettings
    definitions: Annotated[dict[str, str], Meta(description="What each figure means.")]
