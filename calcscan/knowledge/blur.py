"""How the blur of a scan is measured, and what is assumed where it can't be."""

from __future__ import annotations

from typing import ClassVar

from calcscan.knowledge.settings import Settings


class BlurSettings(Settings, frozen=True, kw_only=True):
    """Values of `knowledge/blur.toml`, where each has its unit and reason."""

    file: ClassVar[str] = "blur"

    psf_soft_mm: float
    psf_sharp_mm: float
    psf_error: float
    across_error: float
    across_error_alone: float
    across_error_unknown: float
    overshoot_sharp: float
    edge_slices: int
    lines_mm: float
    edge_hu: int
    inside_mm: float
    outside_mm: float
    air_mm: float
    air_hu: int
    most_air_hu: int
    air_alike: float
    skin_low_hu: int
    skin_high_hu: int
    smooth_mm: float
    facing: float
    level_low: float
    level_high: float
    most_misfit: float
    slant_reach_mm: float
    most_slant: float
    bend_mm: float
    bend_share: float
    widest_mm: float
    fewest_edges: int
    least_psf_mm: float
    least_psf_pixels: float
    most_psf_mm: float
    most_spread: float
    outlier: float
    clustered: float
    model_error: float
    across_model_error: float
    most_across_error: float
    fewest_slices: int
    uneven_share: float
    soft_low_hu: int
    soft_high_hu: int
    ripple: float
    ripple_line: float
    ripple_period_mm: float
    straight_share: float
    straight_slices: float
    straight_sure: float
    profile_wider: float
    copied_above: float
    copied_least_mm: float
    copied_error: float
    copied_wider: float
    fewest_flat_edges: int
    many_flat_edges: int
    unequal: float
    coarsest_pixel_mm: float
    undersampled_above: float
    undersampled_error: float
    noise_slices: int
    noise_tile_mm: float
    noise_low_hu: int
    noise_high_hu: int
    noise_soft_share: float
    noise_most_tiles: int
    noise_fewest_tiles: int
    noise_grain_mm: float
    noise_most_hu: int
    noise_least_alike: float
    noise_most_alike: float
    noise_longest_wave_mm: float
    noise_shortest_wave_mm: float
    noise_nyquist: float
    noise_above_rounding: float
    noise_fewest_frequencies: int
    noise_in_plane_share: float
    noise_in_plane_error: float
    noise_across_error: float
