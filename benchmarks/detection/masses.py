"""Are calcified masses found, whether they hang on bone or not?

    python -m benchmarks.detection.masses INPUT... [--seeds 200 201] [--count 3] [--thick 0 5] [--mm 8 40]

Masses with a lobed, uneven outline (solid, with a calcified rim, a thin shell, or clumps in a soft mass) are put at
random places: on the convexity, the root of the falx, the floor of the anterior and middle fossa, the sella, the
petrous ridge, and clear of bone. A few lie in one scan, far from each other and from each other's mirror image. A mass
counts as found where at least 80 % of its volume (voxels that it brought to 130 HU) carries a lesion's label.
`--thick 5` averages slices to about 5 mm first. Printed are the share found by site, kind and size, how many found
masses are one lesion, and how much of the labelled volume lies beyond the mass. Seeds below 200 were used for tuning;
others are held out. `--same-registration` takes the registration of the scan without masses, to save time.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy import ndimage

import calcscan
from benchmarks.sites.points import box_around
from calcscan.bone_contact import recover_bone_contact
from calcscan.bone_contact.rays import from_vertex_deg
from calcscan.examination import examine, search
from calcscan.grid.geometry import Geometry, apply
from calcscan.grid.isotropic import sample_at
from calcscan.intracranial import segment_intracranial
from calcscan.model import Atlas, Intracranial, LesionMap, Registration, Scan
from calcscan.registration import register_atlas

KINDS = ("solid", "rim", "shell", "clumps")
SITES = ("convexity", "falx root", "base", "sella", "petrous", "clear")
APART_MM = 55.0
GRID_MM = 0.7
SOFT_HU = 45.0
NOT_BONE_HU = 200
FOUND_SHARE = 0.8
SIZES = (8.0, 12.0, 20.0, 41.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mass:
    site: str
    kind: str
    middle: np.ndarray
    diameter_mm: float
    hu: float
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    mass: Mass
    mm3: float
    share: float
    pieces: int
    beyond_mm3: float
    named: str

    @property
    def found(self) -> bool:
        return self.share >= FOUND_SHARE


def averaged(scan: Scan, thick_mm: float) -> Scan:
    """The mean of as many slices as make up about `thick_mm`."""
    g = scan.geometry
    slices = max(1, round(thick_mm / float(np.median(g.slab_mm))))
    count = scan.hu.shape[0] // slices
    if slices == 1:
        return scan

    def grouped(of: np.ndarray) -> np.ndarray:
        return of[: count * slices].reshape(count, slices, *of.shape[1:])

    grid = Geometry(
        origins_mm=grouped(g.origins_mm).mean(axis=1),
        step_i_mm=g.step_i_mm,
        step_j_mm=g.step_j_mm,
        slab_mm=grouped(g.slab_mm).sum(axis=1),
        rows=g.rows,
        columns=g.columns,
    )
    hu = np.rint(grouped(scan.hu).mean(axis=1)).astype(np.int16)
    return Scan(hu=hu, geometry=grid, study=scan.study)


def random_masses(
    head: Intracranial, registration: Registration, arguments: argparse.Namespace, seed: int
) -> list[Mass]:
    """Masses far from each other and from each other's mirror image."""
    rng = np.random.default_rng(seed)
    affine, depth = head.isotropic_hu.affine, head.depth_mm
    kji = np.argwhere(depth > 0.0)
    points = apply(affine, kji)
    atlas_mm, deep = registration.to_atlas(points), depth[tuple(kji.T)]
    slope = np.stack(np.gradient(ndimage.gaussian_filter(depth, 2.0)), axis=-1)[..., ::-1]
    out: list[Mass] = []
    for _ in range(500):
        if len(out) == arguments.count:
            break
        site = arguments.sites[int(rng.integers(len(arguments.sites)))]
        kind = KINDS[int(rng.integers(len(KINDS)))]
        diameter = float(np.exp(rng.uniform(*np.log(arguments.mm))))
        near = np.flatnonzero(_at(site, atlas_mm, deep, diameter))
        if len(near) == 0:
            continue
        at = near[int(rng.integers(len(near)))]
        inwards = slope[tuple(kji[at])] / max(float(np.linalg.norm(slope[tuple(kji[at])])), 1e-6)
        lift = 0.0 if site == "clear" else float(rng.uniform(0.6, 0.95)) * diameter / 2.0
        middle = points[at] + lift * inwards
        if all(_far(middle, mass.middle, registration) for mass in out):
            hu = float(rng.uniform(*arguments.hu))
            number = int(rng.integers(1 << 30))
            out.append(Mass(site=site, kind=kind, middle=middle, diameter_mm=diameter, hu=hu, seed=number))
    return out


def _at(site: str, atlas_mm: np.ndarray, deep: np.ndarray, diameter: float) -> np.ndarray:
    x, y, z = atlas_mm.T
    down = from_vertex_deg(atlas_mm - np.array([0.0, 18.0, 0.0]))
    surface = deep < 1.6
    return {
        "convexity": surface & (down < 85) & (np.abs(x) > 18),
        "falx root": surface & (down < 85) & (np.abs(x) < 5),
        "base": surface & (down > 105) & (np.abs(x) > 15) & (y < 15),
        "sella": surface & (np.abs(x) < 9) & (np.abs(y + 2) < 10) & (np.abs(z + 27) < 7),
        "petrous": surface & (np.abs(np.abs(x) - 35) < 15) & (np.abs(y - 28) < 14) & (np.abs(z + 33) < 9),
        "clear": (deep > diameter / 2 + 4) & (deep < diameter / 2 + 14),
    }[site]


def _far(one: np.ndarray, other: np.ndarray, registration: Registration) -> bool:
    mirrored = registration.to_scan(registration.to_atlas(other) * (-1.0, 1.0, 1.0))
    return bool(min(np.linalg.norm(one - other), np.linalg.norm(one - mirrored)) >= APART_MM)


def with_masses(scan: Scan, head: Intracranial, masses: Sequence[Mass]) -> tuple[Scan, np.ndarray]:
    """The scan with the masses, and which voxels each one brought to 130 HU (1…n)."""
    out, owner = scan.hu.astype(np.float32), np.zeros(scan.hu.shape, np.int16)
    for number, mass in enumerate(masses, start=1):
        box = box_around(scan, mass.middle, mass.diameter_mm * 0.75 + 3.0)
        block = out[box]
        before = block.copy()
        free = (before < NOT_BONE_HU) & (_depth(scan, head, box) > -2.0)
        soft, filled = (np.where(free, share, 0.0) for share in _shares(scan, box, mass))
        block += soft * (SOFT_HU - np.minimum(block, SOFT_HU))
        block += filled * np.maximum(mass.hu - block, 0.0)
        owner[box][(block >= 130.0) & (before < 130.0) & (filled > 0.02)] = number
    hu = np.rint(out).astype(np.int16)
    return Scan(hu=hu, geometry=scan.geometry, acquisition=scan.acquisition, study=scan.study), owner


def _shares(scan: Scan, box: tuple[slice, ...], mass: Mass) -> list[np.ndarray]:
    """The share of each voxel of a box that the mass fills, and that its calcified part does, blurred."""
    reach = int(np.ceil((mass.diameter_mm * 0.75 + 3.0) / GRID_MM))
    steps = np.indices((2 * reach + 1,) * 3).reshape(3, -1).T - reach
    bodies = [
        ndimage.gaussian_filter(
            held(mass.middle + GRID_MM * steps).reshape((2 * reach + 1,) * 3).astype(np.float32), 0.7
        )
        for held in _bodies(mass)
    ]
    index = np.stack(np.meshgrid(*(np.arange(part.start, part.stop) for part in box), indexing="ij"), axis=-1)
    world = scan.geometry.to_world(index.reshape(-1, 3))
    slab_mm = np.repeat(scan.geometry.slab_mm[box[0]], index[0, ..., 0].size)
    count = max(1, round(float(slab_mm.max()) / GRID_MM))
    shares = [np.zeros(len(world)) for _ in bodies]
    for step in (np.arange(count) + 0.5) / count - 0.5:
        points = world + step * slab_mm[:, None] * scan.geometry.normal
        at = ((points - mass.middle) / GRID_MM + reach).T
        for share, body in zip(shares, bodies, strict=True):
            share += ndimage.map_coordinates(body, at, order=1, cval=0.0) / count
    return [share.reshape(index.shape[:3]) for share in shares]


def _depth(scan: Scan, head: Intracranial, box: tuple[slice, ...]) -> np.ndarray:
    index = np.stack(np.meshgrid(*(np.arange(part.start, part.stop) for part in box), indexing="ij"), axis=-1)
    world = scan.geometry.to_world(index.reshape(-1, 3))
    return sample_at(head.depth_mm, head.isotropic_hu.affine, world).reshape(index.shape[:3])


Held = Callable[[np.ndarray], np.ndarray]


def _bodies(mass: Mass) -> tuple[Held, Held]:
    """Which points lie in the mass, and which in its calcified part."""
    rng = np.random.default_rng(mass.seed)
    stretch, lobes = rng.uniform(0.8, 1.2, 3), rng.normal(size=(5, 3))
    lobes /= np.linalg.norm(lobes, axis=1)[:, None]
    bumps = rng.uniform(-0.12, 0.15, 5)
    waves, phases = rng.normal(size=(40, 3)) / rng.uniform(1.4, 2.4), rng.uniform(0, 2 * np.pi, 40)
    wall_mm = {"rim": float(rng.uniform(1.8, 3.5)), "shell": float(rng.uniform(1.2, 1.8))}.get(mass.kind, 0.0)

    def below_mm(points: np.ndarray) -> np.ndarray:
        offset = (points - mass.middle) / stretch
        far = np.linalg.norm(offset, axis=1)
        way = offset / np.maximum(far, 1e-6)[:, None]
        edge = 1.0 + (bumps * np.exp(6.0 * (way @ lobes.T - 1.0))).sum(axis=1)
        return np.asarray(mass.diameter_mm / 2.0 * edge - far)

    def texture(points: np.ndarray) -> np.ndarray:
        return np.asarray(np.cos((points - mass.middle) @ waves.T + phases).sum(axis=1) / np.sqrt(20.0))

    def whole(points: np.ndarray) -> np.ndarray:
        return np.asarray(below_mm(points) > 0.0)

    def dense(points: np.ndarray) -> np.ndarray:
        below = below_mm(points)
        if mass.kind == "solid":
            return np.asarray(below > 0.0)
        if mass.kind == "clumps":
            return np.asarray((below > 0.0) & (texture(points) > -0.1))
        gaps = -1.4 if mass.kind == "shell" else -0.9
        return np.asarray((below > 0.0) & (below < wall_mm) & (texture(points) > gaps))

    return whole, dense


def outcomes(scan: Scan, masses: Sequence[Mass], owner: np.ndarray, lesions: LesionMap) -> list[Outcome]:
    """What became of each mass."""
    out = []
    voxel_mm3 = scan.geometry.voxel_mm3
    for number, mass in enumerate(masses, start=1):
        here = np.argwhere(owner == number)
        mm3 = voxel_mm3[here[:, 0]]
        label = lesions.labels[tuple(here.T)]
        numbers, count = np.unique(label[label > 0], return_counts=True)
        parts = [lesions.lesions[n - 1] for n in numbers]
        held = float(mm3[label > 0].sum())
        out.append(
            Outcome(
                mass=mass,
                mm3=float(mm3.sum()),
                share=held / max(float(mm3.sum()), 1e-9),
                pieces=int((count * float(mm3.mean()) > 30.0).sum()) if len(mm3) else 0,
                beyond_mm3=sum(part.volume_130_mm3 for part in parts) - held,
                named=", ".join(f"{p.site} {p.side} {p.volume_mm3:.0f}" for p in parts if p.volume_mm3 > 30.0),
            )
        )
    return out


def examined(scan: Scan, atlas: Atlas, registration: Registration | None) -> LesionMap:
    """The lesions of a scan; with this registration, if one is given."""
    if registration is None:
        return examine(scan, atlas).lesions
    region = recover_bone_contact(scan, segment_intracranial(scan), registration, atlas)
    return search(scan, region, registration, atlas)


def summary(rows: Sequence[Outcome]) -> None:
    def line(name: str, some: Sequence[Outcome]) -> None:
        if some:
            found = [row for row in some if row.found]
            one = sum(row.pieces <= 1 for row in found)
            beyond = sum(row.beyond_mm3 for row in found) / max(sum(row.mm3 for row in found), 1e-9)
            print(f"{name:14} {len(found):3} of {len(some):3} found, {one:3} as one lesion, {beyond:4.0%} beyond")

    for site in SITES:
        line(site, [row for row in rows if row.mass.site == site])
    for kind in KINDS:
        line(kind, [row for row in rows if row.mass.kind == kind])
    for low, high in pairwise(SIZES):
        line(f"{low:.0f} to {high:.0f} mm", [row for row in rows if low <= row.mass.diameter_mm < high])
    line("all", rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("inputs", nargs="+", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[200, 201, 202])
    parser.add_argument("--count", type=int, default=3)
    parser.add_argument("--thick", type=float, nargs="+", default=[0.0], help="average slices to this, mm")
    parser.add_argument("--mm", type=float, nargs=2, default=(8.0, 40.0))
    parser.add_argument("--hu", type=float, nargs=2, default=(200.0, 900.0))
    parser.add_argument("--sites", nargs="+", choices=SITES, default=SITES)
    parser.add_argument("--same-registration", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    atlas = calcscan.load_atlas()
    rows: list[Outcome] = []
    for path in arguments.inputs:
        for thick_mm in arguments.thick:
            scan = averaged(calcscan.read_scan(path), thick_mm)
            head = segment_intracranial(scan)
            registration = register_atlas(head, atlas)
            for seed in arguments.seeds:
                masses = random_masses(head, registration, arguments, seed)
                changed, owner = with_masses(scan, head, masses)
                lesions = examined(changed, atlas, registration if arguments.same_registration else None)
                for row in outcomes(scan, masses, owner, lesions):
                    rows.append(row)
                    m = row.mass
                    print(
                        f"{path.name:24.24} {float(np.median(scan.geometry.slab_mm)):3.1f} mm {seed} {m.site:10}"
                        f" {m.kind:6} {m.diameter_mm:4.1f} mm {m.hu:4.0f} HU {row.share:4.0%} of {row.mm3:6.0f}"
                        f" beyond {row.beyond_mm3:5.0f}  {row.named}",
                        flush=True,
                    )
    summary(rows)


if __name__ == "__main__":
    main()
