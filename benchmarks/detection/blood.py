"""Blood, stained brain and faint calcification, put into real heads: what is counted, what is flagged.

    python -m benchmarks.detection.blood --scans ../shared/ct --scan thin_pineal_choroid --cases 20 --seed 1

Without `--scan`, all heads in the folder. `--kinds blood staining` (the default): haematomas of 60 to 100 HU and
stained brain of 100 to 140 HU, 1 to 30 ml, anywhere in the brain, with uneven insides and soft edges, in scans as they
are, interpolated to slices 0.6 mm apart and averaged to thicker ones, with noise added up to 20 HU. A third of the
haematomas hold, or lie beside, a deposit of 200 to 600 HU, which must be found. `--kinds layer falx sulci ventricle
tube`: thin or long blood of 55 to 90 HU, which is never calcification either. `--kinds faint`: deposits of 100 mm3
with a peak of 140 to 160 HU, which are calcification. Each head is segmented once for each slice
thickness, with bone contact recovered by the registration of the untouched scan.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from benchmarks.heads import bleeding
from benchmarks.heads.copies import with_hu
from benchmarks.heads.prepared import Prepared, prepare, registration_of, sliced
from calcscan.atlas import load_atlas
from calcscan.detection import detect_lesions
from calcscan.errors import CalcscanError
from calcscan.grid.masks import box_around
from calcscan.knowledge.stage_settings import StageSettings
from calcscan.model import LesionMap, Scan
from calcscan.read import read_scan

Field = npt.NDArray[np.float32]
BLOOD_CODES = {"possible_haemorrhage", "contrast", "uncertain_material"}
UNSURE = {"haemorrhage", "uncertain_material", "contrast"}
SLABS_MM = (None, 0.6, 2.5, 5.0)
NOISE_HU = (None, 3.0, 8.0, 12.0, 20.0)
COUNTED_MM3 = 20.0
DENSITY_HU = {"blood": (60, 100), "staining": (100, 140), "faint": (140, 160)}
THIN_HU = (55, 90)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is put in. `density_hu` is the mean of blood or staining, or a faint deposit's peak."""

    kind: str
    density_hu: float
    ml: float
    soft_mm: float
    uneven_hu: float
    thick_mm: float
    slab_mm: float | None
    noise_hu: float | None
    grain_mm: float
    deposit_hu: float | None
    beside: bool
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a case."""

    counted_mm3: float
    flagged: bool
    listed: bool
    hit: bool | None


def random_case(rng: np.random.Generator, kinds: list[str]) -> Case:
    kind = str(rng.choice(kinds))
    faint = kind == "faint"
    uneven = {"blood": float(rng.uniform(2, 8)), "staining": float(rng.uniform(5, 20)), "faint": 0.0}
    return Case(
        kind=kind,
        density_hu=float(rng.uniform(*DENSITY_HU.get(kind, THIN_HU))),
        ml=0.1 if faint else float(np.exp(rng.uniform(0.0, np.log(30.0)))),
        soft_mm=0.5 if faint else float(rng.uniform(0.7, 2.5)),
        uneven_hu=uneven.get(kind, 3.0),
        thick_mm=float(rng.uniform(2.0, 7.0)),
        slab_mm=SLABS_MM[rng.integers(len(SLABS_MM))],
        noise_hu=NOISE_HU[rng.integers(len(NOISE_HU))],
        grain_mm=float(rng.choice([0.2, 0.35, 0.6])),
        deposit_hu=float(rng.uniform(200, 600)) if kind == "blood" and rng.random() < 1 / 3 else None,
        beside=bool(rng.random() < 0.5),
        seed=int(rng.integers(1 << 31)),
    )


def drawn(head: Prepared, case: Case, rng: np.random.Generator) -> tuple[bleeding.Box, Field]:
    match case.kind:
        case "layer":
            return bleeding.layer(head, rng, case.thick_mm)
        case "falx":
            return bleeding.falx(head, rng, case.thick_mm)
        case "sulci":
            return bleeding.sulci(head, rng)
        case "ventricle":
            return bleeding.ventricle(head, rng)
        case "tube":
            return bleeding.tube(head, rng, case.thick_mm)
        case "faint":
            return bleeding.lump(head, rng, case.ml, case.soft_mm, rough=0.0, clear_mm=6.0)
    return bleeding.lump(head, rng, case.ml, case.soft_mm, rough=0.18, clear_mm=3.0)


def with_case(head: Prepared, case: Case) -> tuple[Scan, Field, Field | None]:
    """The scan with it, and the shares of each voxel that blood and the deposit fill."""
    rng = np.random.default_rng(case.seed)
    scan, steps = head.scan, head.steps_mm
    box, part = drawn(head, case, rng)
    share = np.zeros(scan.hu.shape, np.float32)
    share[box] = part
    hu = scan.hu.astype(np.float32)
    tissue = ndimage.gaussian_filter(np.clip(hu[box], -10, 60), (0, *(2.0 / steps[1:])))
    uneven = bleeding.texture(rng, part.shape, rng.uniform(2.0, 5.0) / steps)
    hu[box] += part * (case.density_hu - tissue + case.uneven_hu * uneven)
    deposit = None
    if case.deposit_hu is not None:
        inner = np.argwhere((share > 0.9) if not case.beside else (share > 0.2) & (share < 0.5))
        centre = inner[rng.integers(len(inner))] if len(inner) else np.argwhere(share == share.max())[0]
        radius_mm = (3 * rng.uniform(30, 100) / (4 * np.pi)) ** (1 / 3)
        around = box_around(centre[None], np.ceil((radius_mm + 4.0) / steps).astype(np.int64), hu.shape)
        far = sum(((axis - c) * step) ** 2 for axis, c, step in zip(np.ogrid[around], centre, steps, strict=True))
        deposit = np.zeros_like(share)
        deposit[around] = ndimage.gaussian_filter((far <= radius_mm**2).astype(np.float32), 0.5 / steps)
        hu += deposit * (case.deposit_hu - case.density_hu)
    if case.noise_hu is not None:
        more = np.sqrt(max(case.noise_hu**2 - (head.inside.noise_hu or 0.0) ** 2, 0.0))
        hu += more * bleeding.texture(rng, hu.shape, np.array([0.0, *(case.grain_mm / steps[1:])]))
    return with_hu(scan, hu), share, deposit


def counted_mm3(found: LesionMap, share: Field, calcified: npt.NDArray[np.bool_]) -> float:
    """The volume of lesions in or beside what was put in, less what of them was found in the untouched scan."""
    near = ndimage.binary_dilation(share > 0.1, iterations=3)
    total = 0.0
    for lesion in found.lesions:
        at = tuple(found.voxels_kji(lesion.id).T)
        if near[at].any():
            total += lesion.volume_mm3 * float(1.0 - calcified[at].mean())
    return total


def outcome(head: Prepared, case: Case) -> Outcome:
    scan, share, deposit = with_case(head, case)
    found = detect_lesions(*head.changed(scan))
    target = share if case.kind == "faint" else deposit
    hit = None
    if target is not None and (target > 0.5).any():
        hit = bool((found.labels[target > 0.5] > 0).any())
    return Outcome(
        counted_mm3=counted_mm3(found, share, head.calcified),
        flagged=bool({flag.code for flag in found.flags} & BLOOD_CODES),
        listed=any(item.reason in UNSURE and (share[tuple(item.kji.T)] > 0.3).any() for item in found.left_out),
        hit=hit,
    )


def told(case: Case, result: Outcome) -> str:
    return (
        f"  {case.kind} {case.density_hu:.0f} HU {case.ml:.1f} ml soft {case.soft_mm:.1f} uneven {case.uneven_hu:.0f} "
        f"thick {case.thick_mm:.1f} slab {case.slab_mm} noise {case.noise_hu} grain {case.grain_mm} deposit "
        f"{case.deposit_hu} beside {case.beside} seed {case.seed}: counted {result.counted_mm3:.0f} flagged "
        f"{result.flagged} listed {result.listed} hit {result.hit}"
    )


def heads_of(scan: Scan) -> dict[float | None, Prepared]:
    """The head in slices of each thickness that its own can show."""
    atlas, settings = load_atlas(), StageSettings.load()
    registration = registration_of(scan, atlas, settings)
    heads = {None: prepare(scan, registration, atlas, settings)}
    for slab_mm in SLABS_MM:
        other = sliced(scan, slab_mm)
        heads[slab_mm] = heads[None] if other is scan else prepare(other, registration, atlas, settings)
    return heads


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scans", type=Path, required=True)
    parser.add_argument("--scan", nargs="*", help="names in that folder; else all that hold a head")
    parser.add_argument("--also", nargs="*", type=Path, default=[], help="other scans")
    parser.add_argument("--cases", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", nargs="+", default=["blood", "blood", "staining"])
    parser.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args()
    names = arguments.scan or sorted(path.name for path in arguments.scans.iterdir() if path.is_dir())
    print(f"{'scan':26} {'kind':9} {'cases':>5} {'> 20 mm3':>9} {'flagged':>8} {'listed':>7} {'deposits found':>15}")
    total: dict[str, list[tuple[Case, Outcome]]] = defaultdict(list)
    for path in [*(arguments.scans / name for name in names), *arguments.also]:
        try:
            heads = heads_of(read_scan(path))
        except CalcscanError as error:
            print(f"{path.name}: {error}")
            continue
        rng = np.random.default_rng(arguments.seed)
        rows: dict[str, list[tuple[Case, Outcome]]] = defaultdict(list)
        for _ in range(arguments.cases):
            case = random_case(rng, arguments.kinds)
            result = outcome(heads[case.slab_mm], case)
            rows[case.kind].append((case, result))
            total[case.kind].append((case, result))
            if arguments.verbose:
                print(told(case, result), flush=True)
        print_rows(path.name, rows)
    print_rows("all", total)


def print_rows(name: str, rows: dict[str, list[tuple[Case, Outcome]]]) -> None:
    for kind, results in rows.items():
        hits = [result.hit for _, result in results if result.hit is not None]
        no_calcium = [result for case, result in results if case.deposit_hu is None and case.kind != "faint"]
        many = sum(result.counted_mm3 > COUNTED_MM3 for result in no_calcium)
        flagged, listed = (sum(getattr(result, what) for _, result in results) for what in ("flagged", "listed"))
        deposits = f"{sum(hits)} of {len(hits)}"
        print(f"{name:26} {kind:9} {len(results):5} {many:9} {flagged:8} {listed:7} {deposits:>15}", flush=True)


if __name__ == "__main__":
    main()
