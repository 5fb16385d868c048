"""Is anything true dropped? Balls put all over the inside of real heads, and what became of each.

    python -m benchmarks.detection.balls INPUT... [--scans DIR] [--copies plain turn_x+25 turn_x-25 thick5 …]
        [--diameters 4 6 8 10] [--hu 300 400] [--sets 2] [--seed 200] [--all]

Balls with the scan's own blur, slice profile and noise are put at random places, far from each other, so that one run
judges many; half of them low in the head. Bone is found without calcscan, on the unchanged copy, and each ball's
distance from it measured: from its surface to the nearest voxel of `BONE_HU` of a large piece, on a grid of a
millimetre. Printed for each copy and region, for balls 8 mm and more clear of bone and for those nearer: how many were
put in, found (any counted voxel in the middle of the ball before locating), kept (afterwards), and named as the region
allows; then each ball that was lost, with the stage that lost it. `--scans DIR` adds every folder in DIR.
A copy is described in `benchmarks/heads/copies.py`. Copies whose head calcscan refuses are named and left out; balls
under a registration that was not accepted count as kept but not as named.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from benchmarks.heads.copies import copy_of
from calcscan.atlas import load_atlas
from calcscan.bone_contact import recover_bone_contact
from calcscan.detection import detect_lesions
from calcscan.errors import CalcscanError
from calcscan.grid.geometry import Array, apply
from calcscan.grid.isotropic import resample_isotropic, sample_at
from calcscan.intracranial import segment_intracranial
from calcscan.localisation import locate_lesions
from calcscan.model import AIR_HU, BRAIN_ZONE, Atlas, LesionMap, LocatedLesionMap, Registration, Scan, SearchRegion
from calcscan.read import read_scan
from calcscan.registration import register_atlas
from calcscan.verification.blur import find_blur
from calcscan.verification.deposits import make_deposit
from calcscan.verification.inserted import insert

BONE_HU, BONE_MM3 = 200, 500.0
TISSUE_HU = (-40, 130)
APART_MM = 22.0
CLASSES_MM = ((8.0, np.inf), (4.0, 8.0), (2.0, 4.0))
LOW_SHARE = 0.6
"""Of the balls, those that are put into the lower regions."""
NAMES = {
    "low cerebellum": ("cerebellum", "dentate", "vertebral"),
    "cerebellum": ("cerebellum", "dentate", "tentorium"),
    "pons, medulla": ("brainstem", "vertebral"),
    "cisterns": (),
    "CP angle": (),
    "frontal base": (),
    "temporal pole": (),
    "convexity": (),
    "deep": (),
}
"""The sites that fit a region; empty where any may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ball:
    centre_mm: Array
    diameter_mm: float
    hu: float
    clear_mm: float
    region: str

    @property
    def reach(self) -> tuple[float, float]:
        return next((c for c in CLASSES_MM if c[0] <= self.clear_mm < c[1]), (0.0, 2.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    ball: Ball
    found: bool
    kept: bool
    site: str
    stage: str

    @property
    def named(self) -> bool:
        allowed = NAMES[self.ball.region]
        return self.kept and self.site != "" and (not allowed or self.site in allowed)


def region_of(atlas_mm: Array, labels: Array, sites: dict[int, str]) -> list[str]:
    """The region of each point in the atlas, LPS mm (n, 3), whose site's number is given."""
    out = []
    for (x, y, z), number in zip(atlas_mm, labels, strict=True):
        site = sites.get(int(number), "")
        if site in ("cerebellum", "dentate"):
            out.append("low cerebellum" if z < -38 else "cerebellum")
        elif site == "brainstem" and z < -15:
            out.append("pons, medulla")
        elif site in ("cortex", "white_matter", "falx", "") and abs(x) < 15 and y < -15 and z < 0:
            out.append("frontal base")
        elif abs(x) < 14 and y < 20 and -45 < z < -5:
            out.append("cisterns")
        elif 10 < abs(x) < 35 and 10 < y < 50 and z < -22 and site != "cortex":
            out.append("CP angle")
        elif abs(x) > 20 and y < 5 and z < -12:
            out.append("temporal pole")
        elif site in ("convexity_dura", "cortex", ""):
            out.append("convexity")
        else:
            out.append("deep")
    return out


class Room:
    """Where balls may lie in a copy: the template's brain and the inside as calcscan finds it, clear of bone."""

    def __init__(self, scan: Scan, region: SearchRegion, registration: Registration, atlas: Atlas) -> None:
        fine = resample_isotropic(scan.hu, scan.geometry, 1.0, outside_hu=AIR_HU)
        pieces, count = ndimage.label(fine.values >= BONE_HU)
        large = np.bincount(pieces.ravel(), minlength=count + 1) >= BONE_MM3
        large[0] = False
        self.to_bone_mm = ndimage.distance_transform_edt(~large[pieces]).astype(np.float32)
        odd = (fine.values < TISSUE_HU[0]) | (fine.values > TISSUE_HU[1])
        self.to_odd_mm = ndimage.distance_transform_edt(~odd).astype(np.float32)
        self.affine = fine.affine
        kji = np.argwhere((self.to_odd_mm > 1.0) & (self.to_bone_mm > 3.0) & fine.covered)
        kji = kji[(kji % 2 == 0).all(axis=1)]
        points = apply(fine.affine, kji)
        inside = sample_at(region.depth_mm, region.isotropic_hu.affine, points) > 0.0
        atlas_mm = registration.to_atlas(points)
        if registration.accepted:
            zones = sample_at(atlas.zones, atlas.affine, atlas_mm, nearest=True).astype(np.uint8)
            inside |= (zones & BRAIN_ZONE) > 0
        index = scan.geometry.to_index(points)
        margin = 8.0 / np.array(scan.geometry.spacing_mm)
        inside &= ((index > margin) & (index < np.array(scan.hu.shape) - 1 - margin)).all(axis=1)
        self.points, atlas_mm, kji = points[inside], atlas_mm[inside], kji[inside]
        self.bone_mm, self.odd_mm = self.to_bone_mm[tuple(kji.T)], self.to_odd_mm[tuple(kji.T)]
        labels = sample_at(atlas.labels, atlas.affine, atlas_mm, nearest=True)
        self.regions = np.array(region_of(atlas_mm, labels, {n: s.site for n, s in atlas.sites.items()}))
        self.low = ~np.isin(self.regions, ["convexity", "deep", "cerebellum"])

    def balls(self, rng: np.random.Generator, diameters: list[float], hu: list[float]) -> list[Ball]:
        """As many as find room far from each other, drawn at random; those 8 mm clear of bone are preferred."""
        weight = np.where(self.low, LOW_SHARE / max(self.low.sum(), 1), (1 - LOW_SHARE) / max((~self.low).sum(), 1))
        order = rng.choice(len(self.points), min(6000, len(self.points)), replace=False, p=weight / weight.sum())
        out: list[Ball] = []
        centres: list[Array] = []
        for n in order:
            diameter = float(rng.choice(diameters))
            clear = float(self.bone_mm[n]) - diameter / 2
            if clear < 2.0 or self.odd_mm[n] < diameter / 2 + 1.0:
                continue
            if clear < 8.0 and rng.uniform() < 0.7:
                continue
            point = self.points[n]
            if centres and np.linalg.norm(np.array(centres) - point, axis=1).min() < APART_MM:
                continue
            density = float(rng.uniform(min(hu), max(hu)))
            out.append(Ball(centre_mm=point, diameter_mm=diameter, hu=density, clear_mm=clear, region=self.regions[n]))
            centres.append(point)
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A copy with a set of balls in it, and what the stages made of it."""

    balls: list[Ball]
    scan: Scan
    region: SearchRegion
    registration: Registration
    found: LesionMap
    located: LocatedLesionMap

    def fates(self) -> list[Fate]:
        return [self._fate(ball) for ball in self.balls]

    def voxels(self, ball: Ball) -> tuple[np.ndarray, ...]:
        """The (k, j, i) within the middle of a ball, or its nearest voxel."""
        at = self.scan.geometry.to_index(ball.centre_mm)
        reach = np.ceil(ball.diameter_mm / 2 / np.array(self.scan.geometry.spacing_mm)).astype(int) + 1
        low = np.maximum(np.floor(at).astype(int) - reach, 0)
        high = np.minimum(np.ceil(at).astype(int) + reach + 1, self.scan.hu.shape)
        kji = np.stack(np.meshgrid(*map(np.arange, low, high), indexing="ij"), axis=-1).reshape(-1, 3)
        away = np.linalg.norm(self.scan.geometry.to_world(kji) - ball.centre_mm, axis=1)
        near = away <= 0.4 * ball.diameter_mm
        if not near.any():
            near[away.argmin()] = True
        return tuple(kji[near].T)

    def _fate(self, ball: Ball) -> Fate:
        at = self.voxels(ball)
        found, kept = self.found.labels[at], self.located.labels[at]
        site, stage = "", ""
        if kept.any():
            number = int(np.bincount(kept[kept > 0]).argmax())
            site = self.located.lesions[number - 1].site
        elif found.any():
            stage = "taken for bone"
        elif not self.region.mask[at].any():
            stage = "not in the mask"
        else:
            stage = "not detected"
        return Fate(ball=ball, found=bool(found.any()), kept=bool(kept.any()), site=site, stage=stage)


def trials(scan: Scan, seed: int, sets: int, diameters: list[float], hu: list[float]) -> Iterator[Trial]:
    """The registration is that of the unchanged copy, as balls hardly move it."""
    atlas, blur = load_atlas(), find_blur(scan)
    plain = segment_intracranial(scan)
    registration = register_atlas(plain, atlas)
    room = Room(scan, recover_bone_contact(scan, plain, registration, atlas), registration, atlas)
    for number in range(sets):
        balls = room.balls(np.random.default_rng((seed, number)), diameters, hu)
        deposits = [make_deposit("ball", b.centre_mm, np.pi / 6 * b.diameter_mm**3, b.hu) for b in balls]
        changed = insert(scan, deposits, blur)
        region = recover_bone_contact(changed, segment_intracranial(changed), registration, atlas)
        found = detect_lesions(changed, region)
        located = locate_lesions(found, changed, region, registration, atlas)
        yield Trial(balls=balls, scan=changed, region=region, registration=registration, found=found, located=located)


def print_table(fates: list[Fate], words: str) -> None:
    print(f"\n{words}: balls put in / found / kept / fittingly named")
    print(f"{'':18}" + "".join(f"{a:g}-{b:g} mm clear".rjust(28) for a, b in CLASSES_MM))
    groups: dict[tuple[str, tuple[float, float]], list[Fate]] = defaultdict(list)
    for fate in fates:
        groups[fate.ball.region, fate.ball.reach].append(fate)
        groups["all", fate.ball.reach].append(fate)
    for region in (*NAMES, "all"):
        cells = []
        for reach in CLASSES_MM:
            group = groups[region, reach]
            counts = len(group), sum(f.found for f in group), sum(f.kept for f in group), sum(f.named for f in group)
            cells.append(" / ".join(map(str, counts)).rjust(28))
        print(f"{region:18}" + "".join(cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", nargs="*", type=Path)
    parser.add_argument("--scans", type=Path)
    parser.add_argument("--copies", nargs="+", default=["plain", "turn_x+25", "turn_x-25", "thick5"])
    parser.add_argument("--diameters", nargs="+", type=float, default=[4.0, 6.0, 8.0, 10.0])
    parser.add_argument("--hu", nargs=2, type=float, default=[300.0, 400.0])
    parser.add_argument("--sets", type=int, default=2)
    parser.add_argument("--seed", type=int, default=200)
    parser.add_argument("--all", action="store_true", help="list every ball that was lost, not only those 8 mm clear")
    options = parser.parse_args()
    every: list[Fate] = []
    for path in [*options.input, *(sorted(options.scans.iterdir()) if options.scans else ())]:
        if not (path.is_dir() or path.name.endswith((".nii.gz", ".nii"))):
            continue
        scan = read_scan(path)
        for copy in options.copies:
            words = f"{path.name} {copy}"
            try:
                fates: list[Fate] = []
                accepted = True
                for trial in trials(copy_of(scan, copy), options.seed, options.sets, options.diameters, options.hu):
                    fates += trial.fates()
                    accepted = trial.registration.accepted
            except CalcscanError as error:
                print(f"{words}: {error}")
                continue
            clear = [f for f in fates if f.ball.clear_mm >= 8.0]
            kept, found = sum(f.kept for f in clear), sum(f.found for f in clear)
            doubt = "" if accepted else ", registration not accepted"
            print(f"{words}: of {len(clear)} balls 8 mm clear {found} found, {kept} kept{doubt}", flush=True)
            for fate in fates:
                ball = fate.ball
                if fate.kept or not (options.all or ball.clear_mm >= 8.0):
                    continue
                at = ", ".join(f"{x:.0f}" for x in ball.centre_mm)
                what = f"{ball.diameter_mm:g} mm, {ball.hu:.0f} HU, {ball.clear_mm:.1f} mm clear at ({at})"
                print(f"  lost: {ball.region}: {what}: {fate.stage}", flush=True)
            every += fates
    print_table(every, "all copies")
    lost = Counter(f.stage for f in every if not f.kept and f.ball.clear_mm >= 8.0)
    clear = [f for f in every if f.ball.clear_mm >= 8.0]
    kept = sum(f.kept for f in clear)
    share = kept / max(len(clear), 1)
    print(f"\n8 mm and more clear of bone: {kept} of {len(clear)} kept ({share:.2%}); lost: {dict(lost)}")


if __name__ == "__main__":
    main()
