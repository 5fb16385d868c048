"""Everything that a run found, and how far to trust it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from calcscan.model.atlas import Atlas, Registration
from calcscan.model.flag import Flag
from calcscan.model.intracranial import SearchRegion
from calcscan.model.lesion import LocatedLesionMap
from calcscan.model.review import Review
from calcscan.model.scan import OwnLabels, Scan
from calcscan.model.study import Provenance
from calcscan.model.summary import RegionBurden, Summary
from calcscan.values import Value

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How far the report may be trusted: `ok`, `caution` or `abstain`, and every flag that was raised."""

    state: str
    flags: tuple[Flag, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Result(Value):
    """Everything that a run found. A stage that could not be done is None, and so is all that rests on it: `lesions`
    is None, not empty, where the scan is no head that calcscan can judge.

    `guidance` is a `calcscan.guideline.Guidance`. A notebook shows the mosaic and the tables.
    """

    scan: Scan
    intracranial: SearchRegion | None
    lesions: LocatedLesionMap | None
    atlas: Atlas
    registration: Registration | None
    summary: Summary | None
    quality: Quality
    facts: Mapping[str, object]
    guidance: Any
    settings: Mapping[str, object]
    timings_s: Mapping[str, float]
    provenance: Provenance | None = None
    regions: tuple[RegionBurden, ...] | None = None
    """What lies in regions of the user's own, where there are any."""
    region_labels: OwnLabels | None = None
    """These regions."""
    searched: Scan | None = None
    """The picture that was searched: a sharp scan as an ordinary one would show it, with its blur."""
    reviews: tuple[Review, ...] = ()
    """What persons said of it and is done here, the first one first."""
    program: Result | None = None
    """Of a reviewed one, what the program had said."""

    def __repr__(self) -> str:
        from calcscan.report.display import result_text

        return result_text(self)

    def _repr_html_(self) -> str:
        from calcscan.report.display import result_html

        return result_html(self)

    def sites_dataframe(self) -> pandas.DataFrame:
        """Every site and side as a pandas table: the rows and columns of sites.csv; unknown is empty (NaN).

        Raises
        ------
        ImportError
            pandas is not installed.
        """
        from calcscan.report.display import sites_dataframe

        return sites_dataframe(self)
