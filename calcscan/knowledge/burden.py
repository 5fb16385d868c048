"""How burden is graded, compared between sides and scored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from calcscan.knowledge.settings import Settings, Table


class TotalCalcificationScore(Table, frozen=True, kw_only=True):
    """The cells of the total calcification score, and its grades by volume."""

    from_mm3: tuple[float, ...]
    note: str
    midbrain_above_z_mm: float
    medulla_below_z_mm: float
    vermis_within_x_mm: float
    cells: tuple[str, ...]
    cell_of: Mapping[str, str]


class BurdenSettings(Settings, frozen=True, kw_only=True):
    """Values of `knowledge/burden.toml`, where each has its unit and reason."""

    file: ClassVar[str] = "burden"

    grade_dot_mm: float
    grade_confluent_mm: float
    grade_confluent_mm3: float
    symmetric_index: float
    asymmetric_index: float
    measurable_floors: float
    bilateral_mm3: float
    mirror_tolerance_mm: float
    hides_mm: float
    sure_share: float
    may_share: float
    tcs: TotalCalcificationScore
    between_bones_thickest_mm: float
    coverage: float
    streaked_share: float
