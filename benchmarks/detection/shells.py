"""Are calcified shells and walls one deposit, and never at a site that they don't belong to?

    python -m benchmarks.detection.shells INPUT... [--scans DIR] [--seeds 200 201] [--thick 0 5] [--kinds lens wall …]

One shape at a time is drawn into a scan: the inner membrane of an old subdural (`crescent` at an even depth, `lens`
from the table inwards and back), a `wall` of an aneurysm or cyst of 10 to 40 mm at the sella, in the Sylvian fissure,
at the tip of the basilar artery or at the vein of Galen, the same `broken` in pieces, and `clumps` in a soft mass. What
it brought to 130 HU counts as found where a lesion's label lies. Printed are the shapes of which 80 % is found, those
found that are one deposit (no second of over 30 mm3), and those of which over 30 mm3 and 5 % is given to a wrong site:
of a shell under the table every site but dura, extra-axial and none; of a wall every site but vessels, extra-axial and
none; of clumps every nucleus, dural fold, gland and vessel. Seeds below 200 were used for tuning.
`--same-registration` takes the registration of the scan without the shape, to save time.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

import calcscan
from benchmarks.detection.masses import NOT_BONE_HU, averaged, examined
from benchmarks.sites.points import box_around
from calcscan.bone_contact.rays import from_vertex_deg
from calcscan.grid.isotropic import sample_at
from calcscan.intracranial import segment_intracranial
from calcscan.model import Intracranial, LesionMap, Registration, Scan
from calcscan.registration import register_atlas

KINDS = ("crescent", "lens", "wall", "broken", "clumps")
PLACES = {
    "sella": (0.0, -4.0, -18.0),
    "sylvian": (34.0, -6.0, -6.0),
    "basilar tip": (0.0, 12.0, -14.0),
    "galen": (0.0, 40.0, 6.0),
}
"""Middles of walls in the atlas, LPS mm; the Sylvian one on a random side."""
HONEST = {
    "crescent": ("convexity_dura", "extra_axial", "unassigned"),
    "lens": ("convexity_dura", "extra_axial", "unassigned"),
    "wall": ("carotid_siphon", "basilar", "circle_of_willis", "vessel", "extra_axial", "unassigned"),
    "broken": ("carotid_siphon", "basilar", "circle_of_willis", "vessel", "extra_axial", "unassigned"),
    "clumps": ("cortex", "white_matter", "cerebellum", "brainstem", "extra_axial", "unassigned"),
}
FOUND_SHARE, PIECE_MM3, WRONG_SHARE = 0.8, 30.0, 0.05
PSF_MM, GRID_MM = 0.6, 0.8
Solid = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shape:
    kind: str
    where: str
    middle: np.ndarray
    reach_mm: float
    hu: float
    soft_hu: float
    size: str
    dense: Solid
    """Which points (n, 3) LPS mm are calcified …"""
    soft: Solid
    """… and which lie within the shape."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    shape: Shape
    mm3: float
    share: float
    deposits: int
    wrong_mm3: float
    named: str
    left_out: str

    @property
    def found(self) -> bool:
        return self.share >= FOUND_SHARE

    @property
    def wrong(self) -> bool:
        return self.wrong_mm3 > max(PIECE_MM3, WRONG_SHARE * self.mm3)


def random_shape(head: Intracranial, registration: Registration, kinds: Sequence[str], seed: int) -> Shape | None:
    """One shape; None where there is no room for it."""
    rng = np.random.default_rng(seed)
    kind = kinds[int(rng.integers(len(kinds)))]
    hu = float(rng.uniform(200.0, 900.0))
    side = float(rng.choice([-1.0, 1.0]))
    if kind in ("crescent", "lens"):
        return _subdural(head, registration, rng, kind, hu, side)
    if kind == "clumps":
        return _clumps(head, rng, hu)
    return _wall(registration, rng, kind, hu, side)


def _uneven(rng: np.random.Generator, middle: np.ndarray, mm: float) -> Solid:
    """A smooth random field of mean 0 and deviation 1, with bumps of about this size."""
    waves, phases = rng.normal(size=(24, 3)) / mm, rng.uniform(0.0, 2.0 * np.pi, 24)

    def field(points: np.ndarray) -> np.ndarray:
        total = np.zeros(len(points))
        for wave, phase in zip(waves, phases, strict=True):
            total += np.cos((points - middle) @ wave + phase)
        return total / np.sqrt(12.0)

    return field


def _subdural(
    head: Intracranial, registration: Registration, rng: np.random.Generator, kind: str, hu: float, side: float
) -> Shape | None:
    depth, affine = head.depth_mm, head.isotropic_hu.affine
    kji = np.argwhere((depth > 0.0) & (depth < 1.6))
    world = (affine @ np.column_stack([kji, np.ones(len(kji))]).T).T[:, :3]
    atlas_mm = registration.to_atlas(world)
    down = from_vertex_deg(atlas_mm - np.array([0.0, 18.0, 0.0]))
    near = np.flatnonzero((down < 85.0) & (down > 35.0) & (side * atlas_mm[:, 0] > 30.0))
    if len(near) == 0:
        return None
    middle = world[near[int(rng.integers(len(near)))]]
    wide_mm, thick_mm = float(rng.uniform(22.0, 45.0)), float(rng.uniform(2.0, 5.0))
    most_mm = float(rng.uniform(5.0, 12.0) if kind == "crescent" else rng.uniform(8.0, 18.0))
    uneven, gaps = _uneven(rng, middle, 5.0), float(rng.uniform(-1.6, -0.4))

    def inner_mm(points: np.ndarray) -> np.ndarray:
        far = np.linalg.norm(points - middle, axis=1) / wide_mm
        return np.full(len(points), most_mm) if kind == "crescent" else most_mm * (1.0 - far**2)

    def deep(points: np.ndarray) -> np.ndarray:
        return sample_at(depth, affine, points)

    def within(points: np.ndarray) -> np.ndarray:
        return np.asarray((np.linalg.norm(points - middle, axis=1) < wide_mm) & (deep(points) > 0.5))

    def dense(points: np.ndarray) -> np.ndarray:
        below = deep(points) - inner_mm(points)
        return within(points) & (below > 0.0) & (below < thick_mm) & (uneven(points) > gaps)

    def soft(points: np.ndarray) -> np.ndarray:
        return within(points) & (deep(points) < inner_mm(points) + thick_mm)

    return Shape(
        kind=kind,
        where="left" if side > 0 else "right",
        middle=middle,
        reach_mm=wide_mm + 3.0,
        hu=hu,
        soft_hu=float(rng.uniform(12.0, 35.0)),
        size=f"{2 * wide_mm:.0f} mm wide, {thick_mm:.1f} thick, {most_mm:.0f} deep",
        dense=dense,
        soft=soft,
    )


def _wall(registration: Registration, rng: np.random.Generator, kind: str, hu: float, side: float) -> Shape:
    where = list(PLACES)[int(rng.integers(len(PLACES)))]
    point = np.array(PLACES[where]) * ((side, 1.0, 1.0) if where == "sylvian" else (1.0, 1.0, 1.0))
    middle = registration.to_scan(point + rng.normal(0.0, 2.0, 3))
    diameter_mm = float(np.exp(rng.uniform(np.log(10.0), np.log(40.0))))
    stretch, wall_mm = rng.uniform(0.85, 1.2, 3), float(rng.uniform(1.3, 2.6))
    uneven = _uneven(rng, middle, max(2.5, diameter_mm / 7.0))
    gaps = float(rng.uniform(-0.55, -0.2) if kind == "broken" else rng.uniform(-2.5, -0.7))

    def below_mm(points: np.ndarray) -> np.ndarray:
        return np.asarray(diameter_mm / 2.0 - np.linalg.norm((points - middle) / stretch, axis=1))

    def dense(points: np.ndarray) -> np.ndarray:
        below = below_mm(points)
        return np.asarray((below > 0.0) & (below < wall_mm) & (uneven(points) > gaps))

    return Shape(
        kind=kind,
        where=where,
        middle=middle,
        reach_mm=0.6 * diameter_mm + 3.0,
        hu=hu,
        soft_hu=float(rng.uniform(20.0, 60.0)),
        size=f"{diameter_mm:.0f} mm, wall {wall_mm:.1f}",
        dense=dense,
        soft=lambda points: below_mm(points) > 0.0,
    )


def _clumps(head: Intracranial, rng: np.random.Generator, hu: float) -> Shape | None:
    diameter_mm = float(rng.uniform(15.0, 35.0))
    kji = np.argwhere(head.depth_mm > diameter_mm / 2.0 + 4.0)
    if len(kji) == 0:
        return None
    at = kji[int(rng.integers(len(kji)))]
    middle = head.isotropic_hu.affine[:3, :3] @ at + head.isotropic_hu.affine[:3, 3]
    uneven, level, stretch = _uneven(rng, middle, 3.0), float(rng.uniform(-0.3, 0.5)), rng.uniform(0.85, 1.15, 3)

    def soft(points: np.ndarray) -> np.ndarray:
        return np.asarray(np.linalg.norm((points - middle) / stretch, axis=1) < diameter_mm / 2.0)

    return Shape(
        kind="clumps",
        where="brain",
        middle=middle,
        reach_mm=0.6 * diameter_mm + 3.0,
        hu=hu,
        soft_hu=45.0,
        size=f"{diameter_mm:.0f} mm",
        dense=lambda points: soft(points) & (uneven(points) > level),
        soft=soft,
    )


def drawn(scan: Scan, head: Intracranial, shape: Shape) -> tuple[Scan, np.ndarray]:
    """The scan with the shape, and which voxels it brought to 130 HU."""
    out, owner = scan.hu.astype(np.float32), np.zeros(scan.hu.shape, np.bool_)
    box = box_around(scan, shape.middle, shape.reach_mm)
    before = out[box].copy()
    index = np.stack(np.meshgrid(*(np.arange(part.start, part.stop) for part in box), indexing="ij"), axis=-1)
    world = scan.geometry.to_world(index.reshape(-1, 3))
    inside = sample_at(head.depth_mm, head.isotropic_hu.affine, world).reshape(before.shape) > -0.5
    free = (before < NOT_BONE_HU) & inside
    soft, dense = (share.reshape(before.shape) for share in _shares(scan, world, shape))
    out[box] += np.where(free, soft, 0.0) * 0.7 * (shape.soft_hu - np.minimum(before, 80.0))
    out[box] += np.where(free, dense, 0.0) * np.maximum(shape.hu - out[box], 0.0)
    owner[box] = (out[box] >= 130.0) & (before < 130.0) & (dense > 0.02)
    hu = np.rint(out).astype(np.int16)
    return Scan(hu=hu, geometry=scan.geometry, acquisition=scan.acquisition, study=scan.study), owner


def _shares(scan: Scan, world: np.ndarray, shape: Shape) -> list[np.ndarray]:
    """The share of each voxel that lies within the shape, and in what is calcified of it: averaged over the slab,
    blurred in all directions as much as in the plane."""
    steps = int(np.ceil(shape.reach_mm / GRID_MM))
    side = 2 * steps + 1
    points = shape.middle + GRID_MM * (np.indices((side,) * 3).reshape(3, -1).T - steps)
    slab_mm = float(np.median(scan.slice_thickness_mm))
    count = max(1, round(slab_mm / GRID_MM))
    out = []
    for held in (shape.soft, shape.dense):
        body = ndimage.gaussian_filter(held(points).reshape((side,) * 3).astype(np.float32), PSF_MM / GRID_MM)
        share = np.zeros(len(world), np.float32)
        for step in (np.arange(count) + 0.5) / count - 0.5:
            at = (world + step * slab_mm * scan.geometry.normal - shape.middle) / GRID_MM + steps
            share += ndimage.map_coordinates(body, at.T, order=1, cval=0.0) / count
        out.append(share)
    return out


def outcome(scan: Scan, shape: Shape, owner: np.ndarray, lesions: LesionMap) -> Outcome:
    """What became of a shape."""
    here = np.argwhere(owner)
    mm3, label = scan.geometry.voxel_mm3[here[:, 0]], lesions.labels[tuple(here.T)]
    held_mm3 = np.bincount(label, mm3, minlength=len(lesions.lesions) + 1)
    held_mm3[0] = 0.0
    deposits: dict[int, float] = {}
    wrong_mm3, named = 0.0, []
    for lesion in lesions.lesions:
        part_mm3 = float(held_mm3[lesion.id])
        if part_mm3 > 0.0:
            deposits[lesion.deposit] = deposits.get(lesion.deposit, 0.0) + part_mm3
            wrong_mm3 += 0.0 if lesion.site in HONEST[shape.kind] else part_mm3
            named += [f"{lesion.site} {part_mm3:.0f}"] if part_mm3 > PIECE_MM3 else []
    inside = [item for item in lesions.left_out if owner[tuple(item.kji.T)].sum() > 0.2 * owner.sum()]
    return Outcome(
        shape=shape,
        mm3=float(mm3.sum()),
        share=float(held_mm3.sum() / max(mm3.sum(), 1e-9)),
        deposits=sum(part > PIECE_MM3 for part in deposits.values()),
        wrong_mm3=wrong_mm3,
        named=", ".join(named),
        left_out=", ".join(item.reason.value for item in inside),
    )


def summary(rows: Sequence[Outcome]) -> None:
    for kind in (*KINDS, "all"):
        some = [row for row in rows if kind in (row.shape.kind, "all")]
        found = [row for row in some if row.found]
        one, wrong = sum(row.deposits <= 1 for row in found), sum(row.wrong for row in some)
        silent = sum(row.share < 0.2 and not row.left_out for row in some)
        print(
            f"{kind:10} {len(found):3} of {len(some):3} found, {one:3} as one deposit; {wrong:3} at a wrong site;"
            f" {silent:3} lost without a word"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", nargs="*", type=Path)
    parser.add_argument("--scans", type=Path, help="a folder of scans")
    parser.add_argument("--seeds", type=int, nargs="+", default=[200, 201, 202])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--thick", type=float, nargs="+", default=[0.0], help="average slices to this, mm")
    parser.add_argument("--same-registration", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    atlas = calcscan.load_atlas()
    rows: list[Outcome] = []
    for path in [*arguments.inputs, *(sorted(arguments.scans.iterdir()) if arguments.scans else ())]:
        if not (path.is_dir() or path.name.endswith((".nii.gz", ".nii"))):
            continue
        for thick_mm in arguments.thick:
            try:
                scan = averaged(calcscan.read_scan(path), thick_mm)
                head = segment_intracranial(scan)
            except calcscan.CalcscanError as error:
                print(f"{path.name}: {error}")
                continue
            registration = register_atlas(head, atlas)
            if not registration.accepted:
                print(f"{path.name}: {registration.reason}")
                continue
            for seed in arguments.seeds:
                rows += judged(scan, head, registration, arguments, seed, path.name)
    summary(rows)


def judged(
    scan: Scan, head: Intracranial, registration: Registration, arguments: argparse.Namespace, seed: int, name: str
) -> list[Outcome]:
    """What became of the shape with this seed; nothing where there is no room for it."""
    shape = random_shape(head, registration, arguments.kinds, seed)
    if shape is None:
        return []
    changed, owner = drawn(scan, head, shape)
    lesions = examined(changed, calcscan.load_atlas(), registration if arguments.same_registration else None)
    row = outcome(scan, shape, owner, lesions)
    print(
        f"{name:24.24} {float(np.median(scan.geometry.slab_mm)):3.1f} mm {seed} {shape.kind:8} {shape.where:11}"
        f" {shape.size:34} {shape.hu:4.0f} HU {row.share:4.0%} of {row.mm3:6.0f} in {row.deposits}"
        f"{' WRONG' if row.wrong else ''}  {row.named}{'  left out: ' + row.left_out if row.left_out else ''}",
        flush=True,
    )
    return [row]


if __name__ == "__main__":
    main()
