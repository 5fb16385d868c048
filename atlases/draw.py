"""Draw the sites that no source has, on the template, in MNI152 millimetres (RAS).

The docstring of each structure states where its position comes from: visible on the template, derived from the anatomy
around it, marked on real heads, or published. Coordinates are (x, y, z): right, anterior, superior.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.interpolate import RegularGridInterpolator
from skimage.draw import polygon2mask

Mask = npt.NDArray[np.bool_]
Volume = npt.NDArray[np.float64]
Point = tuple[float, float, float]


class Grid:
    """The atlas grid's coordinates in mm, as arrays that broadcast."""

    def __init__(self, shape: tuple[int, int, int], affine: npt.NDArray[np.float64]) -> None:
        self.shape = shape
        self.x, self.y, self.z = np.meshgrid(
            *[np.arange(n) * affine[a, a] + affine[a, 3] for a, n in enumerate(shape)], indexing="ij", sparse=True
        )

    def ellipsoid(self, centre: Point, radii: Point) -> Mask:
        parts = [(c - m) / r for c, m, r in zip((self.x, self.y, self.z), centre, radii, strict=True)]
        return np.asarray(sum(p**2 for p in parts) <= 1.0)

    def tube(self, points: Sequence[Point], radius_mm: float) -> Mask:
        """Everything within `radius_mm` of a polyline."""
        near = np.full(self.shape, np.inf)
        for a, b in pairwise(points):
            step = np.subtract(b, a)
            along = sum((c - m) * s for c, m, s in zip((self.x, self.y, self.z), a, step, strict=True))
            t = np.clip(along / float(step @ step), 0.0, 1.0)
            distance2 = sum((c - (m + t * s)) ** 2 for c, m, s in zip((self.x, self.y, self.z), a, step, strict=True))
            near = np.minimum(near, distance2)
        return np.asarray(near <= radius_mm**2)

    def half(self, side: str) -> Mask:
        return np.broadcast_to(self.x < 0 if side == "left" else self.x >= 0, self.shape)


def fluid(ct: Volume, brain: Mask) -> Mask:
    """Cerebrospinal fluid on the template: below 20 HU after light smoothing."""
    return np.asarray(
        (ndimage.gaussian_filter(np.clip(ct, 0, 60), 0.7) < 20) & ndimage.binary_erosion(brain, iterations=2)
    )


def lateral_ventricles(grid: Grid, ct: Volume, brain: Mask) -> Mask:
    """The fluid connected with the frontal horns and trigones, separated from the cisterns by a box around the
    ventricles. Visible on the template."""
    box = (
        (np.abs(grid.x) < 42)
        & (grid.y > -75)
        & (grid.y < 40)
        & (grid.z > -22)
        & (grid.z < 36)
        & ~((np.abs(grid.x) < 6) & (grid.z < 2))
        & ~((grid.y < -28) & (np.abs(grid.x) < 12) & (grid.z < 22))
    )
    pieces, _ = ndimage.label(fluid(ct, brain) & box)
    seeds = {
        int(pieces[s])
        for s in _nearest_in_pieces(grid, [(-8, 18, 10), (8, 18, 10), (-24, -42, 10), (24, -42, 10)], pieces)
    }
    return np.asarray(np.isin(pieces, sorted(seeds - {0})))


def _nearest_in_pieces(
    grid: Grid, points: Sequence[Point], pieces: npt.NDArray[np.int32]
) -> list[tuple[int, int, int]]:
    """For each point the index of the nearest voxel that belongs to a piece."""
    _, nearest = ndimage.distance_transform_edt(pieces == 0, return_indices=True)
    out = []
    for p in points:
        index = tuple(int(v - a.flat[0]) for v, a in zip(p, (grid.x, grid.y, grid.z), strict=True))
        out.append(tuple(int(nearest[a][index]) for a in range(3)))
    return out


def glomus(grid: Grid, ct: Volume, side: str) -> Mask:
    """The calcified plexus in the trigone, visible on the template (above 45 HU), with 6 mm around it."""
    sign = -1 if side == "left" else 1
    calcified = (ct > 45) & grid.ellipsoid((sign * 25.0, -41.0, 8.0), (11.0, 13.0, 13.0))
    return np.asarray(ndimage.distance_transform_edt(~calcified) <= 6.0)


TENTORIUM_LATERAL_MM = (0.0, 10.0, 20.0, 30.0, 40.0, 50.0)
TENTORIUM_HEIGHT_MM = {
    -34.0: (4.0, -7.0, -20.0, -30.0, -31.0, -31.0),
    -42.0: (4.0, -1.0, -16.0, -23.0, -30.0, -30.0),
    -50.0: (6.0, -1.0, -14.0, -19.5, -24.0, -28.0),
    -58.0: (7.0, -1.0, -13.5, -18.5, -21.5, -25.0),
    -66.0: (3.0, -5.0, -14.0, -18.0, -19.5, -22.0),
    -74.0: (-2.0, -9.0, -15.0, -17.5, -20.0, -20.0),
    -82.0: (-11.0, -14.0, -17.0, -19.5, -20.0, -20.0),
    -90.0: (-17.0, -19.0, -21.0, -21.0, -21.0, -21.0),
}
"""z of the tentorium by y, at these distances from the midline: the bright band between occipital lobe and cerebellum,
traced through the template's coronal slices after correction of their shading; left and right agree within 1 to 2 mm
and are averaged. Steep beside the straight sinus, nearly flat from 20 mm on, down to the petrous ridge in front. In
front of y = -42 and beside the incisura, where nothing is visible, it is derived."""


def tentorial_height(grid: Grid) -> Volume:
    """z of the tentorium above (x, y), shape (x, y, 1)."""
    rows = np.array(sorted(TENTORIUM_HEIGHT_MM))
    height = RegularGridInterpolator(
        (rows, np.array(TENTORIUM_LATERAL_MM)), np.array([TENTORIUM_HEIGHT_MM[y] for y in rows])
    )
    y, away = np.broadcast_arrays(
        np.clip(grid.y, rows[0], rows[-1]), np.clip(np.abs(grid.x), TENTORIUM_LATERAL_MM[0], TENTORIUM_LATERAL_MM[-1])
    )
    return np.asarray(height((y, away)))


def cerebellum(grid: Grid, brain: Mask, cortex: Mask, brainstem: Mask) -> Mask:
    """The brain below the tentorium that is neither brainstem nor cortex of the hemispheres."""
    below = (grid.z < tentorial_height(grid) - 1.0) & (grid.y < -28.0)
    mask = brain & below & ~cortex & ~brainstem
    pieces, _ = ndimage.label(ndimage.binary_erosion(mask, iterations=2))
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return np.asarray(ndimage.binary_dilation(pieces == sizes.argmax(), iterations=3) & mask)


FALX_EDGE = (
    # (y, z) of the free edge of the falx, from the crista galli over the corpus callosum to the vein of Galen,
    # then along the straight sinus to the torcular.
    (40.0, -20.0),
    (44.0, 0.0),
    (38.0, 20.0),
    (22.0, 34.0),
    (0.0, 38.0),
    (-25.0, 34.0),
    (-42.0, 18.0),
    (-44.0, 8.0),
    (-60.0, 2.0),
    (-94.0, -12.0),
)


def falx(grid: Grid, brain: Mask) -> Mask:
    """Within 4 mm of the midline, outside the free edge. The midline is visible on the template; the edge is derived
    from the corpus callosum, about a centimetre above it in front, on it behind."""
    y0, z0 = float(grid.y.flat[0]), float(grid.z.flat[0])
    corners = [(y - y0, z - z0) for y, z in (*FALX_EDGE, (-94.0, -78.0), (40.0, -78.0))]
    inner = polygon2mask(grid.shape[1:], np.array(corners))
    reach = ndimage.binary_dilation(brain, iterations=5)
    return np.asarray((np.abs(grid.x) <= 4.0) & ~inner[None] & reach)


def tentorium(grid: Grid, brain: Mask, cerebellar: Mask) -> Mask:
    """Within 3 mm of the tentorium (a plaque on the dura, and the error of the drawing), over the cerebellum, not in
    front of the incisura."""
    above = np.broadcast_to(grid.z > tentorial_height(grid), grid.shape)
    distance = np.where(above, ndimage.distance_transform_edt(above), ndimage.distance_transform_edt(~above))
    over = ndimage.distance_transform_edt(~cerebellar) <= 9.0
    incisura = (np.abs(grid.x) < 16.0) & (grid.y > -42.0)
    near = distance <= 3.0
    return np.asarray(near & over & ndimage.binary_dilation(brain, iterations=3) & ~incisura & (grid.y < -28.0))


def mirrored(points: Sequence[Point], side: str) -> list[Point]:
    """Points of the right side, on `side`."""
    sign = -1.0 if side == "left" else 1.0
    return [(sign * x, y, z) for x, y, z in points]


PETROCLINOID = ((11.0, -10.0, -29.0), (15.0, -14.5, -27.0), (20.0, -18.0, -28.5), (23.0, -21.5, -31.0))
"""From beside the posterior clinoid process, which itself is bone, to the petrous apex, in MNI space: 17 points marked
on three real heads, mapped by calcscan's registration (benchmarks/sites/points.toml, 2026-11)."""

CAROTID_SIPHON = (
    (16.0, -16.0, -40.0),
    (13.0, -6.0, -36.5),
    (11.5, 0.0, -31.5),
    (10.5, 5.5, -28.5),
    (8.5, 7.0, -24.0),
    (10.0, 2.0, -21.5),
    (12.5, -1.5, -19.0),
)
"""Foramen lacerum, cavernous part, anterior genu, clinoid part, terminus. Position: 28 points marked on three real
heads, as above; only the first, in the foramen lacerum, by description."""

VERTEBRAL = (
    (13.0, -50.0, -74.0),
    (10.0, -47.0, -69.0),
    (8.0, -40.0, -62.5),
    (8.0, -34.0, -59.5),
    (6.5, -28.5, -56.0),
    (3.0, -27.0, -51.0),
    (0.5, -27.0, -45.0),
)
"""Foramen magnum to the union in front of the medulla: 9 points marked on three real heads, as above; its two ends by
description."""

BASILAR = (
    (0.0, -24.5, -46.5),
    (0.0, -20.5, -42.0),
    (0.0, -14.5, -37.0),
    (0.0, -10.5, -32.0),
    (0.0, -9.5, -27.0),
    (0.0, -10.5, -22.5),
    (0.0, -11.5, -19.0),
)
"""From the union of the vertebral arteries at the lower border of the pons to its tip between the peduncles, in the
cistern in front of the pons, which is visible on the template; the midline is its average course."""

CIRCLE_OF_WILLIS = (
    ((12.0, 0.5, -18.0), (7.5, 4.5, -17.5), (2.5, 8.0, -16.0), (0.0, 8.5, -15.5)),
    ((11.5, -1.0, -20.5), (11.0, -5.5, -18.5), (10.5, -9.0, -17.5)),
    ((0.0, -11.5, -19.0), (5.0, -10.5, -18.0), (10.5, -9.5, -17.5)),
)
"""A1 with the anterior communicating artery, the posterior communicating artery, and P1: on the right. Their ends on
siphon and basilar artery as above; between them A1 and P1 are bright on the template (z = -18), which is an average of
many heads; the posterior communicating artery is drawn from end to end."""

DENTATE_CENTRE: Point = (15.0, -60.0, -34.0)
DENTATE_RADII: Point = (7.0, 11.0, 6.0)
"""About 1.9 ml a side centred at x = ±15, y = -60, z = -34 (position and volume: published MNI descriptions)."""


def base_shell(grid: Grid, brain: Mask) -> Mask:
    """Where the skull base may project into the head: the floors of the three fossae (outside the brain and in its
    outer 7 mm, low down or where its surface faces down), the petrous ridges, the sella with its clinoids, and in the
    midline the crista galli with the frontal crest and the internal occipital crest."""
    outside = ndimage.distance_transform_edt(~brain)
    within = ndimage.distance_transform_edt(brain)
    signed = ndimage.gaussian_filter(outside - within, 4.0)
    faces_down = -np.gradient(signed, axis=2) > 0.35
    shell = (outside <= 18.0) & (within <= 7.0)
    floor = (faces_down & (grid.z < 2.0)) | ((grid.z < -8.0) & (grid.y > -30.0)) | (grid.z < -28.0)
    ridge = ((14.0, -22.0, -33.0), (36.0, -34.0, -32.0), (58.0, -44.0, -32.0))
    petrous = grid.tube(mirrored(ridge, "left"), 11.0) | grid.tube(mirrored(ridge, "right"), 11.0)
    sella = grid.ellipsoid((0.0, 0.0, -30.0), (24.0, 22.0, 14.0))
    crests = (np.abs(grid.x) <= 7.0) & (
        ((grid.y > 36.0) & (grid.z < 8.0)) | ((grid.y < -84.0) & (grid.z > -45.0) & (grid.z < 4.0))
    )
    return np.asarray((shell & floor) | petrous | sella | (crests & (outside <= 18.0)))


def sella(grid: Grid) -> Mask:
    """The dorsum sellae with the posterior clinoids and the floor of the sella: bone in every head."""
    return np.asarray((np.abs(grid.x) <= 8.0) & (grid.y > -18.0) & (grid.y < 2.0) & (grid.z > -42.0) & (grid.z < -16.0))
