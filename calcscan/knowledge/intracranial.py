"""How the intracranial space is segmented."""

from __future__ import annotations

from typing import ClassVar

from calcscan.knowledge.settings import Settings


class IntracranialSettings(Settings, frozen=True, kw_only=True):
    """Values of `knowledge/intracranial.toml`, where each has its unit and reason."""

    file: ClassVar[str] = "intracranial"

    grid_mm: float
    bone_hu: int
    fat_hu: int
    core_mm: float
    core_share: float
    step: float
    reach: float
    closing_mm: float
    brain_low_hu: int
    brain_high_hu: int
    smallest_ml: float
    largest_ml: float
    cropped_share: float
    attached_hu: int
    protrusion_mm: float
    root_mm: float
    edge_mm: float
    given_bone_ml: float
    noise_depth_mm: float
    deepest_mm: float
    blur_share: float
    stump_mm: float
    root_ratio: float
    cortical_hu: int
    flap_ml: float
    behind_mm: float
    behind_share: float
    enclosing_mm: float
    enclosed_share: float
    no_head_ml: float
    second_head_share: float
    empty_hu: int
    bare_mm: float
    cut_skull_mm2: float
    cut_columns_mm2: float
    edge_reach_mm: float
    cortical_share: float
    cortical_beside_bone: float
