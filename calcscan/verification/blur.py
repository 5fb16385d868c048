"""The in-plane blur of a scan, measured on the scan itself: how steeply skin gives way to air.

Profiles are taken across the outline of the head, where the surface is perpendicular to the slice. Only the half of an
edge that lies in air is used, since the tissue behind the skin varies. The median over many profiles is robust to hair,
ears and cushions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage, special

from calcscan.grid.geometry import Array
from calcscan.knowledge.settings import load
from calcscan.knowledge.verification import VerificationSettings
from calcscan.model import Scan

_STEP_MM = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Blur:
    """In-plane blur: a Gaussian with a standard deviation of `psf_mm`, less `overshoot` times one twice as wide."""

    psf_mm: float
    overshoot: float = 0.0
    measured: bool = False
    profiles: int = 0
    """Number of edges measured; 0 where the blur is assumed."""
    why: str = ""


def find_blur(scan: Scan, *, settings: VerificationSettings | None = None) -> Blur:
    """The scan's blur, measured if possible, else assumed from its kernel; `why` says which, and why.

    Overshoot can't be measured at an edge with air, where it falls below the least HU that many scanners store: it is
    assumed for a sharp kernel.
    """
    settings = settings or load(VerificationSettings)
    sharp = scan.acquisition.sharp_kernel
    overshoot = float(settings.overshoot_sharp) if sharp else 0.0
    widths = _edge_widths_mm(scan, overshoot, settings)
    if len(widths) >= settings.min_profiles:
        psf_mm = float(np.median(widths))
        spread = float(np.subtract(*np.percentile(widths, [75, 25]))) / psf_mm
        least_mm = max(settings.min_psf_mm, settings.min_psf_pixels * max(scan.geometry.spacing_mm[1:]))
        if not least_mm <= psf_mm <= settings.max_psf_mm:
            limits = f"{least_mm:.2f} to {settings.max_psf_mm:.2f} mm"
            problem = f"edges of skin and air gave {psf_mm:.2f} mm, outside the {limits} accepted for this scan"
        elif spread > settings.max_spread:
            problem = f"edges of skin and air gave {psf_mm:.2f} mm, but varied by {spread:.0%}"
        else:
            why = f"measured on {len(widths)} edges of skin and air"
            return Blur(psf_mm=psf_mm, overshoot=overshoot, measured=True, profiles=len(widths), why=why)
    else:
        problem = f"only {len(widths)} edges of skin and air could be measured"
    assumed = settings.psf_sharp_mm if sharp else settings.psf_soft_mm
    kernel = "sharp" if sharp else "soft"
    return Blur(psf_mm=assumed, overshoot=overshoot, why=f"assumed for a {kernel} kernel: {problem}")


def _edge_widths_mm(scan: Scan, overshoot: float, settings: VerificationSettings) -> Array:
    """The blur of each usable edge profile, standard deviation in mm, shape (profiles,)."""
    chosen = np.linspace(0, scan.geometry.shape[0] - 1, settings.edge_slices).round().astype(int)
    thick_mm = scan.slice_thickness_mm
    found = [_slice_widths(scan, int(k), float(thick_mm[k]), overshoot, settings) for k in np.unique(chosen)]
    return np.concatenate(found) if found else np.empty(0)


def _slice_widths(scan: Scan, k: int, thick_mm: float, overshoot: float, settings: VerificationSettings) -> Array:
    """Profiles of one slice, outwards along its gradient."""
    pixel_mm = np.array(scan.geometry.spacing_mm[1:])
    hu = scan.hu[k].astype(np.float64)
    smooth = ndimage.gaussian_filter(hu, settings.edge_smooth_mm / pixel_mm)
    down, right = np.gradient(smooth, *pixel_mm)
    steep = np.hypot(down, right)
    edge = (np.abs(smooth - settings.edge_hu) < settings.edge_near_hu) & (steep > settings.edge_gradient_hu_mm)
    edge &= _upright(scan, k, thick_mm, steep, settings)
    at = np.argwhere(edge)
    at = at[:: max(1, len(at) // settings.edges_per_slice)]
    if len(at) == 0:
        return np.empty(0)
    outwards = -np.stack([down, right], axis=-1)[tuple(at.T)] / steep[tuple(at.T)][:, None]
    along_mm = np.arange(-settings.profile_mm, settings.profile_mm + _STEP_MM, _STEP_MM)
    points = at[:, None, :] + along_mm[:, None] * outwards[:, None, :] / pixel_mm
    profiles = ndimage.map_coordinates(hu, np.moveaxis(points, -1, 0), order=3, mode="nearest")
    widths = [_width_mm(profile, along_mm, overshoot, settings) for profile in profiles]
    return np.array([width for width in widths if width is not None])


def _upright(
    scan: Scan, k: int, thick_mm: float, steep: Array, settings: VerificationSettings
) -> npt.NDArray[np.bool_]:
    """Where the surface slants so little that averaging over the slice thickness hardly widens its edge."""
    below, above = max(k - 1, 0), min(k + 1, scan.geometry.shape[0] - 1)
    if below == above:
        return np.zeros(steep.shape, np.bool_)
    pixel_mm = np.array(scan.geometry.spacing_mm[1:])
    smooth = [
        ndimage.gaussian_filter(_unsheared(scan, n, k), settings.edge_smooth_mm / pixel_mm) for n in (below, above)
    ]
    between_mm = scan.geometry.positions_mm[above] - scan.geometry.positions_mm[below]
    slant = np.abs(smooth[1] - smooth[0]) / between_mm / np.maximum(steep, 1e-6)
    return np.asarray(slant * thick_mm <= settings.max_slant_mm)


def _unsheared(scan: Scan, n: int, k: int) -> Array:
    """Slice n resampled at the pixels of slice k, perpendicular to the slices whatever the tilt of the stack."""
    grid = scan.geometry
    plane = np.linalg.pinv(np.column_stack([grid.step_j_mm, grid.step_i_mm]))
    shift = plane @ (grid.origins_mm[k] - grid.origins_mm[n])
    return np.asarray(ndimage.shift(scan.hu[n].astype(np.float64), -shift, order=1, mode="nearest"))


def _width_mm(profile: Array, along_mm: Array, overshoot: float, settings: VerificationSettings) -> float | None:
    """The blur of one profile from tissue (first) to air; None if it is no clean edge of skin and air."""
    air = profile[along_mm >= settings.profile_mm - settings.air_mm]
    air_hu = float(np.median(air))
    if air_hu > settings.air_hu or air.max() > settings.air_hu:
        return None
    inside = profile[(along_mm < 0) & (along_mm > -settings.profile_mm)]
    tissue_hu = float(inside.max())
    if not settings.skin_low_hu <= tissue_hu <= settings.skin_high_hu:
        return None
    level = (profile - air_hu) / (tissue_hu - air_hu)
    last = np.flatnonzero(level >= 0.5)
    if len(last) == 0 or last[-1] + 1 >= len(level):
        return None
    n = int(last[-1])
    half_mm = along_mm[n] + _STEP_MM * (level[n] - 0.5) / (level[n] - level[n + 1])
    return _fit_mm(along_mm[n + 1 :] - half_mm, level[n + 1 :], overshoot, settings)


def _fit_mm(out_mm: Array, level: Array, overshoot: float, settings: VerificationSettings) -> float | None:
    """The blur that best explains how the level falls from 0.5 outwards."""
    widths = np.arange(settings.min_psf_mm / 2, 2 * settings.max_psf_mm, 0.02)
    near = out_mm <= settings.fit_mm
    wanted = _fall(out_mm[near][None, :] / widths[:, None], overshoot)
    misfit = ((wanted - level[near]) ** 2).mean(axis=1)
    best = int(misfit.argmin())
    if not 0 < best < len(widths) - 1 or misfit[best] > settings.max_misfit**2:
        return None
    return float(widths[best])


def _fall(out: Array, overshoot: float) -> Array:
    """An edge, from 0.5 to 0, at distances in standard deviations of the blur."""
    soft = special.ndtr(-out)
    return np.asarray((1 + overshoot) * soft - overshoot * special.ndtr(-out / 2.0))
