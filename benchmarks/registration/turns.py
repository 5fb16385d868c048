"""Is a head found however it lies, or refused, and never wrong?

    python -m benchmarks.registration.turns INPUT... [--all] [--resampled]

Every copy is the same head turned against its header: nodding (x), tilted to a shoulder (y), shaken (z), by two turns
at once, lying on its side, prone, upside down. By default only the geometry changes, and nothing is resampled; with
`--resampled` the head is scanned again on an upright grid (`benchmarks.heads.copies`). Where the untouched head's
points of `benchmarks/sites/points.toml` (or else twelve around its deep nuclei) are mapped to is compared with the
copy: found is within 10 mm of where the untouched head has them; a fit that is accepted and is not is wrong. `over`
means found, but said to have left and right in doubt (`laterality_unknown`), for which calcscan abstains. `flipped`
copies are files mirrored along one axis: their left and right are wrong in the file, and nothing may be accepted
without that flag, except where a mirrored file looks like an upright head (x), which no picture tells.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

import calcscan
from benchmarks.heads.copies import turned
from benchmarks.registration.starts import moved
from benchmarks.sites.points import places_of
from calcscan.errors import CalcscanError
from calcscan.model import Registration, Scan

WRONG_MM = 10.0
SINGLE = [(axis, angle) for axis in "xyz" for angle in (-90, -60, 60, 90, 180)]
DOUBLE = [
    ("xy", (40.0, 35.0)),
    ("xz", (-40.0, 35.0)),
    ("yz", (35.0, -40.0)),
    ("yx", (90.0, 30.0)),
    ("zx", (90.0, -30.0)),
    ("xz", (180.0, 25.0)),
    ("zy", (70.0, 70.0)),
]
FLIPS = {"x": 2, "y": 1, "z": 0}
"""Axis of the array that is turned round while the header stays, in a scan whose slices lie across z."""


def turns(many: bool) -> dict[str, np.ndarray]:
    """The rotations by name."""
    named = {
        f"{axis}{angle:+d}": Rotation.from_euler(axis, angle, degrees=True).as_matrix()
        for axis, angle in SINGLE
        if many or abs(angle) != 60
    }
    for axes, angles in DOUBLE if many else DOUBLE[:4]:
        name = " ".join(f"{axis}{angle:+.0f}" for axis, angle in zip(axes, angles, strict=True))
        named[name] = Rotation.from_euler(axes, angles, degrees=True).as_matrix()
    return named


def points_of(path: Path, scan: Scan, reference: Registration) -> np.ndarray:
    """Points (n, 3) of the head whose place in the atlas counts."""
    marked = np.array([place.lps_mm for place in places_of(path)])
    if len(marked):
        return marked
    grid = np.stack(np.meshgrid((-30.0, 30.0), (-20.0, 15.0, 40.0), (-5.0, 20.0), indexing="ij"), axis=-1)
    return reference.to_scan(grid.reshape(-1, 3))


def registered(scan: Scan) -> Registration | None:
    """None where the scan is refused before."""
    try:
        return calcscan.register_atlas(calcscan.segment_intracranial(scan), calcscan.load_atlas())
    except CalcscanError as refused:
        print(f"      refused: {refused}")
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("inputs", nargs="+", type=Path)
    parser.add_argument("--all", action="store_true", help="also 60 degrees, and three more double turns")
    parser.add_argument("--resampled", action="store_true", help="single turns only, scanned again upright")
    arguments = parser.parse_args()
    total: Counter[str] = Counter()
    for path in arguments.inputs:
        scan = calcscan.read_scan(path)
        reference = registered(scan)
        if reference is None or not reference.accepted:
            print(f"{path.name}: not accepted as it is")
            continue
        points = points_of(path, scan, reference)
        expected = reference.to_atlas(points)
        print(f"{path.name}: correlation {reference.metric:.2f}, overlap {reference.overlap:.2f}, {len(points)} points")
        for name, rotation in turns(arguments.all).items():
            if arguments.resampled and " " in name:
                continue
            begin = time.perf_counter()
            if arguments.resampled:
                copy = turned(scan, name[0], float(name[1:]))
                fit = registered(copy)
                there = None if fit is None else _in_copy(scan, copy, rotation, points)
            else:
                fit = registered(moved(scan, rotation, np.array([20.0, -30.0, 50.0]), 0, len(scan.hu)))
                there = points @ rotation.T + np.array([20.0, -30.0, 50.0])
            outcome, error_mm = _judged(fit, there, expected)
            total[outcome] += 1
            print(f"   {name:12} {outcome:9} {error_mm:6.1f} mm {_reason(fit)} {time.perf_counter() - begin:.1f} s")
        for axis, along in FLIPS.items():
            fit = registered(replace(scan, hu=np.ascontiguousarray(np.flip(scan.hu, along))))
            said = fit is None or bool(fit.flags)
            outcome = "flip said" if said else f"flip {axis} not said"
            total[outcome] += 1
            print(f"   flipped {axis}    {outcome} {_reason(fit)}")
    print(", ".join(f"{count} {outcome}" for outcome, count in sorted(total.items())))


def _in_copy(scan: Scan, copy: Scan, rotation: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Where points of a scan lie in the copy that `turned` made: its grid begins 8 mm beside the turned box of bone."""
    from benchmarks.heads.copies import _bone_box

    corners, around = _bone_box(scan)
    low = ((corners - around) @ rotation.T).min(axis=0) - 8.0
    return (points - around) @ rotation.T - low + copy.geometry.to_world(np.zeros(3))


def _judged(fit: Registration | None, there: np.ndarray | None, expected: np.ndarray) -> tuple[str, float]:
    if fit is None or there is None:
        return "refused", np.nan
    error_mm = float(np.linalg.norm(fit.to_atlas(there) - expected, axis=1).max())
    if not fit.accepted:
        return "refused", error_mm
    if error_mm > WRONG_MM:
        return "WRONG", error_mm
    return ("over" if fit.flags else "found"), error_mm


def _reason(fit: Registration | None) -> str:
    if fit is None or (fit.accepted and not fit.flags):
        return ""
    return "; ".join(flag.message if flag.code == "registration_poor" else flag.code for flag in fit.flags)


if __name__ == "__main__":
    main()
