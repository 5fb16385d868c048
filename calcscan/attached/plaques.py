"""Calcified plaques that hang on the inner table of the vault.

Seen in each slice along rays from the middle of the head. A plaque is a rise of the dense surface narrower than the
vault's own curves, and a layer less dense than the table behind it, thicker than the table's own blur around it. A bump
of cortical density (impressions, osteoma, hyperostosis) stays bone, and so does what is broad.

Rays never leave their slice, so thick slices don't blur them; but a slab through which the table runs aslant smears its
edge over slab times slope. Where that comes near a plaque's own thickness, towards the vertex, nothing is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.attached.rays import Rays, cast
from calcscan.geometry import Array
from calcscan.model import Head, Scan

Mask = npt.NDArray[np.bool_]
Field = npt.NDArray[np.float32]


def find_plaques(
    scan: Scan, head: Head, own: Callable[[Array], Array], limits: Mapping[str, float]
) -> npt.NDArray[np.int64]:
    """The (k, j, i) of every voxel of a plaque, shape (n, 3). `own` takes LPS mm to mm from the middle of the brain in
    the head's own axes."""
    rays = cast(scan, head, own, limits)
    if not rays.vault.any():
        return np.empty((0, 3), dtype=np.int64)
    surface_mm = _smooth(rays, rays.dense_mm, limits)
    layer_mm = _smooth(rays, rays.table_mm - rays.dense_mm, limits)
    upright, smear_mm = _slopes(rays, surface_mm, limits)
    rise_mm, blur_mm = _courses(rays, surface_mm, layer_mm, limits)
    clear = rays.vault & _surrounded(rays, surface_mm, limits) & (smear_mm <= limits["plaque_smear_mm"])
    base = clear & (rise_mm * upright >= limits["bump_mm"])
    told = base & (rise_mm * upright >= limits["plaque_mm"])
    told &= (layer_mm - blur_mm) * upright >= limits["plaque_layer_mm"]
    ray_mm2 = surface_mm * rays.step_rad * rays.height_mm[:, None] / upright
    plaques = _large_enough(base, told, ray_mm2, limits)
    edge_mm = rays.table_mm - blur_mm
    bone_mm = np.clip(surface_mm + rise_mm, edge_mm, edge_mm + smear_mm / upright)
    return _voxels(scan, rays, plaques, bone_mm, limits)


def _smooth(rays: Rays, field_mm: Array, limits: Mapping[str, float]) -> Array:
    """The median of each ray and its neighbours, of the rows above and below too where they lie as close."""
    if not _fine(rays, limits):
        return np.asarray(ndimage.median_filter(field_mm, (1, 3), mode="wrap"))
    return np.asarray(ndimage.median_filter(np.pad(field_mm, ((1, 1), (0, 0)), mode="edge"), 3, mode="wrap")[1:-1])


def _surrounded(rays: Rays, surface_mm: Array, limits: Mapping[str, float]) -> Mask:
    """Where bone is seen all around, in the rows above and below too (without them there is no slope), and the ring is
    wide enough to show the table's own course."""
    clear = ~ndimage.binary_dilation(~rays.seen, np.ones((3, 5), dtype=np.bool_), border_value=1)
    clear &= (_arc_samples(rays, surface_mm, limits["course_mm"]) <= rays.seen.shape[1] / 2)[:, None]
    return np.asarray(clear)


def _arc_samples(rays: Rays, surface_mm: Array, length_mm: float) -> npt.NDArray[np.int64]:
    """For each row, the odd number of rays that an arc of this length spans."""
    return np.maximum(np.rint(length_mm / (np.median(surface_mm, axis=1) * rays.step_rad)).astype(np.int64), 3) | 1


def _slopes(rays: Rays, surface_mm: Array, limits: Mapping[str, float]) -> tuple[Array, Array]:
    """For each ray, how much of a length along it lies across the table (1 where the table faces the middle), and how
    wide the slab smears the table's edge across it, mm."""
    wide = _arc_samples(rays, surface_mm, limits["plaque_wide_mm"])
    rows = zip(surface_mm, wide, strict=True)
    course = np.array([ndimage.median_filter(ndimage.grey_closing(r, n, mode="wrap"), n, mode="wrap") for r, n in rows])
    along = (np.roll(course, -3, axis=1) - np.roll(course, 3, axis=1)) / (6.0 * rays.step_rad * course)
    up = np.gradient(course, rays.positions_mm, axis=0) if len(course) > 1 else np.zeros_like(course)
    upright = 1.0 / np.sqrt(1.0 + along**2 + up**2)
    return upright, rays.thick_mm[:, None] * np.abs(up) * limits["table_share"] * upright


def _courses(rays: Rays, surface_mm: Array, layer_mm: Array, limits: Mapping[str, float]) -> tuple[Array, Array]:
    """For each ray, how far the dense surface rises above the table's smooth course, and how thick the layer before the
    table is around it: both along the ray, from the same slice; rises also across slices where these are fine."""
    wide = _arc_samples(rays, surface_mm, limits["plaque_wide_mm"])
    around = _arc_samples(rays, surface_mm, limits["course_mm"])
    rise_mm, blur_mm = np.empty_like(surface_mm), np.empty_like(layer_mm)
    for row, (surface, layer) in enumerate(zip(surface_mm, layer_mm, strict=True)):
        rise_mm[row] = _rise(surface, wide[row], "wrap")
        blur_mm[row] = ndimage.median_filter(layer, around[row], mode="wrap")
    if _fine(rays, limits):
        across = round(limits["plaque_wide_mm"] / float(np.median(rays.height_mm))) | 1
        rise_mm = np.maximum(rise_mm, _rise(surface_mm.T, across, "nearest").T)
    return rise_mm, blur_mm


def _rise(surface_mm: Array, samples: int, mode: str) -> Array:
    """How far a surface lies inwards of its own course over so many samples along the last axis, slopes taken out."""
    level = surface_mm - ndimage.gaussian_filter1d(surface_mm, samples / 2, mode=mode)
    size = (*(1,) * (level.ndim - 1), samples)
    return np.asarray(ndimage.grey_closing(level, size, mode=mode) - level)


def _fine(rays: Rays, limits: Mapping[str, float]) -> bool:
    """Whether rows lie about as close to each other as rays within a row."""
    return bool(np.median(rays.height_mm) <= limits["fine_mm"])


def _large_enough(base: Mask, told: Mask, ray_mm2: Array, limits: Mapping[str, float]) -> Mask:
    """The rises with enough area that shows a layer, and not too broad a base."""
    seam = int(base.sum(axis=0).argmin())
    bumps, count = ndimage.label(np.roll(base, -seam, axis=1))
    bumps = np.roll(bumps, seam, axis=1)
    told_mm2 = np.bincount(bumps.ravel(), (told * ray_mm2).ravel(), minlength=count + 1)
    base_mm2 = np.bincount(bumps.ravel(), ray_mm2.ravel(), minlength=count + 1)
    plaque = (told_mm2 >= limits["plaque_mm2"]) & (base_mm2 <= np.pi / 4 * limits["plaque_wide_mm"] ** 2)
    plaque[0] = False
    return np.asarray(plaque[bumps])


def _voxels(
    scan: Scan, rays: Rays, plaques: Mask, bone_mm: Array, limits: Mapping[str, float]
) -> npt.NDArray[np.int64]:
    """Native voxels between the dense surface and `bone_mm`, along the rays that meet a plaque and their neighbours."""
    out = [np.empty((0, 3), dtype=np.int64)]
    around = ndimage.binary_dilation(np.pad(plaques, ((0, 0), (1, 1)), mode="wrap"), np.ones((3, 3)))[:, 1:-1]
    dense_mm = ndimage.minimum_filter(rays.dense_mm, 3, mode="nearest")
    for row in np.flatnonzero(around.any(axis=1)).tolist():
        reach = around[row]
        low_mm, high_mm = dense_mm[row] - 1.0, bone_mm[row]
        for k in rays.slices_of(row):
            ends = rays.world(scan.geometry, k, np.concatenate([low_mm[reach], high_mm[reach]]), np.tile(reach, 2))
            ji = scan.geometry.to_index(ends)[:, 1:]
            first = np.clip(np.floor(ji.min(axis=0)).astype(int) - 1, 0, None)
            last = np.ceil(ji.max(axis=0)).astype(int) + 2
            dense = scan.hu[k, first[0] : last[0], first[1] : last[1]] >= limits["rim_hu"]
            kji = np.insert(np.argwhere(dense) + first, 0, k, axis=1)
            far_mm, ray = rays.polar(scan.geometry, kji)
            held = reach[ray] & (far_mm >= low_mm[ray]) & (far_mm <= high_mm[ray])
            out.append(kji[held])
    return np.concatenate(out).astype(np.int64)
