"""The parts of a divided calcification, and the pairs that touch, each with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from calcscan.grid.geometry import Array
from calcscan.knowledge.localisation import LocalisationSettings
from calcscan.knowledge.thresholds import ThresholdSettings
from calcscan.localisation.nuclei_border import NucleiBorder
from calcscan.measurement.statistics import plain_measures
from calcscan.model import LocatedLesion, Scan, Site, TouchingPair

Z95 = 1.96
"""Standard deviations from the middle of a 95 % interval to its ends."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """A part of a lesion and its voxels (n, 3); with the first of two nuclei that touch, what both hold together."""

    lesion: LocatedLesion
    kji: npt.NDArray[np.int64]
    pairs: tuple[TouchingPair, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Divided:
    """A lesion's voxels (n, 3), how they vote (n, sites), whose they are (n,), and what they hold (n,); `settled` are
    those beside a border that was moved to its place."""

    kji: npt.NDArray[np.int64]
    sites: Sequence[Site]
    vote: Array
    owner: npt.NDArray[np.intp]
    mm3: Array
    between: Sequence[NucleiBorder]
    settled: npt.NDArray[np.bool_]

    def share(self, which: npt.NDArray[np.bool_]) -> float:
        return float(self.mm3[which].sum() / self.mm3.sum())

    def range(self, column: int, settings: LocalisationSettings) -> tuple[float, float, float]:
        """The share of a site, and how much less and more it may be where the atlas alone decides."""
        part_of = self.owner == column
        sure = part_of & (self.settled | (self.vote[:, column] >= settings.sure))
        possible = part_of | (~self.settled & (self.vote[:, column] >= 1.0 - settings.sure))
        share = self.share(part_of)
        return share, share - self.share(sure), self.share(possible) - share


def part_at(
    lesion: LocatedLesion,
    scan: Scan,
    divided: Divided,
    column: int,
    settings: LocalisationSettings,
    thresholds: ThresholdSettings,
) -> Part:
    """What falls to the site `column` of the vote."""
    kji, sites, vote = divided.kji, divided.sites, divided.vote
    voxel_mm3, part_of = scan.geometry.voxel_mm3[kji[:, 0]], divided.owner == column
    mean = voxel_mm3[part_of] @ vote[part_of] / voxel_mm3[part_of].sum()
    others = [n for n in np.argsort(-mean, kind="stable") if n != column and mean[n] >= settings.also_share]
    own = [item for item in divided.between if column in item.columns]
    share, less, more = divided.range(column, settings)
    volume = _interval(lesion, share, less, more, [item.spread for item in own])
    part = replace(
        lesion,
        site=sites[column].site,
        side=sites[column].side,
        site_share=round(float(mean[column]), 3),
        also=tuple((sites[n].site, sites[n].side, round(float(mean[n]), 3)) for n in others),
        volume_mm3=volume[0],
        volume_low_mm3=volume[1],
        volume_high_mm3=volume[2],
        division=_division(share, less, more, own, settings),
        **plain_measures(kji[part_of], scan.hu[tuple(kji[part_of].T)], scan.geometry, thresholds),
    )
    pairs = [_pair(lesion, divided, item, settings) for item in own if item.columns[0] == column]
    return Part(lesion=part, kji=kji[part_of], pairs=tuple(pairs))


def _place(site: Site) -> tuple[str, str]:
    return site.site, site.side


def _pair(lesion: LocatedLesion, divided: Divided, item: NucleiBorder, settings: LocalisationSettings) -> TouchingPair:
    """Two nuclei that touch, and what both hold: the border between them makes no difference to that."""
    first, second = item.columns
    ranges = [divided.range(column, settings) for column in item.columns]
    share, less, more = (sum(values) for values in zip(*ranges, strict=True))
    others = [n.spread for n in divided.between if n is not item and set(n.columns) & set(item.columns)]
    best, low, high = _interval(lesion, share, less, more, others)
    doubtful = any(_is_uncertain(part, 0.0, 0.0, [item.spread], settings) for part, *_ in ranges)
    return TouchingPair(
        deposit=lesion.deposit,
        sites=(_place(divided.sites[first]), _place(divided.sites[second])),
        volume_mm3=best,
        volume_low_mm3=low,
        volume_high_mm3=high,
        division="uncertain" if doubtful else item.border.evidence,
    )


def _interval(
    lesion: LocatedLesion, share: float, less: float, more: float, spreads: Sequence[float]
) -> tuple[float, float, float]:
    """Volume of a share of a lesion, with an interval that allows for its measure and for where its borders lie."""
    best = lesion.volume_mm3 * share
    borders = Z95 * float(np.linalg.norm(spreads)) if spreads else 0.0
    low = best - float(np.linalg.norm([share * (lesion.volume_mm3 - lesion.volume_low_mm3),
                                       lesion.volume_mm3 * less, lesion.volume_mm3 * borders]))  # fmt: skip
    high = best + float(np.linalg.norm([share * (lesion.volume_high_mm3 - lesion.volume_mm3),
                                        lesion.volume_mm3 * more, lesion.volume_mm3 * borders]))  # fmt: skip
    return best, max(low, 0.0), max(best, min(high, lesion.volume_high_mm3))


def _is_uncertain(
    share: float, less: float, more: float, spreads: Sequence[float], settings: LocalisationSettings
) -> bool:
    borders = Z95 * float(np.linalg.norm(spreads)) if spreads else 0.0
    low, high = share - float(np.hypot(less, borders)), share + float(np.hypot(more, borders))
    return high > settings.uncertain_ratio * max(low, 0.0)


def _division(
    share: float, less: float, more: float, own: Sequence[NucleiBorder], settings: LocalisationSettings
) -> str:
    """What a part's borders rest on: `uncertain` where they may lie so that it is several times as large."""
    if _is_uncertain(share, less, more, [item.spread for item in own], settings):
        return "uncertain"
    return max(own, key=lambda item: item.spread).border.evidence if own else "atlas"
