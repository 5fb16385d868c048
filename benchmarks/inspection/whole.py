"""Is what the picture as a whole shows seen, and never where it is not?

    python -m benchmarks.inspection.whole INPUT... [--hu 110 200 300] [--seed 50] [--bodies] [--contrast-only]
        [--same-registration]

Each scan is examined as it is, with contrast medium drawn in (sinuses, falx and tentorium, vessels, cisterns, each
alone; then all), with much calcification, and with motion; with --bodies, chests and other parts that are no head.
Printed is what was flagged; with --contrast-only arteries alone and all agents together are drawn, and how many were
seen is counted. Limits were chosen on the thin and the mixed scan with seed 0; other scans and seeds are held out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy import ndimage

from benchmarks.inspection.calcified_head import calcified
from benchmarks.inspection.enhanced_head import enhanced, replace_hu
from benchmarks.inspection.other_bodies import BODIES, body
from calcscan.atlas import load_atlas
from calcscan.errors import RefusedError
from calcscan.inspection import inspect_scan
from calcscan.intracranial import segment_intracranial
from calcscan.model import Atlas, Registration, Scan, SearchRegion
from calcscan.read import read_scan
from calcscan.registration import register_atlas

ALONE = (("sinuses",), ("membranes",), ("vessels",), ("cisterns",))
ALL = ("sinuses", "membranes", "vessels", "plexus")


def looked_at(scan: Scan, atlas: Atlas) -> tuple[SearchRegion, Registration]:
    region = SearchRegion.of(segment_intracranial(scan))
    return region, register_atlas(region, atlas)


def codes(scan: Scan, atlas: Atlas, registration: Registration | None = None) -> str:
    """The codes that the picture raises, or why it is refused; registered anew unless a registration is given."""
    try:
        region = SearchRegion.of(segment_intracranial(scan))
        registration = registration or register_atlas(region, atlas)
    except RefusedError as refused:
        return f"refused: {refused.code}"
    flags = inspect_scan(scan, region, registration, atlas)
    return ", ".join(f"{flag.code} ({flag.value})" for flag in flags) or "nothing"


def moved(scan: Scan, shift_mm: float, rng: np.random.Generator) -> Scan:
    """A third of the slices, shifted in a random direction within the slice."""
    hu = scan.hu.astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    pixels = shift_mm * np.array([np.sin(angle), np.cos(angle)]) / scan.geometry.spacing_mm[1:]
    count = max(2, min(12, len(hu) // 6))
    for k in range(len(hu) // 2, len(hu) // 2 + count):
        hu[k] = ndimage.shift(hu[k], pixels, order=1, mode="nearest")
    return replace_hu(scan, hu)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", nargs="*", type=Path)
    parser.add_argument("--hu", type=float, nargs="+", default=[110.0, 200.0, 300.0])
    parser.add_argument("--seed", type=int, default=50)
    parser.add_argument("--bodies", action="store_true")
    parser.add_argument("--contrast-only", action="store_true")
    parser.add_argument("--same-registration", action="store_true", help="that of the scan without contrast medium")
    args = parser.parse_args()
    atlas, rng = load_atlas(), np.random.default_rng(args.seed)
    put_in = seen = 0
    for path in args.inputs:
        scan = read_scan(path)
        region, registration = looked_at(scan, atlas)
        print(f"{path.name} as it is: {codes(scan, atlas)}", flush=True)
        for hu in args.hu:
            for agents in (("vessels",), ALL) if args.contrast_only else (*ALONE, ALL):
                drawn = enhanced(scan, region, registration, atlas, agents=agents, hu=hu, seed=args.seed)
                found = codes(drawn, atlas, registration if args.same_registration else None)
                put_in, seen = put_in + 1, seen + ("contrast" in found)
                print(f"{path.name} {'+'.join(agents)} at {hu:g} HU: {found}", flush=True)
        if args.contrast_only:
            continue
        dense = calcified(scan, region, registration, atlas, seed=args.seed)
        print(f"{path.name} with much calcification: {codes(dense, atlas)}", flush=True)
        for shift_mm in (2.5, 4.0, 6.0):
            print(f"{path.name} moved by {shift_mm:g} mm: {codes(moved(scan, shift_mm, rng), atlas)}", flush=True)
    print(f"contrast medium is seen in {seen} of {put_in}")
    for name in BODIES if args.bodies else ():
        for seed in range(args.seed, args.seed + 3):
            print(f"{name}, seed {seed}: {codes(body(name, seed), atlas)}", flush=True)


if __name__ == "__main__":
    main()
