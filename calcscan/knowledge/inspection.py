"""What is sought in the picture as a whole."""

from __future__ import annotations

from typing import ClassVar

from calcscan.knowledge.settings import Settings

Point = tuple[float, float, float]


class InspectionSettings(Settings, frozen=True, kw_only=True):
    """Values of `knowledge/inspection.toml`, where each has its unit and reason."""

    file: ClassVar[str] = "inspection"

    midline_centre_lps_mm: Point
    midline_from_deg: float
    midline_to_deg: float
    beside_midline_mm: float
    sinus_depth_mm: tuple[float, float]
    sinus_hu: float
    sinus_contrast_hu: float
    sinus_length_mm: float
    sinus_spread: float
    falx_depth_mm: tuple[float, float]
    falx_hu: float
    falx_contrast_hu: float
    falx_share: float
    falx_spread: float
    enhanced_high_hu: float
    vessel_low_hu: float
    vessel_depth_mm: float
    vessel_depth_share: float
    vessel_reach_mm: float
    vessel_linearity: float
    vessel_area_mm2: float
    vessel_share: float
    vessel_length_mm: float
    vessel_tolerance: float
    vessel_alike: float
    vessel_octants: int
    vessel_octant_mm: float
    body_blur_mm: float
    vessel_points: int
    straight_mm: float
    straight_pieces: int
    straight_off_mm: float
    course_names: tuple[str, ...]
    course_depth_mm: float
    course_reach_mm: float
    course_clear: float
    course_share: float
    course_hu: tuple[float, float]
    course_thickness_mm: tuple[float, float]
    course_sure_hu: float
    course_wide: float
    course_count: int
    course_arteries: int
    course_far: tuple[str, ...]
    course_aside_mm: float
    course_excess_hu: float
    course_least_excess_hu: float
    course_narrow: float
    fluid_template_hu: tuple[float, float]
    fluid_low_hu: float
    fluid_depth_mm: float
    fluid_depth_share: float
    fluid_share: float
    fluid_regions: int
    fluid_points: int
    fluid_lump_mm: float
    fluid_lump_share: float
    ventricles_low_hu: float
    ventricles_share: float
    ventricles_from_lps_mm: Point
    ventricles_to_lps_mm: Point
    fluid_middle_half_mm: float
    base_below_mm: float
    fossa_behind_mm: float
    fossa_below_mm: float
    fissure_half_height_mm: float
    hole_hu: tuple[float, float]
    hole_depth_mm: float
    hole_radius_mm: float
    air_hu: float
    air_depth_mm: float
    air_ml: float
    child_ml: float
    edge_dense_hu: float
    edge_hu: float
    edge_length_mm: float
    overshoot_hu: float
    overshoot_below_brain_hu: float
    overshoot_beside_mm: float
    overshoot_rise_mm: float
    overshoot_dip_hu: float
    jump_mm: float
    jump_share: float
    jump_unexplained: float
    moved_mm: float
    contour_share: float
    table_mm: float
    cut_table_mm: float
    streak_depth_mm: float
    streak_part_mm: float
    streak_hu: tuple[float, float]
    streak_noise: float
    streak_share: float
    streak_dense_hu: float
    streak_as_dark: float
    midline_shift_mm: float
    caudate_fluid_share: float
