"""The settings of `mosaic.toml`."""

from __future__ import annotations

from typing import ClassVar

from calcscan.knowledge.settings import Settings


class MosaicSettings(Settings, frozen=True, kw_only=True):
    """What the slices of mosaic.png show."""

    file: ClassVar[str] = "mosaic"

    window_centre_hu: int
    window_width_hu: int
    bone_window_centre_hu: int
    bone_window_width_hu: int
    dense_hu: int
    most_bone_tiles: int
    slab_mm: float
    apart_mm: float
    margin_mm: float
    lesion_margin_mm: float
    bone_margin_mm: float
    bone_hu: int
    axial_cosine: float
