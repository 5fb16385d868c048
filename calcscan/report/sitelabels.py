"""The numbers that `sites.nii.gz` and `sites.csv` use: those of `sites.toml`, the same in every version."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from calcscan.knowledge.sites import all_sites
from calcscan.model import LocatedLesion
from calcscan.report.quantities import Side
from calcscan.report.schema import SiteLabelEntry


@cache
def site_labels() -> Mapping[tuple[str, str], SiteLabelEntry]:
    """Every (site, side) in the order of the report.

    >>> site_labels()["caudate", "left"].label, site_labels()["caudate", "right"].label
    (1, 2)
    """
    labelled = [
        (info, side, number)
        for info in all_sites().values()
        for side, number in zip(info.sides, info.labels, strict=True)
    ]
    return MappingProxyType(
        {
            (info.site, side): SiteLabelEntry(
                label=number, site=info.site, side=Side(side), group=info.group, colour=info.colour
            )
            for info, side, number in labelled
        }
    )


def label_of(lesion: LocatedLesion) -> SiteLabelEntry:
    """The site and side of a lesion.

    Raises
    ------
    ValueError
        The lesion's site and side are no pair of `sites.toml`.
    """
    label = site_labels().get((lesion.site, lesion.side))
    if label is None:
        raise ValueError(
            f"lesion {lesion.id} lies at {lesion.site!r} {lesion.side!r}, which is no site and side of ours"
        )
    return label
