"""Is the picture sharp, whatever the header names?

A sharp kernel overshoots: beside the dense inner table the picture falls below fluid before it rises to brain. A soft
kernel approaches brain from above. Where the overshoot is slight or the slices are thick it doesn't fall below fluid,
but still dips right beside the table, nearer to it than fluid shows. Looked at is the median of many profiles across
the table within the slice, each aligned where it leaves bone.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from calcscan.grid.geometry import Array, apply
from calcscan.grid.masks import places
from calcscan.knowledge.inspection import InspectionSettings
from calcscan.knowledge.quality import FlagCode
from calcscan.model import Flag, Intracranial, Scan

_OUTWARDS_MM, _INWARDS_MM, _STEP_MM = 6.0, 9.0, 0.25
_FLAT = 0.25
"""Profiles steeper than this out of the slice (sine of the angle) are not looked at."""
_PROFILES = 2000
_FEWEST_PROFILES = 200


def sharpness_flags(scan: Scan, intracranial: Intracranial, settings: InspectionSettings) -> tuple[Flag, ...]:
    """`sharp_kernel`, where no header names one and edges overshoot; its value is the HU beside the table, or by how
    much it rises from there."""
    if scan.acquisition.sharp_kernel:
        return ()
    profile = edge_profile(scan, intracranial, settings)
    if profile is None:
        return ()
    beside_hu, plateau_hu = float(profile.min()), float(np.median(profile[-4:]))
    below_fluid = beside_hu <= settings.overshoot_hu or plateau_hu - beside_hu >= settings.overshoot_below_brain_hu
    dip_hu = _dip_hu(profile, settings)
    if not below_fluid and dip_hu < settings.overshoot_dip_hu:
        return ()
    beside = f"The picture is sharp, though no kernel is named: beside the inner table it falls to {beside_hu:.0f} HU"
    if below_fluid:
        value, limit, message = round(beside_hu), settings.overshoot_hu, f"{beside}, below fluid."
    else:
        value, limit, message = round(dip_hu), settings.overshoot_dip_hu, f"{beside} and rises by {dip_hu:.0f} HU."
    flag = Flag(code=FlagCode.SHARP_KERNEL, message=message, value=value, limit=limit)
    return (flag,)


def _dip_hu(profile: Array, settings: InspectionSettings) -> float:
    """How far a profile rises again within a few millimetres, from a lowest value right beside the table; 0 where it
    falls farther in."""
    beside, rise = (int(mm / _STEP_MM) for mm in (settings.overshoot_beside_mm, settings.overshoot_rise_mm))
    lowest = int(profile[:beside].argmin())
    if lowest == beside - 1 and profile[beside] < profile[lowest]:
        return 0.0
    return float(profile[lowest : lowest + rise].max() - profile[lowest])


def edge_profile(scan: Scan, intracranial: Intracranial, settings: InspectionSettings) -> Array | None:
    """Median HU from where bone ends inwards, in steps of a quarter of a millimetre; None with too few profiles."""
    start_mm, inwards = _table(scan, intracranial)
    along_mm = np.arange(-_OUTWARDS_MM, _INWARDS_MM, _STEP_MM)
    points = start_mm[:, None] + along_mm[None, :, None] * inwards[:, None]
    index = scan.geometry.to_index(points.reshape(-1, 3))
    index[:, 0] = np.rint(index[:, 0])
    hu = ndimage.map_coordinates(scan.hu, index.T, order=1, output=np.float32, mode="nearest").reshape(points.shape[:2])
    hu = hu[hu[:, along_mm < 0].max(axis=1, initial=-1024) > settings.edge_dense_hu]
    dense = hu > settings.edge_hu
    last = hu.shape[1] - 1 - dense[:, ::-1].argmax(axis=1)
    steps = int(settings.edge_length_mm / _STEP_MM)
    used = dense.any(axis=1) & (last + steps < hu.shape[1])
    if int(used.sum()) < _FEWEST_PROFILES:
        return None
    aligned = hu[used][np.arange(int(used.sum()))[:, None], last[used][:, None] + np.arange(1, steps)]
    return np.asarray(np.median(aligned, axis=0), dtype=np.float64)


def _table(scan: Scan, intracranial: Intracranial) -> tuple[Array, Array]:
    """Points of the inner table that stand upright in the slices, LPS mm, and the way inwards from each."""
    coarse, depth_mm = intracranial.isotropic_hu, intracranial.depth_mm
    at = places((np.abs(depth_mm) < 1.1 * coarse.spacing_mm) & coarse.covered)
    at = at[((at > 0) & (at < np.array(depth_mm.shape) - 1)).all(axis=1)]
    k, j, i = at.T
    up = depth_mm[k + 1, j, i] - depth_mm[k - 1, j, i]
    back = depth_mm[k, j + 1, i] - depth_mm[k, j - 1, i]
    left = depth_mm[k, j, i + 1] - depth_mm[k, j, i - 1]
    inwards = np.stack([left, back, up], axis=-1).astype(np.float64)
    inwards /= np.maximum(np.linalg.norm(inwards, axis=-1, keepdims=True), 1e-6)
    upright = np.flatnonzero(np.abs(inwards @ scan.geometry.normal) < _FLAT)
    used = upright[:: max(1, len(upright) // _PROFILES)]
    return apply(coarse.affine, at[used]) - depth_mm[k, j, i][used, None] * inwards[used], inwards[used]
