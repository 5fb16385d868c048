"""A real head with one disease that calcifies heavily, drawn with what an atlas of nuclei lacks.

Deposits are drawn on an even fine grid, in the atlas as the scan's registration lays it on the head, moved and bent by
some millimetres that calcscan isn't told of; the brain may be pushed aside or its ventricles widened first. They are
then seen by the scan: blurred within its slices and averaged over their thickness.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import ndimage, special

from benchmarks.heads.displaced import Field, Move, _from_ventricles_mm, displaced, field_of
from benchmarks.inspection.enhanced_head import on_slices, replace_hu
from calcscan.atlas import load_atlas
from calcscan.grid.geometry import Array, apply
from calcscan.grid.isotropic import sample_at
from calcscan.model import Atlas, Registration, Scan, SearchRegion

GRID_MM = 1.0
LEFT, RIGHT = "left", "right"
SIGN = {LEFT: 1.0, RIGHT: -1.0}
STRIATE = ("caudate", "putamen", "pallidum")
Mask = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Painted:
    """One structure's calcification: the share of each point that it fills, and its density there."""

    place: tuple[str, str]
    share: Mask
    hu: Mask


@dataclass(slots=True, kw_only=True, eq=False)
class Canvas:
    """The points of the grid within the skull, in the atlas (n, 3), how deep they lie, and what was drawn so far."""

    at: Array
    depth_mm: Array
    box: tuple[npt.NDArray[np.bool_], tuple[int, int, int]]
    atlas: Atlas
    rng: np.random.Generator
    painted: list[Painted] = field(default_factory=list)

    def texture(self, grain_mm: float | Sequence[float]) -> Array:
        """Noise of this grain, ranked evenly from 0 to 1."""
        mask, shape = self.box
        small = tuple(n // 2 + 1 for n in shape)
        rough = ndimage.gaussian_filter(
            self.rng.standard_normal(small, dtype=np.float32), np.array(grain_mm) / (2.0 * GRID_MM)
        )
        whole = rough / rough.std()
        for axis in range(3):
            whole = np.repeat(whole, 2, axis=axis)
        whole = ndimage.uniform_filter(whole, 2)[tuple(slice(0, n) for n in shape)]
        return np.asarray(special.ndtr(whole[mask]))

    def outside_mm(self, site: str, side: str) -> Array:
        """How far each point lies outside a site of the atlas, mm; negative within."""
        away, affine = _away_mm(site, side)
        index = apply(np.linalg.inv(affine), self.at)
        return np.asarray(ndimage.map_coordinates(away, index.T, order=1, mode="nearest"))

    def side(self, side: str) -> npt.NDArray[np.bool_]:
        return SIGN[side] * self.at[:, 0] > 0

    def ball(self, centre: Sequence[float], radius_mm: float, rough: float = 0.0) -> Array:
        """How far outside a ball in the atlas each point lies; `rough` makes it uneven, mm."""
        far = np.linalg.norm(self.at - np.array(centre), axis=1) - radius_mm
        near = far < 8.0
        if rough and near.any():
            far = far + np.where(near, rough * 3.4 * (self.texture(2.0) - 0.5), 0.0)
        return far

    def fill(self, place: tuple[str, str], outside_mm: Array, hu: float | tuple[float, float]) -> None:
        """Calcify what lies less than 0 outside, at one density or uneven between two."""
        share = np.clip(0.5 - outside_mm / GRID_MM, 0.0, 1.0) * (self.depth_mm > 0.7)
        low, high = hu if isinstance(hu, tuple) else (hu, hu)
        dense = np.full(len(share), low) if low == high else low + (high - low) * self.texture(3.0)
        self.painted.append(Painted(place=place, share=np.float32(share), hu=np.float32(dense)))

    def clumps(self, place: tuple[str, str], outside_mm: Array, full: float, hu: tuple[float, float]) -> None:
        """Calcify about this share of what lies within, in clumps that hang together."""
        rough = self.texture(2.2)
        within = outside_mm < 0.0
        level = np.quantile(rough[within], full) if within.any() else 0.5
        self.fill(place, np.maximum(outside_mm, 9.0 * (rough - level)), hu)


Draw = Callable[[Canvas], None]


@cache
def _away_mm(site: str, side: str) -> tuple[Mask, Array]:
    """How far outside a site of the atlas its surround lies, mm, and the affine of what was cut out."""
    atlas = load_atlas()
    number = next(n for n, s in atlas.sites.items() if (s.site, s.side) == (site, side))
    where = np.argwhere(atlas.labels == number)
    low = np.maximum(where.min(axis=0) - 14, 0)
    box = tuple(slice(int(a), int(b) + 15) for a, b in zip(low, where.max(axis=0), strict=True))
    own = atlas.labels[box] == number
    away = ndimage.distance_transform_edt(~own) - ndimage.distance_transform_edt(own)
    affine = atlas.affine.copy()
    affine[:3, 3] = apply(atlas.affine, low)
    return np.float32(away), affine


def nuclei(canvas: Canvas, sites: Sequence[str], side: str, *, scale: float = 1.0) -> None:
    """Nuclei in clumps, each more or less full, of 200 to 1200 HU."""
    for site in sites:
        low = float(canvas.rng.uniform(200.0, 500.0))
        high = low * float(canvas.rng.uniform(1.2, 2.4))
        full = scale * float(canvas.rng.uniform(0.5, 0.98))
        grown = float(canvas.rng.uniform(-0.5, 1.0))
        canvas.clumps((site, side), canvas.outside_mm(site, side) - grown, full, (low, high))


def radiata(canvas: Canvas, side: str, full: float = 0.35) -> None:
    """Streaks of the white matter above the nuclei, and arcs under the cortex behind."""
    x, y, z = (canvas.at * (SIGN[side], 1.0, 1.0)).T
    white = canvas.outside_mm("white_matter", side)
    box = np.maximum.reduce([np.abs(x - 27.0) - 7.0, np.abs(y - 8.0) - 34.0, np.abs(z - 28.0) - 9.0])
    streaks = 14.0 * (canvas.texture((4.0, 1.6, 1.6)) - full)
    canvas.fill(("white_matter", side), np.maximum.reduce([white, box, streaks]), (200.0, 600.0))
    cortex = canvas.outside_mm("cortex", side)
    arcs = np.maximum.reduce([white, np.abs(cortex - 1.5) - 1.2, 30.0 - y, np.abs(z - 15.0) - 20.0])
    arcs = np.maximum(np.maximum(arcs, 9.0 - canvas.depth_mm), 14.0 * (canvas.texture(3.0) - 0.25))
    canvas.fill(("white_matter", side), arcs, (200.0, 500.0))


def bridges(canvas: Canvas, side: str) -> None:
    """Strands through the internal capsule, from the caudate to the putamen and from the pallidum to the thalamus."""
    for one, other in (("caudate", "putamen"), ("thalamus", "pallidum")):
        first, second = canvas.outside_mm(one, side), canvas.outside_mm(other, side)
        between = first + second - max(float((first + second).min()), 0.0) - 4.0
        strands = 12.0 * (canvas.texture((2.0, 1.5, 1.5)) - 0.4)
        canvas.fill(("bridge", side), np.maximum.reduce([-first, -second, between, strands]), (250.0, 500.0))


def fahr(canvas: Canvas) -> None:
    """Everything of both sides, more of one."""
    for side in (LEFT, RIGHT):
        nuclei(canvas, (*STRIATE, "thalamus", "dentate"), side, scale=float(canvas.rng.uniform(0.6, 1.0)))
        radiata(canvas, side)


def bridged(canvas: Canvas) -> None:
    """As Fahr's disease, with strands through both capsules."""
    fahr(canvas)
    for side in (LEFT, RIGHT):
        bridges(canvas, side)


def one_sided(canvas: Canvas) -> None:
    """One hemisphere's nuclei and white matter."""
    side = (LEFT, RIGHT)[int(canvas.rng.integers(2))]
    nuclei(canvas, (*STRIATE, "thalamus"), side)
    radiata(canvas, side)


def striate_to_wall(canvas: Canvas) -> None:
    """Caudate and thalamus up to the ventricles' walls, with plexus calcified beside them."""
    for side in (LEFT, RIGHT):
        for site in ("caudate", "thalamus"):
            canvas.clumps((site, side), canvas.outside_mm(site, side) - 1.5, 0.9, (300.0, 700.0))
        plexus = canvas.outside_mm("choroid_plexus", side)
        canvas.clumps(("choroid_plexus", side), np.maximum(plexus, 32.0 - canvas.at[:, 1]), 0.5, (200.0, 600.0))


def dentates(canvas: Canvas) -> None:
    """Dentate nuclei so large that they reach vermis and tentorium."""
    for side in (LEFT, RIGHT):
        dentate = canvas.outside_mm("dentate", side)
        canvas.clumps(("dentate", side), dentate - 2.5, 0.95, (500.0, 1200.0))
        up = np.maximum.reduce([dentate - 9.0, canvas.outside_mm("cerebellum", side), dentate * -1.0 + 2.5])
        canvas.fill(("cerebellum", side), np.maximum(up, 12.0 * (canvas.texture(2.5) - 0.45)), (250.0, 700.0))


def tuberous(canvas: Canvas) -> None:
    """Nodules on the walls of the lateral ventricles, and tubers of the cortex and cerebellum."""
    wall = away_of_ventricles(canvas)
    for side in (LEFT, RIGHT):
        x, y, z = (canvas.at * (SIGN[side], 1.0, 1.0)).T
        near = np.flatnonzero((np.abs(wall) < 0.8) & (x > 4) & (x < 26) & (y > -25) & (y < 35) & (z > 4) & (z < 26))
        for _ in range(int(canvas.rng.integers(2, 5))):
            at = canvas.at[canvas.rng.choice(near)]
            radius = float(canvas.rng.uniform(1.8, 4.5))
            canvas.fill(("ventricle_wall", side), canvas.ball(at, radius, 0.6), float(canvas.rng.uniform(300, 900)))
        rim = np.flatnonzero((np.abs(x - 40) < 15) & (np.abs(canvas.depth_mm - 9.0) < 2.0) & (z > 0) & (z < 55))
        at = canvas.at[canvas.rng.choice(rim)]
        tuber = np.maximum(canvas.ball(at, 9.0), canvas.outside_mm("cortex", side) - 2.0)
        canvas.fill(("cortex", side), np.maximum(tuber, 2.5 - canvas.depth_mm), (200.0, 600.0))


def sturge_weber(canvas: Canvas) -> None:
    """Gyri of the back of one hemisphere, up to the inner table."""
    side = (LEFT, RIGHT)[int(canvas.rng.integers(2))]
    x, y, z = (canvas.at * (SIGN[side], 1.0, 1.0)).T
    back = np.maximum.reduce([48.0 - y, -5.0 - z, z - 40.0, 4.0 - x, canvas.depth_mm - 16.0])
    edge = canvas.outside_mm("white_matter", side)
    ribbon = np.maximum.reduce([np.abs(edge - 1.5) - 1.3, back, 14.0 * (canvas.texture(5.0) - 0.6)])
    rim = np.abs(canvas.depth_mm - (2.2 + 2.0 * canvas.texture(4.0))) - 1.2
    rim = np.maximum.reduce([rim, back, 14.0 * (canvas.texture(5.0) - 0.5)])
    canvas.fill(("cortex", side), np.minimum(ribbon, rim), (300.0, 900.0))


def stones(canvas: Canvas) -> None:
    """Lumps as dense as bone or denser, with specks around them."""
    places = [
        ("thalamus", (13.0, 20.0, 6.0)),
        ("white_matter", (32.0, -15.0, 28.0)),
        ("cerebellum", (34.0, 68.0, -42.0)),
        ("white_matter", (32.0, 40.0, 30.0)),
    ]
    for site, at in places:
        side = (LEFT, RIGHT)[int(canvas.rng.integers(2))]
        centre = np.array(at) * (SIGN[side], 1.0, 1.0) + canvas.rng.normal(0.0, 1.5, 3)
        radius = float(canvas.rng.uniform(3.5, 8.5))
        canvas.fill((site, side), canvas.ball(centre, radius, 0.8), float(canvas.rng.uniform(1500, 2600)))
        for _ in range(4):
            way = canvas.rng.normal(size=3)
            speck = centre + way / np.linalg.norm(way) * (radius + canvas.rng.uniform(3.0, 7.0))
            canvas.fill(("speck", side), canvas.ball(speck, float(canvas.rng.uniform(1.2, 2.0))), 400.0)


def beside_falx(canvas: Canvas) -> None:
    """A mass against one face of the falx, and clumps of cortex against the other."""
    side, other = (LEFT, RIGHT) if canvas.rng.integers(2) else (RIGHT, LEFT)
    radius = float(canvas.rng.uniform(7.0, 12.0))
    centre = (
        SIGN[side] * (radius + 1.5),
        float(canvas.rng.uniform(-30.0, 50.0)),
        float(canvas.rng.uniform(38.0, 50.0)),
    )
    canvas.clumps(("mass", side), canvas.ball(centre, radius, 1.0), 0.9, (250.0, 700.0))
    x, y, z = (canvas.at * (SIGN[other], 1.0, 1.0)).T
    at = np.maximum.reduce(
        [1.0 - x, x - 7.0, np.abs(y - float(canvas.rng.uniform(-10, 40))) - 11.0, np.abs(z - 42.0) - 9.0]
    )
    canvas.clumps(("cortex", other), at, 0.6, (250.0, 600.0))


def in_ventricle(canvas: Canvas) -> None:
    """A mass in clumps within one lateral ventricle."""
    side = (LEFT, RIGHT)[int(canvas.rng.integers(2))]
    wall = away_of_ventricles(canvas)
    centre = np.array([(24.0, 40.0, 12.0), (8.0, -5.0, 15.0)][int(canvas.rng.integers(2))]) * (SIGN[side], 1.0, 1.0)
    mass = np.maximum(canvas.ball(centre, float(canvas.rng.uniform(9.0, 14.0))), wall - 1.5)
    canvas.clumps(("mass", side), mass, float(canvas.rng.uniform(0.35, 0.6)), (250.0, 700.0))


def tentorial_edge(canvas: Canvas) -> None:
    """Plates along the free edge of the tentorium, even and thin."""
    for side in (LEFT, RIGHT):
        x, y, _ = (canvas.at * (SIGN[side], 1.0, 1.0)).T
        edge = np.maximum.reduce([canvas.outside_mm("tentorium", side) + 0.3, x - 22.0, y - 66.0, 30.0 - y])
        canvas.fill(("tentorium", side), edge, float(canvas.rng.uniform(300, 700)))


def away_of_ventricles(canvas: Canvas) -> Array:
    """How far outside the ventricles of the atlas each point lies."""
    index = apply(np.linalg.inv(canvas.atlas.affine), canvas.at)
    return np.asarray(ndimage.map_coordinates(np.float32(_from_ventricles_mm()), index.T, order=1, mode="nearest"))


DISEASES: Mapping[str, Draw] = {
    "fahr": fahr, "bridged": bridged, "one_sided": one_sided, "to_the_wall": striate_to_wall, "dentates": dentates,
    "tuberous": tuberous, "sturge_weber": sturge_weber, "stones": stones, "beside_falx": beside_falx,
    "in_ventricle": in_ventricle, "tentorial_edge": tentorial_edge,
}  # fmt: skip
MOVES = {
    "": None,
    "pushed": Move(shift_mm=7.0),
    "pushed_right": Move(shift_mm=-10.0, tumour_mm=18.0),
    "wide": Move(widened_mm=(6.0, 6.0)),
    "wide_left": Move(widened_mm=(8.0, 2.0)),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawn:
    """The scan with its calcification; what of each voxel each place fills, and how much there is, mm3."""

    scan: Scan
    places: tuple[tuple[str, str], ...]
    owner: npt.NDArray[np.int16]
    """Which place fills most of a voxel that is filled by half, 1…n; 0 elsewhere."""
    mm3: Mapping[tuple[str, str], float]


def draw(
    disease: str, scan: Scan, region: SearchRegion, registration: Registration, atlas: Atlas, psf_mm: float,
    *, seed: int, move: str = "",
) -> Drawn:  # fmt: skip
    """A disease put into a scan."""
    rng = np.random.default_rng([seed, *disease.encode()])
    there: Field | None = None
    moved = MOVES[move]
    if moved is not None:
        there = field_of(moved, region, registration, atlas)
        scan, _ = displaced(scan, region, there, moved, [], registration, rng)
    coarse = region.isotropic_hu
    affine = coarse.affine.copy()
    affine[:3, :3] *= GRID_MM / coarse.spacing_mm
    shape = tuple(int(np.ceil(n * coarse.spacing_mm / GRID_MM)) for n in coarse.values.shape)
    world = apply(affine, np.moveaxis(np.indices(shape, dtype=np.float32), 0, -1)).reshape(-1, 3)
    depth = sample_at(region.depth_mm, coarse.affine, world)
    mask = depth > 0.3
    world, depth = world[mask], depth[mask]
    bend = [ndimage.gaussian_filter(rng.standard_normal(tuple(n // 4 + 1 for n in shape)), 3.0) for _ in range(3)]
    index = np.argwhere(mask.reshape(shape)).T / 4.0
    by = np.stack([ndimage.map_coordinates(0.9 * b / b.std(), index, order=1, mode="nearest") for b in bend], axis=-1)
    origin = world if there is None else there.origin(world)
    at = registration.to_atlas(origin) + by + rng.normal(0.0, 0.8, 3)
    canvas = Canvas(at=at, depth_mm=depth, box=(mask.reshape(shape), shape), atlas=atlas, rng=rng)
    DISEASES[disease](canvas)
    return _seen(canvas, scan, affine, psf_mm)


def _seen(canvas: Canvas, scan: Scan, affine: Array, psf_mm: float) -> Drawn:
    mask, shape = canvas.box
    places = tuple(dict.fromkeys(part.place for part in canvas.painted))
    left = np.ones(len(canvas.at), np.float32)
    filled = {place: np.zeros(len(left), np.float32) for place in places}
    dense = np.zeros(len(left), np.float32)
    for part in canvas.painted:  # what was drawn first stays
        own = np.minimum(part.share, left)
        left -= own
        filled[part.place] += own
        dense += own * part.hu
    pixels = np.sqrt(max(psf_mm**2 - 2 * GRID_MM**2 / 12, 0.0)) / np.array(scan.geometry.spacing_mm[1:])

    def seen(values: Array) -> Mask:
        grid = np.zeros(shape, np.float32)
        grid[mask] = values
        return ndimage.gaussian_filter(on_slices(grid, affine, scan), (0.0, *pixels))

    amount, most = np.zeros(scan.hu.shape, np.float32), np.zeros(scan.hu.shape, np.float32)
    owner = np.zeros(scan.hu.shape, np.int16)
    for number, place in enumerate(places, start=1):
        own = seen(filled[place])
        amount += own
        owner[own > most] = number
        most = np.maximum(most, own)
    owner[amount < 0.5] = 0
    hu = scan.hu * (1.0 - amount) + seen(dense)
    mm3 = {place: float(filled[place].sum()) * GRID_MM**3 for place in places}
    return Drawn(scan=replace_hu(scan, np.clip(hu, -3024, 3071)), places=places, owner=owner, mm3=mm3)
