"""How the atlas is registered to a head."""

from __future__ import annotations

from typing import ClassVar

from calcscan.knowledge.settings import Settings, Table


class DeepNucleiBox(Table, frozen=True, kw_only=True):
    """The box around the deep nuclei, LPS mm in the atlas."""

    low_mm: tuple[float, float, float]
    high_mm: tuple[float, float, float]


class MidlineBox(DeepNucleiBox, frozen=True, kw_only=True):
    """A box around the brain's midline, LPS mm in the atlas."""


class RegistrationSettings(Settings, frozen=True, kw_only=True):
    """Values of `knowledge/registration.toml`, where each has its unit and reason."""

    file: ClassVar[str] = "registration"

    fluid_hu: float
    dense_above_hu: float
    grey_matter_hu: float
    tissue_hu: float
    dense_smoothing_mm: float
    dense_margin_mm: float
    coarse_grid_mm: float
    fine_grid_mm: float
    initial_angle_deg: float
    search_coarse_mm: float
    search_fine_mm: float
    search_followed: int
    search_candidates: int
    search_apart_deg: float
    search_lead: float
    affine_margin_mm: float
    affine_residual_sd_hu: float
    affine_outlier_hu: float
    outline_hu: float
    outline_weight: float
    outline_smoothing_mm: float
    size_sd: float
    proportion_sd: float
    shear_sd: float
    rotation_sd: float
    affine_tolerance_mm: float
    deep_nuclei: DeepNucleiBox
    surface_margin_mm: float
    recentre_sd_mm: float
    recentre_again_mm: float
    recentre_linear_sd: float
    recentre_radius_mm: float
    displacement_sd_mm: float
    displacement_length_scale_mm: float
    displacement_taper_mm: float
    mode_variance_cutoff: float
    deformable_residual_sd_hu: float
    deformable_outlier_hu: float
    deformable_smoothing_mm: float
    bias_field_mm: float
    tissue_low_hu: float
    tissue_high_hu: float
    fluid_contrast_hu: float
    contrast_gain_low: float
    contrast_gain_high: float
    overlap_low: float
    correlation_low: float
    correlation_depth_mm: float
    correlation_smoothing_mm: float
    correlation_trimmed: float
    probe_rotation_deg: float
    probe_shift_mm: float
    rotation_error_high_deg: float
    shift_error_high_mm: float
    covered_low: float
    scale_low: float
    scale_high: float
    anisotropy_high: float
    reversed_cosine_low: float
    displacement_rms_high_mm: float
    recentre_high_mm: float
    midline_box: MidlineBox
    midline_core: MidlineBox
    midline_blur_mm: float
    midline_half_mm: int
    midline_near_mm: int
    midline_most_mm: int
    midline_outlier_hu: float
    midline_template_weight: float
    midline_prior_hu2: float
    midline_smoothing_mm: float
    midline_affine_mm: float
    midline_bent_from_mm: float
    midline_fades_mm: float
    wall_fluid_hu: float
    wall_fluid_share: float
    refits: int
    skull_hu: float
    mirror_most_mm: float
    mirror_off_mm: float
