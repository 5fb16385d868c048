"""Are calcified arteries told from the brain beside them, and by their names?

    python -m benchmarks.sites.arteries INPUT... [--scans DIR] [--seeds 200 201] [--kinds artery brain] [--pictures DIR]

Calcified walls are drawn into a scan along the courses of arteries: two opposite walls (`tram`), a plaque around half
of the lumen (`half`), the whole wall of a short piece (`ring`), spots in it (`spots`) and a lumen filled by a
calcified embolus (`embolus`), with gaps, 2 to 4 mm across, 4 to 20 mm long, 200 to 900 HU. Courses are drawn in the
atlas by description, moved by as much as people differ, brought into the scan by its registration, and there moved into
the nearest fluid, where there is some. As controls, deposits in the brain beside them (balls, strands and grains of 2
to 9 mm) are put where the scan shows no fluid: at named places, and 4 to 9 mm beside each artery. Several far apart are
put in at a time, and all stages but the registration run anew (`--register`: that too).

Printed are for each artery: found, named right (arteries without a name of their own: `vessel`), `vessel`, named
wrong (another artery, or the other side), told brain, uncertain (`unassigned`), another site; for controls those told
to be a vessel. Seeds below 200 were used for tuning.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.interpolate import PchipInterpolator

import calcscan
from benchmarks.sites.points import box_around
from calcscan.bone_contact import recover_bone_contact
from calcscan.examination import search
from calcscan.grid.isotropic import sample_at
from calcscan.intracranial import segment_intracranial
from calcscan.knowledge.sites import SiteGroup, all_sites
from calcscan.model import Atlas, Intracranial, LocatedLesionMap, Registration, Scan
from calcscan.registration import register_atlas

FORMS = ("tram", "half", "ring", "spots", "embolus")
APART_MM, GRID_MM, PSF_MM = 26.0, 0.4, 0.55
FOUND_SHARE, ROOM_MM = 0.4, 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Artery:
    name: str
    site: str
    """As the report names it; `vessel` where it has no name of its own there."""
    sides: tuple[str, ...]
    points: tuple[tuple[float, float, float], ...]
    """Of the right side, RAS mm of the atlas."""
    differ_mm: tuple[float, float, float] = (1.5, 1.5, 1.5)
    """How far people differ, standard deviation."""


BOTH = ("left", "right")
ARTERIES = (
    Artery(
        name="V4",
        site="vertebral",
        sides=BOTH,
        points=(
            (11.0, -48.0, -70.0),
            (8.5, -41.0, -63.5),
            (7.5, -34.0, -58.5),
            (5.0, -29.0, -53.5),
            (2.0, -27.0, -49.5),
        ),
    ),
    Artery(
        name="basilar",
        site="basilar",
        sides=("midline",),
        points=(
            (0.0, -25.0, -46.0),
            (0.0, -20.0, -41.5),
            (0.0, -14.5, -36.5),
            (0.0, -11.0, -31.5),
            (0.0, -10.0, -27.0),
            (0.0, -10.5, -22.5),
            (0.0, -11.5, -20.0),
        ),
        differ_mm=(2.0, 1.0, 1.0),
    ),
    Artery(
        name="cavernous ICA",
        site="carotid_siphon",
        sides=BOTH,
        points=((13.5, -7.0, -36.5), (12.0, -1.0, -32.5), (11.0, 4.5, -29.5), (9.5, 7.0, -26.5)),
        differ_mm=(1.0, 1.0, 1.0),
    ),
    Artery(
        name="supraclinoid ICA",
        site="carotid_siphon",
        sides=BOTH,
        points=((9.0, 6.5, -24.5), (9.5, 3.0, -22.5), (11.5, -0.5, -20.0), (12.0, -1.0, -19.0)),
        differ_mm=(1.0, 1.0, 1.0),
    ),
    Artery(
        name="M1",
        site="vessel",
        sides=BOTH,
        points=((13.5, 1.0, -18.0), (16.5, 3.0, -17.5), (21.0, 5.0, -17.0), (26.0, 7.0, -17.0), (31.0, 9.5, -17.0)),
    ),
    Artery(
        name="M2",
        site="vessel",
        sides=BOTH,
        points=(
            (35.0, 11.0, -15.5),
            (40.0, 11.0, -11.0),
            (42.5, 8.0, -6.0),
            (43.0, 3.0, 0.0),
            (42.5, -4.0, 5.0),
        ),
    ),
    Artery(
        name="A1",
        site="circle_of_willis",
        sides=BOTH,
        points=((10.5, 2.0, -18.0), (7.0, 5.0, -17.5), (2.5, 8.0, -16.5)),
    ),
    Artery(
        name="A2",
        site="vessel",
        sides=BOTH,
        points=(
            (2.0, 11.0, -14.5),
            (2.0, 16.0, -11.5),
            (2.0, 24.0, -9.5),
            (2.0, 31.0, -7.0),
            (2.0, 37.0, -1.0),
            (2.0, 39.0, 6.0),
        ),
        differ_mm=(0.5, 1.5, 1.5),
    ),
    Artery(
        name="P1",
        site="circle_of_willis",
        sides=BOTH,
        points=((2.0, -11.0, -18.5), (6.0, -10.5, -18.0), (10.5, -10.0, -17.5)),
    ),
    Artery(
        name="P2",
        site="vessel",
        sides=BOTH,
        points=(
            (12.5, -11.0, -17.5),
            (16.0, -14.0, -17.5),
            (19.0, -20.0, -16.5),
            (19.5, -26.0, -14.0),
            (17.0, -32.0, -10.5),
        ),
    ),
)
BRAIN = {
    "pons": ("brainstem", ("midline",), ((0.0, -21.0, -32.0), (5.0, -22.0, -28.0), (-6.0, -23.0, -34.0))),
    "medulla": ("brainstem", ("midline",), ((0.0, -36.0, -50.0), (3.0, -38.0, -54.0))),
    "peduncle": ("brainstem", BOTH, ((11.0, -18.0, -13.0), (13.0, -20.0, -11.0))),
    "uncus": ("cortex", BOTH, ((20.0, -6.0, -24.0), (24.0, -4.0, -22.0))),
    "parahippocampal": ("cortex", BOTH, ((26.0, -24.0, -18.0), (25.0, -30.0, -14.0))),
    "orbital cortex": ("cortex", BOTH, ((8.0, 16.0, -20.0), (16.0, 16.0, -19.0), (26.0, 18.0, -16.0))),
    "insula": ("cortex", BOTH, ((36.0, 4.0, 2.0), (37.0, -4.0, 6.0), (35.0, 10.0, -4.0))),
    "cingulate": ("cortex", BOTH, ((7.0, 36.0, 4.0), (6.0, 30.0, -10.0))),
    "caudate": ("caudate", BOTH, ((10.0, 14.0, 2.0), (11.0, 12.0, 6.0))),
    "pallidum": ("pallidum", BOTH, ((16.0, -1.0, -3.0), (20.0, -6.0, -2.0))),
    "putamen": ("putamen", BOTH, ((22.0, 8.0, -5.0), (28.0, -2.0, -2.0))),
    "thalamus": ("thalamus", BOTH, ((10.0, -20.0, 4.0), (14.0, -24.0, 4.0))),
}
"""Places in the brain beside arteries: site, sides, points of the right side."""
Solid = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Deposit:
    kind: str
    name: str
    site: str
    side: str
    form: str
    size: str
    hu: float
    middle: np.ndarray
    reach_mm: float
    dense: Solid
    """Which points (n, 3), LPS mm, are calcified."""
    line: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    deposit: Deposit
    voxels: int
    share: float
    told: str
    side: str
    also: str
    left_out: str

    @property
    def found(self) -> bool:
        return self.share >= FOUND_SHARE

    @property
    def verdict(self) -> str:
        """In one word."""
        if not self.found:
            return "left out" if self.left_out else "missed"
        group = all_sites()[self.told].group
        if self.told == "unassigned":
            return "uncertain"
        if group is SiteGroup.VASCULAR:
            if self.deposit.kind == "brain":
                return "vessel"
            middle = "midline" in (self.side, self.deposit.side)
            if not middle and self.side != self.deposit.side:
                return "wrong"
            return "right" if self.told == self.deposit.site else "vessel" if self.told == "vessel" else "wrong"
        if group in (SiteGroup.BASAL_GANGLIA, SiteGroup.DEEP, SiteGroup.PARENCHYMA):
            return "brain"
        return "other"


def curve(points: np.ndarray, step_mm: float = 0.5) -> np.ndarray:
    """Points (n, 3) every `step_mm` along a smooth course through control points."""
    at = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    return np.asarray(PchipInterpolator(at, points)(np.arange(0.0, at[-1], step_mm)))


def in_fluid(head: Intracranial, line: np.ndarray, reach_mm: float = 4.0) -> np.ndarray:
    """A course (n, 3) moved into the nearest fluid, smoothly, by no more than `reach_mm`, and with room to the bone."""
    step = np.arange(-reach_mm, reach_mm + 0.1, 1.0)
    offsets = np.stack(np.meshgrid(step, step, step, indexing="ij"), axis=-1).reshape(-1, 3)
    offsets = offsets[np.linalg.norm(offsets, axis=1) <= reach_mm]
    smooth = ndimage.gaussian_filter(np.clip(head.isotropic_hu.values, -5.0, 60.0), 0.7)
    depth = sample_at(head.depth_mm, head.isotropic_hu.affine, (line[:, None] + offsets).reshape(-1, 3))
    hu = sample_at(smooth, head.isotropic_hu.affine, (line[:, None] + offsets).reshape(-1, 3))
    cost = hu + np.where(depth < ROOM_MM, 40.0, 0.0)
    cost = cost.reshape(len(line), -1) + 0.6 * (offsets**2).sum(axis=1)
    moved = offsets[cost.argmin(axis=1)]
    return line + ndimage.gaussian_filter1d(moved, 4.0, axis=0, mode="nearest")


def random_artery(
    scan: Scan, head: Intracranial, registration: Registration, artery: Artery, side: str, rng: np.random.Generator
) -> Deposit | None:
    """A calcified wall on this artery; None where the scan does not reach it."""
    sign = -1.0 if side == "left" else 1.0
    points = np.array(artery.points) * (sign, 1.0, 1.0) + rng.normal(0.0, 1.0, 3) * artery.differ_mm
    line = curve(points)
    length_mm = float(min(np.exp(rng.uniform(np.log(4.0), np.log(20.0))), 0.5 * len(line) - 0.5))
    count = int(length_mm / 0.5)
    first = int(rng.integers(len(line) - count))
    line = registration.to_scan(line[first : first + count + 1] * (-1.0, -1.0, 1.0))
    if artery.name != "cavernous ICA":
        line = in_fluid(head, line)
    index = scan.geometry.to_index(line)
    if (index[:, 0] < 1.0).any() or (index[:, 0] > scan.geometry.shape[0] - 2).any():
        return None
    form = str(rng.choice(FORMS))
    radius_mm, wall_mm = float(rng.uniform(1.0, 2.0)), float(rng.uniform(0.6, 1.1))
    way = np.gradient(line, axis=0) if len(line) > 2 else np.tile(line[-1] - line[0], (len(line), 1))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    across = np.cross(way, rng.normal(size=3))
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    seeds = rng.integers(len(line), size=max(2, int(length_mm / 3.0)))
    spots = line[seeds] + radius_mm * across[seeds] * rng.choice([-1.0, 1.0], (len(seeds), 1))
    spot_mm = float(rng.uniform(0.7, 1.3))
    waves, phases = rng.normal(size=(24, 3)) / 1.5, rng.uniform(0.0, 2.0 * np.pi, 24)
    gaps = float(rng.uniform(-3.0, -0.8))

    def dense(world: np.ndarray) -> np.ndarray:
        if form == "spots":
            return np.asarray((np.linalg.norm(world[:, None] - spots, axis=2) < spot_mm).any(axis=1))
        far = np.linalg.norm(world[:, None] - line, axis=2)
        near = far.argmin(axis=1)
        out = np.take_along_axis(far, near[:, None], axis=1)[:, 0]
        offset = world - line[near]
        along = np.abs((offset * way[near]).sum(axis=1))
        aside = (offset * across[near]).sum(axis=1) / np.maximum(out, 1e-6)
        knots = np.cos((world - line[0]) @ waves.T + phases).sum(axis=1) / np.sqrt(12.0) > gaps
        lumen = (out <= radius_mm) & (along < 0.6) & knots
        if form == "embolus":
            return np.asarray(lumen)
        wall = lumen & (out >= radius_mm - wall_mm)
        if form == "ring":
            return np.asarray(wall)
        return np.asarray(wall & (np.abs(aside) > 0.6 if form == "tram" else aside > 0.0))

    return Deposit(
        kind="artery",
        name=artery.name,
        site=artery.site,
        side=side,
        form=form,
        size=f"{length_mm:.0f} mm long, {2 * radius_mm:.1f} across",
        hu=float(rng.uniform(200.0, 900.0)),
        middle=line.mean(axis=0),
        reach_mm=length_mm / 2 + radius_mm + 3.0,
        dense=dense,
        line=line,
    )


def random_brain(
    scan: Scan, head: Intracranial, registration: Registration, name: str, rng: np.random.Generator
) -> Deposit | None:
    """A deposit in the brain at a place of `BRAIN`, or beside an artery; None where the scan shows none there."""
    radius_mm = float(rng.uniform(1.0, 4.5))
    if name in BRAIN:
        site, sides, points = BRAIN[name]
        side = str(rng.choice(sides))
        offsets = rng.normal(0.0, 2.5, (200, 3))
    else:
        artery = next(artery for artery in ARTERIES if f"beside {artery.name}" == name)
        site, side, points = "brain", str(rng.choice(artery.sides)), artery.points
        offsets = rng.normal(size=(400, 3))
        offsets *= rng.uniform(4.0, 9.0, (400, 1)) / np.linalg.norm(offsets, axis=1, keepdims=True)
    point = np.array(points[int(rng.integers(len(points)))]) * (-1.0 if side == "left" else 1.0, 1.0, 1.0)
    start = registration.to_scan(point * (-1.0, -1.0, 1.0))
    brain_hu = float(head.brain_hu or 30.0)
    smooth = ndimage.gaussian_filter(np.clip(head.isotropic_hu.values, -5.0, 90.0), 0.5)
    unit = rng.normal(size=(60, 3))
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    for offset in offsets:
        middle = start + offset
        around = middle + np.concatenate([unit * (radius_mm + 1.0), unit * (0.5 * radius_mm)])
        hu = sample_at(smooth, head.isotropic_hu.affine, around)
        if sample_at(head.depth_mm, head.isotropic_hu.affine, middle[None])[0] < radius_mm + 4.0:
            continue
        if (hu > brain_hu - 8.0).mean() > 0.97 and (hu < 80.0).all():
            break
    else:
        return None
    form = str(rng.choice(["ball", "strand", "grains"]))
    way = rng.normal(size=3)
    way /= np.linalg.norm(way)
    stretch = (
        np.eye(3)
        + (1.2 if form == "strand" else 0.0) * np.outer(way, way)
        - (0.35 if form == "strand" else 0.0) * (np.eye(3) - np.outer(way, way))
    )
    stretch /= max(1.0, np.linalg.norm(stretch, 2) / 1.0) if form == "strand" else 1.0
    waves, phases = rng.normal(size=(24, 3)) / 1.5, rng.uniform(0.0, 2.0 * np.pi, 24)
    back = np.linalg.inv(stretch)

    def dense(world: np.ndarray) -> np.ndarray:
        within = np.linalg.norm((world - middle) @ back.T, axis=1) <= radius_mm
        if form == "grains":
            within &= np.cos((world - middle) @ waves.T + phases).sum(axis=1) > 0.5
        return np.asarray(within)

    return Deposit(
        kind="brain",
        name=name,
        site=site,
        side=side,
        form=form,
        size=f"{2 * radius_mm:.1f} mm",
        hu=float(rng.uniform(200.0, 900.0)),
        middle=middle,
        reach_mm=radius_mm + 2.5,
        dense=dense,
        line=middle[None],
    )


def drawn(scan: Scan, deposits: Sequence[Deposit]) -> tuple[Scan, np.ndarray]:
    """The scan with the deposits, and which voxels each brought to 130 HU (1…n)."""
    out, owner = scan.hu.astype(np.float32), np.zeros(scan.hu.shape, np.int16)
    slab_mm = float(np.median(scan.slice_thickness_mm))
    for number, deposit in enumerate(deposits, start=1):
        steps = int(np.ceil(deposit.reach_mm / GRID_MM))
        side = 2 * steps + 1
        points = deposit.middle + GRID_MM * (np.indices((side,) * 3).reshape(3, -1).T - steps)
        held = np.concatenate([deposit.dense(part) for part in np.array_split(points, max(1, len(points) // 50000))])
        body = ndimage.gaussian_filter(held.reshape((side,) * 3).astype(np.float32), PSF_MM / GRID_MM)
        box = box_around(scan, deposit.middle, deposit.reach_mm)
        index = np.stack(np.meshgrid(*(np.arange(part.start, part.stop) for part in box), indexing="ij"), axis=-1)
        world = scan.geometry.to_world(index.reshape(-1, 3))
        share = np.zeros(len(world), np.float32)
        count = max(1, round(slab_mm / GRID_MM))
        for step in (np.arange(count) + 0.5) / count - 0.5:
            at = (world + step * slab_mm * scan.geometry.normal - deposit.middle) / GRID_MM + steps
            share += ndimage.map_coordinates(body, at.T, order=1, cval=0.0) / count
        before = out[box].copy()
        part = share.reshape(before.shape)
        out[box] += part * np.maximum(deposit.hu - np.maximum(before, 0.0), 0.0)
        owner[box][(out[box] >= 130.0) & (before < 130.0) & (part > 0.02)] = number
    return replace(scan, hu=np.rint(out).astype(np.int16)), owner


def passes(deposits: Sequence[Deposit]) -> Iterator[list[Deposit]]:
    """The deposits in groups of which no two lie near each other."""
    left = list(deposits)
    while left:
        group: list[Deposit] = []
        for deposit in list(left):
            if all(np.linalg.norm(deposit.middle - other.middle) >= APART_MM for other in group):
                group.append(deposit)
                left.remove(deposit)
        yield group


def outcomes(scan: Scan, deposits: Sequence[Deposit], owner: np.ndarray, lesions: LocatedLesionMap) -> list[Outcome]:
    """What became of each deposit."""
    out = []
    for number, deposit in enumerate(deposits, start=1):
        here = owner == number
        label = lesions.labels[here]
        held = np.bincount(label, minlength=len(lesions.lesions) + 1)
        by_place: dict[tuple[str, str], int] = {}
        for lesion in lesions.lesions:
            if held[lesion.id]:
                by_place[lesion.site, lesion.side] = by_place.get((lesion.site, lesion.side), 0) + int(held[lesion.id])
        told, side = max(by_place, key=lambda place: by_place[place]) if by_place else ("", "")
        largest = lesions.lesions[int(held[1:].argmax())] if by_place else None
        left_out = [
            item.reason.value for item in lesions.left_out if here[tuple(item.kji.T)].sum() > 0.2 * max(here.sum(), 1)
        ]
        also = (
            ""
            if largest is None
            else f"{largest.site_share} " + ", ".join(f"{s} {d} {p:.2f}" for s, d, p in largest.also)
        )
        out.append(
            Outcome(
                deposit=deposit,
                voxels=int(here.sum()),
                share=float((label > 0).mean()) if len(label) else 0.0,
                told=told,
                side=side,
                also=also,
                left_out=", ".join(left_out),
            )
        )
    return [row for row in out if row.voxels > 0]


def random_deposits(
    scan: Scan, head: Intracranial, registration: Registration, seed: int, kinds: Sequence[str]
) -> list[Deposit]:
    """One of each artery and side, and one of each place in the brain."""
    rng = np.random.default_rng(seed)
    out = [
        random_artery(scan, head, registration, artery, side, rng)
        for artery in ARTERIES
        for side in artery.sides
        if "artery" in kinds
    ]
    names = [*BRAIN, *(f"beside {artery.name}" for artery in ARTERIES if artery.site != "carotid_siphon")]
    out += [random_brain(scan, head, registration, name, rng) for name in names if "brain" in kinds]
    return [deposit for deposit in out if deposit is not None]


def table(rows: Sequence[Outcome]) -> None:
    words = ("right", "vessel", "wrong", "brain", "uncertain", "other", "left out", "missed")
    print(f"{'':18} {'all':>5} {'found':>5} " + " ".join(f"{word:>9}" for word in words))

    def line(name: str, some: Sequence[Outcome]) -> None:
        counts = [sum(row.verdict == word for row in some) for word in words]
        if some:
            print(
                f"{name:18} {len(some):5} {sum(r.found for r in some):5} " + " ".join(f"{count:9}" for count in counts)
            )

    for artery in ARTERIES:
        line(artery.name, [row for row in rows if row.deposit.name == artery.name])
    line("all arteries", [row for row in rows if row.deposit.kind == "artery"])
    for form in FORMS:
        line(f"  {form}", [row for row in rows if row.deposit.form == form])
    print("controls in the brain; right is `brain`")
    for name in dict.fromkeys(row.deposit.name for row in rows if row.deposit.kind == "brain"):
        line(name, [row for row in rows if row.deposit.name == name])
    line("all controls", [row for row in rows if row.deposit.kind == "brain"])


def picture(scan: Scan, deposit: Deposit, path: Path) -> None:
    """The slice through a deposit's middle, 60 mm wide."""
    middle = scan.geometry.to_index(deposit.middle)
    k = int(np.rint(middle[0]))
    half = int(30.0 / scan.geometry.spacing_mm[2])
    j, i = (int(np.rint(value)) for value in middle[1:])
    part = scan.hu[k, max(j - half, 0) : j + half, max(i - half, 0) : i + half].astype(np.float32)
    shown = Image.fromarray((np.clip((part + 10) / 110, 0, 1) * 255).astype(np.uint8)).resize((360, 360))
    ImageDraw.Draw(shown).text((4, 4), f"{deposit.name} {deposit.side} {deposit.form}", fill=255)
    shown.save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", nargs="*", type=Path)
    parser.add_argument("--scans", type=Path, help="a folder of scans")
    parser.add_argument("--seeds", type=int, nargs="+", default=[200, 201])
    parser.add_argument("--kinds", nargs="+", choices=("artery", "brain"), default=("artery", "brain"))
    parser.add_argument("--register", action="store_true", help="register anew with the deposits in place")
    parser.add_argument("--pictures", type=Path, help="write a slice through each deposit here")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    atlas = calcscan.load_atlas()
    rows: list[Outcome] = []
    for path in [*arguments.inputs, *(sorted(arguments.scans.iterdir()) if arguments.scans else ())]:
        if not (path.is_dir() or path.name.endswith((".nii.gz", ".nii"))):
            continue
        try:
            scan = calcscan.read_scan(path)
            head = segment_intracranial(scan)
        except calcscan.CalcscanError as error:
            print(f"{path.name}: {error}")
            continue
        registration = register_atlas(head, atlas)
        if not registration.accepted:
            print(f"{path.name}: {registration.reason}")
            continue
        for seed in arguments.seeds:
            rows += judged(scan, head, registration, atlas, arguments, seed, path.name)
    table(rows)


def judged(
    scan: Scan,
    head: Intracranial,
    registration: Registration,
    atlas: Atlas,
    arguments: argparse.Namespace,
    seed: int,
    name: str,
) -> list[Outcome]:
    """What became of the deposits of one seed in one scan."""
    rows: list[Outcome] = []
    for group in passes(random_deposits(scan, head, registration, seed, arguments.kinds)):
        changed, owner = drawn(scan, group)
        inside = segment_intracranial(changed)
        again = register_atlas(inside, atlas) if arguments.register else registration
        region = recover_bone_contact(changed, inside, again, atlas)
        some = outcomes(changed, group, owner, search(changed, region, again, atlas))
        rows += some
        for row in some:
            deposit = row.deposit
            print(
                f"{name:22.22} {seed} {deposit.kind:6} {deposit.name:17} {deposit.side:7} {deposit.form:8}"
                f" {deposit.size:26} {deposit.hu:4.0f} HU {row.verdict:10} {row.told} {row.side} {row.also}"
                f" {row.left_out}",
                flush=True,
            )
            if arguments.pictures:
                arguments.pictures.mkdir(parents=True, exist_ok=True)
                picture(changed, deposit, arguments.pictures / f"{name}_{seed}_{deposit.name}_{deposit.side}.png")
    return rows


if __name__ == "__main__":
    main()
