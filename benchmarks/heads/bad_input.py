"""A real head as it should not be given, or beside things that are no head.

Every form is a function of a scan and a random generator, named in `FORMS`. Outside forms put things around the head,
hole forms open its skull, cut forms show only a part of it, `two_heads` forms show two. What is drawn has soft edges of
about a millimetre. Directions are those of the body (LPS), lengths mm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.transform import iradon, radon

from benchmarks.inspection.enhanced_head import ARTERIES, path_through
from calcscan.grid.geometry import Array, Geometry
from calcscan.grid.isotropic import resample_isotropic, sample_at
from calcscan.grid.masks import distance_mm, largest_piece
from calcscan.model import AIR_HU, Scan

GRID_MM = 2.0


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the pixels of one slice lie: LPS mm from the middle of the bone's box, shape (rows, columns)."""

    x: Array
    y: Array
    z: Array
    """Height above the middle."""
    away: Array
    """Distance from the skin, positive outside."""


@dataclass(frozen=True, kw_only=True)
class Box:
    """The box around the bone of the head."""

    middle: Array
    half: Array


def box_of(scan: Scan) -> Box:
    kji = np.argwhere(scan.hu[:, ::4, ::4] > 300) * (1, 4, 4)
    low, high = np.percentile(scan.geometry.to_world(kji), (0.5, 99.5), axis=0)
    return Box(middle=(low + high) / 2, half=(high - low) / 2)


def painted(scan: Scan, paint: Callable[[Place, Array], Array]) -> Scan:
    """The scan with every slice painted over: `paint` gets where its pixels lie, and their HU."""
    coarse = resample_isotropic(scan.hu, scan.geometry, GRID_MM, outside_hu=AIR_HU)
    head = largest_piece(coarse.values > -300)
    head = np.stack([ndimage.binary_fill_holes(level) for level in head])
    skin_mm = (distance_mm(head, GRID_MM) - distance_mm(~head, GRID_MM)).astype(np.float32)
    grid, middle = scan.geometry, box_of(scan).middle
    j, i = np.indices((grid.rows, grid.columns))
    hu = scan.hu.astype(np.float32)
    for k in range(len(hu)):
        at = grid.origins_mm[k] + j[..., None] * grid.step_j_mm + i[..., None] * grid.step_i_mm
        away = sample_at(skin_mm, coarse.affine, at.reshape(-1, 3)).reshape(j.shape)
        x, y, z = np.moveaxis(at - middle, -1, 0)
        hu[k] = paint(Place(x=x, y=y, z=z, away=away), hu[k])
    return with_hu(scan, hu)


def with_hu(scan: Scan, hu: Array) -> Scan:
    return replace(scan, hu=np.clip(np.rint(hu), AIR_HU, 3071).astype(np.int16))


def _put(hu: Array, signed_mm: Array, value: Array | float) -> Array:
    """`value` where the signed distance is negative."""
    share = np.clip(0.5 - signed_mm / 0.8, 0.0, 1.0)
    return np.asarray(hu + share * (value - hu))


def _tube(at: Place, start: tuple[float, ...], end: tuple[float, ...], radius: float) -> Array:
    p = np.stack([at.x, at.y, at.z], axis=-1)
    way = np.subtract(end, start)
    along = np.clip((p - start) @ way / (way @ way), 0.0, 1.0)
    return np.asarray(np.linalg.norm(p - start - along[..., None] * way, axis=-1) - radius)


# Around the head


def bandage(scan: Scan, rng: np.random.Generator, *, hu: tuple[float, float] = (-250.0, 120.0)) -> Scan:
    thick, period = rng.uniform(5, 10), rng.uniform(3, 5)

    def paint(at: Place, old: Array) -> Array:
        wrapped = np.maximum(np.abs(at.away - thick / 2 - 0.5) - thick / 2, -5.0 - at.z)
        layers = 0.5 + 0.5 * np.sin(2 * np.pi * at.away / period + 0.1 * at.z)
        return _put(old, wrapped, hu[0] + layers * (hu[1] - hu[0]))

    return painted(scan, paint)


def plaster(scan: Scan, rng: np.random.Generator) -> Scan:
    return bandage(scan, rng, hu=(250.0, 900.0))


def frame(scan: Scan, rng: np.random.Generator, *, ring_hu: float = 3071.0) -> Scan:
    """A stereotactic ring with four posts, and four pins through the scalp to the outer table."""
    box = box_of(scan)
    radius = box.half[:2] + rng.uniform(20, 28)
    level = rng.uniform(-20, 5)
    turn = rng.uniform(0.5, 1.0)
    corners = [np.array([np.cos(a), np.sin(a)]) for a in turn + np.pi / 2 * np.arange(4)]

    def paint(at: Place, old: Array) -> Array:
        across = (np.hypot(at.x / radius[0], at.y / radius[1]) - 1) * radius.mean()
        out = _put(old, np.maximum(np.abs(across) - 5.0, np.abs(at.z - level) - 5.0), ring_hu)
        for corner in corners:
            foot = corner * radius
            out = _put(out, np.maximum(_tube(at, (*foot, level), (*foot, level + 70), 5.0), level - at.z), ring_hu)
            pin = _tube(at, (*foot, level + 55), (*(corner * box.half[:2] * 0.6), level + 55), 1.6)
            outside = at.away > -9.0
            out = np.where(outside & ~(old > 250), _put(out, pin, 3071.0), out)
        return out

    return painted(scan, paint)


def carbon_frame(scan: Scan, rng: np.random.Generator) -> Scan:
    return frame(scan, rng, ring_hu=350.0)


def head_rest(scan: Scan, rng: np.random.Generator) -> Scan:
    """A shell of foam and dense plastic under the back of the head, touching the skin."""
    dense = rng.uniform(150, 900)

    def paint(at: Place, old: Array) -> Array:
        under = at.y > 10
        out = np.where(under & (at.away > 0.2) & (at.away < 6), -400.0, old)
        shell = np.maximum(np.abs(at.away - 8.0) - 2.5, 10.0 - at.y)
        touching = np.maximum(np.abs(at.away - 1.5) - 1.5, np.abs(at.z + 10.0) - 15.0)
        return _put(_put(out, shell, dense), np.where(under, touching, 9.0), dense)

    return painted(scan, paint)


def electrodes(scan: Scan, rng: np.random.Generator) -> Scan:
    """Discs on the skin with a lead each, of metal."""
    box, centres = box_of(scan), []
    for _ in range(21):
        way = rng.standard_normal(3) * (1, 1, 0.6) + (0, 0, 0.7)
        centres.append(way / np.linalg.norm(way))

    def paint(at: Place, old: Array) -> Array:
        p = np.stack([at.x, at.y, at.z], axis=-1) / box.half
        p /= np.maximum(np.linalg.norm(p, axis=-1, keepdims=True), 1e-6)
        out = old
        for centre in centres:
            from_centre = np.arccos(np.clip(p @ centre, -1, 1)) * box.half.mean()
            out = _put(out, np.maximum(from_centre - 5.0, np.abs(at.away - 1.8) - 1.3), 3071.0)
        lead = np.maximum(np.abs(at.away - 4.0) - 0.7, np.abs(np.sin(at.y / 12.0) * 12.0) - 0.7)
        return _put(out, np.where(at.z > 0, lead, 9.0), 2500.0)

    return painted(scan, paint)


def hand(scan: Scan, rng: np.random.Generator, *, away: float = 8.0) -> Scan:
    """A hand lying beside the head: soft tissue and five rays of bone."""
    box, side = box_of(scan), rng.choice([-1.0, 1.0])
    x0 = side * (box.half[0] + 8.0 + away + 10.0)

    def paint(at: Place, old: Array) -> Array:
        flesh = np.maximum.reduce([np.abs(at.x - x0) - 11.0, np.abs(at.y) - 42.0, np.abs(at.z) - 60.0])
        out = np.where(at.away > 0.5, _put(old, flesh, 50.0), old)
        for n in range(5):
            y = -32.0 + 16.0 * n
            rod = _tube(at, (x0, y, -55.0), (x0, y * 1.2, 55.0), 5.0)
            core = _tube(at, (x0, y, -55.0), (x0, y * 1.2, 55.0), 2.5)
            out = np.where(at.away > 3.0, _put(_put(out, rod, 900.0), core, 200.0), out)
        return out

    return painted(scan, paint)


def helmet(scan: Scan, rng: np.random.Generator, *, shell_hu: float = 1200.0) -> Scan:
    """A padded shell all around the head, open below."""
    gap = rng.uniform(8, 14)

    def paint(at: Place, old: Array) -> Array:
        above = -30.0 - at.z
        out = np.where((at.away > 0.3) & (at.away < gap) & (above < 0), -700.0, old)
        return _put(out, np.maximum(np.abs(at.away - gap - 2.5) - 2.5, above), shell_hu)

    return painted(scan, paint)


def light_helmet(scan: Scan, rng: np.random.Generator) -> Scan:
    return helmet(scan, rng, shell_hu=120.0)


# The skull opened


def _opened(scan: Scan, hole: Callable[[Place], Array], *, deepest: float = 22.0) -> Scan:
    """The scan with soft tissue for bone of the skull where `hole` is true, to this depth below the skin."""

    def paint(at: Place, old: Array) -> Array:
        where = hole(at) & (at.away < -1.0) & (at.away > -deepest)
        bone = ndimage.binary_dilation((old > 110) & where, iterations=2) & where & (old > 80)
        out = np.where(bone, 42.0, old)
        return np.where(bone, ndimage.gaussian_filter(out, 0.7), out)

    return painted(scan, paint)


def craniectomy_both_sides(scan: Scan, rng: np.random.Generator) -> Scan:
    box = box_of(scan)
    forward = rng.uniform(-15, 15)

    def hole(at: Place) -> Array:
        return (np.hypot(at.y - forward, at.z - 20.0) < 42.0) & (np.abs(at.x) > 0.45 * box.half[0])

    return _opened(scan, hole)


def burr_holes(scan: Scan, rng: np.random.Generator) -> Scan:
    box, centres = box_of(scan), []
    for _ in range(6):
        way = rng.standard_normal(3) + np.array([0, 0, 1.0])
        centres.append(way * (1, 1, np.sign(way[2])) / np.linalg.norm(way))

    def hole(at: Place) -> Array:
        p = np.stack([at.x, at.y, at.z], axis=-1) / box.half
        p /= np.maximum(np.linalg.norm(p, axis=-1, keepdims=True), 1e-6)
        nearest = np.max([p @ centre for centre in centres], axis=0)
        return np.asarray((np.arccos(np.clip(nearest, -1, 1)) * box.half.mean() < 7.0) & (at.z > 0))

    return _opened(scan, hole)


def open_fontanelle(scan: Scan, rng: np.random.Generator) -> Scan:
    """A diamond at the bregma, and sutures 6 mm wide."""
    half = rng.uniform(20, 30)

    def hole(at: Place) -> Array:
        diamond = np.abs(at.x) + np.abs(at.y + 15.0) < half
        sutures = (np.abs(at.x) < 3.0) | (np.abs(at.y + 15.0) < 3.0)
        return (at.z > 20.0) & (diamond | sutures)

    return _opened(scan, hole, deepest=40.0)


# What is wrong within


def streaks(scan: Scan, rng: np.random.Generator, *, hu: float = 250.0) -> Scan:
    """Dark and bright rays from something of metal at the edge of the brain, in slices over 24 mm."""
    box = box_of(scan)
    source = box.half[:2] * rng.uniform(-0.5, 0.5, 2)
    level = rng.uniform(-15, 15)
    phase = rng.uniform(0, 2 * np.pi, 4)

    def paint(at: Place, old: Array) -> Array:
        if abs(float(np.median(at.z)) - level) > 12.0:
            return old
        away = np.hypot(at.x - source[0], at.y - source[1])
        angle = np.arctan2(at.y - source[1], at.x - source[0])
        ray = sum(np.sin((n + 5) * 2 * angle + p) for n, p in enumerate(phase)) / 2.0
        out = old + hu * ray**3 * np.exp(-away / 45.0) * (at.away < 0)
        return _put(out, away - 4.0, 3071.0) if abs(float(np.median(at.z)) - level) < 6.0 else out

    return painted(scan, paint)


def streaks_from_outside(scan: Scan, rng: np.random.Generator, *, aside: bool, strength: float = 6.0) -> Scan:
    """Streaks as a scanner makes them, of metal in front of the brain (teeth) or beside the head, in 6 mm of slices.

    Rays through the metal are read too faint (hardening) and noisy (starvation); what that adds to the sinogram is
    filtered and projected back.
    """
    bone = np.argwhere(scan.hu[:, ::8, ::8] > 300) * (1, 8, 8)
    level = int(np.percentile(bone[:, 0], rng.uniform(35, 60)))
    here = bone[bone[:, 0] == level]
    _, down_mm, right_mm = scan.geometry.spacing_mm
    middle = np.median(here[:, 1:], axis=0) * (down_mm, right_mm)
    if aside:
        at = [(middle[0] + rng.uniform(-20, 20), here[:, 2].max() * right_mm + rng.uniform(8, 18))]
    else:
        front = here[:, 1].min() * down_mm
        at = [(front - rng.uniform(2, 15), middle[1] + x) for x in (-21.0, 1.0, 22.0)]
    hu = scan.hu.astype(np.float32)
    position = scan.geometry.positions_mm
    for k in np.flatnonzero(np.abs(position - position[level]) <= 3.0):
        hu[k] += _projected_streaks(hu[k], (down_mm, right_mm), at, strength, rng)
    return with_hu(scan, hu)


def _projected_streaks(
    hu: Array, pixel_mm: tuple[float, float], at: list[tuple[float, float]], strength: float, rng: np.random.Generator
) -> Array:
    factor = max(1, round(1.5 / pixel_mm[0]))
    rows, columns = (n // factor for n in hu.shape)
    small = hu[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor).mean(axis=(1, 3))
    side, mm = max(rows, columns), factor * pixel_mm[0]
    small = np.pad(small, ((0, side - rows), (0, side - columns)), constant_values=-1000.0)
    j, i = np.mgrid[:side, :side] * mm
    metal = np.max([np.hypot(j - y, i - x) < 3.0 for y, x in at], axis=0).astype(float)
    angles = np.linspace(0.0, 180.0, 300, endpoint=False)
    through = radon(np.clip((small + 1000.0) / 1000.0, 0.0, 3.0) * 0.019, angles, circle=False) * mm
    metal_mm = radon(metal, angles, circle=False) * mm
    noise = np.where(metal_mm > 0.3, 0.08 * np.exp(np.clip(through - 4.0, -3.0, 3.0) / 2.0), 0.0)
    added = strength * (noise * rng.standard_normal(noise.shape) - 0.02 * np.maximum(metal_mm, 0.0) ** 1.5)
    back = iradon(added / mm, angles, filter_name="hann", circle=False, output_size=side) / 0.019 * 1000.0
    large = ndimage.zoom(back, factor, order=1)
    out = np.zeros_like(hu)
    fits = tuple(slice(0, min(a, b)) for a, b in zip(hu.shape, large.shape, strict=True))
    out[fits] = large[fits]
    return out


def cadaver(scan: Scan, rng: np.random.Generator) -> Scan:
    """Air in the front of the ventricles and in vessels, brain of one density."""
    # the atlas's middle of the brain lies about here in the box of the bone
    shift = np.array([0.0, 15.0, 0.0])
    courses = [
        (radius, path_through(np.array(course) * (side, 1, 1) - shift))
        for radius, course in ARTERIES.values()
        for side in (1.0, -1.0)
    ]
    trees = [(radius, cKDTree(path)) for radius, path in courses]

    def paint(at: Place, old: Array) -> Array:
        deep = (at.away < -14.0) & (old > -20) & (ndimage.maximum_filter(old, 7) < 85)
        out = np.where(deep, 27.0 + 0.35 * (old - 27.0), old)
        horn = np.sqrt(((np.abs(at.x) - 13) / 5.0) ** 2 + ((at.y + 22) / 12.0) ** 2 + ((at.z - 12) / 8.0) ** 2)
        out = _put(out, (horn - 1) * 6.0, -950.0)
        p = np.stack([at.x, at.y, at.z], axis=-1)
        low = np.abs(at.x).min() < 60
        for radius, tree in trees if low else ():
            near, _ = tree.query(p.reshape(-1, 3), distance_upper_bound=5.0)
            out = np.where(at.away < -14.0, _put(out, np.minimum(near, 9.0).reshape(at.x.shape) - radius, -800.0), out)
        return out

    return painted(scan, paint)


# Only a part of the picture, or more than one


def part(scan: Scan, slices: slice, rows: slice = slice(None), columns: slice = slice(None)) -> Scan:
    """The box of these slices, rows and columns."""
    size = scan.geometry.shape
    box = tuple(slice(*s.indices(n)) for s, n in zip((slices, rows, columns), size, strict=True))
    return Scan(
        hu=np.array(scan.hu[box]), geometry=scan.geometry.part(box), acquisition=scan.acquisition, study=scan.study
    )


def _bone_slices(scan: Scan) -> tuple[int, int]:
    slices = np.flatnonzero((scan.hu > 300).sum(axis=(1, 2)) * scan.geometry.pixel_mm2 > 100.0)
    return int(slices[0]), int(slices[-1]) + 1


def _pixels(scan: Scan) -> tuple[Array, Array]:
    """Row and column of every pixel from the middle of the bone, mm, shape (rows, 1) and (1, columns)."""
    grid = scan.geometry
    _, j, i = np.nonzero(scan.hu[:, ::4, ::4] > 300)
    middle = [float(np.percentile(n * 4, 0.5) + np.percentile(n * 4, 99.5)) / 2 for n in (j, i)]
    rows = (np.arange(grid.rows) - middle[0]) * grid.spacing_mm[1]
    columns = (np.arange(grid.columns) - middle[1]) * grid.spacing_mm[2]
    return rows[:, None], columns[None, :]


def upper_half(scan: Scan, rng: np.random.Generator) -> Scan:
    first, last = _bone_slices(scan)
    cut = first + round((last - first) * rng.uniform(0.45, 0.55))
    return part(scan, slice(cut, None))


def lower_half(scan: Scan, rng: np.random.Generator) -> Scan:
    first, last = _bone_slices(scan)
    cut = first + round((last - first) * rng.uniform(0.45, 0.55))
    return part(scan, slice(None, cut))


def middle_slab(scan: Scan, rng: np.random.Generator) -> Scan:
    first, last = _bone_slices(scan)
    return part(scan, slice(first + round((last - first) * 0.3), first + round((last - first) * 0.75)))


def left_half(scan: Scan, rng: np.random.Generator) -> Scan:
    _, columns = _pixels(scan)
    middle = int(np.abs(columns[0] - rng.uniform(-8, 8)).argmin())
    return part(scan, slice(None), slice(None), slice(middle, None))


def right_half(scan: Scan, rng: np.random.Generator) -> Scan:
    _, columns = _pixels(scan)
    middle = int(np.abs(columns[0] - rng.uniform(-8, 8)).argmin())
    return part(scan, slice(None), slice(None), slice(None, middle))


def hemisphere_missing(scan: Scan, rng: np.random.Generator, *, hu: float) -> Scan:
    """One half of the picture has this density: air, or soft tissue."""
    _, columns = _pixels(scan)
    aside = columns * float(rng.choice((-1.0, 1.0))) > rng.uniform(-4, 4)
    noise = 4.0 * rng.standard_normal(scan.hu.shape, dtype=np.float32)
    return with_hu(scan, np.where(aside, hu + noise, scan.hu.astype(np.float32)))


def front_half(scan: Scan, rng: np.random.Generator) -> Scan:
    rows, _ = _pixels(scan)
    return part(scan, slice(None), slice(None, int(np.abs(rows[:, 0] - rng.uniform(-8, 8)).argmin())))


def field_of_view(
    scan: Scan, rng: np.random.Generator, *, width: float, outside: float | None, aside: float = 0.0, noise: float = 0.0
) -> Scan:
    """A reconstruction circle of this diameter, `aside` mm from the middle of the head; the box of it where `outside`
    is None, else a picture as large as it was with this HU around it."""
    rows, columns = _pixels(scan)
    angle = rng.uniform(0, 2 * np.pi)
    j, i = rows - aside * np.sin(angle), columns - aside * np.cos(angle)
    if outside is None:
        inside = [np.flatnonzero(np.abs(n.ravel()) <= width / 2) for n in (j, i)]
        return part(scan, slice(None), *(slice(int(n[0]), int(n[-1]) + 1) for n in inside))
    hu = scan.hu.astype(np.float32)
    around = np.broadcast_to(np.hypot(j, i) > width / 2, hu.shape)
    hu[around] = outside + (noise * rng.standard_normal(int(around.sum())) if noise else 0.0)
    return with_hu(scan, hu)


def two_heads(scan: Scan, rng: np.random.Generator, *, axis: int = 2, smaller: float = 1.0, cut: float = 1.0) -> Scan:
    """The head twice: beside itself (2), behind (1), or above (0); the second mirrored, smaller, or cut off."""
    _, j, i = np.nonzero(scan.hu[:, ::2, ::2] > -300)
    rows, columns = (slice(int(np.percentile(n, 0.2)) * 2, int(np.percentile(n, 99.8)) * 2 + 2) for n in (j, i))
    one = scan.hu[:, rows, columns]
    other = one[:, :, ::-1]
    if smaller != 1.0:
        other = ndimage.zoom(other.astype(np.float32), smaller, order=1)
        pad = [((n - m) // 2, (n - m) - (n - m) // 2) for n, m in zip(one.shape, other.shape, strict=True)]
        other = np.pad(other, pad, constant_values=AIR_HU)
    keep = [slice(None)] * 3
    keep[axis] = slice(0, round(other.shape[axis] * cut))
    gap = np.full([6 if a == axis else n for a, n in enumerate(one.shape)], AIR_HU, np.int16)
    both = np.concatenate([one, gap, other[tuple(keep)]], axis=axis)
    spacing = scan.geometry.spacing_mm
    return Scan(
        hu=np.clip(np.rint(both), AIR_HU, 3071).astype(np.int16),
        geometry=Geometry.regular(shape=both.shape, spacing_mm=(float(spacing[0]), *map(float, spacing[1:]))),
        acquisition=scan.acquisition,
        study=scan.study,
    )


Form = Callable[[Scan, np.random.Generator], Scan]


def _with(form: Callable[..., Scan], **given: object) -> Form:
    return lambda scan, rng: form(scan, rng, **given)


FORMS: dict[str, Form] = {
    "bandage": bandage,
    "plaster bandage": plaster,
    "metal frame": frame,
    "carbon frame": carbon_frame,
    "head rest": head_rest,
    "electrodes": electrodes,
    "hand": hand,
    "hand touching": _with(hand, away=-2.0),
    "helmet": helmet,
    "light helmet": light_helmet,
    "craniectomy both sides": craniectomy_both_sides,
    "burr holes": burr_holes,
    "open fontanelle": open_fontanelle,
    "streaks": streaks,
    "streaks of teeth": _with(streaks_from_outside, aside=False),
    "streaks from beside": _with(streaks_from_outside, aside=True),
    "faint streaks from beside": _with(streaks_from_outside, aside=True, strength=3.0),
    "cadaver": cadaver,
    "upper half": upper_half,
    "lower half": lower_half,
    "middle slab": middle_slab,
    "left half": left_half,
    "right half": right_half,
    "hemisphere of air": _with(hemisphere_missing, hu=-1000.0),
    "hemisphere of soft tissue": _with(hemisphere_missing, hu=38.0),
    "front half": front_half,
    "circle 100 mm, padding": _with(field_of_view, width=100.0, outside=AIR_HU),
    "circle 100 mm, air": _with(field_of_view, width=100.0, outside=-1000.0, noise=8.0),
    "circle 100 mm aside": _with(field_of_view, width=100.0, outside=AIR_HU, aside=35.0),
    "circle 130 mm aside": _with(field_of_view, width=130.0, outside=-1000.0, aside=20.0),
    "circle 160 mm aside": _with(field_of_view, width=160.0, outside=AIR_HU, aside=25.0),
    "square 100 mm": _with(field_of_view, width=100.0, outside=None),
    "square 120 mm aside": _with(field_of_view, width=120.0, outside=None, aside=25.0),
    "two heads side by side": two_heads,
    "two heads one behind the other": _with(two_heads, axis=1),
    "two heads one above the other": _with(two_heads, axis=0),
    "two heads, one a child's": _with(two_heads, smaller=0.7),
    "two heads, one cut": _with(two_heads, cut=0.6),
}
REFUSED = tuple(name for name in FORMS if name.startswith("two heads"))
"""What must be refused: there is no telling whose lesions they are."""
