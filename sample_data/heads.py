"""The three heads: who they are, how they lie, how they were scanned, and what is calcified in them."""

from __future__ import annotations

from dataclasses import dataclass

from lesions import Deposit
from person import Build
from scanner import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """One sample."""

    name: str
    number: int
    age_years: int
    sex: str
    build: Build
    protocol: Protocol
    deposits: tuple[Deposit, ...]


def _deposit(site: str, side: str, centre: tuple, radii: tuple, hu: float, seed: int, **more: float) -> Deposit:
    return Deposit(
        site=site,
        side=side,
        centre_mni_mm=centre,
        radii_mm=radii,
        density_hu=hu,
        seed=seed,
        turn_deg=more.get("turn_deg", 0.0),
        roughness=more.get("roughness", 0.18),
    )


PALLIDUM = (
    _deposit("pallidum", "left", (-17.9, -5.4, -2.8), (2.1, 4.6, 2.8), 390, 11, turn_deg=-40),
    _deposit("pallidum", "right", (17.9, -4.4, -2.8), (2.1, 4.5, 2.9), 400, 12, turn_deg=40),
    _deposit("pallidum", "left", (-15.6, 2.6, -0.8), (1.7, 2.2, 1.8), 300, 13),
    _deposit("pallidum", "right", (15.8, 2.8, -0.6), (1.7, 2.1, 1.9), 310, 14),
)
FALX = (
    _deposit("falx", "midline", (0.0, 22.0, 48.0), (1.25, 7.5, 4.2), 620, 21, roughness=0.12),
    _deposit("pineal", "midline", (0.2, -29.0, 1.2), (2.3, 2.6, 1.9), 380, 22),
    _deposit("choroid_plexus", "left", (-25.2, -41.5, 8.0), (1.9, 3.1, 2.2), 290, 23),
    _deposit("choroid_plexus", "right", (25.0, -42.5, 7.6), (1.7, 2.6, 2.0), 270, 24),
)

HEADS = (
    Head(
        name="bilateral_pallidum",
        number=1,
        age_years=58,
        sex="F",
        build=Build(
            seed=101,
            rotation_deg=(-6.0, 2.0, 3.5),
            offset_lps_mm=(3.0, 4.0, 96.0),
            scale=(0.98, 0.96, 0.97),
            wobble_mm=1.3,
            ventricle_mm=1.0,
        ),
        protocol=Protocol(
            matrix=256,
            pixel_mm=0.9375,
            slices=83,
            table_step_mm=2.0,
            tilt_deg=0.0,
            first_z_mm=26.0,
            noise_hu=3.2,
            cupping_hu=5.0,
        ),
        deposits=PALLIDUM,
    ),
    Head(
        name="falx_plaque",
        number=2,
        age_years=63,
        sex="M",
        build=Build(
            seed=202,
            rotation_deg=(4.0, -2.5, -4.0),
            offset_lps_mm=(-4.0, 6.0, -40.0),
            scale=(1.03, 1.0, 1.02),
            wobble_mm=1.4,
            ventricle_mm=3.0,
        ),
        protocol=Protocol(
            matrix=256,
            pixel_mm=0.9375,
            slices=88,
            table_step_mm=2.0,
            tilt_deg=0.0,
            first_z_mm=-112.0,
            noise_hu=3.6,
            cupping_hu=6.0,
        ),
        deposits=FALX,
    ),
    Head(
        name="clean",
        number=3,
        age_years=41,
        sex="F",
        build=Build(
            seed=303,
            rotation_deg=(-1.0, 1.5, -2.0),
            offset_lps_mm=(2.0, 2.0, 150.0),
            scale=(0.96, 0.98, 0.99),
            wobble_mm=1.4,
            ventricle_mm=-0.5,
        ),
        protocol=Protocol(
            matrix=256,
            pixel_mm=0.9375,
            slices=86,
            table_step_mm=2.0,
            tilt_deg=-12.0,
            first_z_mm=78.0,
            noise_hu=3.0,
            cupping_hu=4.5,
        ),
        deposits=(),
    ),
)
