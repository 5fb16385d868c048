"""Blood, stained brain and faint calcification, put into real heads: what is counted, what is flagged.

    python -m benchmarks.detection.blood --scans ../shared/ct --scan thin_pineal_choroid --cases 20 --seed 1

Haematomas of 60 to 100 HU and stained brain of 100 to 140 HU, 1 to 30 ml, anywhere in the brain, with uneven insides
and soft edges, in scans as they are and averaged to thicker slices, with noise added up to 20 HU. A third of the
haematomas hold, or lie beside, a deposit of 200 to 600 HU, which must be found. `--faint` puts in deposits of 100 mm3
with a peak of 140 to 160 HU instead, which are calcification.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from benchmarks.heads.copies import with_hu
from benchmarks.volume.in_scan import Protocol, seen_as
from calcscan.detection import detect_lesions
from calcscan.intracranial import segment_intracranial
from calcscan.model import Intracranial, LesionMap, Scan
from calcscan.read import read_scan

Field = npt.NDArray[np.float32]
BLOOD_CODES = {"possible_haemorrhage", "contrast", "uncertain_material"}
SLABS_MM = (None, 2.5, 5.0)
NOISE_HU = (None, 8.0, 12.0, 20.0)
COUNTED_MM3 = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is put in. `density_hu` is the mean of blood or staining, or a faint deposit's peak."""

    kind: str
    density_hu: float
    ml: float
    soft_mm: float
    uneven_hu: float
    slab_mm: float | None
    noise_hu: float | None
    deposit_hu: float | None
    beside: bool
    seed: int


def random_case(rng: np.random.Generator, *, faint: bool) -> Case:
    kind = "faint" if faint else str(rng.choice(["blood", "blood", "staining"]))
    slab_mm, noise_hu = SLABS_MM[rng.integers(3)], NOISE_HU[rng.integers(4)]
    density = {"blood": (60, 100), "staining": (100, 140), "faint": (140, 160)}[kind]
    return Case(
        kind=kind,
        density_hu=float(rng.uniform(*density)),
        ml=0.1 if faint else float(np.exp(rng.uniform(0.0, np.log(30.0)))),
        soft_mm=0.5 if faint else float(rng.uniform(0.7, 2.5)),
        uneven_hu={"blood": 4.0, "staining": float(rng.uniform(5, 20)), "faint": 0.0}[kind],
        slab_mm=slab_mm,
        noise_hu=noise_hu,
        deposit_hu=float(rng.uniform(200, 600)) if kind == "blood" and rng.random() < 1 / 3 else None,
        beside=bool(rng.random() < 0.5),
        seed=int(rng.integers(1 << 31)),
    )


def lump(scan: Scan, inside: npt.NDArray[np.bool_], case: Case, rng: np.random.Generator) -> tuple[Field, Field]:
    """The share of each voxel that is filled (soft), and an even texture of unit variance, both (k, j, i)."""
    geometry = scan.geometry
    steps = np.array([float(np.median(geometry.slab_mm)), *geometry.spacing_mm[1:]])
    depth_mm = ndimage.distance_transform_edt(inside[:, ::4, ::4], sampling=steps * (1, 4, 4))
    radius_mm = (3000.0 * case.ml / (4 * np.pi)) ** (1 / 3)
    places = np.argwhere(
        depth_mm >= min(0.8 * radius_mm + (3.0 if case.kind != "faint" else 6.0), 0.8 * depth_mm.max())
    )
    centre = places[rng.integers(len(places))] * (1, 4, 4)
    stretch = np.exp(rng.uniform(-0.3, 0.3, 3))
    stretch /= stretch.prod() ** (1 / 3)
    k, j, i = np.ogrid[: inside.shape[0], : inside.shape[1], : inside.shape[2]]
    far = sum(((axis - c) * step / s) ** 2 for axis, c, step, s in zip((k, j, i), centre, steps, stretch, strict=True))
    bumps = smooth_noise(rng, inside.shape, 5.0 / steps)
    rough = 0.0 if case.kind == "faint" else 0.18
    mask = inside & (np.sqrt(far) <= radius_mm * (1 + rough * bumps))
    share = ndimage.gaussian_filter(mask.astype(np.float32), case.soft_mm / steps)
    return share, smooth_noise(rng, inside.shape, rng.uniform(2.0, 5.0) / steps)


def smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], sigma: npt.NDArray[np.float64]) -> Field:
    out = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), sigma)
    return np.asarray(out / out.std(), dtype=np.float32)


def with_case(scan: Scan, intracranial: Intracranial, case: Case) -> tuple[Scan, Field, Field | None]:
    """The scan with it, and the shares of each voxel that blood and the deposit fill."""
    rng = np.random.default_rng(case.seed)
    inside = ndimage.binary_erosion(intracranial.mask, iterations=2)
    share, texture = lump(scan, inside, case, rng)
    hu = scan.hu.astype(np.float32)
    spread = (0, *(2.0 / np.array(scan.geometry.spacing_mm[1:])))
    tissue = ndimage.gaussian_filter(np.clip(hu, -10, 60), spread)
    hu += share * (case.density_hu - tissue + case.uneven_hu * texture)
    deposit = None
    if case.deposit_hu is not None:
        inner = np.argwhere((share > 0.9) if not case.beside else (share > 0.2) & (share < 0.5))
        centre = inner[rng.integers(len(inner))] if len(inner) else np.argwhere(share == share.max())[0]
        steps = np.array([float(np.median(scan.geometry.slab_mm)), *scan.geometry.spacing_mm[1:]])
        grid = np.ogrid[tuple(slice(n) for n in hu.shape)]
        far = sum(((axis - c) * step) ** 2 for axis, c, step in zip(grid, centre, steps, strict=True))
        radius_mm = (3 * rng.uniform(30, 100) / (4 * np.pi)) ** (1 / 3)
        deposit = ndimage.gaussian_filter((far <= radius_mm**2).astype(np.float32), 0.5 / steps)
        hu += deposit * (case.deposit_hu - case.density_hu)
    made = with_hu(scan, hu)
    if case.slab_mm is not None and case.slab_mm > 1.5 * float(np.median(scan.geometry.slab_mm)):
        protocol = Protocol(name="", slab_mm=case.slab_mm)
        made = seen_as(made, protocol)
        share, deposit = (
            None if part is None else seen_as(with_hu(scan, 1000 * part), protocol).hu / np.float32(1000)
            for part in (share, deposit)
        )
    if case.noise_hu is not None:
        own = intracranial.noise_hu or 0.0
        if made.hu.shape != scan.hu.shape:
            own *= np.sqrt(float(np.median(scan.geometry.slab_mm)) / float(np.median(made.geometry.slab_mm)))
        grain = smooth_noise(rng, made.hu.shape, np.array([0.0, 0.7, 0.7]))
        made = with_hu(made, made.hu + np.sqrt(max(case.noise_hu**2 - own**2, 0.0)) * grain)
    assert share is not None
    return made, share, deposit


def counted_mm3(found: LesionMap, share: Field, before: npt.NDArray[np.float64]) -> float:
    """The volume of lesions in or beside what was put in, less those of the untouched scan (their centroids)."""
    near = ndimage.binary_dilation(share > 0.1, iterations=3)
    total = 0.0
    for lesion in found.lesions:
        kji = found.voxels_kji(lesion.id)
        known = len(before) and np.linalg.norm(before - lesion.centroid_lps_mm, axis=1).min() < 4.0
        if near[tuple(kji.T)].any() and not known:
            total += lesion.volume_mm3
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scans", type=Path, required=True)
    parser.add_argument("--scan", nargs="+", default=["thin_pineal_choroid"])
    parser.add_argument("--cases", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faint", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args()
    print(f"{'scan':26} {'kind':9} {'cases':>5} {'> 20 mm3':>9} {'flagged':>8} {'deposits found':>15}")
    for name in arguments.scan:
        scan = read_scan(arguments.scans / name)
        whole = segment_intracranial(scan)
        before = np.array([lesion.centroid_lps_mm for lesion in detect_lesions(scan, whole).lesions]).reshape(-1, 3)
        rng = np.random.default_rng(arguments.seed)
        rows: dict[str, list[tuple[bool, bool, bool | None]]] = {}
        for _ in range(arguments.cases):
            case = random_case(rng, faint=arguments.faint)
            made, share, deposit = with_case(scan, whole, case)
            found = detect_lesions(made, segment_intracranial(made))
            codes = {flag.code for flag in found.flags}
            mm3 = counted_mm3(found, share, before)
            hit = None
            if deposit is not None:
                hit = bool((found.labels[deposit > 0.5] > 0).any()) if (deposit > 0.5).any() else None
            elif case.kind == "faint":
                hit = bool((found.labels[share > 0.5] > 0).any()) if (share > 0.5).any() else None
            too_much = mm3 > COUNTED_MM3 and deposit is None and case.kind != "faint"
            rows.setdefault(case.kind, []).append((too_much, bool(codes & BLOOD_CODES), hit))
            if arguments.verbose:
                print(
                    f"  {case.kind} {case.density_hu:.0f} HU {case.ml:.1f} ml soft {case.soft_mm:.1f} uneven "
                    f"{case.uneven_hu:.0f} slab {case.slab_mm} noise {case.noise_hu} deposit {case.deposit_hu} "
                    f"beside {case.beside}: counted {mm3:.0f} flagged {bool(codes & BLOOD_CODES)} hit {hit}",
                    flush=True,
                )
        for kind, results in rows.items():
            hits = [hit for *_, hit in results if hit is not None]
            print(
                f"{name:26} {kind:9} {len(results):5} {sum(r[0] for r in results):9} {sum(r[1] for r in results):8} "
                f"{f'{sum(hits)} of {len(hits)}':>15}",
                flush=True,
            )


if __name__ == "__main__":
    main()
