"""How calcification in contact with bone is recovered."""

from __future__ import annotations

from typing import ClassVar

from calcscan.knowledge.settings import Settings


class BoneContactSettings(Settings, frozen=True, kw_only=True):
    """Values of `knowledge/bone_contact.toml`, where each has its unit and reason."""

    file: ClassVar[str] = "bone_contact"

    fine_mm: float
    ray_mm: float
    rays_beside: int
    course_mm: float
    vault_deg: float
    crest_deg: float
    crest_wide_mm: float
    table_hu: int
    table_share: float
    table_off_mm: float
    plaque_mm: float
    plaque_layer_mm: float
    plaque_mm2: float
    step_slabs: float
    bump_mm: float
    rim_mm: float
    plaque_mm_thick: float
    plaque_layer_mm_thick: float
    plaque_mm2_thick: float
    bump_mm_thick: float
    plaque_smear_mm: float
    plaque_wide_mm: float
    judged_mm: float
    rim_hu: int
    base_wide_mm: float
    base_below_mm: float
    knot_reach_mm: float
    knot_ratio: float
    knot_ratio_thick: float
    knot_thick_mm: float
    knot_most_mm3: float
