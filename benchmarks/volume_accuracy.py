"""How right the volumes are, on deposits of known volume: bias, share within 15/20/30 %, whether the intervals hold.

    python benchmarks/volume_accuracy.py [--cases 100] [--seed 1]

Balls, ellipsoids, uneven and clumped deposits of 10 to 1000 mm3 and 200 to 800 HU (both drawn evenly, the volumes on a
logarithmic scale) lie at random in textured, noisy brain. The plain count of voxels of 130 HU and more stands beside.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from phantoms import Ball, Region, phantom, stack

from calcscan.find import find_lesions
from calcscan.model import Flag

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    name: str
    spacing_mm: tuple[float, float, float]
    thickness_mm: float
    psf_mm: float
    noise_hu: float
    sharp: bool = False


PROTOCOLS = (
    Protocol(name="0.6 mm soft", spacing_mm=(0.6, 0.45, 0.45), thickness_mm=0.6, psf_mm=0.5, noise_hu=6.0),
    Protocol(name="1.25/1.0 mm soft", spacing_mm=(1.0, 0.49, 0.49), thickness_mm=1.25, psf_mm=0.55, noise_hu=6.0),
    Protocol(name="1 mm sharp", spacing_mm=(1.0, 0.45, 0.45), thickness_mm=1.0, psf_mm=0.35, noise_hu=22.0, sharp=True),
    Protocol(name="2.5 mm soft", spacing_mm=(2.5, 0.45, 0.45), thickness_mm=2.5, psf_mm=0.5, noise_hu=4.0),
    Protocol(name="5 mm soft", spacing_mm=(5.0, 0.45, 0.45), thickness_mm=5.0, psf_mm=0.55, noise_hu=3.5),
    Protocol(name="5 mm sharp", spacing_mm=(5.0, 0.45, 0.45), thickness_mm=5.0, psf_mm=0.35, noise_hu=12.0, sharp=True),
)
SHAPES = ("ball", "ellipsoid", "uneven surface", "clump")


def deposit(rng: np.random.Generator, shape: str, volume_mm3: float, hu: float) -> tuple[Ball | Region, float]:
    """A deposit about the origin, turned and shifted at random, and its true volume."""
    radius = (3 * volume_mm3 / (4 * np.pi)) ** (1 / 3)
    centre = rng.uniform(-1.5, 1.5, 3)
    if shape == "ball":
        ball = Ball(centre_mm=(centre[0], centre[1], centre[2]), volume_mm3=volume_mm3, hu=hu)
        return ball, volume_mm3
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    stretch = np.exp(rng.normal(0, 0.3 if shape == "ellipsoid" else 0.25, 3))
    stretch /= stretch.prod() ** (1 / 3)
    waves, phases = rng.normal(size=(6, 3)) * 2.2, rng.uniform(0, 2 * np.pi, 6)
    roughness = rng.uniform(0.1, 0.3)
    offsets = rng.normal(size=(3, 3))
    offsets *= rng.uniform(0.5, 1.0, (3, 1)) / np.linalg.norm(offsets, axis=1, keepdims=True)
    sizes = rng.uniform(0.8, 1.25, 3)

    def holds(xyz_mm: Array, scale: float = 1.0) -> npt.NDArray[np.bool_]:
        unit = (xyz_mm - centre) @ turn / (radius * scale)
        if shape == "clump":
            gaps = [np.linalg.norm(unit - 0.7 * o, axis=-1) - 0.7 * s for o, s in zip(offsets, sizes, strict=True)]
            return np.asarray(np.minimum.reduce(gaps) < 0)
        unit = unit / stretch
        bumps = np.sin(unit @ waves.T + phases).sum(-1) / 2.5 if shape == "uneven surface" else 0.0
        return np.asarray(np.linalg.norm(unit, axis=-1) < 1 + roughness * bumps)

    scale = 1.0
    for _ in range(3):
        scale *= (volume_mm3 / _volume(lambda x, s=scale: holds(x, s), radius)) ** (1 / 3)
    return Region(test=lambda x: holds(x, scale), hu=hu), _volume(lambda x: holds(x, scale), radius)


def _volume(test, radius: float) -> float:  # type: ignore[no-untyped-def]
    step = radius / 12
    axis = np.arange(-3 * radius - 2, 3 * radius + 2, step)
    total = sum(int(test(np.stack(np.meshgrid([x], axis, axis, indexing="ij"), -1)).sum()) for x in axis)
    return total * step**3


def one(rng: np.random.Generator, protocol: Protocol, shape: str) -> Array | None:
    """(true, best, low, high, plain) in mm3 of one deposit; None if it was not found."""
    volume_mm3, hu = float(np.exp(rng.uniform(np.log(10), np.log(1000)))), float(rng.uniform(200, 800))
    thing, truth = deposit(rng, shape, volume_mm3, hu)
    half = 2 * (3 * volume_mm3 / (4 * np.pi)) ** (1 / 3) + 9
    scan, head = phantom(
        [thing],
        stack(protocol.spacing_mm, (2 * max(half, 15), 2 * half, 2 * half)),
        thickness_mm=protocol.thickness_mm,
        psf_mm=protocol.psf_mm * float(rng.uniform(0.8, 1.2)),
        overshoot=0.25 if protocol.sharp else 0.0,
        texture_hu=4.0,
        noise_hu=protocol.noise_hu,
        flags=(Flag(code="sharp_kernel", message=""),) if protocol.sharp else (),
        seed=int(rng.integers(1 << 31)),
    )
    found = find_lesions(scan, head).lesions
    if not found:
        return None
    best = max(found, key=lambda lesion: lesion.mass_hu_mm3)
    return np.array([truth, best.volume_mm3, best.volume_low_mm3, best.volume_high_mm3, best.volume_130_mm3])


def report(name: str, rows: list[Array | None]) -> None:
    a = np.array([row for row in rows if row is not None])
    truth, best, low, high, plain = a.T
    large = truth >= 50
    off, rough = best / truth - 1, plain / truth - 1
    within = " ".join(f"{np.mean(np.abs(off[large]) <= limit):5.0%}" for limit in (0.15, 0.2, 0.3))
    print(
        f"{name:>17} {len(rows):4d} {len(rows) - len(a):3d}  {off.mean():+6.1%} {off[large].mean():+6.1%} "
        f"{best.sum() / truth.sum() - 1:+6.1%}  {within}  {np.quantile(np.abs(off[large]), 0.95):5.0%}  "
        f"{np.mean((low <= truth) & (truth <= high)):5.0%} {np.median(high / best - 1):5.0%}  "
        f"{rough.mean():+6.1%} {rough[large].mean():+6.1%} {np.quantile(np.abs(rough[large]), 0.95):5.0%}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(
        "                   cases      mean bias, %           of those >= 50 mm3           interval      plain 130 HU"
    )
    print("         protocol   n miss    all   >=50  total   <15%  <20%  <30%    p95  holds  half   all   >=50   p95")
    for protocol in PROTOCOLS:
        rng = np.random.default_rng(options.seed)
        report(protocol.name, [one(rng, protocol, SHAPES[n % len(SHAPES)]) for n in range(options.cases)])


if __name__ == "__main__":
    main()
