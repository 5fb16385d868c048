"""Which density counts as calcification, and what else the scan is searched for."""

from __future__ import annotations

from typing import ClassVar

from calcscan.knowledge.settings import Settings, Table


class AgatstonWeights(Table, frozen=True, kw_only=True):
    """Peak densities from which the Agatston weight is 1, 2, 3 and 4."""

    from_hu: tuple[int, int, int, int]


class ThresholdSettings(Settings, frozen=True, kw_only=True):
    """Values of `knowledge/thresholds.toml`, where each has its unit and reason."""

    file: ClassVar[str] = "thresholds"

    nominal_hu: int
    nominal_80_kvp_hu: int
    usual_kvp: float
    low_kvp: float
    asked_above_hu: int
    asked_below_hu: int
    asked_blood_hu: int
    noise_factor: float
    rim_hu: int
    rim_noise_factor: float
    counted_hu: int
    smallest_mm3: float
    smallest_voxels: int
    metal_hu: int
    saturation_hu: int
    saturation_voxels: int
    agatston_slab_mm: float
    agatston_weights: AgatstonWeights
    reference_hu: int
    floor_bell_from: float
    floor_slices: float
    dense_hu: int
    dense_peak_hu: int
    dense_smoothing_mm: float
    clear_mm: float
    clear_slices: float
    surround_low_hu: int
    fine_mm: float
    coarse_mm: float
    narrow_mm: float
    found_excess: float
    rim_excess: float
    stained_hu: int
    stained_mm3: float
    stained_edge_mm: float
    stained_large_mm3: float
    fading_hu: float
    fading_edge_mm: float
    fading_slope: float
    fading_steepest_mm3: float
    fading_blur_mm: float
    stained_near_mm: float
    edge_direction_mm: float
    halo_mm: float
    halo_share: float
    halo_ratio: float
    bright_hu: int
    bright_excess_hu: int
    blood_mean_high_hu: int
    blood_ml: float
    blood_radius_mm: float
    blood_depth_mm: float
    sinus_depth_mm: float
    sinus_radius_mm: float
    sinus_ml: float
    layer_from_mm: float
    layer_to_mm: float
    layer_half_mm: float
    layer_cm2: float
    layer_clear: float
    uncertain_ml: float
    blood_noise_factor: float
    table_mm: float
    ring_mm: float
    stands_out_by: float
    speck_stands_out_by: float
    speck_ring_mm: float
    speck_deep_mm: float
    speck_near_mm: float
    speck_near_count: int
    speck_faint_hu: int
    speck_most_mm3: float
