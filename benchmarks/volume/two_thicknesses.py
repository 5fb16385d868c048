"""Volumes in stacks of two slice thicknesses: each slice with the thickness of its own header, and with one for all.

    python -m benchmarks.volume.two_thicknesses [--cases 16] [--seed 5]

Balls of 50 to 800 mm3 and 250 to 700 HU in synthetic, noisy brain, below, at and above the place where the thickness
changes. The blur within the slices is known, that across them is what the header says. Nothing was tuned on it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from support.phantoms import Ball, measured_blur, phantom, stack

from calcscan.detection import detect_lesions
from calcscan.model import Scan

Array = npt.NDArray[np.float64]
_HALF_MM = 40.0
_PSF_MM = 0.5
STACKS = {
    "2.5 mm, above 5 mm, all every 2.5 mm": (2.5, 5.0, 2.5, 2.5),
    "1.25 mm, above 5 mm, all every 1.25 mm": (1.25, 5.0, 1.25, 1.25),
    "5 mm, above 2.5 mm, all every 2.5 mm": (5.0, 2.5, 2.5, 2.5),
    "3 mm, above 8 mm, contiguous": (3.0, 8.0, 3.0, 8.0),
    "5 mm, above 10 mm, contiguous": (5.0, 10.0, 5.0, 10.0),
}
"""Thickness below and above, spacing below and above, mm."""
PLACES = {"below": (-25.0, -12.0), "at the change": (-4.0, 4.0), "above": (12.0, 25.0)}


def largest_for_all(scan: Scan) -> Scan:
    """The scan as it was read before: one thickness, the largest that any slice states."""
    return replace(scan, stated_thickness_mm=())


def one(rng: np.random.Generator, protocol: tuple[float, float, float, float], place: tuple[float, float]) -> Array:
    """Of one ball, mm3: truth, then best, low and high with each slice's own thickness, and the same with one for all;
    NaN where it was not found."""
    low_mm, high_mm, low_step, high_step = protocol
    low = np.arange(-_HALF_MM, 0.0, low_step)
    high = np.arange(low[-1] + (low_step + high_step) / 2, _HALF_MM, high_step)
    truth = float(np.exp(rng.uniform(np.log(50), np.log(800))))
    centre = (*rng.uniform(-1, 1, 2).tolist(), float(rng.uniform(*place)))
    ball = Ball(centre_mm=centre, volume_mm3=truth, hu=float(rng.uniform(250, 700)))
    grid = stack((low_step, 0.5, 0.5), (2 * _HALF_MM, 36.0, 36.0), positions_mm=np.array([*low, *high]))
    thick = [low_mm] * len(low) + [high_mm] * len(high)
    scan, intracranial = phantom(
        [ball], grid, thickness_mm=thick, psf_mm=_PSF_MM, noise_hu=4.0, seed=int(rng.integers(1 << 30))
    )
    out = [truth]
    as_read: tuple[Callable[[Scan], Scan], ...] = (lambda scan: scan, largest_for_all)
    for how in as_read:
        lesions = detect_lesions(measured_blur(how(scan), _PSF_MM), intracranial).lesions
        if lesions:
            best = max(lesions, key=lambda lesion: lesion.volume_mm3)
            out += [best.volume_mm3, best.volume_low_mm3, best.volume_high_mm3]
        else:
            out += [np.nan] * 3
    return np.array(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=16)
    parser.add_argument("--seed", type=int, default=5)
    args = parser.parse_args()
    print("| slices | where | found | bias, each its own | interval holds | bias, largest for all | interval holds |")
    print("|---|---|---|---|---|---|---|")
    for name, protocol in STACKS.items():
        for where, place in PLACES.items():
            rng = np.random.default_rng(args.seed)
            rows = np.array([one(rng, protocol, place) for _ in range(args.cases)])
            rows = rows[~np.isnan(rows).any(axis=1)]
            cells = [f"{len(rows)} of {args.cases}"]
            for first in (1, 4):
                best, low, high = rows[:, first : first + 3].T
                cells.append(f"{np.mean(best / rows[:, 0] - 1):+.1%}")
                cells.append(f"{np.mean((low <= rows[:, 0]) & (rows[:, 0] <= high)):.0%}")
            print(f"| {name} | {where} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
