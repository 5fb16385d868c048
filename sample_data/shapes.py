"""Signed distances in mm (negative inside) to the simple shapes that a head is drawn with, and from masks on a 1 mm grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

Field = NDArray[np.float32]
Mask = NDArray[np.bool_]


def ellipsoid(p: Field, centre: Sequence[float], radii: Sequence[float]) -> Field:
    """Approximate distance of points `p` (…, 3) to an ellipsoid with axes along x, y, z."""
    r = np.asarray(radii, dtype=np.float32)
    scaled = np.linalg.norm((p - np.asarray(centre, dtype=np.float32)) / r, axis=-1)
    return ((scaled - 1.0) * r.min()).astype(np.float32)


def tube(p: Field, path: Sequence[Sequence[float]], radius_mm: float) -> Field:
    """Distance to a tube of constant radius along a polyline."""
    nearest = np.full(p.shape[:-1], np.inf, dtype=np.float32)
    for start, end in zip(path[:-1], path[1:], strict=True):
        a, d = np.asarray(start, np.float32), np.subtract(end, start).astype(np.float32)
        along = np.clip(((p - a) @ d) / (d @ d), 0, 1)
        nearest = np.minimum(nearest, np.linalg.norm(p - a - along[..., None] * d, axis=-1))
    return nearest - np.float32(radius_mm)


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
