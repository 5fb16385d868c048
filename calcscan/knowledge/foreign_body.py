"""What shows that something dense in the head was put there."""

from __future__ import annotations

from typing import ClassVar

from calcscan.knowledge.settings import Settings


class ForeignBodySettings(Settings, frozen=True, kw_only=True):
    """Values of `knowledge/foreign_body.toml`, where each has its unit and reason."""

    file: ClassVar[str] = "foreign_body"

    seed_extent_mm: float
    seed_reach_mm: float
    seed_apart_mm: float
    seed_elongation: float
    most_seeds: int
    most_tries: int
    least_in_line: int
    neighbour_mm: float
    step_mm: float
    window_mm: float
    ring_mm: float
    sample_mm: float
    longest_mm: float
    beyond_table_mm: float
    gap_mm: float
    direction_mm: float
    direction_slices: float
    turn: float
    seen_noise: float
    seen_hu: float
    seen_share: float
    crowded_hu: float
    crowded_share: float
    air_hu: float
    depth_mm: float
    deep_mm: float
    deep_share: float
    width_mm: float
    end_mm: float
    shape_slab_mm: float
    flattest: float
    flat_slab_mm: float
    high_slab_mm: float
    high_steepest: float
    high_slices: float
    beside_share: float
    covered_share: float
    wander_mm: float
    wander_slab_share: float
    radius_mm: float
    very_even: float
    very_even_mm: float
    even: float
    even_mm: float
    fairly_even: float
    fairly_even_mm: float
    entry_depth_mm: float
    entry_steepness: float
    dense_course_hu: float
    supported_share: float
    belongs_mm: float
    belongs_share: float
    belongs_share_dense: float
    bulkier_mm: float
    protected_sites: tuple[str, ...]
    protected_mm: float
    protected_share: float
    row_least: int
    row_few: float
    row_many: int
    row_off_line_mm: float
    row_height_error: float
    row_pitch_least_mm: float
    row_pitch_most_mm: float
    row_pitch_error: float
    row_bead_mm: float
    row_alike: float
    row_around_mm: float
    beyond_calcium_hu: float
    beyond_calcium_thick_hu: float
    beyond_calcium_mm3: float
    filled_mm: float
    spotted_mm3: float
    spotted_share: float
    beyond_bone_hu: float
    away_from_bone_mm: float
    beyond_calcium_mm: float
    cast_hu: float
    cast_peak_hu: float
    sharp_factor: float
    judged_from_hu: float
    peak_voxels: int
    thin_reach_mm: float
    thinnest_mm: float
    thin_blur_mm: float
    alone_share: float
    most_diluted: float
    hole_mm: float
    dust_mm3: float
    dust_reach_mm: float
    halo_mm: float
    streak_reach_mm: float
    streak_ring_mm: float
    streak_within: float
    streak_noise: float
    streak_factor: float
