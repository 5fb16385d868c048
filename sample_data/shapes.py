"""Signed distances in mm (negative inside) to simple shapes, and from masks on a 1 mm grid."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from scipy.spatial import cKDTree

Field = NDArray[np.float32]
Mask = NDArray[np.bool_]
FAR_MM = 20.0


def ellipsoid(p: Field, centre: Sequence[float], radii: Sequence[float]) -> Field:
    """Approximate distance of points `p` (…, 3) to an ellipsoid with axes along x, y, z."""
    r = np.asarray(radii, dtype=np.float32)
    scaled = np.linalg.norm((p - np.asarray(centre, dtype=np.float32)) / r, axis=-1)
    return ((scaled - 1.0) * r.min()).astype(np.float32)


def tube(p: Field, path: Sequence[Sequence[float]], radius_mm: float) -> Field:
    """Distance to a tube of constant radius along a polyline; on a grid, not worked out (but `FAR_MM`) far from it."""
    window = _window(p, np.min(path, axis=0) - FAR_MM, np.max(path, axis=0) + FAR_MM) if p.ndim == 4 else ...
    near = p[window]
    nearest = np.full(near.shape[:-1], FAR_MM, dtype=np.float32)
    for start, end in pairwise(path):
        a, d = np.asarray(start, np.float32), np.subtract(end, start).astype(np.float32)
        along = np.clip(((near - a) @ d) / (d @ d), 0, 1)
        nearest = np.minimum(nearest, np.linalg.norm(near - a - along[..., None] * d, axis=-1))
    distance = np.full(p.shape[:-1], FAR_MM, dtype=np.float32)
    distance[window] = nearest
    return distance - np.float32(radius_mm)


def _window(p: Field, low: Sequence[float], high: Sequence[float]) -> tuple[slice, ...]:
    """The part of a grid of points whose coordinates lie between `low` and `high`; |x| counts on both sides."""
    slices = []
    for axis, values in enumerate((p[:, 0, 0, 0], p[0, :, 0, 1], p[0, 0, :, 2])):
        hits = np.flatnonzero((values >= low[axis]) & (values <= high[axis]))
        slices.append(slice(int(hits[0]), int(hits[-1]) + 1))
    return tuple(slices)


def box(p: Field, centre: Sequence[float], half: Sequence[float]) -> Field:
    """Distance to a box with faces along x, y, z."""
    q = np.abs(p - np.asarray(centre, np.float32)) - np.asarray(half, np.float32)
    outside = np.linalg.norm(np.maximum(q, 0), axis=-1)
    return (outside + np.minimum(q.max(axis=-1), 0)).astype(np.float32)


def mirrored(p: Field) -> Field:
    """The same points with |x|: what is drawn once then stands on both sides."""
    q = p.copy()
    q[..., 0] = np.abs(q[..., 0])
    return q


def from_mask(mask: Mask, smooth_mm: float = 0.8) -> Field:
    """Distance to the surface of a mask on a 1 mm grid, smoothed so that its steps do not show."""
    distance = ndi.distance_transform_edt(~mask) - ndi.distance_transform_edt(mask)
    distance = distance - np.sign(distance) * 0.5
    return ndi.gaussian_filter(distance.astype(np.float32), smooth_mm)


def closed(mask: Mask, radius_mm: float) -> Mask:
    """Morphological closing with a ball on a 1 mm grid."""
    grown = ndi.distance_transform_edt(~mask) <= radius_mm
    return mask | (ndi.distance_transform_edt(grown) > radius_mm)


def cells(p: Field, centre: Sequence[float], half: Sequence[float], spacing_mm: float, seed: int) -> Field:
    """Inside a box: how far (mm) a point is from the nearest wall of a foam of cells; 0 outside the box."""
    low, high = np.subtract(centre, half), np.add(centre, half)
    axes = [np.arange(a - spacing_mm, b + spacing_mm, spacing_mm) for a, b in zip(low, high, strict=True)]
    seeds = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    seeds += np.random.default_rng(seed).uniform(-0.42, 0.42, seeds.shape) * spacing_mm
    inside = box(p, centre, half) < 0
    nearest, _ = cKDTree(seeds).query(p[inside], k=2)
    wall = np.zeros(p.shape[:-1], dtype=np.float32)
    wall[inside] = (nearest[:, 1] - nearest[:, 0]) / 2
    return wall
