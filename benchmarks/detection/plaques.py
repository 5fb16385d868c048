"""Are plaques of the cranial vault found, wherever they are attached?

    python -m benchmarks.detection.plaques INPUT... [--seeds 100 101 102] [--count 10] [--mm3 30 300] [--hu 300 900]

Plaques of random size, density and thickness are attached at random points of the inner table, far from each other, up
to the vertex except for a strip along the midline, where falx and sinus lie. The inner table is found without calcscan:
where the density passes 500 HU in each slice, interpolated between slices. Printed are the share of the plaques' volume
that is assigned to `convexity_dura` of the right side, by size and by angle from the vertex, and how much of the
assigned volume extends beyond the plaque. Seeds below 100 were used for tuning, on the thin scan and the sample heads;
the others are held out.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy import ndimage
from skimage.morphology import convex_hull_image

import calcscan
from benchmarks.sites.points import BRAIN_HU, box_around, largest_piece, located, share_held
from calcscan.grid.geometry import apply
from calcscan.model import LesionMap, Scan

BONE_HU = 500
GRID_MM = 1.0
SMOOTH_MM = 1.0
OPEN_MM = 4.0
APART_MM = 32.0
LOWEST_DEG = 80.0
MIDLINE_MM = 14.0
THINNEST_MM = 2.0
THICK_OVER_EDGE = (0.5, 0.75)
"""A plaque's thickness beside the edge of a cube of its volume."""
SIZES = (30.0, 60.0, 120.0, 301.0)
ANGLES = (0.0, 30.0, 55.0, 81.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plaque:
    point: np.ndarray
    inwards: np.ndarray
    side: str
    from_vertex_deg: float
    mm3: float
    thick_mm: float
    hu: float

    @property
    def radius_mm(self) -> float:
        return float(np.sqrt(self.mm3 / (np.pi * self.thick_mm)))


class Cavity:
    """How deep points lie under the inner table, seen on a grid of a millimetre."""

    def __init__(self, scan: Scan) -> None:
        factor = max(1, round(0.9 / scan.geometry.spacing_mm[1]))
        signed = np.array([_in_plane(hu[::factor, ::factor], scan, factor) for hu in scan.hu])
        corners = np.array(np.meshgrid(*((0, n - 1) for n in scan.hu.shape), indexing="ij")).reshape(3, -1).T
        world = scan.geometry.to_world(corners)
        low, high = world.min(axis=0), world.max(axis=0)
        shape = np.ceil((high - low) / GRID_MM).astype(int)[::-1] + 1
        self.affine = np.eye(4)
        self.affine[:3, :3] = GRID_MM * np.eye(3)[::-1].T
        self.affine[:3, 3] = low
        within = np.zeros(shape, dtype=bool)
        for k in range(shape[0]):
            kji = np.insert(np.indices(shape[1:]).reshape(2, -1).T, 0, k, axis=1)
            index = scan.geometry.to_index(apply(self.affine, kji)) / (1, factor, factor)
            flat = ndimage.map_coordinates(signed, index.T, order=1, cval=-50.0)
            within[k] = flat.reshape(shape[1:]) > 0.0
        pieces, _ = ndimage.label(ndimage.distance_transform_edt(within) * GRID_MM > OPEN_MM)
        core = pieces == np.bincount(pieces[pieces > 0]).argmax()
        within &= ndimage.distance_transform_edt(~core) * GRID_MM <= OPEN_MM
        depth = ndimage.distance_transform_edt(within) - ndimage.distance_transform_edt(~within)
        self.depth = ndimage.gaussian_filter(depth.astype(np.float32) * GRID_MM, SMOOTH_MM / GRID_MM)
        self.middle = apply(self.affine, np.argwhere(within)).mean(axis=0)

    def depth_mm(self, points: np.ndarray) -> np.ndarray:
        index = apply(np.linalg.inv(self.affine), points)
        return np.asarray(ndimage.map_coordinates(self.depth, index.T, order=1, mode="nearest"))

    def inwards(self, point: np.ndarray) -> np.ndarray:
        steps = 3.0 * np.vstack([np.eye(3), -np.eye(3)])
        depth = self.depth_mm(point + steps)
        slope = depth[:3] - depth[3:]
        return np.asarray(slope / np.linalg.norm(slope))


def _in_plane(hu: np.ndarray, scan: Scan, factor: int) -> np.ndarray:
    """The distance in a slice from the inner table, positive inside."""
    sampling = [factor * mm for mm in scan.geometry.spacing_mm[1:]]
    bone = largest_piece(hu > BONE_HU)
    if not bone.any() or bone.sum() < 50:
        return np.full(hu.shape, -50.0)
    whole = convex_hull_image(bone) & ~bone
    inner = ndimage.binary_fill_holes(largest_piece(whole)) if whole.any() else whole
    if not inner.any():
        return np.full(hu.shape, -50.0)
    out = ndimage.distance_transform_edt(~inner, sampling=sampling)
    return np.asarray(ndimage.distance_transform_edt(inner, sampling=sampling) - out)


def random_plaques(scan: Scan, cavity: Cavity, arguments: argparse.Namespace, seed: int) -> list[Plaque]:
    rng = np.random.default_rng(seed)
    out: list[Plaque] = []
    for _ in range(2000):
        if len(out) == arguments.count:
            break
        cosine, around = rng.uniform(np.cos(np.deg2rad(LOWEST_DEG)), 1.0), rng.uniform(0, 2 * np.pi)
        sine = np.sqrt(1.0 - cosine**2)
        way = np.array([sine * np.cos(around), sine * np.sin(around), cosine])
        mm3 = float(np.exp(rng.uniform(*np.log(arguments.mm3))))
        thick_mm = max(THINNEST_MM, float(rng.uniform(*THICK_OVER_EDGE)) * mm3 ** (1 / 3))
        hu = float(rng.uniform(*arguments.hu))
        steps = cavity.middle + np.arange(20.0, 120.0, 0.25)[:, None] * way
        inner = cavity.depth_mm(steps) > 0
        point = steps[np.flatnonzero(inner)[-1]] if inner.any() else steps[0]
        inwards = cavity.inwards(point)
        outer = scan.geometry.to_index(point - np.arange(1.0, 6.0)[:, None] * inwards)
        covered = ((outer >= 0) & (outer <= np.array(scan.hu.shape) - 1)).all()
        bone = ndimage.map_coordinates(scan.hu, outer.T, order=1).max() >= BONE_HU
        near = any(np.linalg.norm(point - other.point) < APART_MM for other in out)
        if near or not covered or not bone or abs(point[0] - cavity.middle[0]) < MIDLINE_MM:
            continue
        side = "left" if point[0] > cavity.middle[0] else "right"
        angle = float(np.rad2deg(np.arccos(cosine)))
        out.append(
            Plaque(point=point, inwards=inwards, side=side, from_vertex_deg=angle, mm3=mm3, thick_mm=thick_mm, hu=hu)
        )
    return out


def with_plaques(scan: Scan, cavity: Cavity, plaques: list[Plaque]) -> tuple[Scan, np.ndarray]:
    """The scan with the plaques, and which voxels each one brought to 130 HU (1…n)."""
    out, owner = scan.hu.astype(np.float32), np.zeros(scan.hu.shape, np.int16)
    for n, plaque in enumerate(plaques, start=1):
        box, share = _filled(scan, cavity, plaque)
        block = out[box]
        before = block.copy()
        block += share * (plaque.hu - BRAIN_HU)  # it takes the brain's part of a voxel, not bone's
        owner[box][(block >= 130.0) & (before < 130.0) & (share > 0.02)] = n
    again = Scan(
        hu=np.rint(out).astype(np.int16), geometry=scan.geometry, acquisition=scan.acquisition, study=scan.study
    )
    return again, owner


def _filled(scan: Scan, cavity: Cavity, plaque: Plaque) -> tuple[tuple[slice, ...], np.ndarray]:
    """The share of each voxel of a box that the plaque fills, blurred in plane."""

    def held(points: np.ndarray) -> np.ndarray:
        depth, offset = cavity.depth_mm(points), points - plaque.point
        sideways = np.linalg.norm(offset - (offset @ plaque.inwards)[:, None] * plaque.inwards, axis=1)
        return (depth > 0) & (depth <= plaque.thick_mm) & (sideways <= plaque.radius_mm)

    box = box_around(scan, plaque.point, 12.0)
    return box, share_held(scan, box, held)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    plaque: Plaque
    mm3: float
    right_mm3: float
    beyond_mm3: float
    named: str


def told_of(scan: Scan, plaques: list[Plaque], owner: np.ndarray, located: LesionMap) -> list[Told]:
    """What became of each plaque."""
    voxel_mm3 = scan.geometry.voxel_mm3
    names = ["missed", *(f"{lesion.site} {lesion.side}" for lesion in located.lesions)]
    out = []
    for n, plaque in enumerate(plaques, start=1):
        here = np.argwhere(owner == n)
        mm3 = voxel_mm3[here[:, 0]]
        lesion = located.labels[tuple(here.T)]
        parts: dict[str, float] = defaultdict(float)
        for number in np.unique(lesion):
            parts[names[number]] += float(mm3[lesion == number].sum())
        right = {m for m in np.unique(lesion) if names[m] == f"convexity_dura {plaque.side}"}
        whole = sum(located.lesions[m - 1].volume_130_mm3 for m in right)
        found = parts[f"convexity_dura {plaque.side}"]
        out.append(
            Told(
                plaque=plaque,
                mm3=float(mm3.sum()),
                right_mm3=found,
                beyond_mm3=whole - found,
                named=", ".join(f"{name} {part:.0f}" for name, part in parts.items()),
            )
        )
    return out


def summary(rows: list[Told]) -> None:
    def line(name: str, some: list[Told]) -> None:
        total = sum(row.mm3 for row in some)
        if total > 0:
            right, beyond = sum(row.right_mm3 for row in some), sum(row.beyond_mm3 for row in some)
            found = sum(2 * row.right_mm3 > row.mm3 for row in some)
            print(
                f"{name:32} {len(some):3} plaques, {found:3} found, {right / total:4.0%} of the volume right,"
                f" {beyond / total:4.0%} beyond"
            )

    for low, high in pairwise(SIZES):
        line(f"  {low:.0f} to {high:.0f} mm3", [row for row in rows if low <= row.plaque.mm3 < high])
    for low, high in pairwise(ANGLES):
        line(f"  {low:.0f} to {high:.0f} deg", [row for row in rows if low <= row.plaque.from_vertex_deg < high])
    line("  all", rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("inputs", nargs="+", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[100, 101, 102])
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--mm3", type=float, nargs=2, default=(30.0, 300.0))
    parser.add_argument("--hu", type=float, nargs=2, default=(300.0, 900.0))
    arguments = parser.parse_args()
    atlas = calcscan.load_atlas()
    for path in arguments.inputs:
        scan = calcscan.read_scan(path)
        cavity = Cavity(scan)
        rows: list[Told] = []
        for seed in arguments.seeds:
            plaques = random_plaques(scan, cavity, arguments, seed)
            changed, owner = with_plaques(scan, cavity, plaques)
            told = told_of(changed, plaques, owner, located(changed, atlas)[0])
            rows += told
            for row in told:
                p = row.plaque
                print(
                    f"{path.name:24} {seed:4} {p.from_vertex_deg:3.0f} deg {p.mm3:4.0f} mm3 {p.thick_mm:.1f} mm"
                    f" {p.hu:4.0f} HU  {row.right_mm3 / max(row.mm3, 1e-9):4.0%} of {row.mm3:4.0f}"
                    f" beyond {row.beyond_mm3:4.0f}  {row.named}",
                    flush=True,
                )
        print(path.name)
        summary(rows)


if __name__ == "__main__":
    main()
