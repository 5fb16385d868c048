"""What the lesions come to: by site, region, pair and side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteBurden:
    """What lies at one site and side; HU None and grade `none_detected` where nothing was found."""

    site: str
    side: str
    group: str
    volume_mm3: float | None
    volume_low_mm3: float | None
    volume_high_mm3: float | None
    volume_130_mm3: float | None
    count: int | None
    max_hu: int | None
    mean_hu: float | None
    grade: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionBurden:
    """What lies in one region of the user's own; label 0, `elsewhere`, is all that lies in none of them."""

    label: int
    name: str | None
    volume_mm3: float
    volume_low_mm3: float
    volume_high_mm3: float
    volume_130_mm3: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PairBurden:
    """What lies at two neighbouring nuclei of one side that share a deposit."""

    sites: tuple[tuple[str, str], tuple[str, str]]
    """(site, side) of both."""
    volume_mm3: float
    volume_low_mm3: float
    volume_high_mm3: float
    division: str
    """What the border between them rests on, as `TouchingPair.division`: the least sure of their shared deposits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Symmetry:
    """Left against right for a paired site; None is unknown, never "no".

    `index` is (left − right) / (left + right); `mirror_overlap` is the Dice of one side with the other's mirror image.
    """

    pair: str
    left_mm3: float | None
    right_mm3: float | None
    index: float | None
    mirror_overlap: float | None
    bilateral: bool | None
    symmetric: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Volume, density, symmetry and scores of the whole head.

    `detection_floor_mm3` is None where calcification of the reference density is not found at any size.
    """

    sites: tuple[SiteBurden, ...]
    symmetry: tuple[Symmetry, ...]
    scores: Mapping[str, object]
    multiple: bool | None
    detection_floor_mm3: float | None
    largest_mm: Mapping[str, float] = field(default_factory=dict)
    """The diameter of the largest lesion at each site as the guideline names it."""
    pairs: tuple[PairBurden, ...] = ()
    """Neighbouring nuclei that share a deposit, and what lies at both."""
    deposits: Mapping[str, int] = field(default_factory=dict)
    """How many lesions lie at each site as the guideline names it (`SiteInfo.fact`): those of the midline, and of the
    side that has more of them; none counted twice."""
    unsure: frozenset[str] = frozenset()
    """Sites as the guideline names them at which deposits are counted, but none surely lies there."""
    possible: frozenset[str] = frozenset()
    """And those at which one may lie that is not surely counted there."""
    shared: frozenset[tuple[str, str]] = frozenset()
    """Sites and sides whose row is unknown only because a deposit may lie there which is counted at a neighbour that
    the guideline gives the same name."""
    by_reader: frozenset[tuple[str, str]] = frozenset()
    """Sites and sides at which a reader said that a deposit lies."""
