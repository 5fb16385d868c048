"""How the physical volume of a lesion is estimated."""

from __future__ import annotations

from typing import ClassVar

from calcscan.knowledge.settings import Settings, Table


class Unsure(Table, frozen=True, kw_only=True):
    """The interval of a lesion that does not stand out from its surround, as shares of counts."""

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
    deblur_width: float
    deblur_peak: float
    deblur_contrast: float
    core_share: float
    elongation: float
    elongation_spread: float
    model_error: float
    edge_error: float
    grain_mm: float
    contrast_low: float
    contrast_high: float
    near_full_mm: float
    full_from: float
    full_through: float
    full_depth_mm: float
    full_reach_mm: float
    full_faint: float
    field_reach_mm: float
    field_low_hu: int
    field_high_hu: int
    field_faint: float
    clear_share: float
    unsure: Unsure
    rim_most: float
    rim_most_high: float
    extent_step_mm: float
    extent_low: float
    extent_high: float
    extent_error: float
    extent_blurrier: float
    extent_most_mm3: float
    uneven_width: float
    uneven_width_sure: float
    uneven_from: float
    uneven_sure: float
    interval_floor: float
    interval_contrast: float
    interval_small: float
    interval_noise: float
    background_error_hu: float
    extent_floor: float
    interval_hidden: float
