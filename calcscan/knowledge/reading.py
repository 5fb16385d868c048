"""How a scan is read: limits, with the words that series are told by and the kinds of files beside images."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from calcscan.knowledge.file_kinds import FileKinds
from calcscan.knowledge.series_words import SeriesWords
from calcscan.knowledge.settings import Settings, load


class ReadingSettings(Settings, frozen=True, kw_only=True, eq=False):
    """Values of `knowledge/reading.toml`, with units and reasons there; `words` and `kinds` have files of their own."""

    file: ClassVar[str] = "reading"

    words: SeriesWords = msgspec.field(default_factory=lambda: load(SeriesWords))
    kinds: FileKinds = msgspec.field(default_factory=lambda: load(FileKinds))
    min_slices: int
    parallel_within_deg: float
    cosine_slack: float
    same_position_mm: float
    two_passes_share: float
    shared_stretch_share: float
    even_share: float
    uneven_share: float
    max_passes: int
    dynamic_passes: int
    same_pixel_share: float
    same_field_share: float
    same_unit_share: float
    other_unit_times: float
    same_age_years: float
    whole_head_mm: float
    gap_told: float
    gap_beside_thickness: float
    numbered_share: float
    beside_share: float
    beyond_mm: float
    beyond_turn_deg: float
    same_spacing_mm: float
    same_spacing_share: float
    pattern_run: int
    usual_share: float
    missing_ratio: float
    missing_thickness_ratio: float
    tilt_deg: float
    thick_mm: float
    covers_mm: float
    adult_years: int
    padding_below_hu: int
    outgrown_bits: int
    air_below_hu: int
    room_air_from_hu: int
    room_air_to_hu: int
    room_air_hu: tuple[float, float]
    room_air_share: float
    filling_share: float
    air_apart_hu: int
    scales_apart_hu: int
    air_edge_hu: int
    tissue_share: float
    neighbour_pixels: int
    same_head_share: float
    tissue_from_hu: int
    tissue_to_hu: int
    tissue_median_low_hu: int
    tissue_median_high_hu: int
    dense_share: float
    ceiling_hu: tuple[int, ...]
    saturated_voxels: int
    cut_beside_hu: int
    cut_excess: float
    cut_top_hu: int
    max_member_bytes: int
    max_archive_bytes: int
    packed_file_bytes: int
    max_expansion: int
    max_value_bytes: int
    probe_bytes: int
    max_names_shown: int
    max_side_pixels: int
    min_pixel_mm: float
    max_pixel_mm: float
    max_slab_mm: float
    max_extent_mm: float
    max_position_mm: float
    stray_mm: float
    max_rescale: float
    max_frames: int
    max_age_years: int
    max_voxels: int
    min_step_mm: float
    max_step_mm: float
    max_width_mm: float
    max_length_mm: float
    max_litres: float
    max_offset_mm: float
    max_condition_number: float
    min_head_mm: float
    max_head_mm: float
    same_grid_voxels: float
    same_size_share: float
    max_stretch: float
    same_turn_deg: float
    plain_shear_deg: float
    same_shift_mm: float
    label_values: int
    max_sidecar_bytes: int
    max_hashed_bytes: int
    sidecar_spacing_share: float
    max_tilt_deg: float
    like_120_low_kev: int
    like_120_high_kev: int
    min_kvp_kv: float
    max_kvp_kv: float
    same_kvp_kv: float
    same_thickness_mm: float
    positions_compared: int
    retaken_compared: int
    slices_averaged: int
    cell_mm: float
    same_tissue_hu: float
    plainly_brighter_hu: float
    bright_cells: int
    one_sided: float
    deep_mm: float
    brain_low_hu: float
    brain_high_hu: float
    plain_brain_hu: float
    neighbour_correlation: float
    neighbour_correlation_beside: float
    repeated_share: float
    repeated_steps: float
    identical_share: float
    filled_share: float
    empty_share: float
    cut_slice_share: float
    lifted_hu: float
    weak_bone: float
    overlapping_ratio: float
    grain_pixels: int
    air_cell_hu: float
    head_cell_hu: float
    soft_cell_hu: float
    less_bone_hu: float
    bone_hu: float
    bone_cells: int
