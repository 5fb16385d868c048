"""How the physical volume of a lesion is estimated."""

from __future__ import annotations

from typing import ClassVar

from calcscan.knowledge.settings import Settings, Table


class Between(Table, frozen=True, kw_only=True):
    """Two ends."""

    low: float
    high: float


class VolumeSettings(Settings, frozen=True, kw_only=True):
    """Values of `knowledge/volume.toml`, where each has its unit and reason."""

    file: ClassVar[str] = "volume"

    near_mm: float
    shell_mm: float
    shell_voxels: int
    bone_clear_mm: float
    soften_mm: float
    smooth_mm: float
    grain_mm: float
    near_blur: float
    layer_mm: float
    profile_box: Between
    patch_pixels: int
    sharpened_rounds: tuple[int, ...]
    sharpened_usual: int
    columns_from_mm: float
    contrast_low: float
    contrast_high: float
    contrast_fits: float
    contrast_usual_hu: float
    contrast_usual_spread: float
    elongation: float
    elongation_spread: float
    seen_least: float
    blur_tried: float
    blur_unsure: float
    noise_share: float
    model_error: float
    model_error_upper: float
    model_error_across: float
    uneven_better: float
    uneven_step: float
    lumpy_better: float
    lumpy_better_share: float
    lumpier: float
    lumpier_certain: float
    lumpier_step: float
    uneven_seen: float
    uneven_radius: float
    uneven_radius_sure: float
    uneven_larger: float
    uneven_rim: float
    uneven_most: float
    uneven_unsure: float
    uneven_unsure_step: float
    interval_misfit: float
    misfit_usual: float
    thick_better: float
    thick_step: float
    thick_counted: float
    peaked: float
    peaked_step: float
    hollow_better: float
    hollow_possible: float
    hollow_step: float
    hollow_share: float
    hollow_hidden: float
    hollow_hidden_radius: Between
    hollow_unsure: float
    interval_beyond: float
    interval_thin: float
    unresolved_radius: float
    resolved_radius: float
    gap_share: float
    interval_gap: float
    interval_floor: float
    interval_contrast: float
    interval_shape: float
    interval_shape_across: float
    field_reach_mm: float
    field_low_hu: int
    field_high_hu: int
    field_faint: float
    clear_share: float
    unsure: Between
    rim_most: float
    rim_most_high: float
    interval_noise: float
    background_error_hu: float
    extent_floor: float
    interval_hidden: float
    interval_hidden_most: float
