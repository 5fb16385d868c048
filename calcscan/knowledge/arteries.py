"""When a deposit is the wall of an artery in a cistern, and of which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from calcscan.knowledge.settings import Settings, Table


class ArteryCourse(Table, frozen=True, kw_only=True):
    """The course of an artery in the atlas."""

    artery: str
    site: str
    """As it is reported."""
    points: tuple[tuple[float, float, float], ...]
    """MNI152, RAS mm; of the right side, where there are two."""
    midline: bool = False


class ArteryOdds(Table, frozen=True, kw_only=True):
    """The logarithm of the odds of an artery against brain, and what adds to it."""

    none: float
    fluid: float
    tube: float
    per_mm: float
    per_thick_mm: float


class ArterySettings(Settings, frozen=True, kw_only=True):
    """Values of `knowledge/arteries.toml`, where each has its unit and reason."""

    file: ClassVar[str] = "arteries"

    near_mm: float
    spread_mm: float
    at_course_mm: float
    fluid_below_brain_hu: float
    fluid_least_hu: float
    shell_inner_mm: float
    shell_outer_mm: float
    fluid_full: float
    tube_mm: float
    tube_long_mm: float
    tube_ratio: tuple[float, float]
    tube_along: float
    odds: ArteryOdds
    frequent: Mapping[str, float]
    along_weight: float
    dura_share: float
    atlas_share: float
    atlas_share_beside: float
    clear_gap_mm: float
    clear_saddle: float
    sure: float
    unlikely: float
    named: float
    side_mm: float
    side_share: float
    courses: tuple[ArteryCourse, ...]
