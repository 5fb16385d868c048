"""Foreign bodies, and the calcifications that look like them, put into a scan as its scanner would show them.

A thing is a chain of balls along a course: each point has its own radius, bore and density, so that a tube, a lead with
contacts, a branching cast, a rope of calcification and a wall are all made of the same. Lengths in mm, LPS.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from calcscan.grid.geometry import Array, apply
from calcscan.grid.isotropic import sample_at
from calcscan.model import Intracranial, Scan

STEP_MM = 0.2
_OFFSETS = (7, 3, 3)
_TISSUE_MM = 2.0
SOFT_HU = 35.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Thing:
    """What is put in: `points` (n, 3) about `STEP_MM` apart, `radius_mm`, `bore_mm` and `hu` of each (n,)."""

    points: Array
    radius_mm: Array
    bore_mm: Array
    hu: Array

    @classmethod
    def along(
        cls, points: Array, radius_mm: float | Array, hu: float | Array, *, bore_mm: float | Array = 0.0
    ) -> Thing:
        count = len(points)
        wide, hollow, dense = (np.broadcast_to(np.asarray(x, float), (count,)) for x in (radius_mm, bore_mm, hu))
        return cls(points=np.asarray(points, float), radius_mm=wide, bore_mm=hollow, hu=dense)


def joined(things: Sequence[Thing]) -> Thing:
    """Several as one."""
    return Thing(
        points=np.concatenate([t.points for t in things]),
        radius_mm=np.concatenate([t.radius_mm for t in things]),
        bore_mm=np.concatenate([t.bore_mm for t in things]),
        hu=np.concatenate([t.hu for t in things]),
    )


def line(a: Array, b: Array, *, bow_mm: float = 0.0, aside: Array | None = None) -> Array:
    """Points from a to b, bowed sideways by so much in the middle."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    t = np.linspace(0.0, 1.0, max(2, int(np.linalg.norm(b - a) / STEP_MM)))[:, None]
    way = (b - a) / np.linalg.norm(b - a)
    side = np.cross(way, [0.3, 0.5, 0.8] if aside is None else aside)
    return np.asarray(a + t * (b - a) + 4.0 * bow_mm * t * (1 - t) * side / np.linalg.norm(side))


def put_in(scan: Scan, things: Sequence[Thing], psf_mm: float, *, overshoot: float = 0.0) -> tuple[Scan, Array]:
    """The scan with the things in it, and how much of each voxel they fill (k, j, i)."""
    grid, out = scan.geometry, scan.hu.astype(np.float32)
    filled = np.zeros(grid.shape, np.float32)
    pixel = np.array(grid.spacing_mm[1:])
    for thing in things:
        reach = float(thing.radius_mm.max()) + 5.0 * psf_mm + 1.0
        index = grid.to_index(thing.points)
        about = np.ceil(reach / np.array([np.diff(grid.positions_mm).min(), *pixel]) + [2, 0, 0]).astype(int)
        low = np.clip(np.floor(index.min(axis=0)).astype(int) - about, 0, np.array(grid.shape) - 1)
        high = np.clip(np.ceil(index.max(axis=0)).astype(int) + about + 1, low + 1, grid.shape)
        box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        share, dense = _share(scan, box, thing)
        sigma = (0.0, *(psf_mm / pixel))
        soft = [ndimage.gaussian_filter(part, sigma) for part in (share, dense)]
        if overshoot:
            wide = [ndimage.gaussian_filter(part, (0.0, *(2 * psf_mm / pixel))) for part in (share, dense)]
            soft = [(1 + overshoot) * s - overshoot * w for s, w in zip(soft, wide, strict=True)]
        block = out[box]
        tissue = ndimage.gaussian_filter(block, (0.0, *(_TISSUE_MM / pixel)))
        tissue = np.where(np.abs(tissue - SOFT_HU) < 60.0, tissue, np.clip(block, -60.0, 1500.0))
        out[box] = block + soft[1] - soft[0] * tissue
        filled[box] = np.maximum(filled[box], share)
    hu = np.clip(np.rint(out), -1024, max(3071, int(scan.hu.max()))).astype(np.int16)
    return replace(scan, hu=hu), filled


def _share(scan: Scan, box: tuple[slice, ...], thing: Thing) -> tuple[Array, Array]:
    """The share of each voxel of a box that is filled, and that share times the density."""
    grid = scan.geometry
    shape = tuple(part.stop - part.start for part in box)
    kji = np.argwhere(np.ones(shape, bool)) + [part.start for part in box]
    thick = scan.slice_thickness_mm[kji[:, 0]]
    world = grid.to_world(kji)
    tree = cKDTree(thing.points)
    most = float(thing.radius_mm.max())
    far, _ = tree.query(world, distance_upper_bound=most + float(thick.max()) / 2 + 1.0)
    near = np.isfinite(far)
    share, dense = np.zeros(len(kji)), np.zeros(len(kji))
    steps = [(np.arange(n) + 0.5) / n - 0.5 for n in _OFFSETS]
    total, sums = np.zeros(near.sum()), np.zeros(near.sum())
    for u in steps[0]:
        for v in steps[1]:
            for w in steps[2]:
                at = world[near] + np.outer(u * thick[near], grid.normal) + v * grid.step_j_mm + w * grid.step_i_mm
                away, which = tree.query(at, distance_upper_bound=most + 0.1)
                found = np.isfinite(away)
                which = np.where(found, which, 0)
                held = found & (away <= thing.radius_mm[which]) & (away >= thing.bore_mm[which])
                total += held
                sums += held * thing.hu[which]
    share[near], dense[near] = total / np.prod(_OFFSETS), sums / np.prod(_OFFSETS)
    return share.reshape(shape), dense.reshape(shape)


def with_streaks(scan: Scan, filled: Array, rng: np.random.Generator, *, strength_hu: float = 60.0) -> Scan:
    """Dark and bright rays from metal, in every slice that holds some, fading with the distance from it."""
    grid, hu = scan.geometry, scan.hu.astype(np.float32)
    waves = rng.integers(3, 11, 5), rng.uniform(0, 2 * np.pi, 5), rng.normal(size=5)
    for k in np.flatnonzero((filled > 0.05).any(axis=(1, 2))):
        mm2 = float(filled[k].sum()) * grid.pixel_mm2
        centre = np.array(ndimage.center_of_mass(filled[k]))
        j, i = np.ogrid[: grid.rows, : grid.columns]
        dj, di = (j - centre[0]) * grid.spacing_mm[1], (i - centre[1]) * grid.spacing_mm[2]
        away, angle = np.hypot(dj, di), np.arctan2(dj, di)
        rays = sum(a * np.cos(n * angle + p) for n, p, a in zip(*waves, strict=True)) / np.sqrt(5)
        fade = np.exp(-away / 14.0) * np.clip(away / 3.0, 0, 1)
        change = strength_hu * min(4.0, np.sqrt(mm2)) * rays * fade
        hu[k] += np.where(hu[k] > -300, change, 0.0) * (filled[k] < 0.2)
    return replace(scan, hu=np.clip(np.rint(hu), -1024, max(3071, int(scan.hu.max()))).astype(np.int16))


def with_burr_hole(scan: Scan, region: Intracranial, course: Array, *, radius_mm: float = 5.0) -> Scan:
    """No bone about a course where it passes the skull."""
    kji = np.argwhere(scan.hu > 120)
    world = scan.geometry.to_world(kji)
    far, _ = cKDTree(course).query(world, distance_upper_bound=radius_mm)
    kji, world = kji[np.isfinite(far)], world[np.isfinite(far)]
    depth = sample_at(region.depth_mm, region.isotropic_hu.affine, world)
    kji = kji[depth < 2.5]
    hu = np.array(scan.hu)
    noise = np.random.default_rng(len(kji)).normal(0.0, float(region.noise_hu or 5.0), len(kji))
    hu[tuple(kji.T)] = np.rint(SOFT_HU + noise)
    return replace(scan, hu=hu)


def random_entry(region: Intracranial, rng: np.random.Generator, *, lowest_deg: float = 65.0) -> Array:
    """A point on the inner table of the vault."""
    coarse = region.isotropic_hu
    inside = apply(coarse.affine, np.argwhere(region.isotropic_mask))
    middle = (inside.min(axis=0) + inside.max(axis=0)) / 2
    while True:
        up, around = rng.uniform(np.cos(np.radians(lowest_deg)), 0.97), rng.uniform(0, 2 * np.pi)
        flat = np.sqrt(1 - up**2)
        way = np.array([flat * np.cos(around), flat * np.sin(around), up])
        steps = middle + np.arange(20.0, 130.0, 0.5)[:, None] * way
        depth = sample_at(region.depth_mm, coarse.affine, steps)
        there = np.flatnonzero(depth > 0)
        if len(there) and abs(steps[there[-1]][0] - middle[0]) > 12.0:
            return np.asarray(steps[there[-1]])


def random_target(
    region: Intracranial, rng: np.random.Generator, *, least_mm: float = 30.0, near: Array | None = None
) -> Array:
    """A deep point, on the side of `near` if that is given."""
    coarse = region.isotropic_hu
    kji = np.argwhere(region.isotropic_mask & (region.depth_mm >= min(least_mm, 0.9 * float(region.depth_mm.max()))))
    points = apply(coarse.affine, kji)
    if near is not None:
        points = points[np.argsort(np.linalg.norm(points - near, axis=1))[: max(1, len(points) // 2)]]
    return np.asarray(points[rng.integers(len(points))])


def outwards(entry: Array, target: Array, by_mm: float) -> Array:
    """The entry moved out of the head along the course."""
    return np.asarray(entry + (entry - target) / np.linalg.norm(entry - target) * by_mm)


def catheter(
    entry: Array, target: Array, rng: np.random.Generator, *, hu: float, radius_mm: float, bore_mm: float
) -> Thing:
    """A ventricular catheter or drain, gently curved, from outside the skull to a deep point."""
    course = line(outwards(entry, target, 12.0), target, bow_mm=rng.uniform(0, 0.06) * np.linalg.norm(entry - target))
    return Thing.along(course, radius_mm, hu, bore_mm=bore_mm)


def lead(
    entry: Array,
    target: Array,
    *,
    radius_mm: float,
    hu: float,
    contact_hu: float,
    contacts: int,
    pitch_mm: float,
    contact_mm: float,
) -> Thing:
    """A lead or depth electrode: contacts of metal at its tip on a fainter wire."""
    course = line(outwards(entry, target, 12.0), target)
    from_tip = np.linalg.norm(course - target, axis=1)
    phase = from_tip % pitch_mm
    contact = (phase < contact_mm) & (from_tip < contacts * pitch_mm)
    return Thing.along(course, np.where(contact, radius_mm, 0.8 * radius_mm), np.where(contact, contact_hu, hu))


def tree(start: Array, rng: np.random.Generator, *, hu: float, radius_mm: float, length_mm: float) -> Thing:
    """An embolisation cast: a branching, winding course of vessels filled with glue."""
    parts: list[Thing] = []
    ends = [(np.asarray(start, float), _unit(rng), radius_mm)]
    left = length_mm
    while left > 0 and ends:
        at, way, radius = ends.pop(0)
        points = [at]
        for _ in range(int(rng.uniform(5, 14) / STEP_MM)):
            way = way + rng.normal(0, 0.06, 3)
            way /= np.linalg.norm(way)
            points.append(points[-1] + STEP_MM * way)
        parts.append(Thing.along(np.array(points), radius, hu))
        left -= STEP_MM * len(points)
        for _ in range(rng.integers(1, 3)):
            branch = way + 0.8 * _unit(rng)
            ends.append((points[-1], branch / np.linalg.norm(branch), max(0.5, radius * rng.uniform(0.75, 1.0))))
    return joined(parts)


def coil(centre: Array, rng: np.random.Generator, *, diameter_mm: float, hu: float, wire_mm: float = 0.3) -> Thing:
    """A ball of wound wire."""
    at, way, points = np.zeros(3), _unit(rng), []
    for _ in range(int(60 * diameter_mm / STEP_MM)):
        way = way + rng.normal(0, 0.12, 3) - 0.35 * np.maximum(np.linalg.norm(at) - diameter_mm / 2, 0) * at
        way /= np.linalg.norm(way)
        at = at + STEP_MM * way
        points.append(at)
    inside = np.array(points)[np.linalg.norm(points, axis=1) <= diameter_mm / 2]
    return Thing.along(inside + centre, wire_mm, hu)


def grid_of_contacts(
    entry: Array, region: Intracranial, rng: np.random.Generator, *, hu: float, radius_mm: float
) -> list[Thing]:
    """A subdural grid: discs every 10 mm just under the inner table."""
    across = _unit(rng)
    side = np.cross(across, _unit(rng))
    side /= np.linalg.norm(side)
    across = np.cross(side, entry - random_target(region, rng))
    across /= np.linalg.norm(across)
    out = []
    for a in (-15, -5, 5, 15):
        for b in (-10, 0, 10):
            point = entry + a * across + b * side
            steps = point + np.arange(-15.0, 25.0, 0.25)[:, None] * _inwards(region, point)
            depth = sample_at(region.depth_mm, region.isotropic_hu.affine, steps)
            at = steps[int(np.abs(depth - 2.5).argmin())]
            ring = np.array([at + 0.2 * n * across for n in range(-3, 4)])
            out.append(Thing.along(ring, radius_mm, hu))
    return out


def _inwards(region: Intracranial, point: Array) -> Array:
    inside = apply(region.isotropic_hu.affine, np.argwhere(region.isotropic_mask)).mean(axis=0)
    return np.asarray((inside - point) / np.linalg.norm(inside - point))


def _unit(rng: np.random.Generator) -> Array:
    way = rng.normal(size=3)
    return np.asarray(way / np.linalg.norm(way))


def rope(course: Array, rng: np.random.Generator, *, hu: float, radius_mm: float, uneven: float = 0.45) -> Thing:
    """Calcification along a course, such as the edge of the falx: knotted, of uneven width and density, with gaps."""
    smooth = [ndimage.gaussian_filter1d(rng.normal(size=len(course)), 1.5 / STEP_MM) for _ in range(2)]
    smooth = [s / s.std() for s in smooth]
    radius = radius_mm * np.clip(1 + uneven * smooth[0], 0.0, 2.5)
    return Thing.along(course, radius, np.clip(hu * (1 + 0.3 * smooth[1]), 140, 1200))


# Calcifications that look like foreign bodies, on courses given in the atlas (MNI, RAS mm): to be kept

FALX_EDGE = np.array(
    [(0, 58, 2), (0, 50, 22), (0, 30, 38), (0, 5, 48), (0, -20, 48), (0, -42, 36), (0, -54, 18)], float
)
TENTORIAL_EDGE = np.array(
    [(12, -12, -20), (19, -22, -18), (22, -32, -12), (18, -42, -5), (9, -49, 2), (2, -52, 8)], float
)
BASILAR = np.array([(1, -32, -44), (0, -30, -36), (-1, -27, -28), (0, -22, -20), (0, -18, -13)], float)
GLOMUS = np.array([(24, -33, -6), (27, -39, 2), (26, -44, 10), (20, -42, 18), (12, -36, 22)], float)


def curve(points: Array, first: float = 0.0, last: float = 1.0) -> Array:
    """A smooth course through points (n, 3), or the part of it between two shares of its length."""
    t = np.linspace(0.0, 1.0, len(points))
    fine = np.linspace(0.0, 1.0, 2000)
    smooth = np.stack(
        [np.polyval(np.polyfit(t, points[:, n], min(4, len(points) - 1)), fine) for n in range(3)], axis=1
    )
    at = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(smooth, axis=0), axis=1))])
    wanted = np.arange(first * at[-1], last * at[-1], STEP_MM)
    return np.stack([np.interp(wanted, at, smooth[:, n]) for n in range(3)], axis=1)


def knots(course: Array, rng: np.random.Generator, *, hu: float, radius_mm: float, apart_mm: float) -> Thing:
    """Lumps of uneven size along a course, some touching: a calcified glomus."""
    at = np.cumsum(rng.uniform(0.5, 1.5, 200) * apart_mm / STEP_MM)
    centres = course[at[at < len(course)].astype(int)]
    centres = centres + rng.normal(0.0, 0.5, centres.shape)
    radius = radius_mm * rng.uniform(0.5, 1.3, len(centres))
    return Thing.along(centres, radius, hu * rng.uniform(0.6, 1.2, len(centres)))


def wall(course: Array, rng: np.random.Generator, *, hu: float, radius_mm: float, thick_mm: float = 0.5) -> Thing:
    """Plaques in the wall of an artery: patches of a shell about its course."""
    parts: list[Array] = []
    for start in rng.choice(max(1, len(course) - 60), size=4):
        piece = course[start : start + int(rng.uniform(20, 60))]
        way = np.gradient(piece, axis=0)
        way /= np.linalg.norm(way, axis=1, keepdims=True)
        u = np.cross(way, [0.4, 0.7, 0.6])
        u /= np.linalg.norm(u, axis=1, keepdims=True)
        v = np.cross(way, u)
        first = rng.uniform(0, 2 * np.pi)
        for angle in np.arange(first, first + rng.uniform(0.8, 2.5), 0.1):
            parts.append(piece + radius_mm * (np.cos(angle) * u + np.sin(angle) * v))
    return Thing.along(np.concatenate(parts), thick_mm, hu)


def sheet(
    course: Array, across: Array, rng: np.random.Generator, *, hu: float, high_mm: float, thick_mm: float
) -> Thing:
    """A plate along a course, such as a calcified falx or a gyrus: patchy."""
    rows = [course + h * np.asarray(across, float) for h in np.arange(0.0, high_mm, STEP_MM)]
    keep = [row[ndimage.gaussian_filter1d(rng.normal(size=len(row)), 2.0 / STEP_MM) > -0.12] for row in rows]
    return Thing.along(np.concatenate(keep), thick_mm / 2, hu)
