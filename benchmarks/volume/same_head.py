"""Does the total volume stay the same when a head is seen in thin slices and in thick ones?

    python -m benchmarks.volume.same_head INPUT [--thick 5] [--seeds 3]

Deposits of 20 to 600 mm3 and 250 to 700 HU are inserted into the scan, and whole slices are then averaged to about
`--thick` mm. Both scans pass through the same stages; calcification that was there before is left out of the totals.
"""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.heads.copies import mean_of_slices, slices_of
from calcscan.detection import detect_lesions
from calcscan.intracranial import segment_intracranial
from calcscan.model import Scan
from calcscan.read import read_scan
from calcscan.verification.blur import find_blur
from calcscan.verification.candidate_sites import find_room
from calcscan.verification.deposits import SHAPES, make_deposit
from calcscan.verification.inserted import insert


def averaged(scan: Scan, thick_mm: float) -> Scan:
    """The mean of every few slices, as one slice."""
    hu, thick = mean_of_slices(scan, slices_of(scan, thick_mm))
    return Scan(hu=hu, geometry=thick, study=scan.study)


def total(scan: Scan, deposits: list) -> tuple[float, float, int]:
    """Best and plain volume of all lesions that lie on a deposit, and how many deposits were found."""
    lesions = detect_lesions(scan, segment_intracranial(scan))
    best = plain = 0.0
    hit = set()
    for lesion in lesions.lesions:
        away = [np.linalg.norm(np.subtract(lesion.centroid_lps_mm, d.centre_mm)) - d.reach_mm for d in deposits]
        if min(away) < 2.0:
            hit.add(int(np.argmin(away)))
            best, plain = best + lesion.volume_mm3, plain + lesion.volume_130_mm3
    return best, plain, len(hit)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input")
    parser.add_argument("--thick", type=float, default=5.0)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    scan = read_scan(options.input)
    intracranial, blur = segment_intracranial(scan), find_blur(scan)
    room = find_room(scan, intracranial, detect_lesions(scan, intracranial))
    print("seed     slices  found  volume, mm3   of truth   plain 130 HU   of truth")
    for seed in range(1, options.seeds + 1):
        rng = np.random.default_rng(seed)
        free = np.flatnonzero((room.depth_mm > 22.0) & (room.clear_mm > 25.0))
        deposits: list = []
        while len(deposits) < 8:
            at = room.points_mm[rng.choice(free)]
            if all(np.linalg.norm(at - np.array(d.centre_mm)) > 35.0 for d in deposits):
                volume_mm3 = float(np.exp(rng.uniform(np.log(20.0), np.log(600.0))))
                shape = SHAPES[len(deposits) % len(SHAPES)]
                deposits.append(make_deposit(shape, at, volume_mm3, float(rng.uniform(250.0, 700.0)), rng=rng))
        truth = sum(d.volume_mm3 for d in deposits)
        made = insert(scan, deposits, blur)
        for one in (made, averaged(made, options.thick)):
            best, plain, found = total(one, deposits)
            print(
                f"{seed:4d} {one.geometry.spacing_mm[0]:7.2f} mm  {found}/{len(deposits)} {best:12.0f}"
                f" {best / truth:10.0%} {plain:14.0f} {plain / truth:10.0%}"
            )


if __name__ == "__main__":
    main()
