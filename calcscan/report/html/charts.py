"""The geometry of the page's charts, in their own units; the template draws them as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calcscan.knowledge.sites import all_sites
from calcscan.model import LocatedLesionMap, Scan
from calcscan.report.quantities import Side
from calcscan.report.schema import Report, SiteEntry

_SIDES = (Side.RIGHT, Side.LEFT)
_STEPS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
BAR_UNITS = 100.0
"""The length of a bar that reaches the end of the scale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One side of a site: lengths from the middle of the chart on, of `BAR_UNITS`; None where nothing is known."""

    entry: SiteEntry
    length: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteBars:
    """One site: the bars of its left and right, those that hold nothing left out; `unknown` names sides that are not
    known."""

    site: str
    colour: str
    bars: dict[Side, Bar]
    unknown: tuple[Side, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BarChart:
    """Volumes by site and side with their 95 % intervals on one scale, whose marks are in mm³ and bar units; what lies
    in the midline, or has no side, is no bar but stands in `unsided`."""

    rows: tuple[SiteBars, ...]
    marks: tuple[tuple[float, float], ...]
    unsided: tuple[SiteEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistogramBar:
    """mm³ of voxels between two densities, in HU: at physiological sites, and elsewhere."""

    from_hu: int
    to_hu: int
    physiological_mm3: float
    other_mm3: float

    @property
    def total_mm3(self) -> float:
        return self.physiological_mm3 + self.other_mm3


def bar_chart(report: Report) -> BarChart | None:
    """Every site with calcification; None where no site is known to have any."""
    entries = [entry for entry in report.sites if entry.count]
    if not entries:
        return None
    sided = list(dict.fromkeys(entry.site for entry in entries if entry.side in _SIDES))
    rows = {site: [entry for entry in report.sites if entry.site == site] for site in sided}
    most = max((_most(entry) for row in rows.values() for entry in row if entry.side in _SIDES), default=0.0)
    end = _round_up(most)
    return BarChart(
        rows=tuple(_site_bars(site, row, end) for site, row in rows.items()),
        marks=tuple((end * part, BAR_UNITS * part) for part in (0.5, 1.0)),
        unsided=tuple(entry for entry in entries if entry.side not in _SIDES),
    )


def _most(entry: SiteEntry) -> float:
    return entry.volume_high_mm3 or entry.volume_mm3 or 0.0


def _site_bars(site: str, entries: Sequence[SiteEntry], end_mm3: float) -> SiteBars:
    return SiteBars(
        site=site,
        colour=all_sites()[site].colour,
        bars={entry.side: _bar(entry, end_mm3) for entry in entries if entry.count and entry.side in _SIDES},
        unknown=tuple(entry.side for entry in entries if entry.count is None),
    )


def _bar(entry: SiteEntry, end_mm3: float) -> Bar:
    def length(mm3: float | None) -> float:
        return BAR_UNITS * min(1.0, (mm3 or 0.0) / end_mm3)

    return Bar(
        entry=entry,
        length=length(entry.volume_mm3),
        low=length(entry.volume_low_mm3),
        high=length(entry.volume_high_mm3),
    )


def histogram(lesions: LocatedLesionMap | None, scan: Scan, bin_hu: int) -> tuple[HistogramBar, ...]:
    """How much of what was counted has which density, from the least dense voxel to the densest."""
    if lesions is None or not lesions.lesions:
        return ()
    physiological = {name for name, site in all_sites().items() if site.physiological}
    volumes: dict[bool, list[tuple[int, float]]] = {True: [], False: []}
    for lesion in lesions.lesions:
        kji = lesions.voxels_kji(lesion.id)
        hu, mm3 = scan.hu[tuple(kji.T)], scan.geometry.voxel_mm3[kji[:, 0]]
        volumes[lesion.site in physiological] += zip(hu.tolist(), mm3.tolist(), strict=True)
    every = [hu for part in volumes.values() for hu, _ in part]
    first, last = math.floor(min(every) / bin_hu), math.floor(max(every) / bin_hu)
    edges = np.arange(first, last + 2) * bin_hu
    counts = {kind: _counted(part, edges) for kind, part in volumes.items()}
    return tuple(
        HistogramBar(
            from_hu=int(low), to_hu=int(low) + bin_hu, physiological_mm3=counts[True][at], other_mm3=counts[False][at]
        )
        for at, low in enumerate(edges[:-1])
    )


def _counted(part: Sequence[tuple[int, float]], edges: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[float]:
    hu, mm3 = np.array(part, dtype=np.float64).reshape(-1, 2).T
    return [float(value) for value in np.histogram(hu, edges, weights=mm3)[0]]


def _round_up(value: float) -> float:
    """The next of 1, 2, 3, 4, 5, 6, 8 times a power of ten.

    >>> _round_up(140.0), _round_up(5.0), _round_up(0.5), _round_up(204.0)
    (200.0, 5.0, 0.5, 300.0)
    """
    power = 10.0 ** math.floor(math.log10(max(value, 1e-9)))
    return next(factor * power for factor in _STEPS if factor * power >= value * (1 - 1e-9))
