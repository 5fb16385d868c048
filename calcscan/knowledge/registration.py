"""How the atlas is registered to a head."""

from __future__ import annotations

from typing import ClassVar

from calcscan.knowledge.settings import Settings, Table


class DeepNucleiBox(Table, frozen=True, kw_only=True):
    """The box around the deep nuclei, LPS mm in the atlas."""

    low_mm: tuple[float, float, float]
    high_mm: tuple[float, float, float]


class RegistrationSettings(Settings, frozen=True, kw_only=True):
    """Values of `knowledge/registration.toml`, where each has its unit and reason."""

    file: ClassVar[str] = "registration"

    low_hu: int
    high_hu: int
    replacement_hu: int
    dense_smooth_mm: float
    clear_mm: float
    coarse_mm: float
    middle_mm: float
    start_deg: float
    overlap: float
    correlation: float
    nearby_deg: float
    nearby_mm: float
    off_deg: float
    off_mm: float
    left_out: float
    inner_mm: float
    smooth_mm: float
    size_low: float
    size_high: float
    uneven: float
    rotation_deg: float
    frame_margin_mm: float
    outline_hu: int
    frame_sd_hu: int
    forgive_hu: int
    outline_weight: float
    outline_smooth_mm: float
    size_sd: float
    proportion_sd: float
    shear_sd: float
    turn_sd: float
    still: float
    rim_mm: float
    settle_sd_mm: float
    settle_linear_sd: float
    settle_far_mm: float
    bend_sd_mm: float
    bend_reach_mm: float
    bend_kept: float
    bend_fade_mm: float
    bend_sd_hu: int
    bend_forgive_hu: int
    bend_smooth_mm: float
    even_mm: float
    tissue_low_hu: int
    tissue_high_hu: int
    tissue_hu: int
    contrast_hu: int
    contrast_low: float
    contrast_high: float
    bend_rms_mm: float
    middle: DeepNucleiBox
