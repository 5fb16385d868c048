"""How `calcscan verify` inserts deposits and judges what became of them."""

from __future__ import annotations

from typing import ClassVar

from calcscan.knowledge.settings import Settings, Table


class Vault(Table, frozen=True, kw_only=True):
    """The deposit on the inner table of the vault."""

    site: str
    atlas_mm: tuple[float, float, float]
    depth_mm: float
    depth_tolerance_mm: float
    reach_mm: float
    diameter_mm: float


class SizeSeries(Table, frozen=True, kw_only=True):
    """Diameters and densities of the deposits by which detection is scored."""

    diameters_mm: tuple[float, ...]
    densities_hu: tuple[float, ...]


class VolumeSeries(Table, frozen=True, kw_only=True):
    """Ranges of the deposits by which volume is scored."""

    min_mm3: float
    max_mm3: float
    min_hu: float
    max_hu: float


class VerificationSettings(Settings, frozen=True, kw_only=True):
    """Values of `knowledge/verification.toml`, where each has its unit and reason."""

    file: ClassVar[str] = "verification"

    fine_parts: float
    finest_mm: float
    blur_reach: float
    tissue_reach_mm: float
    tissue_low_hu: int
    tissue_high_hu: int
    tissue_median_weight: float
    border_mm: float
    bone_distance_mm: float
    surface_distance_mm: float
    site_distance_mm: float
    centre_distance_mm: float
    site_min_mm: float
    site_max_mm: float
    site_hu: int
    site_depth_share: float
    candidate_stride: int
    vault: Vault
    size_series: SizeSeries
    size_count: int
    volume_series: VolumeSeries
    core_share: float
    rim_share: float
    reliable: float
    large_mm3: float
