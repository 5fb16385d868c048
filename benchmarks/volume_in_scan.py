"""How right the volumes are in a real scan: deposits of known volume put into it, where nothing else is dense.

    python benchmarks/volume_in_scan.py SCAN [--cases 60] [--seed 1]

The deposits of calcscan.verify, 10 to 1000 mm3 and 200 to 800 HU, with the scan's own blur, slabs and noise; half of
them lie in white matter, half within 5 mm of fluid. The same with its slices averaged to 2.5 and 5 mm, and made sharp
by an unsharp mask within the slice. In "denser core" a core of 500 to 1000 HU lies in a rim of 160 to 300 HU.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from volume_accuracy import HEADING, Array, row

from calcscan.find import find_lesions
from calcscan.geometry import Geometry
from calcscan.model import Flag, Head, Scan
from calcscan.read import read_scan
from calcscan.skull import find_skull
from calcscan.verify.blur import Blur, find_blur
from calcscan.verify.deposits import SHAPES, Deposit, make_deposit
from calcscan.verify.insert import insert

TOGETHER, APART_MM, CLEAR_MM = 6, 28.0, 7.0
DENSE_HU, FLUID_HU, NEAR_FLUID_MM = 90, 14, 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    name: str
    slab_mm: float | None = None
    sharp: bool = False


PROTOCOLS = (
    Protocol(name="as it is"),
    Protocol(name="sharp", sharp=True),
    Protocol(name="2.5 mm", slab_mm=2.5),
    Protocol(name="5 mm", slab_mm=5.0),
    Protocol(name="5 mm, sharp", slab_mm=5.0, sharp=True),
)


def seen_as(scan: Scan, protocol: Protocol) -> Scan:
    """The scan as the protocol would have shown it."""
    hu = scan.hu.astype(np.float32)
    flags = scan.flags
    if protocol.sharp:
        pixel = scan.geometry.spacing_mm[1:]
        hu += 1.0 * (hu - ndimage.gaussian_filter(hu, (0, 0.9 / pixel[0], 0.9 / pixel[1])))
        flags += (Flag(code="sharp_kernel", message="made sharp"),)
    grid, acquisition = scan.geometry, scan.acquisition
    if protocol.slab_mm is not None:
        weight, grid = _thicker(grid, protocol.slab_mm)
        hu = np.tensordot(weight, hu, axes=1)
        stated = acquisition.slice_thickness_mm or float(np.median(scan.geometry.slab_mm))
        thickness = protocol.slab_mm + max(0.0, stated - float(np.median(scan.geometry.slab_mm)))
        acquisition = replace(acquisition, slice_thickness_mm=thickness)
    rounded = np.clip(np.rint(hu), -1024, 3071).astype(np.int16)
    return Scan(hu=rounded, geometry=grid, acquisition=acquisition, flags=flags)


def _thicker(grid: Geometry, slab_mm: float) -> tuple[npt.NDArray[np.float32], Geometry]:
    """What each native slice weighs in each thick one, (thick, slices), and where the thick ones lie."""
    edges = np.concatenate([[0.0], np.cumsum(grid.slab_mm)])
    low = np.arange(0, edges[-1] - slab_mm + 1e-6, slab_mm)
    common = np.minimum(low[:, None] + slab_mm, edges[1:]) - np.maximum(low[:, None], edges[:-1])
    weight = np.maximum(common, 0) / slab_mm
    return weight.astype(np.float32), Geometry(
        origins_mm=weight @ grid.origins_mm,
        step_i_mm=grid.step_i_mm,
        step_j_mm=grid.step_j_mm,
        slab_mm=np.full(len(low), slab_mm),
        rows=grid.rows,
        columns=grid.columns,
    )


class Places:
    """Where deposits may lie: inside the skull and clear of all that is dense."""

    def __init__(self, scan: Scan, head: Head) -> None:
        spacing = scan.geometry.spacing_mm
        smooth = ndimage.gaussian_filter(scan.hu.astype(np.float32), 1.0 / np.asarray(spacing))
        clear = head.inside & (scan.hu < DENSE_HU)
        clear[[0, -1]] = False
        self.clear_mm = ndimage.distance_transform_edt(np.pad(clear, 1), sampling=spacing)[1:-1, 1:-1, 1:-1]
        fluid = head.inside & (smooth < FLUID_HU)
        self.fluid_mm = ndimage.distance_transform_edt(~fluid, sampling=spacing)
        self.grid = scan.geometry

    def draw(self, rng: np.random.Generator, radius_mm: float, *, at_fluid: bool, taken: list[Array]) -> Array | None:
        """A place in LPS mm for a deposit of this radius, far from those taken; None if there is none."""
        near = self.fluid_mm - radius_mm
        fits = (self.clear_mm > radius_mm + CLEAR_MM) & ((near > -radius_mm) if at_fluid else (near > NEAR_FLUID_MM))
        if at_fluid:
            fits &= near < NEAR_FLUID_MM
        places = np.argwhere(fits)
        for _ in range(200 if len(places) else 0):
            point = self.grid.to_world(places[rng.integers(len(places))] + rng.uniform(-0.5, 0.5, 3))
            if all(np.linalg.norm(point - other) > APART_MM for other in taken):
                return np.asarray(point)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """What is put in for one deposit: one part, or a rim and a core."""

    parts: tuple[Deposit, ...]

    @property
    def truth(self) -> Deposit:
        return self.parts[0]


def batches(places: Places, rng: np.random.Generator, cases: int, *, cored: bool) -> Iterator[list[Placed]]:
    """Deposits, some at a time."""
    done = 0
    while done < cases:
        together: list[Placed] = []
        for _ in range(min(TOGETHER, cases - done)):
            volume = float(np.exp(rng.uniform(np.log(10), np.log(1000))))
            radius = 1.3 * (3 * volume / (4 * np.pi)) ** (1 / 3)
            taken = [np.asarray(p.truth.centre_mm) for p in together]
            place = places.draw(rng, radius, at_fluid=done % 2 == 1, taken=taken)
            if place is not None:
                together.append(_placed(rng, SHAPES[done // 2 % len(SHAPES)], place, volume, cored=cored))
            done += 1
        yield together


def _placed(rng: np.random.Generator, shape: str, place: Array, volume_mm3: float, *, cored: bool) -> Placed:
    seed = int(rng.integers(1 << 31))
    hu, core, rim, share = rng.uniform(200, 800), rng.uniform(500, 1000), rng.uniform(160, 300), rng.uniform(0.1, 0.4)
    whole = make_deposit(shape, place, volume_mm3, rim if cored else hu, rng=np.random.default_rng(seed))
    if not cored:
        return Placed(parts=(whole,))
    more = core - rim + 30.0  # what is put in takes the place of tissue of about 30 HU
    inner = make_deposit(shape, place, share * volume_mm3, more, rng=np.random.default_rng(seed))
    return Placed(parts=(whole, inner))


def measured(native: Scan, heads: dict[str, Head], blur: Blur, together: list[Placed]) -> dict[str, list[Array | None]]:
    """For each protocol (true, best, low, high, plain) in mm3 of each deposit, None if it was not found."""
    with_them = insert(native, [part for placed in together for part in placed.parts], blur)
    out: dict[str, list[Array | None]] = {}
    for protocol in PROTOCOLS:
        seen, head = seen_as(with_them, protocol), heads[protocol.name]
        found = find_lesions(seen, _only_near(head, seen.geometry, together)).lesions
        out[protocol.name] = []
        for placed in together:
            reach = placed.truth.reach_mm + (protocol.slab_mm or 0.0) / 2
            near = [
                lesion
                for lesion in found
                if np.linalg.norm(np.subtract(lesion.centroid_lps_mm, placed.truth.centre_mm)) < reach
            ]
            best = max(near, key=lambda lesion: lesion.mass_hu_mm3, default=None)
            out[protocol.name].append(
                None
                if best is None
                else np.array(
                    [
                        placed.truth.volume_mm3,
                        best.volume_mm3,
                        best.volume_low_mm3,
                        best.volume_high_mm3,
                        best.volume_130_mm3,
                    ]
                )
            )
    return out


def _only_near(head: Head, grid: Geometry, together: list[Placed]) -> Head:
    """The head with nothing looked at but the deposits and what lies around them, to save time."""
    near = np.zeros(grid.shape, np.bool_)
    for placed in together:
        k, j, i = grid.to_index(np.asarray(placed.truth.centre_mm))
        reach = (placed.truth.reach_mm + 14.0) / np.asarray(grid.spacing_mm)
        near[tuple(slice(max(0, int(c - r)), int(c + r) + 2) for c, r in zip((k, j, i), reach, strict=True))] = True
    return replace(head, inside=head.inside & near)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scan", type=Path, help="a thin, unenhanced head CT; a DICOM folder or NIfTI")
    parser.add_argument("--cases", type=int, default=60, help="deposits of each kind")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    native = read_scan(options.scan)
    heads = {protocol.name: find_skull(seen_as(native, protocol)) for protocol in PROTOCOLS}
    blur = find_blur(native)
    print(f"{len(native.hu)} slices, blur {blur.psf_mm:.2f} mm, {blur.why}")
    places = Places(native, heads[PROTOCOLS[0].name])
    for number, kind in enumerate(("even", "denser core")):
        rng = np.random.default_rng([options.seed, number])
        rows: dict[str, list[Array | None]] = {protocol.name: [] for protocol in PROTOCOLS}
        for together in batches(places, rng, options.cases, cored=kind == "denser core"):
            for name, some in measured(native, heads, blur, together).items():
                rows[name] += some
        print(f"\n{kind}{HEADING}")
        for name, some in rows.items():
            print(row(name, some), flush=True)


if __name__ == "__main__":
    main()
