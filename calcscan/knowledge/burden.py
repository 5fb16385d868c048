"""How burden is graded, compared between sides and scored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from calcscan.knowledge.settings import Settings, Table


class Multiple(Table, frozen=True, kw_only=True):
    """What does not count towards several calcifications."""

    not_counted: tuple[str, ...]


class TotalCalcificationScore(Table, frozen=True, kw_only=True):
    """The cells of the total calcification score, and its grades by volume."""

    from_mm3: tuple[float, ...]
    note: str
    midbrain_above_z_mm: float
    medulla_below_z_mm: float
    vermis_within_x_mm: float
    cells: tuple[str, ...]
    cell_of: Mapping[str, str]


class NotExamined(Table, frozen=True, kw_only=True):
    """Groups of sites that are never examined."""

    groups: tuple[str, ...]


class NeverFalse(Table, frozen=True, kw_only=True):
    """Facts that an image alone never denies."""

    facts: tuple[str, ...]


class ToldFromBone(Table, frozen=True, kw_only=True):
    """Sites between bones, and the thickest slices in which they are assessed."""

    sites: tuple[str, ...]
    thickest_mm: float


class BurdenSettings(Settings, frozen=True, kw_only=True):
    """Values of `knowledge/burden.toml`, where each has its unit and reason."""

    file: ClassVar[str] = "burden"

    grade_dot_mm: float
    grade_confluent_mm: float
    grade_confluent_mm3: float
    symmetric_index: float
    measurable_floors: float
    bilateral_mm3: float
    mirror_tolerance_mm: float
    multiple: Multiple
    tcs: TotalCalcificationScore
    not_examined: NotExamined
    never_false: NeverFalse
    told_from_bone: ToldFromBone
    coverage: float
