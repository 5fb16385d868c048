"""When a stated slice thickness is believed."""

from __future__ import annotations

from typing import ClassVar

from calcscan.knowledge.settings import Settings


class SliceThicknessSettings(Settings, frozen=True, kw_only=True):
    """Values of `knowledge/slice_thickness.toml`, where each has its unit and reason."""

    file: ClassVar[str] = "slice_thickness"

    thinnest: float
    thickest: float
    even_share: float
    same_share: float
