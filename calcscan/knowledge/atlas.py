"""What an atlas folder must keep to."""

from __future__ import annotations

from typing import ClassVar

from calcscan.knowledge.settings import Settings


class AtlasSettings(Settings, frozen=True, kw_only=True):
    """Values of `knowledge/atlas.toml`, where each has its unit and reason."""

    file: ClassVar[str] = "atlas"

    brain_median_hu: tuple[float, float]
    overlap_least: float
    midline_mm: float
