"""A smooth shift of points, as a deformable registration finds it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from calcscan.grid.geometry import Array
from calcscan.grid.interpolate import linear_at
from calcscan.values import Value

_INVERSION_LEAST, _INVERSION_MOST, _INVERSION_MM = 8, 40, 0.05
"""Fixed-point iterations that invert a displacement: each leaves at most half of the error of an ordinary one, more of
a strong bend's, which goes on until a step is no longer than this."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Displacement(Value):
    """A smooth shift of points, trilinear between nodes and zero beyond them.

    `shift_mm` float32 (k, j, i, 3) is the shift along x, y and z at each node; `affine` takes (k, j, i, 1) to LPS mm.
    """

    shift_mm: npt.NDArray[np.float32]
    affine: Array

    @classmethod
    def none(cls) -> Displacement:
        return cls(shift_mm=np.zeros((1, 1, 1, 3), dtype=np.float32), affine=np.eye(4))

    @property
    def rms_mm(self) -> float:
        """Root mean square of the shift over the nodes."""
        return float(np.sqrt((self.shift_mm.astype(np.float64) ** 2).sum(axis=-1).mean()))

    def at(self, points: npt.ArrayLike) -> Array:
        """By how much points (…, 3) in LPS mm move.

        >>> Displacement.none().at([[1.0, 2.0, 3.0]])
        array([[0., 0., 0.]])
        """
        where = np.asarray(points, dtype=np.float64)
        return linear_at(self.shift_mm, where, to_index=np.linalg.inv(self.affine)).astype(np.float64)

    def inverse(self, points: npt.ArrayLike) -> Array:
        """Which points come to lie at these (…, 3), LPS mm; to about a hundredth of a millimetre.

        >>> Displacement.none().inverse([[1.0, 2.0, 3.0]])
        array([[1., 2., 3.]])
        """
        target = np.asarray(points, dtype=np.float64)
        before = target
        for done in range(1, _INVERSION_MOST + 1):
            again = target - self.at(before)
            change_mm = float(np.abs(again - before).max(initial=0.0))
            before = again
            if done >= _INVERSION_LEAST and change_mm <= _INVERSION_MM:
                break
        return before
