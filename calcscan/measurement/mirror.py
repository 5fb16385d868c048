"""The plane in which the skull is its own mirror image.

The registration fits the brain, and a shift of the brain or a hole in the skull turns it by some degrees. The skull
itself shows the plane to within one: it is turned until the skull's mirror image lies on the skull. Each voxel that has
none there counts the same, however far away: a missing half of the vault turns the plane by less than a degree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage, optimize

from calcscan.grid.geometry import Array, apply

_SAMPLES = 3000
"""Of about so many voxels of the skull the mirror images are looked at."""
_FIRST_STEP = np.array([[0.0, 0.0, 0.0], [3.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 3.0]])
"""Degrees about two axes, and mm along the normal."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MirrorPlane:
    """Points p with p · normal = offset_mm; LPS mm. `off_mm` is how far the skull's mirror image stays away from the
    skull, on average, each voxel counted up to the `most_mm` it was fitted with."""

    normal: Array
    offset_mm: float
    off_mm: float

    def from_plane_mm(self, world_mm: Array) -> Array:
        """How far points (…, 3) lie from the plane, negative on one side, shape (…).

        >>> MirrorPlane(normal=np.array([1.0, 0.0, 0.0]), offset_mm=2.0, off_mm=0.0).from_plane_mm(np.zeros(3)).item()
        -2.0
        """
        return np.asarray(world_mm @ self.normal - self.offset_mm)

    def mirrored(self, world_mm: Array) -> Array:
        """The mirror images of points (…, 3), LPS mm."""
        return np.asarray(world_mm - 2.0 * self.from_plane_mm(world_mm)[..., None] * self.normal)


def fit_mirror_plane(
    skull: npt.NDArray[np.bool_], away_mm: npt.NDArray[np.float32], affine: Array, to_atlas: Array, most_mm: float
) -> MirrorPlane:
    """Fit the plane, from the atlas's midplane on.

    Parameters
    ----------
    skull, away_mm
        The skull on an even grid, and the distance of each voxel from it, mm.
    affine
        From (k, j, i) of that grid to LPS mm.
    to_atlas
        (4, 4) from LPS mm of the scan to LPS mm of the atlas, whose midplane is x = 0.
    most_mm
        A voxel with no mirror image nearer than this counts this much.
    """
    kji = np.argwhere(skull)
    world_mm = apply(affine, kji[:: max(1, len(kji) // _SAMPLES)])
    scale = float(np.linalg.norm(to_atlas[0, :3]))
    start = to_atlas[0, :3] / scale
    middle = world_mm.mean(axis=0)
    middle = middle - (middle @ start + to_atlas[0, 3] / scale) * start
    one = np.cross(start, np.eye(3)[int(np.abs(start).argmin())])
    one /= np.linalg.norm(one)
    other = np.cross(start, one)
    near, inverse = np.minimum(away_mm, np.float32(most_mm)), np.linalg.inv(affine)

    def plane(move: Array) -> MirrorPlane:
        normal = start + np.deg2rad(move[0]) * one + np.deg2rad(move[1]) * other
        normal /= np.linalg.norm(normal)
        return MirrorPlane(normal=normal, offset_mm=float(normal @ middle) + float(move[2]), off_mm=0.0)

    def off_mm(move: Array) -> float:
        index = apply(inverse, plane(move).mirrored(world_mm))
        return float(ndimage.map_coordinates(near, index.T, order=1, cval=most_mm).mean())

    best = optimize.minimize(
        off_mm,
        np.zeros(3),
        method="Nelder-Mead",
        options={"initial_simplex": _FIRST_STEP, "xatol": 0.1, "fatol": 0.005, "maxfev": 80},
    )
    fitted = plane(best.x)
    return MirrorPlane(normal=fitted.normal, offset_mm=fitted.offset_mm, off_mm=float(best.fun))
