"""The brain's midline as it is seen: a surface from front to back and from base to vertex."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.grid.geometry import Array
from calcscan.values import Value


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MidlineSurface(Value):
    """Where the midline lies: x, in LPS mm, on an even lattice of z and y; beyond it as at its nearest edge."""

    x_mm: Array
    """(z, y)."""
    from_mm: tuple[float, float]
    """(z, y) of the first point of the lattice."""
    step_mm: float

    @property
    def points(self) -> Array:
        """Every point of the lattice on the surface, LPS mm (z, y, 3)."""
        z, y = np.indices(self.x_mm.shape) * self.step_mm + np.array(self.from_mm)[:, None, None]
        return np.stack([self.x_mm, y, z], axis=-1)

    def beside_mm(self, points: npt.ArrayLike) -> Array:
        """How far points (…, 3) lie to the left of the surface, along x; negative to the right.

        >>> flat = MidlineSurface(x_mm=np.full((2, 2), 4.0), from_mm=(0.0, 0.0), step_mm=10.0)
        >>> flat.beside_mm([[9.0, 3.0, 3.0], [1.0, 50.0, 3.0]]).tolist()
        [5.0, -3.0]
        """
        where = np.asarray(points, dtype=np.float64)
        return np.asarray(where[..., 0] - self.at(where))

    def at(self, points: Array) -> Array:
        """x of the surface at the y and z of points (…, 3)."""
        index = (points[..., [2, 1]] - np.array(self.from_mm)) / self.step_mm
        index = index.reshape(-1, 2).T
        x_mm = ndimage.map_coordinates(self.x_mm, index, order=1, mode="nearest")
        return np.asarray(x_mm).reshape(points.shape[:-1])

    def moved(self, shift_mm: Array) -> MidlineSurface:
        """The same where all points moved by `shift_mm` (3,)."""
        (z, y), (right, back, up) = self.from_mm, (float(value) for value in shift_mm)
        return MidlineSurface(x_mm=self.x_mm + right, from_mm=(z + up, y + back), step_mm=self.step_mm)
