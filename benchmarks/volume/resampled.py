"""What becomes of a scan that was resampled before it came, or whose blur can't be measured?

    python -m benchmarks.volume.resampled SCAN [SCAN …] [--copies linear1.0 averaged5,spline1.0 brain …]
                                          [--deposits 8] [--seed 1]

Copies are named as `benchmarks.heads.resampled_copies` says. Deposits of known volume (20 to 600 mm3, 200 to 800 HU)
are put into the scan first, with its own blur. Scan and copy are analysed alike. Told are the flag, the thickness that
each slice shows (m measured, a assumed), of the deposits those found, how many lie in the interval and how far off the
volumes are, and how wide the intervals; then the scan's other lesions: found again, in how many the copy's interval
holds the scan's volume, lost, and those that the scan doesn't have.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from benchmarks.heads.resampled_copies import resampled_copy
from benchmarks.volume.in_scan import Places
from calcscan.blur import measure_blur
from calcscan.intracranial import segment_intracranial
from calcscan.model import Lesion, LesionMap, Result, Scan
from calcscan.pipeline import analyse_scan
from calcscan.read import read_scan
from calcscan.verification.blur import find_blur
from calcscan.verification.deposits import SHAPES, Deposit, make_deposit
from calcscan.verification.inserted import insert

COPIES = (
    "as_it_is", "linear1.0", "spline1.0", "linear2.0", "turned1.0", "coronal1.0", "tilted", "averaged5,linear1.0",
    "averaged5,spline1.0", "brain", "padded", "helmet",
)  # fmt: skip
TELLING = ("resampled", "reformatted", "blur_unmeasured")
NEAR_MM = 4.0
APART_MM = 25.0
THICK_MM = 2.5


def with_deposits(scan: Scan, count: int, seed: int) -> tuple[Scan, list[Deposit]]:
    """The scan with up to so many deposits, far from each other and from all that is dense."""
    blurred = replace(scan, blur=measure_blur(scan).blur)
    places, rng = Places(blurred, segment_intracranial(blurred)), np.random.default_rng(seed)
    made: list[Deposit] = []
    for number in range(6 * count):
        volume = float(np.exp(rng.uniform(np.log(20), np.log(600))))
        place = places.draw(rng, 1.3 * (3 * volume / (4 * np.pi)) ** (1 / 3), at_fluid=number % 2 == 1)
        if place is None or any(np.linalg.norm(place - one.centre_mm) < APART_MM for one in made):
            continue
        shape = SHAPES[len(made) % len(SHAPES)]
        hu = float(rng.uniform(200, 800))
        made.append(make_deposit(shape, place, volume, hu, rng=np.random.default_rng(int(rng.integers(1 << 31)))))
        if len(made) == count:
            break
    return replace(insert(blurred, made, find_blur(scan)), blur=None), made


def _thickness(result: Result) -> str:
    """What the slices average over, mm, measured (m) or assumed (a); - where nothing was analysed."""
    blur = result.searched.blur if result.searched else None
    if blur is None:
        return "-"
    return f"{float(np.median(blur.thickness_mm)):5.2f}{'m' if blur.across_measured else 'a'}"


def compared(original: Result, copy: Result, deposits: Sequence[Deposit]) -> str:
    """A row: deposits and lesions of the copy beside those of the scan."""
    flags = {flag.code for flag in copy.quality.flags}
    told = f"{copy.quality.state:8s} {' '.join(code for code in TELLING if code in flags) or '-':15s}"
    if original.lesions is None or copy.lesions is None:
        return f"{told} not analysed: {', '.join(sorted(flags))}"
    told += f" {_thickness(copy)}"
    taken: set[int] = set()
    told += f"  deposits: {_of_deposits(copy.lesions, deposits, taken)}"
    old = [one for one in original.lesions.lesions if not _is_deposit(original.lesions, one, deposits)]
    return f"{told}\n{'':26s}lesions: {_of_lesions(original.lesions, old, copy.lesions, taken)}"


def _is_deposit(lesions: LesionMap, lesion: Lesion, deposits: Sequence[Deposit]) -> bool:
    return any(_near(lesions, lesion, one) for one in deposits)


def _near(lesions: LesionMap, lesion: Lesion, deposit: Deposit) -> bool:
    at = lesions.geometry.to_world(lesions.voxels_kji(lesion.id))
    return bool(np.linalg.norm(at - deposit.centre_mm, axis=1).min() <= deposit.reach_mm + 2.0)


def _of_deposits(lesions: LesionMap, deposits: Sequence[Deposit], taken: set[int]) -> str:
    """Found, held, errors; the lesions that belong to deposits are `taken`."""
    found, holds, errors, widths, bad = 0, 0, [], [], []
    for deposit in deposits:
        parts = [one for one in lesions.lesions if _near(lesions, one, deposit)]
        taken |= {one.id for one in parts}
        if not parts:
            bad.append(f"{deposit.volume_mm3:.0f} lost")
            continue
        found += 1
        best, low, high = (
            sum(getattr(one, name) for one in parts) for name in ("volume_mm3", "volume_low_mm3", "volume_high_mm3")
        )
        errors.append(best / deposit.volume_mm3 - 1)
        widths.append(high / max(low, 0.1))
        if low <= deposit.volume_mm3 <= high:
            holds += 1
        else:
            bad.append(f"{deposit.volume_mm3:.0f} as {best:.0f} ({low:.0f}-{high:.0f})")
    if not found:
        return f"0 of {len(deposits)}"
    return (
        f"{found} of {len(deposits)}, held {holds}, bias {np.mean(errors):+.0%}, median error "
        f"{np.median(np.abs(errors)):.0%}, width {np.median(widths):.1f}; {', '.join(bad) or '-'}"
    )


def _of_lesions(original: LesionMap, old: Sequence[Lesion], new: LesionMap, taken: set[int]) -> str:
    """Lesions of the scan found again, held, lost, and new ones."""
    trees = [cKDTree(original.geometry.to_world(original.voxels_kji(one.id))) for one in old]
    matched: dict[int, list[Lesion]] = {}
    unknown = []
    for lesion in new.lesions:
        if lesion.id in taken:
            continue
        at = new.geometry.to_world(new.voxels_kji(lesion.id))
        away = [float(tree.query(at)[0].min()) for tree in trees]
        if away and min(away) <= NEAR_MM:
            matched.setdefault(int(np.argmin(away)), []).append(lesion)
        else:
            unknown.append(f"{lesion.site} {lesion.volume_mm3:.0f}")
    holds = 0
    for number, parts in matched.items():
        low, high = sum(part.volume_low_mm3 for part in parts), sum(part.volume_high_mm3 for part in parts)
        holds += low <= old[number].volume_mm3 <= high
    lost = [f"{old[n].site} {old[n].volume_mm3:.0f}" for n in range(len(trees)) if n not in matched]
    again = f"again {len(matched)} of {len(trees)}, held {holds}"
    return again + f"; lost: {', '.join(lost) or '-'}; NEW: {', '.join(unknown) or '-'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scans", nargs="+", type=Path, metavar="SCAN")
    parser.add_argument("--copies", nargs="+", default=COPIES)
    parser.add_argument("--deposits", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    for path in args.scans:
        scan, deposits = with_deposits(read_scan(path), args.deposits, args.seed)
        original = analyse_scan(scan)
        flags = [str(flag.code) for flag in original.quality.flags]
        print(f"{path.name}, seed {args.seed}: {_thickness(original)} mm, {flags}")
        print(f"{'':24s} {compared(original, original, deposits)}", flush=True)
        for name in args.copies:
            if name.startswith("averaged") and scan.geometry.spacing_mm[0] > THICK_MM:
                continue
            if name != "as_it_is":
                copy = analyse_scan(resampled_copy(scan, name))
                print(f"  {name:22s} {compared(original, copy, deposits)}", flush=True)


if __name__ == "__main__":
    main()
