"""Touching deposits of neighbouring nuclei: does each nucleus get its own volume, or an interval that holds it?

    python -m benchmarks.sites.touching INPUT... [--cases 24] [--seed 31] [--copies plain thick2.5 thick5]

Two neighbouring nuclei of one side calcify, as in Fahr's disease, until they touch. The nuclei are those of the atlas,
laid on the scan by the scan's own registration and then moved and bent by 1 to 4 mm that calcscan isn't told of, as
atlas and head differ in life. Each is filled whole, in clumps, with a lump that bulges towards the other, or is
replaced by a ball that touches the other's; with equal densities, 300 and 500 HU or 250 and 700 HU; some leave a
lamina of half a millimetre or one between them. The deposits are imaged with the scan's own blur, and the search is
run anew on the region and registration of the scan as it came; with `--copies` also of copies of it
(`benchmarks.heads.copies`).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

import calcscan
from benchmarks.heads.copies import PLAIN, copy_of
from calcscan.bone_contact import recover_bone_contact
from calcscan.examination import search, segment_as_ordinary
from calcscan.grid.geometry import Array, apply
from calcscan.grid.isotropic import sample_at
from calcscan.knowledge.settings import load
from calcscan.knowledge.stage_settings import StageSettings
from calcscan.knowledge.verification import VerificationSettings
from calcscan.model import Atlas, LocatedLesion, LocatedLesionMap, Registration, Scan, TouchingPair
from calcscan.registration import register_atlas
from calcscan.verification.blur import find_blur
from calcscan.verification.deposits import Deposit, Test
from calcscan.verification.inserted import Share, with_shares

PAIRS = (("pallidum", "putamen"), ("caudate", "putamen"), ("thalamus", "pallidum"), ("thalamus", "caudate"))
DENSITIES = ((400.0, 400.0), (300.0, 500.0), (500.0, 300.0), (250.0, 700.0), (700.0, 250.0))
KINDS = ("whole", "clumps", "lumps", "balls")
GRID_MM = 1.0
FINE_MM = 0.5
PARTS = 2
"""Parts of a voxel's side in which a deposit is looked for."""
MARGIN_MM = 6.0
JOIN_MM = 2.0
"""What lies between two nuclei is calcified too, as far as the way from one to the other over it is no longer than the
shortest by this much."""
SHIFT_MM = (1.0, 4.0)
BEND_MM, BEND_OVER_MM = 0.7, 8.0
NEAR, NEAR_BOTH = 0.2, 0.1
Name = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """Two deposits that touch, and what they are."""

    kind: str
    sites: tuple[Name, Name]
    hu: tuple[float, float]
    lamina_mm: float
    shift_mm: float
    deposits: tuple[Deposit, Deposit]


def cases(scan: Scan, registration: Registration, atlas: Atlas, count: int, seed: int) -> Iterator[Case]:
    """`count` of them; what comes out too small to be divided, or in no contact, is drawn anew."""
    rng = np.random.default_rng(seed)
    made = 0
    while made < count:
        kind = KINDS[made % len(KINDS)]
        case = _case(rng, kind, registration, atlas, PAIRS[(made + made // len(KINDS)) % len(PAIRS)])
        if case is not None:
            made += 1
            yield case


def _case(
    rng: np.random.Generator, kind: str, registration: Registration, atlas: Atlas, pair: tuple[str, str]
) -> Case | None:
    side = ("left", "right")[int(rng.integers(2))]
    hu = DENSITIES[int(rng.integers(len(DENSITIES)))]
    lamina_mm = float(rng.choice([0.0, 0.0, 0.5, 1.0]))
    shift_mm = float(rng.uniform(*SHIFT_MM))
    direction = rng.normal(size=3)
    shift = shift_mm * direction / np.linalg.norm(direction)
    names = (pair[0], side), (pair[1], side)
    numbers = [next(n for n, s in atlas.sites.items() if (s.site, s.side) == name) for name in names]
    middle = registration.to_scan(apply(atlas.affine, np.argwhere(np.isin(atlas.labels, numbers))))
    low, high = middle.min(axis=0) - MARGIN_MM, middle.max(axis=0) + MARGIN_MM
    points = _lattice(low, high, GRID_MM)
    bend = [ndimage.gaussian_filter(rng.normal(size=points.shape[:3]), BEND_OVER_MM / GRID_MM) for _ in range(3)]
    moved = np.stack([BEND_MM * field / field.std() for field in bend], axis=-1) + shift
    there = (registration.to_atlas(points.reshape(-1, 3)) - moved.reshape(-1, 3)).reshape(points.shape)
    inside = [_inside(atlas.labels == n, atlas.affine, there) for n in numbers]
    near = [_outside_mm(field) for field in inside]
    parts = _parts(rng, kind, near, lamina_mm, points)
    if parts is None:
        return None
    made = [_deposit(kind, part, low, value) for part, value in zip(parts, hu, strict=True)]
    if any(deposit is None for deposit in made):
        return None
    first, second = (deposit for deposit in made if deposit is not None)
    return Case(
        kind=kind, sites=names, hu=hu, lamina_mm=lamina_mm, shift_mm=shift_mm, deposits=(first, second)
    )  # fmt: skip


def _inside(mask: npt.NDArray[np.bool_], affine: Array, there: Array) -> Array:
    soft = ndimage.gaussian_filter(mask.astype(np.float32), 0.6)
    return sample_at(soft, affine, there.reshape(-1, 3)).reshape(there.shape[:3])


def _outside_mm(inside: Array) -> Array:
    """How far outside a nucleus each point lies, mm; negative within."""
    far = ndimage.distance_transform_edt(inside < 0.5) - ndimage.distance_transform_edt(inside >= 0.5)
    return np.asarray(ndimage.gaussian_filter(GRID_MM * far, 0.7))


def _parts(
    rng: np.random.Generator, kind: str, near: list[Array], lamina_mm: float, points: Array
) -> tuple[Array, Array] | None:
    """How far within each of the two deposits every point lies, mm; None where they would not touch."""
    first, second = near
    join_mm = max(float((first + second).min()), 0.0) + JOIN_MM
    joined = np.minimum(np.minimum(first, second), first + second - join_mm)
    own = np.maximum(joined, (first - second + lamina_mm) / 2), np.maximum(joined, (second - first + lamina_mm) / 2)
    contact = (joined < 0.0) & (np.abs(first - second) < 1.5 * GRID_MM)
    if not contact.any():
        return None
    meet = points[contact][int(rng.integers(int(contact.sum())))]
    if kind == "whole":
        return -own[0], -own[1]
    if kind == "clumps":
        rough = ndimage.gaussian_filter(rng.normal(size=first.shape), 2.5 / GRID_MM)
        level = np.quantile(rough[joined < 0.0], 0.35)
        steep = float(np.abs(np.gradient(rough, GRID_MM)[0]).mean()) * 1.6
        clumps = (level - rough) / steep
        return -np.maximum(own[0], clumps), -np.maximum(own[1], clumps)
    radii = rng.uniform(3.5, 7.0, 2)
    out = []
    for n in range(2):
        deep = np.linalg.norm(points - meet, axis=-1) < 0.85 * radii[n]
        inner = np.where(deep, near[n] - near[1 - n], np.inf)
        centre = points[np.unravel_index(int(inner.argmin()), inner.shape)]
        most = max(float(np.linalg.norm(centre - meet)) + GRID_MM / 2, 1.5 - float(near[n].ravel()[inner.argmin()]))
        radii[n] = min(radii[n], most)
        ball = np.linalg.norm(points - centre, axis=-1) - radii[n]
        out.append((ball, centre))
    (ball_a, _), (ball_b, _) = out
    if kind == "lumps":
        return -np.maximum(own[0], ball_a), -np.maximum(own[1], ball_b)
    power = ball_a * (ball_a + 2 * radii[0]) - ball_b * (ball_b + 2 * radii[1])
    between = power / (2.0 * max(float(np.linalg.norm(out[0][1] - out[1][1])), GRID_MM))
    return -np.maximum(ball_a, between + lamina_mm / 2), -np.maximum(ball_b, lamina_mm / 2 - between)


def _deposit(kind: str, depth: Array, corner: Array, hu: float) -> Deposit | None:
    """The largest piece of what lies deeper than 0."""
    labels, count = ndimage.label(depth > 0.0)
    if count == 0:
        return None
    own = labels == 1 + int(np.bincount(labels.ravel())[1:].argmax())
    others = (labels > 0) & ~own
    if kind in ("whole", "clumps", "lumps"):
        depth = np.where(others, -GRID_MM, depth)
    index = np.argwhere(own)
    first, last = corner + GRID_MM * (index.min(axis=0) - 1), corner + GRID_MM * (index.max(axis=0) + 1)
    fine = _lattice(first, last, FINE_MM)
    held = _at(depth, corner, fine) > 0.0
    volume_mm3 = float(held.sum()) * FINE_MM**3
    if volume_mm3 < 60.0:
        return None
    centre = fine[held].mean(axis=0)

    def holds(from_centre: Array) -> npt.NDArray[np.bool_]:
        at = from_centre + centre
        inside = ((at >= first) & (at <= last)).all(axis=-1)
        out = np.zeros(at.shape[:-1], np.bool_)
        out[inside] = _at(depth, corner, at[inside]) > 0.0
        return out

    reach = float(np.linalg.norm(fine[held] - centre, axis=1).max()) + FINE_MM
    test: Test = holds
    x, y, z = (float(v) for v in centre)
    return Deposit(shape=kind, centre_mm=(x, y, z), volume_mm3=volume_mm3, hu=hu, holds=test, reach_mm=reach)


def _at(field: Array, corner: Array, points: Array) -> Array:
    index = np.moveaxis((points - corner) / GRID_MM, -1, 0)
    return np.asarray(ndimage.map_coordinates(field, index, order=1, mode="nearest"))


def _lattice(low: Array, high: Array, step: float) -> Array:
    axes = [np.arange(a, b + step / 2, step) for a, b in zip(low, high, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


def imaged(scan: Scan, case: Case, psf_mm: float) -> Scan:
    """The scan with both deposits: averaged over each slice's thickness and blurred within it."""
    shares = [_share(deposit, scan, psf_mm) for deposit in case.deposits]
    return with_shares(scan, case.deposits, shares, load(VerificationSettings))


def _share(deposit: Deposit, scan: Scan, psf_mm: float) -> Share:
    grid = scan.geometry
    corners = np.array(deposit.centre_mm) + (deposit.reach_mm + 3.0) * (
        2.0 * np.indices((2, 2, 2)).reshape(3, -1).T - 1
    )
    index = grid.to_index(corners)
    low = np.maximum(np.floor(index.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(index.max(axis=0)).astype(int) + 1, grid.shape)
    box = slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2])
    j, i = np.meshgrid(np.arange(low[1], high[1]), np.arange(low[2], high[2]), indexing="ij")
    within = (np.arange(PARTS) + 0.5) / PARTS - 0.5
    share = np.zeros(tuple(high - low))
    for n, k in enumerate(range(low[0], high[0])):
        origin = grid.origins_mm[k] - np.array(deposit.centre_mm)
        layers = max(PARTS, round(float(scan.slice_thickness_mm[k]) / 0.4))
        heights = ((np.arange(layers) + 0.5) / layers - 0.5) * float(scan.slice_thickness_mm[k])
        for dj in within:
            for di in within:
                plane = origin + (j + dj)[..., None] * grid.step_j_mm + (i + di)[..., None] * grid.step_i_mm
                for height in heights:
                    share[n] += deposit.holds(plane + height * grid.normal) / (PARTS**2 * layers)
    share = ndimage.gaussian_filter(share, (0.0, *(psf_mm / np.array(grid.spacing_mm[1:]))))
    return box, np.asarray(share)


Told = tuple[float, float, float]
"""Best, low and high, mm3."""


def told(case: Case, lesions: LocatedLesionMap) -> tuple[Told, Told]:
    """What is said of each of the two nuclei, in which nothing lay before."""
    first, second = (
        [n for n in lesions.lesions if (n.site, n.side) == name] for name in case.sites
    )  # fmt: skip
    return _sum(first), _sum(second)


def _sum(items: Iterable[LocatedLesion | TouchingPair]) -> Told:
    rows = [(n.volume_mm3, n.volume_low_mm3, n.volume_high_mm3) for n in items]
    best, low, high = np.sum(rows, axis=0).tolist() if rows else (0.0, 0.0, 0.0)
    return best, low, high


def examine(name: str, original: Scan, atlas: Atlas, count: int, seed: int) -> list[Row]:
    """Every case put into one scan."""
    settings = StageSettings.load()
    scan, space, _ = segment_as_ordinary(original, settings)
    registration = register_atlas(space, atlas, settings=settings.registration)
    region = recover_bone_contact(
        scan,
        space,
        registration,
        atlas,
        settings=settings.bone_contact,
        space=settings.intracranial,
        air=settings.air_contact,
    )
    psf_mm = find_blur(scan).psf_mm
    rows = []
    for case in cases(scan, registration, atlas, count, seed):
        changed = imaged(scan, case, psf_mm)
        rows.append(judge(name, case, search(changed, region, registration, atlas, settings=settings)))
        print(rows[-1].line(), flush=True)
    return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One case, what was said of it, and what was true."""

    scan: str
    case: Case
    nuclei: tuple[Told, Told]
    both: Told
    division: str

    @property
    def truth(self) -> tuple[float, float]:
        first, second = self.case.deposits
        return first.volume_mm3, second.volume_mm3

    def line(self) -> str:
        case = self.case
        names = f"{case.sites[0][0]}-{case.sites[1][0]} {case.sites[0][1]}"
        said = ", ".join(
            f"{best:.0f} ({low:.0f}-{high:.0f}) for {mm3:.0f}"
            for (best, low, high), mm3 in zip((*self.nuclei, self.both), (*self.truth, sum(self.truth)), strict=True)
        )
        hu = f"{case.hu[0]:.0f}/{case.hu[1]:.0f} HU"
        return f"  {self.scan:24} {case.kind:6} {names:24} {hu:11} {case.shift_mm:.1f} mm: {said}; {self.division}"


def judge(name: str, case: Case, lesions: LocatedLesionMap) -> Row:
    """What is said of a case."""
    nuclei = told(case, lesions)
    pairs = [pair for pair in lesions.pairs if set(pair.sites) == set(case.sites)]
    both = _sum(pairs) if pairs else _sum(n for n in lesions.lesions if (n.site, n.side) in case.sites)
    division = pairs[0].division if pairs else "not divided"
    return Row(scan=name, case=case, nuclei=nuclei, both=both, division=division)


def summary(title: str, rows: Sequence[Row]) -> str:
    """One line: how often each nucleus and the pair are right."""
    each = [(told_, mm3) for row in rows for told_, mm3 in zip(row.nuclei, row.truth, strict=True)]
    near = np.array([abs(best / mm3 - 1.0) <= NEAR for (best, *_), mm3 in each])
    held = np.array([low <= mm3 <= high for (_, low, high), mm3 in each])
    error = np.array([abs(best / mm3 - 1.0) for (best, *_), mm3 in each])
    pairs = np.array([abs(row.both[0] / sum(row.truth) - 1.0) <= NEAR_BOTH for row in rows])
    both = np.array([row.both[1] <= sum(row.truth) <= row.both[2] for row in rows])
    return (
        f"{title:26} {len(rows):3} pairs: each within {NEAR:.0%} {near.mean():4.0%}, "
        f"interval holds {held.mean():4.0%}, "
        f"either {(near | held).mean():4.0%}, median error {np.median(error):4.0%}, "
        f"nine in ten within {np.quantile(error, 0.9):4.0%}; "
        f"both within {NEAR_BOTH:.0%} {pairs.mean():4.0%}, interval holds {both.mean():4.0%}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("inputs", nargs="+", type=Path)
    parser.add_argument("--cases", type=int, default=24)
    parser.add_argument("--seed", type=int, default=31)
    parser.add_argument("--copies", nargs="*", default=[PLAIN], help="as benchmarks.heads.copies names them")
    options = parser.parse_args()
    atlas = calcscan.load_atlas()
    rows: list[Row] = []
    for path in options.inputs:
        scan = calcscan.read_scan(path)
        for copy in options.copies:
            name = path.name if copy == PLAIN else f"{path.name} {copy}"
            rows += examine(name, copy_of(scan, copy), atlas, options.cases, options.seed)
    for name in dict.fromkeys(row.scan for row in rows):
        print(summary(name, [row for row in rows if row.scan == name]))
    for kind in dict.fromkeys(row.case.kind for row in rows):
        print(summary(kind, [row for row in rows if row.case.kind == kind]))
    for alike in (True, False):
        own = [row for row in rows if (row.case.hu[0] == row.case.hu[1]) == alike]
        if own:
            print(summary("one density" if alike else "two densities", own))
    print(summary("all", rows))


if __name__ == "__main__":
    main()
