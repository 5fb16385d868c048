"""How `calcscan verify` inserts deposits and judges what became of them."""

from __future__ import annotations

from typing import ClassVar

from calcscan.knowledge.settings import Settings, Table


class Vault(Table, frozen=True, kw_only=True):
    """The deposit on the inner table of the vault."""

    site: str
    atlas_mm: tuple[float, float, float]
    depth_mm: float
    give_mm: float
    reach_mm: float
    diameter_mm: float


class SizeSeries(Table, frozen=True, kw_only=True):
    """Diameters and densities of the deposits by which detection is scored."""

    diameters_mm: tuple[float, ...]
    densities_hu: tuple[float, ...]


class VolumeSeries(Table, frozen=True, kw_only=True):
    """Ranges of the deposits by which volume is scored."""

    least_mm3: float
    most_mm3: float
    least_hu: float
    most_hu: float


class VerificationSettings(Settings, frozen=True, kw_only=True):
    """Values of `knowledge/verification.toml`, where each has its unit and reason."""

    file: ClassVar[str] = "verification"

    fine_parts: float
    finest_mm: float
    blur_reach: float
    tissue_reach_mm: float
    tissue_low_hu: int
    tissue_high_hu: int
    tissue_faint: float
    psf_soft_mm: float
    psf_sharp_mm: float
    overshoot_sharp: float
    edge_slices: int
    edges_a_slice: int
    edge_smooth_mm: float
    edge_hu: int
    edge_near_hu: int
    edge_steep_hu_mm: float
    most_lean_mm: float
    profile_mm: float
    air_mm: float
    air_hu: int
    skin_low_hu: int
    skin_high_hu: int
    fit_mm: float
    most_misfit: float
    fewest_profiles: int
    least_psf_mm: float
    least_psf_pixels: float
    most_psf_mm: float
    most_spread: float
    rim_mm: float
    bone_apart_mm: float
    apart_mm: float
    site_apart_mm: float
    centres_apart_mm: float
    site_least_mm: float
    site_most_mm: float
    site_hu: int
    site_middle: float
    tried_share: int
    vault: Vault
    size_series: SizeSeries
    size_count: int
    volume_series: VolumeSeries
    core_share: float
    rim_share: float
    reliable: float
    large_mm3: float
