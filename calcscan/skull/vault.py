"""Calcified plaques that hang on the inner table of the vault.

Seen along rays from the middle of the head. A plaque is a rise of the dense surface narrower than the vault's own
curves, and less dense than the table behind it over more than the table's own blur. A bump of cortical density
(impressions, osteoma, hyperostosis) stays bone, and so does what is broad. Only thin slices show the difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.coarse import sample_at
from calcscan.geometry import Array, apply
from calcscan.model import Scan

Mask = npt.NDArray[np.bool_]
Field = npt.NDArray[np.float32]

_ALONG_MM = np.arange(-12.0, 8.0, 0.5)
"""Where a ray is looked at, from the coarse inner table on, outwards."""


def find_plaques(
    scan: Scan, inside: Mask, depth_mm: Field, affine: Array, limits: Mapping[str, float]
) -> npt.NDArray[np.int64]:
    """The (k, j, i) of every voxel of a plaque, shape (n, 3); none where the slices are too thick to tell.

    `inside` and `depth_mm` lie on the grid `affine`.
    """
    none = np.empty((0, 3), dtype=np.int64)
    if scan.geometry.slab_mm.max() > limits["plaque_slab_mm"]:
        return none
    rays = _rays(scan, inside, depth_mm, affine, limits)
    plaques = _plaques(rays, limits)
    if not plaques.any():
        return none
    return _voxels(scan, rays, plaques, limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rays:
    """Rays on an even grid of angles around the vertex, (v, u). All lengths in mm from `centre`."""

    centre: Array
    step_rad: float
    seen: Mask
    """Where the ray reaches bone and looks at the vault."""
    dense_mm: Array
    """Where the dense surface begins."""
    table_mm: Array
    """Where the table begins in earnest."""


def _rays(scan: Scan, inside: Mask, depth_mm: Field, affine: Array, limits: Mapping[str, float]) -> _Rays:
    points = apply(affine, np.argwhere(inside))
    centre = points.mean(axis=0)
    step_rad = limits["ray_mm"] / 75.0
    count = int(np.ceil(np.deg2rad(limits["vault_deg"]) / step_rad))
    v, u = np.meshgrid(*[np.arange(-count, count + 1) * step_rad] * 2, indexing="ij")
    polar = np.hypot(u, v)
    on_vault = polar <= np.deg2rad(limits["vault_deg"])
    sine = np.sinc(polar / np.pi)
    way = np.stack([u * sine, v * sine, np.cos(polar)], axis=-1)[on_vault]
    coarse_mm = np.arange(20.0, 130.0, 3.0)
    depth = sample_at(depth_mm, affine, (centre + way[:, None] * coarse_mm[:, None]).reshape(-1, 3))
    within = depth.reshape(len(way), -1) > 0
    start_mm = coarse_mm[within.shape[1] - 1 - np.argmax(within[:, ::-1], axis=1)]
    at_mm = start_mm[:, None] + _ALONG_MM
    world = (centre + way[:, None] * at_mm[..., None]).reshape(-1, 3)
    hu = ndimage.map_coordinates(
        scan.hu, scan.geometry.to_index(world).T, order=1, output=np.float32, mode="nearest"
    ).reshape(at_mm.shape)
    dense_mm, table_mm, seen = (np.zeros(polar.shape), np.zeros(polar.shape), np.zeros(polar.shape, dtype=np.bool_))
    hard = hu >= limits["table_share"] * hu.max(axis=1)[:, None]
    first = np.argmax(hard, axis=1)
    soft = (hu < limits["attached_hu"]) & (np.arange(hu.shape[1]) < first[:, None])
    begin = np.where(soft.any(axis=1), hu.shape[1] - np.argmax(soft[:, ::-1], axis=1), 0)
    row = np.arange(len(way))
    dense_mm[on_vault], table_mm[on_vault] = at_mm[row, begin], at_mm[row, first]
    seen[on_vault] = (hu.max(axis=1) >= limits["table_hu"]) & within.any(axis=1) & (begin > 0)
    return _Rays(centre=centre, step_rad=step_rad, seen=seen, dense_mm=dense_mm, table_mm=table_mm)


def _plaques(rays: _Rays, limits: Mapping[str, float]) -> Mask:
    """Which rays meet a plaque."""
    if not rays.seen.any():
        return rays.seen
    nearest = ndimage.distance_transform_edt(~rays.seen, return_indices=True, return_distances=False)
    surface = ndimage.median_filter(rays.dense_mm[tuple(nearest)], 3)
    radius = round(limits["plaque_wide_mm"] / 2 / limits["ray_mm"])
    disk = np.hypot(*np.mgrid[-radius : radius + 1, -radius : radius + 1]) <= radius
    rise_mm = ndimage.grey_closing(surface, footprint=disk) - surface
    layer_mm = ndimage.median_filter(rays.table_mm - rays.dense_mm, 3)
    clear = ~ndimage.binary_dilation(~rays.seen, iterations=2)
    bumps, count = ndimage.label((rise_mm >= limits["bump_mm"]) & clear)
    told = (rise_mm >= limits["plaque_mm"]) & (layer_mm >= limits["plaque_layer_mm"])
    ray_mm2 = limits["ray_mm"] ** 2
    told_mm2 = np.bincount(bumps.ravel(), told.ravel(), minlength=count + 1) * ray_mm2
    base_mm2 = np.bincount(bumps.ravel(), minlength=count + 1) * ray_mm2
    plaque = (told_mm2 >= limits["plaque_mm2"]) & (base_mm2 <= np.pi / 4 * limits["plaque_wide_mm"] ** 2)
    plaque[0] = False
    return np.asarray(plaque[bumps])


def _voxels(scan: Scan, rays: _Rays, plaques: Mask, limits: Mapping[str, float]) -> npt.NDArray[np.int64]:
    """Native voxels between the dense surface and the table's own blurred edge, along the rays that meet a plaque."""
    blur_mm = float(np.median((rays.table_mm - rays.dense_mm)[rays.seen]))
    reach = ndimage.binary_dilation(plaques)
    index = np.argwhere(reach)
    v, u = ((index - (np.array(reach.shape) - 1) / 2) * rays.step_rad).T
    polar = np.hypot(u, v)
    sine = np.sinc(polar / np.pi)
    way = np.stack([u * sine, v * sine, np.cos(polar)], axis=-1)
    ends = [rays.centre + way * edge[reach][:, None] for edge in (rays.dense_mm - 1.0, rays.table_mm)]
    pieces, count = ndimage.label(reach)
    owner = pieces[reach]
    out = []
    for number in range(1, count + 1):
        corners = scan.geometry.to_index(np.concatenate([end[owner == number] for end in ends]))
        low = np.maximum(np.floor(corners.min(axis=0)).astype(int) - 1, 0)
        high = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 2, scan.hu.shape)
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        kji = np.argwhere(scan.hu[box] >= limits["rim_hu"]) + low
        offset = scan.geometry.to_world(kji) - rays.centre
        far_mm = np.linalg.norm(offset, axis=1)
        angle = np.arccos(np.clip(offset[:, 2] / far_mm, -1.0, 1.0))
        flat = offset[:, :2] / np.maximum(np.linalg.norm(offset[:, :2], axis=1), 1e-9)[:, None]
        at = np.rint(angle[:, None] * flat[:, ::-1] / rays.step_rad + (np.array(reach.shape) - 1) / 2).astype(int)
        at = np.clip(at, 0, np.array(reach.shape) - 1)
        cell = tuple(at.T)
        out.append(kji[(pieces[cell] == number) & (far_mm <= rays.table_mm[cell] - blur_mm)])
    return np.concatenate(out).astype(np.int64)
