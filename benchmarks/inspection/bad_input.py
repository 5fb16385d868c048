"""Is a head measured right, or refused, however it is given?

    python -m benchmarks.inspection.bad_input INPUT... [--forms NAME ...] [--seed 70] [--bodies]

Every form of `benchmarks.heads.bad_input` is drawn into every head and examined. A row is `right` where every lesion
of the untouched head that lies within the picture is found again (its centre within 4 mm, its volume within 10 %, or
20 % below 50 mm3) or stands in `left_out`, none of more than 10 mm3 is new, and what is cut off is said; `said` where
calcscan abstains or flags why it differs; else `WRONG`, with what is.
With --bodies, parts of the body that are no head.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from benchmarks.heads.bad_input import FORMS, REFUSED
from benchmarks.inspection.other_bodies import BODIES, body
from calcscan.model import LocatedLesion, Result, Scan
from calcscan.pipeline import analyse_scan
from calcscan.read import read_scan

NEAR_MM, FALSE_MM3, SMALL_MM3, SHARE, SMALL_SHARE = 4.0, 10.0, 50.0, 0.1, 0.2
EDGE_MM = 4.0
EXPLAINS = {"metal", "motion", "brain_defect", "noisy", "uncertain_material"}
"""Codes that say why measurements may differ."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", nargs="*", type=Path)
    parser.add_argument("--forms", nargs="*", default=list(FORMS))
    parser.add_argument("--seed", type=int, default=70)
    parser.add_argument("--bodies", action="store_true")
    args = parser.parse_args()
    wrong = total = 0
    for path in args.inputs:
        scan = read_scan(path)
        before = analyse_scan(scan)
        for form in args.forms:
            begin = time.process_time()
            changed = FORMS[form](scan, np.random.default_rng(args.seed))
            same_place = form not in REFUSED
            result = analyse_scan(changed)
            verdict = judged(before, result, changed) if same_place else refused(result)
            wrong, total = wrong + verdict.startswith("WRONG"), total + 1
            spent = time.process_time() - begin
            print(f"{path.name[:12]} | {form} | {said(result)} | {verdict} | {spent:.0f} s", flush=True)
    for name in BODIES if args.bodies else ():
        for seed in range(args.seed, args.seed + 3):
            result = analyse_scan(body(name, seed))
            verdict = refused(result)
            wrong, total = wrong + verdict.startswith("WRONG"), total + 1
            print(f"{name} {seed} | {said(result)} | {verdict}", flush=True)
    print(f"{total - wrong} of {total} right or said")


def said(result: Result) -> str:
    """The state, and the codes behind it."""
    usual = {"unknown_kvp", "unknown_thickness", "gantry_tilt", "irregular_spacing", "thick_slices", "left_out"}
    codes = dict.fromkeys(flag.code for flag in result.quality.flags if flag.code not in usual)
    return f"{result.quality.state}: {', '.join(codes)}"


def refused(result: Result) -> str:
    codes = {flag.code for flag in result.quality.flags}
    return "said" if "not_head" in codes else f"WRONG: not refused ({', '.join(sorted(codes))})"


def judged(before: Result, result: Result, scan: Scan) -> str:
    """Whether the lesions are those of the untouched head, as far as it is pictured."""
    if result.quality.state == "abstain":
        if any(lesion.site != "unassigned" for lesion in lesions_of(result)):
            return "WRONG: abstains, but names sites"
        return "said"
    found = list(lesions_of(result))
    listed = np.array([lesion.centroid_lps_mm for lesion in result.lesions.left_out if not lesion.sure]).reshape(-1, 3)
    faults = []
    for lesion in lesions_of(before):
        if lesion.volume_mm3 < FALSE_MM3 or not pictured(lesion, scan):
            continue
        near = [other for other in found if away_mm(lesion, other) < NEAR_MM and other.site == lesion.site]
        volume = sum(other.volume_mm3 for other in near)
        share = SMALL_SHARE if lesion.volume_mm3 < SMALL_MM3 else SHARE
        if abs(volume / lesion.volume_mm3 - 1.0) <= share:
            continue
        if not near and len(listed) and np.linalg.norm(listed - lesion.centroid_lps_mm, axis=1).min() < NEAR_MM:
            continue
        faults.append(f"{lesion.site} {lesion.volume_mm3:.0f} became {volume:.0f}")
    known = list(lesions_of(before))
    for lesion in found:
        if lesion.volume_mm3 > FALSE_MM3 and not any(away_mm(lesion, other) < NEAR_MM for other in known):
            faults.append(f"false {lesion.site} {lesion.volume_mm3:.0f}")
    if not faults:
        return "right"
    codes = {flag.code for flag in result.quality.flags} & EXPLAINS
    false = any(fault.startswith("false") for fault in faults)
    return f"{'WRONG' if false or not codes else 'said'}: {'; '.join(faults)}"


def lesions_of(result: Result) -> tuple[LocatedLesion, ...]:
    return result.lesions.lesions if result.lesions is not None else ()


def away_mm(one: LocatedLesion, other: LocatedLesion) -> float:
    return float(np.linalg.norm(np.subtract(one.centroid_lps_mm, other.centroid_lps_mm)))


def pictured(lesion: LocatedLesion, scan: Scan) -> bool:
    """Whether a lesion lies within the picture, clear of its edge."""
    reach = EDGE_MM + lesion.diameter_mm / 2
    corners = np.array(lesion.centroid_lps_mm) + reach * np.array(
        [(a, b, c) for a in (-1, 0, 1) for b in (-1, 0, 1) for c in (-1, 0, 1)]
    )
    kji = np.rint(scan.geometry.to_index(corners)).astype(int)
    if not ((kji >= 0) & (kji < scan.geometry.shape)).all():
        return False
    return bool((scan.hu[tuple(kji.T)] > -900).all())


if __name__ == "__main__":
    main()
