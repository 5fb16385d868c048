"""Where voxels lie. Said once, here, and true everywhere:

- arrays are indexed (k, j, i): slice, row, column;
- world coordinates are LPS millimetres (x to the person's left, y to the back, z to the head), as in DICOM;
- a voxel's position is its centre; its volume is the parallelepiped that it stands for, never the product of spacings.

Slices are parallel but need not be evenly spaced, nor stacked along their normal (gantry tilt): each slice carries
its own origin and the slab that it stands for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from calcscan._kernels.interpolate import index_in_stack
from calcscan._kernels.places import in_world
from calcscan._kernels.threads import in_parts
from calcscan.values import Value

Array = npt.NDArray[np.float64]

_MANY = 600
"""Coordinates from which a kernel is worth its call."""
POINTS_TOGETHER = 2048
"""Points that a thread takes at once, at the least."""


def apply(matrix: npt.NDArray[np.floating[Any]], points: npt.ArrayLike) -> Array:
    """Points (…, 3) through a 4×4 matrix.

    >>> apply(np.diag([2.0, 3.0, 4.0, 1.0]), [1.0, 1.0, 1.0])
    array([2., 3., 4.])
    """
    return np.asarray(np.asarray(points) @ matrix[:3, :3].T + matrix[:3, 3], dtype=np.float64)


def ras_to_lps(matrix: npt.ArrayLike) -> Array:
    """A matrix (4, n) whose results are RAS mm, as NIfTI has them, as one whose results are LPS mm; or the reverse.

    >>> ras_to_lps(np.diag([2.0, 3.0, 4.0, 1.0])).diagonal()
    array([-2., -3.,  4.,  1.])
    """
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ np.asarray(matrix, dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Geometry(Value):
    """A stack of parallel slices in space.

    Parameters
    ----------
    origins_mm
        Centre of voxel (k, 0, 0) of each slice, shape (slices, 3), ordered along `normal`.
    step_i_mm, step_j_mm
        The way from one column to the next, and from one row to the next, shape (3,).
    slab_mm
        Thickness along the normal that each slice stands for, shape (slices,). Volumes are sums over slabs.
    rows, columns
        Size of a slice.

    Examples
    --------
    >>> grid = Geometry.regular(shape=(3, 4, 5), spacing_mm=(5.0, 0.5, 0.5))
    >>> grid.to_world([2, 0, 4])
    array([ 2.,  0., 10.])
    >>> float(grid.voxel_mm3[0])
    1.25
    """

    origins_mm: Array
    step_i_mm: Array
    step_j_mm: Array
    slab_mm: Array
    rows: int
    columns: int

    def __post_init__(self) -> None:
        for name in ("origins_mm", "step_i_mm", "step_j_mm", "slab_mm"):
            array = np.array(getattr(self, name), dtype=np.float64)
            if not np.isfinite(array).all():
                raise ValueError(f"{name} must be finite")
            object.__setattr__(self, name, array)
        self.freeze_arrays()
        if self.origins_mm.ndim != 2 or self.origins_mm.shape[1] != 3 or len(self.origins_mm) < 1:
            raise ValueError(f"origins_mm must have shape (slices, 3), not {self.origins_mm.shape}")
        if self.slab_mm.shape != (len(self.origins_mm),) or (self.slab_mm <= 0).any():
            raise ValueError("slab_mm must hold one positive thickness a slice")
        if np.linalg.norm(np.cross(self.step_i_mm, self.step_j_mm)) == 0:
            raise ValueError("step_i_mm and step_j_mm must span a plane")
        if (np.diff(self.positions_mm) <= 0).any():
            raise ValueError("origins_mm must advance along the normal from slice to slice")

    @classmethod
    def regular(
        cls,
        *,
        shape: tuple[int, int, int],
        spacing_mm: tuple[float, float, float],
        origin_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ) -> Geometry:
        """Evenly spaced axial slices along the world axes; `spacing_mm` is (slice, row, column)."""
        slices, rows, columns = shape
        dk, dj, di = spacing_mm
        return cls(
            origins_mm=np.asarray(origin_mm) + np.outer(np.arange(slices), [0.0, 0.0, dk]),
            step_i_mm=np.array([di, 0.0, 0.0]),
            step_j_mm=np.array([0.0, dj, 0.0]),
            slab_mm=np.full(slices, dk),
            rows=rows,
            columns=columns,
        )

    @classmethod
    def from_affine(cls, affine: npt.ArrayLike, shape: tuple[int, int, int]) -> Geometry:
        """From a 4×4 matrix that takes (k, j, i, 1) to LPS mm; it may be sheared. Slices must advance along
        step_i × step_j: flip the array and the matrix first where they don't (`ValueError`)."""
        matrix = np.asarray(affine, dtype=np.float64)
        step_k, step_j, step_i = matrix[:3, 0], matrix[:3, 1], matrix[:3, 2]
        normal = np.cross(step_i, step_j)
        height = float(step_k @ normal / np.linalg.norm(normal))
        return cls(
            origins_mm=matrix[:3, 3] + np.outer(np.arange(shape[0]), step_k),
            step_i_mm=step_i,
            step_j_mm=step_j,
            slab_mm=np.full(shape[0], abs(height)),
            rows=shape[1],
            columns=shape[2],
        )

    @property
    def shape(self) -> tuple[int, int, int]:
        return (len(self.origins_mm), self.rows, self.columns)

    @property
    def normal(self) -> Array:
        """Unit vector across the slices, shape (3,), right-handed with columns and rows."""
        (x, y, z), (u, v, w) = self.step_i_mm.tolist(), self.step_j_mm.tolist()
        normal = np.array([y * w - z * v, z * u - x * w, x * v - y * u])  # ten times as fast as numpy.cross
        return np.asarray(normal / np.linalg.norm(normal))

    @property
    def positions_mm(self) -> Array:
        """Position of each slice along the normal, shape (slices,)."""
        return np.asarray(self.origins_mm @ self.normal)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """(median distance of slices along the normal, row, column)."""
        gaps = np.diff(self.positions_mm)
        between = float(np.median(gaps)) if len(gaps) else float(self.slab_mm[0])
        return (between, float(np.linalg.norm(self.step_j_mm)), float(np.linalg.norm(self.step_i_mm)))

    @property
    def pixel_mm2(self) -> float:
        """Area of one pixel; where rows and columns are not at right angles, less than the product of its sides.

        >>> sheared = np.array([[0.0, 1.5, 2.0, 0.0], [0.0, 2.0, 0.0, 0.0], [3.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
        >>> grid = Geometry.from_affine(sheared, (4, 5, 6))
        >>> grid.spacing_mm, grid.pixel_mm2
        ((3.0, 2.5, 2.0), 4.0)
        """
        return float(np.linalg.norm(np.cross(self.step_i_mm, self.step_j_mm)))

    @property
    def voxel_mm3(self) -> Array:
        """Volume of one voxel of each slice, shape (slices,)."""
        return np.asarray(self.pixel_mm2 * self.slab_mm)

    @property
    def tilt_deg(self) -> float:
        """Angle between the normal and the way from slice to slice; 0 for an upright stack.

        The median way: a field of view moved once within the stack is no tilt.
        """
        if len(self.origins_mm) < 2:
            return 0.0
        lag = max(1, len(self.origins_mm) // 4)
        along = self.origins_mm[lag:] - self.origins_mm[:-lag]
        heights = along @ self.normal
        push = np.median(along / heights[:, None] - self.normal, axis=0)
        return float(np.degrees(np.arctan(np.linalg.norm(push))))

    def irregularity_mm(self) -> float:
        """The farthest that any slice lies from where an evenly spaced stack would have it."""
        if len(self.origins_mm) < 3:
            return 0.0
        fraction = np.linspace(0.0, 1.0, len(self.origins_mm))[:, None]
        even = self.origins_mm[0] + fraction * (self.origins_mm[-1] - self.origins_mm[0])
        return float(np.linalg.norm(self.origins_mm - even, axis=1).max())

    def affine(self) -> Array:
        """The 4×4 matrix from (k, j, i, 1) to LPS mm of the evenly spaced stack from first to last slice.

        Only as exact as `irregularity_mm()` says.
        """
        matrix = np.eye(4)
        count = len(self.origins_mm)
        matrix[:3, 0] = (
            (self.origins_mm[-1] - self.origins_mm[0]) / (count - 1) if count > 1 else self.normal * self.slab_mm[0]
        )
        matrix[:3, 1], matrix[:3, 2], matrix[:3, 3] = self.step_j_mm, self.step_i_mm, self.origins_mm[0]
        return matrix

    def to_world(self, kji: npt.ArrayLike) -> Array:
        """Indices (…, 3), fractions allowed, to LPS mm (…, 3). Beyond the first and last slice the end steps go on."""
        index = np.asarray(kji, dtype=np.float64)
        if len(self.origins_mm) > 1 and index.size >= _MANY:
            points = np.array(index, order="C").reshape(-1, 3)
            origins, out = np.array(self.origins_mm), np.empty_like(points)
            step_j, step_i = np.array(self.step_j_mm), np.array(self.step_i_mm)

            def some(first: int, last: int) -> None:
                last = min(last * POINTS_TOGETHER, len(points))
                in_world(points, origins, step_j, step_i, first * POINTS_TOGETHER, last, out)

            in_parts(-(-len(points) // POINTS_TOGETHER), some)
            return out.reshape(index.shape)
        return np.asarray(
            self._origin_at(index[..., 0]) + index[..., 1, None] * self.step_j_mm + index[..., 2, None] * self.step_i_mm
        )

    def to_index(self, xyz_mm: npt.ArrayLike) -> Array:
        """LPS mm (…, 3) to fractional indices (k, j, i) (…, 3): the inverse of `to_world`."""
        point = np.array(xyz_mm, dtype=np.float64, order="C")
        positions, origins, to_plane = self.stack_frame()
        points = point.reshape(-1, 3)
        out = np.empty_like(points)

        def some(first: int, last: int) -> None:
            last = min(last * POINTS_TOGETHER, len(points))
            index_in_stack(points, positions, origins, to_plane, first * POINTS_TOGETHER, last, out)

        in_parts(-(-len(points) // POINTS_TOGETHER), some)
        return out.reshape(point.shape)

    def stack_frame(self) -> tuple[Array, Array, Array]:
        """What kernels need to go from LPS mm to indices: each slice's position along the normal, its origin, and the
        normal and the two rows that give row and column relative to the origin, (3, 3). Of two slices at the least."""
        normal, positions, origins = self.normal, self.positions_mm, np.array(self.origins_mm)
        if len(origins) == 1:  # kernels go from slice to slice: here along the slab
            positions = np.array([positions[0], positions[0] + self.slab_mm[0]])
            origins = np.array([origins[0], origins[0] + normal * self.slab_mm[0]])
        plane = np.linalg.pinv(np.column_stack([self.step_j_mm, self.step_i_mm]))
        return positions, origins, np.vstack([normal[None], plane])

    def part(self, box: tuple[slice, slice, slice]) -> Geometry:
        """The grid of a box of voxels, each slice with a start and a stop within the grid.

        >>> grid = Geometry.regular(shape=(4, 5, 6), spacing_mm=(2.0, 1.0, 1.0))
        >>> grid.part((slice(1, 3), slice(0, 5), slice(2, 4))).shape
        (2, 5, 2)
        """
        k, j, i = box
        return Geometry(
            origins_mm=self.origins_mm[k] + j.start * self.step_j_mm + i.start * self.step_i_mm,
            step_j_mm=self.step_j_mm,
            step_i_mm=self.step_i_mm,
            slab_mm=self.slab_mm[k],
            rows=j.stop - j.start,
            columns=i.stop - i.start,
        )

    def _origin_at(self, k: Array) -> Array:
        count = len(self.origins_mm)
        if count == 1:
            return np.asarray(self.origins_mm[0] + k[..., None] * self.normal * self.slab_mm[0])
        low = np.clip(np.floor(k).astype(np.int64), 0, count - 2)
        steps = np.diff(self.origins_mm, axis=0)
        return np.asarray(self.origins_mm.take(low, axis=0) + (k - low)[..., None] * steps.take(low, axis=0))
