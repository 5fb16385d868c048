"""An evenly spaced, cubic copy of a scan, for shape and registration. Nothing is measured on it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan._kernels.resample import above_level, block_mean, sample_slices
from calcscan._kernels.threads import in_parts
from calcscan.grid.geometry import Array, Geometry, apply
from calcscan.grid.interpolate import linear_at
from calcscan.grid.masks import box_around, box_of
from calcscan.values import Value, freeze

_NOT_COVERED = -30000.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class IsotropicVolume(Value):
    """A volume on an evenly spaced, cubic grid along the world axes, for registration and shape, never for measuring.

    `affine` takes (k, j, i, 1) to LPS mm. `covered` is False where the scan did not reach; `values` are air there.
    """

    values: npt.NDArray[np.float32]
    covered: npt.NDArray[np.bool_]
    affine: Array
    spacing_mm: float


def resample_isotropic(
    hu: npt.NDArray[np.int16], grid: Geometry, spacing_mm: float, *, outside_hu: float
) -> IsotropicVolume:
    """A volume (k, j, i) on a cubic grid along the world axes that covers it all, trilinear after averaging in plane.

    Any tilt, spacing and order of slices is undone by the geometry. Points outside the scan are set to `outside_hu`.
    """
    factor = max(1, int(spacing_mm / max(grid.spacing_mm[1:]) + 1e-6))
    blocks = np.empty((grid.shape[0], grid.rows // factor, grid.columns // factor), dtype=np.float32)
    whole = freeze(np.ascontiguousarray(hu))
    in_parts(len(blocks), lambda first, last: block_mean(whole, factor, first, last, blocks))
    skip_j, skip_i = (grid.rows % factor) // 2, (grid.columns % factor) // 2
    offset = 0.5 * (factor - 1)
    origins = grid.origins_mm + (offset + skip_i) * grid.step_i_mm + (offset + skip_j) * grid.step_j_mm
    plane = np.linalg.pinv(np.column_stack([grid.step_j_mm * factor, grid.step_i_mm * factor]))
    affine, shape = _covering(grid, spacing_mm)
    values = np.empty(shape, dtype=np.float32)
    origins, to_plane = np.ascontiguousarray(origins), np.vstack([grid.normal[None], plane])

    def sample(first: int, last: int) -> None:
        sample_slices(blocks, origins, to_plane, affine, _NOT_COVERED, first, last, values)

    in_parts(len(values), sample)
    covered = values != _NOT_COVERED
    values[~covered] = outside_hu
    values.flags.writeable = False
    return IsotropicVolume(values=values, covered=covered, affine=affine, spacing_mm=spacing_mm)


def sample_at(field: npt.NDArray[Any], affine: Array, world_mm: Array, *, nearest: bool = False) -> Array:
    """A field on an even grid at points (n, 3) in LPS mm; 0 outside it."""
    to_index = np.linalg.inv(affine)
    if nearest:
        index = apply(to_index, world_mm)
        return np.asarray(ndimage.map_coordinates(field, index.T, order=0, cval=0), dtype=np.float64)
    return linear_at(field, world_mm, to_index=to_index).astype(np.float64)


def on_native(field: npt.NDArray[np.float32], affine: Array, grid: Geometry, level: float) -> npt.NDArray[np.bool_]:
    """Where a field on an even grid exceeds `level`, on the native voxels: bool, shape `grid.shape`."""
    out = np.zeros(grid.shape, dtype=np.bool_)
    above = field > level
    if not above.any():
        return out
    corners = np.array(list(product(*((part.start - 1, part.stop) for part in box_of(above)))))
    aside = 1 + int(np.ceil(_off_line_mm(grid) / min(grid.spacing_mm[1:])))
    box = box_around(np.rint(grid.to_index(apply(affine, corners))).astype(np.int64), (1, aside, aside), grid.shape)
    if any(part.start >= part.stop for part in box):
        return out
    k, j, i = box
    part, within = grid.part((k, j, i)), np.empty(out[box].shape, dtype=np.bool_)
    inverse = np.ascontiguousarray(np.linalg.inv(affine)[:3])
    even = freeze(np.ascontiguousarray(field, dtype=np.float32))
    places = np.array(part.origins_mm), np.array(part.step_j_mm), np.array(part.step_i_mm)
    in_parts(len(within), lambda first, last: above_level(even, level, inverse, *places, first, last, within))
    out[box] = within
    return out


def _off_line_mm(grid: Geometry) -> float:
    """The farthest that the origin of any slice lies from the line through the first and the last: 0 for most scans,
    tilted and unevenly spaced ones too."""
    at_mm, origins = grid.positions_mm, grid.origins_mm
    if len(at_mm) < 3:
        return 0.0
    share = (at_mm - at_mm[0]) / (at_mm[-1] - at_mm[0])
    return float(np.linalg.norm(origins - origins[0] - share[:, None] * (origins[-1] - origins[0]), axis=1).max())


def _covering(grid: Geometry, spacing_mm: float) -> tuple[Array, tuple[int, int, int]]:
    slices, rows, columns = grid.shape
    corners = np.array(
        [(k, j, i) for k in (0, slices - 1) for j in (0, rows - 1) for i in (0, columns - 1)], dtype=np.float64
    )
    world = grid.to_world(corners)
    low, high = world.min(axis=0), world.max(axis=0)
    count = np.ceil((high - low) / spacing_mm).astype(int) + 1
    affine = np.zeros((4, 4))
    affine[0, 2] = affine[1, 1] = affine[2, 0] = spacing_mm
    affine[:3, 3], affine[3, 3] = low, 1.0
    return affine, (int(count[2]), int(count[1]), int(count[0]))
