"""Heads of known blur: skin over fat over bone over brain, as any kernel, slice profile and grid would show them.

Across a smooth surface a blur acts as along its normal, so each layer's edge is known in closed form and no fine grid
is needed: exact but for the surface's own curvature. Positions in LPS mm; the head's middle lies at 0.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage, special

from calcscan.grid.geometry import Geometry
from calcscan.model import AIR_HU, Acquisition, Scan

Array = npt.NDArray[np.float64]
AXES_MM = (72.0, 90.0, 80.0)
"""Half the width, length and height."""
LAYERS = ((0.0, 45.0), (2.5, -80.0), (5.5, 900.0), (11.0, 35.0))
"""From which depth (mm) there is tissue of which HU."""
PROFILES = ("box", "gaussian", "trapezoid")


def profile(kind: str, thickness_mm: float) -> tuple[Array, Array]:
    """Where a slice of this nominal thickness looks, in mm along the normal, and with what weight: a box; a bell or a
    trapezoid with this full width at half maximum."""
    at = np.linspace(-1.5, 1.5, 121) * thickness_mm
    away = np.abs(at) / thickness_mm
    weight = {
        "box": np.where(away <= 0.5, 1.0, 0.0),
        "gaussian": np.exp(-4.0 * np.log(2.0) * away**2),
        "trapezoid": np.clip((0.8 - away) / 0.6, 0.0, 1.0),
    }[kind]
    return at, weight / weight.sum()


def profile_sd_mm(kind: str, thickness_mm: float) -> float:
    """The standard deviation of a slice profile."""
    at, weight = profile(kind, thickness_mm)
    return float(np.sqrt(weight @ at**2))


def blurred_head(
    spacing_mm: tuple[float, float, float] = (2.5, 0.5, 0.5),
    *,
    psf_mm: float = 0.5,
    thickness_mm: float | None = None,
    kind: str = "box",
    stated_mm: float | None = None,
    noise_hu: float = 6.0,
    grain_mm: tuple[float, float, float] = (0.0, 0.5, 0.5),
    tilt_deg: float = 0.0,
    air_hu: float = -1000.0,
    overshoot: float = 0.0,
    heights_mm: tuple[float, float] = (-10.0, 84.0),
    layers: tuple[tuple[float, float], ...] = LAYERS,
    seed: int = 0,
) -> Scan:
    """The upper half of a head. `noise_hu` has the grain of a Gaussian of `grain_mm`; `stated_mm` is what its header
    says of the thickness. With a tilt, slices are pushed along the rows from one to the next."""
    dk, dj, di = spacing_mm
    positions = np.arange(heights_mm[0], heights_mm[1], dk) + 0.3
    rows, columns = int((2 * AXES_MM[1] + 30) / dj), int((2 * AXES_MM[0] + 30) / di)
    push = np.tan(np.radians(tilt_deg)) * positions
    origins = np.column_stack([np.full(len(positions), -di * (columns - 1) / 2), push - dj * (rows - 1) / 2, positions])
    grid = Geometry(
        origins_mm=origins,
        step_i_mm=np.array([di, 0.0, 0.0]),
        step_j_mm=np.array([0.0, dj, 0.0]),
        slab_mm=np.full(len(positions), dk),
        rows=rows,
        columns=columns,
    )
    at, weight = profile(kind, thickness_mm or dk)
    at, weight = at[weight > 0.002 * weight.max()], weight[weight > 0.002 * weight.max()]
    keep = slice(len(at) % 9 // 2, None, max(1, len(at) // 9))
    at, weight = at[keep], weight[keep] / weight[keep].sum()
    x = origins[0, 0] + di * np.arange(columns)
    hu = np.empty(grid.shape)
    for k, z in enumerate(positions):
        y = origins[k, 1] + dj * np.arange(rows)[:, None]
        hu[k] = sum(
            w * _seen(x, y, float(z + dz), psf_mm, air_hu, overshoot, layers) for dz, w in zip(at, weight, strict=True)
        )
    white = np.random.default_rng(seed).standard_normal(grid.shape)
    grain = ndimage.gaussian_filter(white, np.array(grain_mm) / spacing_mm)
    hu += grain / grain.std() * noise_hu
    return Scan(
        hu=np.clip(np.rint(hu), AIR_HU, 3071).astype(np.int16),
        geometry=grid,
        acquisition=Acquisition(kvp_kv=120.0, slice_thickness_mm=stated_mm, sharp_kernel=overshoot > 0),
    )


def _seen(
    x: Array,
    y: Array,
    z: float,
    psf_mm: float,
    air_hu: float,
    overshoot: float,
    layers: tuple[tuple[float, float], ...],
) -> Array:
    """One plane of the head, blurred within the plane."""
    a, b, c = AXES_MM
    radius = np.maximum(np.sqrt((x / a) ** 2 + (y / b) ** 2 + (z / c) ** 2), 1e-6)
    steep = np.sqrt((x / a**2) ** 2 + (y / b**2) ** 2 + (z / c**2) ** 2) / radius
    depth = (1.0 - radius) / np.maximum(steep, 1e-3)
    hu = np.where(depth < 0.0, air_hu, layers[-1][1])
    near = (depth > -8.0 * psf_mm) & (depth < layers[-1][0] + 8.0 * psf_mm)
    flat = np.sqrt((x / a**2) ** 2 + (y / b**2) ** 2)[near] / (radius * steep)[near]
    depth, width = depth[near], np.maximum(psf_mm * flat, 0.02)
    seen, before = np.full(depth.shape, air_hu), air_hu
    for from_mm, tissue_hu in layers:
        score = (depth - from_mm) / width
        level = special.ndtr(score)
        if overshoot:
            level = (1.0 + overshoot) * level - overshoot * special.ndtr(score / 2.0)
        seen += (tissue_hu - before) * level
        before = tissue_hu
    hu[near] = seen
    return hu
