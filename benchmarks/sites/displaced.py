"""Where the brain itself has moved: is a side ever wrong without a flag, and a deep site wrong without a doubt?

    python -m benchmarks.sites.displaced INPUT... [--heads 40] [--seed 11] [--kinds shift both one] [--whole]

Each head is displaced at random inside its skull (`benchmarks.heads.displaced`): its midline by 0 to 20 mm (smoothly or
sharply, at random height, with or without a collection or a dark mass on the side that pushes), or the walls of the
ventricles by 0 to 10 mm, so that each is up to 20 mm wider, on both sides or on one. Deposits at random places in the
deep nuclei and beside the midline move along. The truth is their site in the head as it was, by the registration of
that head. Registration, detection and all that follows are run anew, with `--whole` also the stages that look at bone.
Fine scans are averaged to pixels of about 1 mm and slices of 2 mm, to save time.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import calcscan
from benchmarks.heads.copies import mean_of_slices
from benchmarks.heads.displaced import NUCLEI, Deposit, Field, Move, deposits_of, displaced, field_of
from calcscan.errors import RefusedError
from calcscan.examination import Examination, search, segment_as_ordinary
from calcscan.examination import examine as examine_scan
from calcscan.grid.isotropic import resample_isotropic
from calcscan.inspection.brain_defect import brain_defect_flags
from calcscan.inspection.mass_effect import mass_effect_flags
from calcscan.knowledge.stage_settings import StageSettings
from calcscan.measurement.blur import blur_of
from calcscan.model import AIR_HU, Atlas, Intracranial, Registration, Scan, SearchRegion
from calcscan.quality import judge_quality
from calcscan.registration import register_atlas

BINS_MM = (0.0, 3.0, 5.0, 8.0, 12.0, 16.0, 20.1)
FORMS = ("plain", "plain", "collection", "tumour")
KINDS = ("shift", "shift", "both", "one")
SAID = {"mass_effect", "registration_poor", "brain_defect"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Head:
    """A head as it was, and where it lies in the atlas."""

    name: str
    scan: Scan
    inside: Intracranial
    registration: Registration


def head_of(path: Path, atlas: Atlas, settings: StageSettings) -> Head:
    scan, inside, _ = segment_as_ordinary(coarser(calcscan.read_scan(path)), settings)
    registration = register_atlas(inside, atlas, settings=settings.registration)
    return Head(name=path.name.split(".")[0], scan=scan, inside=inside, registration=registration)


def coarser(scan: Scan) -> Scan:
    """The same with pixels of 0.7 mm and more, and of slices under 1.6 mm about 2 mm thick ones."""
    while scan.geometry.spacing_mm[1] < 0.7:
        grid = scan.geometry
        rows, columns = grid.rows // 2, grid.columns // 2
        blocks = scan.hu[:, : 2 * rows, : 2 * columns].astype(np.float32)
        hu = blocks.reshape(grid.shape[0], rows, 2, columns, 2).mean(axis=(2, 4))
        origins = grid.origins_mm + 0.5 * (grid.step_i_mm + grid.step_j_mm)
        steps = {"step_i_mm": 2 * grid.step_i_mm, "step_j_mm": 2 * grid.step_j_mm}
        grid = replace(grid, origins_mm=origins, rows=rows, columns=columns, **steps)
        scan = Scan(hu=np.rint(hu).astype(np.int16), geometry=grid, acquisition=scan.acquisition)
    gap_mm = scan.geometry.spacing_mm[0]
    if gap_mm < 1.6:
        hu, grid = mean_of_slices(scan, 2 if gap_mm > 0.7 else 3)
        acquisition = replace(scan.acquisition, slice_thickness_mm=None)
        scan = Scan(hu=hu, geometry=grid, acquisition=acquisition)
    return scan


def move_of(kind: str, size_mm: float, rng: np.random.Generator) -> Move:
    """A random displacement of this size: of the midline, or by how much each ventricle is wider."""
    sign = float(rng.choice([-1.0, 1.0]))
    if kind != "shift":
        wall = size_mm / 2.0
        both = (wall, wall) if kind == "both" else (wall, 0.0) if sign > 0 else (0.0, wall)
        return Move(widened_mm=both, widened_reach_mm=float(rng.uniform(25, 40)))
    move = Move(
        shift_mm=sign * size_mm,
        centre_mm=(float(rng.uniform(-25, 20)), float(rng.uniform(0, 25))),
        spread_mm=(float(rng.uniform(25, 60)), float(rng.uniform(25, 50))),
        reach_mm=float(rng.uniform(30, 65)),
    )
    form = rng.choice(FORMS)
    if form == "collection":
        hu = float(rng.choice([12, 22, 30, 45]))
        return replace(move, collection=float(rng.uniform(0.5, 1.0)), collection_hu=hu)
    return replace(move, tumour_mm=float(rng.uniform(12, 24))) if form == "tumour" else move


def _whole(scan: Scan, atlas: Atlas) -> Examination | None:
    """All stages; None where the scan is refused."""
    try:
        return examine_scan(scan, atlas)
    except RefusedError:
        return None


def _shortened(scan: Scan, head: Head, atlas: Atlas, settings: StageSettings) -> Examination:
    """The stages that say where a deposit in the brain lies: the inside of the skull is that of the head as it was, and
    nothing is sought in contact with bone."""
    old = head.inside.isotropic_hu
    whole = resample_isotropic(scan.hu, scan.geometry, old.spacing_mm, outside_hu=AIR_HU)
    first = np.rint(np.linalg.inv(whole.affine) @ old.affine[:, 3])[:3].astype(int)
    box = tuple(slice(a, a + n) for a, n in zip(first, old.values.shape, strict=True))
    coarse = replace(old, values=whole.values[box])
    region = SearchRegion.of(replace(head.inside, isotropic_hu=coarse))
    registration = register_atlas(region, atlas, settings=settings.registration)
    flags = (*mass_effect_flags(registration, settings.inspection), *brain_defect_flags(region, settings.inspection))
    lesions = search(scan, region, registration, atlas, settings=settings)
    return Examination(
        intracranial=region,
        registration=registration,
        lesions=lesions,
        scan=scan,
        blur=blur_of(scan, settings.blur),
        inspection_flags=flags,
    )


def examine(
    head: Head, move: Move, atlas: Atlas, settings: StageSettings, rng: np.random.Generator, *, whole: bool
) -> tuple[Counter[str], bool, str]:
    """How many deposits came out how, whether the head was flagged, and what was wrong."""
    deposits = deposits_of(head.registration, atlas, head.inside, rng)
    field: Field = field_of(move, head.inside, head.registration, atlas)
    scan, owner = displaced(head.scan, head.inside, field, move, deposits, head.registration, rng)
    counts: Counter[str] = Counter()
    examination = _whole(scan, atlas) if whole else _shortened(scan, head, atlas, settings)
    if examination is None:
        counts["deep uncertain"] = sum(deposit.site in NUCLEI for deposit in deposits)
        return counts, True, "refused"
    quality = judge_quality(examination.flags)
    if quality.state == "abstain":
        examination = examination.without_sites()
    flagged = any(flag.code in SAID for flag in quality.flags)
    wrong = []
    for number, deposit in enumerate(deposits, start=1):
        outcome, told = _outcome(deposit, np.argwhere(owner == number), examination)
        counts[f"{'deep' if deposit.site in NUCLEI else 'other'} {outcome}"] += 1
        if told:
            counts["side"] += "side" in told
            wrong.append(told)
    return counts, flagged, ", ".join(wrong)


def _outcome(deposit: Deposit, kji: np.ndarray, examination: Examination) -> tuple[str, str]:
    numbers = np.bincount(examination.lesions.labels[tuple(kji.T)], minlength=1)
    numbers[0] = 0
    if not numbers.sum():
        return "missed", ""
    lesion = examination.lesions.lesions[int(numbers.argmax()) - 1]
    if lesion.site == "unassigned":
        return "uncertain", ""
    if (lesion.site, lesion.side) == (deposit.site, deposit.side):
        return "right", ""
    side = "side: " if lesion.side in ("left", "right") and lesion.side != deposit.side else ""
    told = f"{side}{deposit.site} {deposit.side} told {lesion.site} {lesion.side} {lesion.site_share}"
    named = any((site, at) == (deposit.site, deposit.side) for site, at, _ in lesion.also)
    return "uncertain" if named else "wrong", told if side or not named else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("inputs", nargs="+", type=Path)
    parser.add_argument("--heads", type=int, default=40, help="displaced heads, of all inputs in turn")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=sorted(set(KINDS)))
    parser.add_argument("--whole", action="store_true", help="run all stages, also those of bone; takes twice as long")
    arguments = parser.parse_args()
    atlas, settings = calcscan.load_atlas(), StageSettings.load()
    heads = [head_of(path, atlas, settings) for path in arguments.inputs]
    rows: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    for number in range(arguments.heads):
        rng = np.random.default_rng([arguments.seed, number])
        head = heads[number % len(heads)]
        kind = arguments.kinds[number // len(heads) % len(arguments.kinds)]
        size_mm = float(rng.uniform(0.0, 20.0)) if rng.random() > 0.15 else float(rng.uniform(0.0, 3.0))
        move = move_of(kind, size_mm, rng)
        counts, flagged, wrong = examine(head, move, atlas, settings, rng, whole=arguments.whole)
        counts |= Counter({"heads": 1, "flagged": int(flagged), "side unflagged": 0 if flagged else counts["side"]})
        rows[kind, int(np.searchsorted(BINS_MM, size_mm, side="right"))] += counts
        form = "collection" if move.collection else "mass" if move.tumour_mm else ""
        line = f"{head.name:24} {kind:6} {size_mm:5.1f} mm {form:10} {'flagged' if flagged else '':8}"
        print(line, dict(counts), wrong, flush=True)
    print(f"\n{'':20}heads  flagged  sides wrong (unflagged)   deep: right  uncertain  wrong  missed")
    for (kind, column), row in sorted(rows.items()):
        span = f"{kind} {BINS_MM[column - 1]:.0f}-{BINS_MM[column]:.0f} mm"
        deep = "".join(f"{row[f'deep {name}']:10}" for name in ("right", "uncertain", "wrong", "missed"))
        sides = f"{row['side']:10} ({row['side unflagged']})"
        print(f"{span:20}{row['heads']:5}  {row['flagged']:7}  {sides:24}  {deep}")


if __name__ == "__main__":
    main()
