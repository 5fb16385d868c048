"""How a lesion is attributed to a site."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from calcscan.knowledge.settings import Settings, Table


class Calibration(Table, frozen=True, kw_only=True):
    """How often a site with a `share` of the vote is `right`; linear between these."""

    share: tuple[float, ...]
    right: tuple[float, ...]


class DeepBox(Table, frozen=True, kw_only=True):
    """The box in which brain is deep, LPS mm in the atlas."""

    low_mm: tuple[float, float, float]
    high_mm: tuple[float, float, float]


class LocalisationSettings(Settings, frozen=True, kw_only=True):
    """Values of `knowledge/localisation.toml`, where each has its unit and reason."""

    file: ClassVar[str] = "localisation"

    uncertainty_mm: float
    convexity_depth_mm: float
    bone_share: float
    base_share: float
    outside_share: float
    base_depth_mm: float
    divided_from_mm: float
    mass_dura_share: float
    sure: float
    part_mm3: float
    part_sure: float
    also_share: float
    told_from: float
    border_spread_mm: float
    border_inside: float
    border_local_mm: float
    border_told: float
    waist_weight: float
    fit_weight: float
    density_mm3: float
    density_most: float
    density_spread: float
    density_step: float
    density_error: float
    density_likelier: float
    shift_least: float
    border_sure: float
    uncertain_ratio: float
    rim_mm: float
    full_mm: float
    full_smooth_mm: float
    calibration: Calibration
    thick_mm: float
    saddle_thick: float
    saddle_thin: float
    known_share: float
    clear_gap_mm: float
    clear_saddle: float
    clear_saddle_thick: float
    saddle_mm: float
    saddle_step_hu: int
    surely_bone_hu: int
    one_with_bone: float
    young_years: float
    hole_edge_mm: float
    rise_edge_mm: float
    unlike_mm3: float
    unlike_least_mm3: float
    unlike_share: float
    fluid_hu: int
    shell_inner_mm: float
    shell_outer_mm: float
    fluid_share: float
    fluid_weight: float
    fat_low_hu: int
    fat_high_hu: int
    fat_share: float
    fat_deep_mm: float
    wall_fluid_share: float
    wall_deep_mm: float
    midline_mm: float
    flat_ratio: float
    compact_ratio: float
    shape_least_mm: float
    shape_slab_share: float
    shape_weight: float
    falx_upright: float
    falx_half_mm: float
    nearest_mm: float
    hollow_mm: float
    hollow_most_mm: float
    hollow_roundness: float
    hollow_roundness_mass: float
    hollow_core: float
    hollow_cover: float
    hollow_spread: float
    hollow_spread_mass: float
    hollow_own_mm: float
    hollow_own_share: float
    piece_mm3: float
    piece_gap_mm: float
    layer_mm2: float
    layer_roundness: float
    layer_wide_mm: float
    layer_thick_mm: float
    layer_rough_mm: float
    layer_slope: float
    layer_deep_mm: float
    layer_cell_mm: float
    lump_mm: float
    lump_share: float
    lump_mirrored: float
    lump_midline_mm: float
    lump_across_mm: float
    gyri_thick: float
    lump_near_mm: float
    habenula_mm: float
    habenula_large_weight: float
    trigone_y_mm: float
    plexus_body_prior: float
    plexus_body_wall: float
    displaced_mm: float
    displaced_clear_mm: float
    displaced_beyond_mm: float
    displaced_share: float
    displaced_fluid: float
    displaced_deep: DeepBox
    prior: Mapping[str, float]

    def unlike_limit_mm3(self, volume_mm3: float) -> float:
        """How much of a piece of bone of this volume may lack bone at its mirror image."""
        most_mm3 = min(max(volume_mm3 / 2.0, self.unlike_least_mm3), self.unlike_mm3)
        return max(most_mm3, self.unlike_share * volume_mm3)
