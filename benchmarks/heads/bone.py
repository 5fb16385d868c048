"""Heads whose bone is changed: hyperostosis, craniectomies, burr holes, bone flaps, and a head that moved.

Each is drawn into a real or sample head with soft edges (half a pixel and half a slab), at places and sizes that a seed
chooses. Nothing that is drawn is calcification.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from benchmarks.heads.copies import with_hu
from calcscan.grid.geometry import Array, apply
from calcscan.grid.isotropic import sample_at
from calcscan.model import Intracranial, Registration, Scan

SOFT_HU = 42.0
SCALP_MM = 12.0
"""So far outside the inner table bone is drawn or taken away."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Head:
    """A scan with its intracranial space and registration."""

    scan: Scan
    space: Intracranial
    registration: Registration

    @property
    def middle_mm(self) -> Array:
        """The middle of the intracranial space, LPS mm."""
        return np.asarray(apply(self.space.isotropic_hu.affine, np.argwhere(self.space.isotropic_mask)).mean(axis=0))

    def way(self, left: float, back: float, up: float) -> Array:
        """A direction of the head's own axes, as a unit vector of the scan, LPS."""
        way = np.array([left, back, up]) @ self.registration.scan_to_atlas[:3, :3]
        return np.asarray(way / np.linalg.norm(way))

    def near_vault(self, inner_mm: float, outer_mm: float) -> tuple[tuple[np.ndarray, ...], Array, Array]:
        """The voxels from `inner_mm` inside the inner table to `outer_mm` outside, their places LPS mm (n, 3), and
        their depths (n,)."""
        index, world, depths = [], [], []
        affine = self.space.isotropic_hu.affine
        for k in range(self.scan.geometry.shape[0]):
            kji = np.argwhere(self.scan.hu[k] > -200)
            if not len(kji):
                continue
            kji = np.insert(kji, 0, k, axis=1)
            places = self.scan.geometry.to_world(kji)
            depth = sample_at(self.space.depth_mm, affine, places)
            near = (depth <= inner_mm) & (depth >= -outer_mm) & (depth != 0.0)
            index.append(kji[near])
            world.append(places[near])
            depths.append(depth[near])
        return tuple(np.concatenate(index).T), np.concatenate(world), np.concatenate(depths)


def hyperostosis(head: Head, seed: int) -> Scan:
    """Knobs or a sheet of dense bone on the inner table of the frontal or parietal bones, on both sides or one."""
    rng = np.random.default_rng(seed)
    kji, world, depth = head.near_vault(14.0, 4.0)
    ways = (world - head.middle_mm) / np.linalg.norm(world - head.middle_mm, axis=1)[:, None]
    height = np.zeros(len(world))
    both, knobs = bool(rng.random() < 0.7), int(rng.integers(3, 9))
    back = float(rng.choice([-1.0, 0.1]))
    one = float(rng.choice([-1.0, 1.0]))
    sheet_mm = float(rng.uniform(0.0, 3.0))
    for side in (one, -one) if both else (one,):
        at = head.way(side * 0.55, back, 0.45)
        height = np.maximum(height, sheet_mm * _dome(ways, at, 30.0))
        for _ in range(knobs):
            spot = at + 0.35 * rng.standard_normal(3)
            wide = float(rng.uniform(4.0, 12.0))
            height = np.maximum(height, rng.uniform(3.0, 8.0) * _dome(ways, spot / np.linalg.norm(spot), wide))
    return _painted(head, kji, height - depth, float(rng.uniform(550.0, 1150.0)), rising=True)


def _dome(ways: Array, at: Array, wide_deg: float) -> Array:
    """1 at a direction, falling to 0 this far from it, as a flat dome."""
    off = np.rad2deg(np.arccos(np.clip(ways @ at, -1.0, 1.0))) / wide_deg
    return np.asarray(np.sqrt(np.clip(1.0 - off**2, 0.0, 1.0)))


def craniectomy(head: Head, seed: int) -> Scan:
    """A piece of the vault taken away, by an outline of straight cuts or an uneven one."""
    rng = np.random.default_rng(seed)
    kji, world, _ = head.near_vault(6.0, SCALP_MM)
    at = head.way(float(rng.choice([-1.0, 1.0])), float(rng.uniform(-0.8, 0.8)), float(rng.uniform(0.0, 0.9)))
    return _painted(head, kji, _outline_mm(head, world, at, rng, straight=bool(rng.random() < 0.5)), SOFT_HU)


def burr_holes(head: Head, seed: int) -> Scan:
    """One to four holes of 8 to 15 mm drilled through the vault."""
    rng = np.random.default_rng(seed)
    kji, world, _ = head.near_vault(4.0, SCALP_MM)
    inside = np.full(len(world), -np.inf)
    for _ in range(int(rng.integers(1, 5))):
        at = head.way(float(rng.uniform(-1.0, 1.0)), float(rng.uniform(-1.0, 1.0)), float(rng.uniform(0.1, 0.9)))
        inside = np.maximum(inside, float(rng.uniform(4.0, 7.5)) - _across_mm(head, world, at))
    return _painted(head, kji, inside, SOFT_HU)


def flap(head: Head, seed: int) -> Scan:
    """A bone flap put back with a gap of 1 to 4 mm around it and burr holes on the cut, level with the vault."""
    rng = np.random.default_rng(seed)
    kji, world, _ = head.near_vault(4.0, SCALP_MM)
    at = head.way(float(rng.choice([-1.0, 1.0])), float(rng.uniform(-0.8, 0.6)), float(rng.uniform(0.1, 0.8)))
    outline = _outline_mm(head, world, at, rng, straight=bool(rng.random() < 0.5))
    gap = float(rng.uniform(0.5, 2.0)) - np.abs(outline)
    rim = world[np.abs(outline) < 1.0]
    for _ in range(int(rng.integers(0, 4))):
        hole = rim[int(rng.integers(len(rim)))] - head.middle_mm
        gap = np.maximum(gap, 6.0 - _across_mm(head, world, hole / np.linalg.norm(hole)))
    return _painted(head, kji, gap, SOFT_HU)


def sunken_flap(head: Head, seed: int) -> Scan:
    """The same flap sunk or lifted by up to 4 mm and somewhat tilted."""
    rng = np.random.default_rng(seed)
    kji, world, _ = head.near_vault(12.0, SCALP_MM)
    at = head.way(float(rng.choice([-1.0, 1.0])), float(rng.uniform(-0.8, 0.6)), float(rng.uniform(0.2, 0.8)))
    outline = _outline_mm(head, world, at, rng, straight=False)
    moved_mm, tilt = float(rng.uniform(-2.0, 4.0)), rng.uniform(-0.05, 0.05, size=3)
    inwards = -at * moved_mm + np.cross(tilt, world - head.middle_mm - 70.0 * at)
    gap_mm = float(rng.uniform(0.5, 1.5))
    source = world - inwards
    there = head.scan.geometry.to_index(source)
    hu = ndimage.map_coordinates(head.scan.hu, there.T, order=1, output=np.float32, mode="nearest")
    part = np.clip((outline - gap_mm) / _soft_mm(head) + 0.5, 0.0, 1.0)
    hole = np.clip((outline + gap_mm) / _soft_mm(head) + 0.5, 0.0, 1.0)
    old = head.scan.hu[kji].astype(np.float64)
    soft = np.where(old > 90.0, SOFT_HU, old)
    hu = np.where((hu > 90.0) | (old > 90.0), np.where(hu > 90.0, hu, soft), old)
    out = head.scan.hu.astype(np.float32)
    out[kji] = old + hole * (soft - old) + part * (hu - soft)
    return with_hu(head.scan, out)


def moved(head: Head, seed: int) -> Scan:
    """The head moved while some slices were taken: shifted and turned by a few mm and degrees, in one go, to and fro,
    or smeared over two positions."""
    rng = np.random.default_rng(seed)
    scan = head.scan
    count = scan.geometry.shape[0]
    bone = np.flatnonzero((scan.hu > 300).sum(axis=(1, 2)) * scan.geometry.pixel_mm2 > 500.0)
    length = max(2, round(float(rng.uniform(8.0, 40.0)) / scan.geometry.spacing_mm[0]))
    first = int(rng.integers(bone[0] + len(bone) // 4, max(bone[-1] - length - 1, bone[0] + len(bone) // 4 + 1)))
    kind = int(rng.integers(3))
    out = scan.hu.astype(np.float32)
    shift, turn = rng.uniform(2.0, 7.0) * _unit(rng), np.deg2rad(rng.uniform(-6.0, 6.0))
    for k in range(first, min(first + length, count)):
        if kind == 1:
            shift, turn = rng.uniform(1.0, 5.0) * _unit(rng), np.deg2rad(rng.uniform(-4.0, 4.0))
        there = _slice_moved(scan, k, shift, turn)
        out[k] = there if kind < 2 else 0.5 * (out[k] + there)
    return with_hu(scan, out)


def _unit(rng: np.random.Generator) -> Array:
    angle = rng.uniform(0.0, 2.0 * np.pi)
    return np.array([np.cos(angle), np.sin(angle)])


def _slice_moved(scan: Scan, k: int, shift_mm: Array, turn: float) -> np.ndarray:
    pixel = np.array(scan.geometry.spacing_mm[1:])
    size = np.array(scan.hu.shape[1:])
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    offset = size / 2 - matrix @ (size / 2) - shift_mm / pixel
    return np.asarray(ndimage.affine_transform(scan.hu[k].astype(np.float32), matrix, offset, order=1, mode="nearest"))


def _outline_mm(head: Head, world: Array, at: Array, rng: np.random.Generator, *, straight: bool) -> Array:
    """How far inside an outline on the vault around a direction places lie, roughly; negative outside."""
    away = world - head.middle_mm
    one = np.cross(at, np.eye(3)[int(np.abs(at).argmin())])
    one /= np.linalg.norm(one)
    other = np.cross(at, one)
    far = np.linalg.norm(away, axis=1)
    off = np.arccos(np.clip(away @ at / far, -1.0, 1.0)) * far
    angle = np.arctan2(away @ one, away @ other)
    radius = float(rng.uniform(25.0, 55.0))
    if straight:
        corners = int(rng.integers(4, 7))
        step = 2.0 * np.pi / corners
        turned = (angle + float(rng.uniform(0.0, step))) % step - step / 2
        return np.asarray(radius - off * np.cos(turned))
    wave = sum(float(rng.uniform(0.0, 0.12)) * np.cos(n * angle + rng.uniform(0.0, 6.3)) for n in (2, 3, 5))
    return np.asarray(radius * (1.0 + wave) - off)


def _across_mm(head: Head, world: Array, at: Array) -> Array:
    """How far from the line through the middle of the head and along a direction; far where behind."""
    away = world - head.middle_mm
    along = away @ at
    across = np.linalg.norm(away - along[:, None] * at, axis=1)
    return np.asarray(np.where(along > 0.0, across, 1e3))


def _soft_mm(head: Head) -> float:
    return 0.5 * float(head.scan.geometry.spacing_mm[1]) + 0.7


def _painted(head: Head, kji: tuple[np.ndarray, ...], inside_mm: Array, hu: float, *, rising: bool = False) -> Scan:
    """The scan with a density where `inside_mm` is positive; only denser voxels change, or with `rising` only others.
    The edge is as soft as a pixel and a slab make it."""
    slab = float(np.median(head.scan.slice_thickness_mm))
    soft = float(np.hypot(_soft_mm(head), 0.3 * slab))
    share = np.clip(inside_mm / soft + 0.5, 0.0, 1.0)
    old = head.scan.hu[kji].astype(np.float64)
    changes = old < hu if rising else old > 80.0
    out = head.scan.hu.astype(np.float32)
    out[kji] = np.where(changes, old + share * (hu - old), old)
    return with_hu(head.scan, out)


CHANGES: dict[str, Callable[[Head, int], Scan]] = {
    "hyperostosis": hyperostosis,
    "craniectomy": craniectomy,
    "burr_holes": burr_holes,
    "flap": flap,
    "sunken_flap": sunken_flap,
    "motion": moved,
}
