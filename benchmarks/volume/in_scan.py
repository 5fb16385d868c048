"""How accurate are the volumes of deposits inserted into a real scan, away from anything else that is dense?

    python -m benchmarks.volume.in_scan SCAN [--cases 60] [--seed 1]

The deposits are those of `calcscan verify`, 10 to 1000 mm3 and 200 to 800 HU, with the scan's own blur, slice profile
and noise; half of them lie in white matter, half within 5 mm of fluid. The scan is also averaged to slices of 2.5 and
5 mm, where it is thinner, and sharpened by an unsharp mask within the slice. In "denser core" a core of 500 to
1000 HU lies in a rim of 160 to 300.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from benchmarks.volume.synthetic import HEADING, Array, row
from calcscan.blur import measure_blur
from calcscan.detection import detect_lesions
from calcscan.grid.geometry import Geometry
from calcscan.intracranial import segment_intracranial
from calcscan.knowledge.settings import load
from calcscan.knowledge.volume import VolumeSettings
from calcscan.measurement.blur import as_ordinary
from calcscan.model import Blur, Intracranial, Scan
from calcscan.read import read_scan
from calcscan.verification.blur import Blur as Inserted
from calcscan.verification.blur import find_blur
from calcscan.verification.deposits import SHAPES, Deposit, make_deposit
from calcscan.verification.inserted import insert

CLEAR_MM, AROUND_MM = 7.0, 16.0
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


def fitting(scan: Scan) -> tuple[Protocol, ...]:
    """Those whose slices are clearly thicker than the scan's own."""
    least_mm = 1.5 * float(np.median(scan.geometry.slab_mm))
    return tuple(one for one in PROTOCOLS if one.slab_mm is None or one.slab_mm > least_mm)


def seen_as(scan: Scan, protocol: Protocol) -> Scan:
    """The scan as the protocol would have shown it."""
    hu = scan.hu.astype(np.float32)
    if protocol.sharp:
        pixel = scan.geometry.spacing_mm[1:]
        hu += 1.0 * (hu - ndimage.gaussian_filter(hu, (0, 0.9 / pixel[0], 0.9 / pixel[1])))
    grid, acquisition = (
        scan.geometry,
        replace(scan.acquisition, sharp_kernel=protocol.sharp or scan.acquisition.sharp_kernel),
    )
    if protocol.slab_mm is not None:
        weight, grid = _thicker(grid, protocol.slab_mm)
        hu = np.tensordot(weight, hu, axes=1)
        stated_mm = acquisition.slice_thickness_mm or float(np.median(scan.geometry.slab_mm))
        thickness = protocol.slab_mm + max(0.0, stated_mm - float(np.median(scan.geometry.slab_mm)))
        acquisition = replace(acquisition, slice_thickness_mm=thickness)
    rounded = np.clip(np.rint(hu), -1024, 3071).astype(np.int16)
    stated = scan.stated_thickness_mm if protocol.slab_mm is None else ()
    return Scan(hu=rounded, geometry=grid, acquisition=acquisition, flags=scan.flags, stated_thickness_mm=stated)


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
    """Where deposits may lie: inside the skull and clear of all that is dense. Looked up at every other pixel."""

    def __init__(self, scan: Scan, intracranial: Intracranial) -> None:
        spacing = np.asarray(scan.geometry.spacing_mm)
        smooth = ndimage.gaussian_filter(scan.hu.astype(np.float32), 1.0 / spacing)[:, ::2, ::2]
        inside = intracranial.mask[:, ::2, ::2]
        clear = inside & (ndimage.maximum_filter(scan.hu, (1, 3, 3))[:, ::2, ::2] < DENSE_HU)
        clear[[0, -1]] = False
        spacing = spacing * (1, 2, 2)
        self.clear_mm = ndimage.distance_transform_edt(np.pad(clear, 1), sampling=spacing)[1:-1, 1:-1, 1:-1]
        self.fluid_mm = ndimage.distance_transform_edt(~(inside & (smooth < FLUID_HU)), sampling=spacing)
        self.grid = scan.geometry

    def draw(self, rng: np.random.Generator, radius_mm: float, *, at_fluid: bool) -> Array | None:
        """A place in LPS mm for a deposit of this radius; None if there is none."""
        near = self.fluid_mm - radius_mm
        fits = (self.clear_mm > radius_mm + CLEAR_MM) & ((near > -radius_mm) if at_fluid else (near > NEAR_FLUID_MM))
        if at_fluid:
            fits &= near < NEAR_FLUID_MM
        places = np.flatnonzero(fits)
        if len(places) == 0:
            return None
        index = np.array(np.unravel_index(places[rng.integers(len(places))], fits.shape)) * (1, 2, 2)
        return np.asarray(self.grid.to_world(index + rng.uniform(-0.5, 0.5, 3)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The blur measured in a whole scan, and where each of its slices lies."""

    blur: Blur
    geometry: Geometry

    @classmethod
    def of(cls, scan: Scan, head: Intracranial) -> Known:
        return cls(blur=measure_blur(scan, head).blur, geometry=scan.geometry)

    def of_part(self, part: Geometry) -> Blur:
        """The blur of some of the slices, each as blurred across as the one of the whole scan that lies nearest."""
        along = self.geometry.normal
        from_mm, at_mm = self.geometry.origins_mm @ along, part.origins_mm @ along
        nearest = np.abs(at_mm[:, None] - from_mm).argmin(axis=1)
        return replace(self.blur, across_mm=self.blur.across_mm[nearest])


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """What is put in for one deposit: one part, or a rim and a core."""

    parts: tuple[Deposit, ...]

    @property
    def truth(self) -> Deposit:
        return self.parts[0]


def put(places: Places, rng: np.random.Generator, number: int, *, cored: bool) -> Placed | None:
    """One deposit; None if no place was found for it."""
    volume = float(np.exp(rng.uniform(np.log(10), np.log(1000))))
    radius = 1.3 * (3 * volume / (4 * np.pi)) ** (1 / 3)
    place = places.draw(rng, radius, at_fluid=number % 2 == 1)
    if place is None:
        return None
    return _placed(rng, SHAPES[number // 2 % len(SHAPES)], place, volume, cored=cored)


def _placed(rng: np.random.Generator, shape: str, place: Array, volume_mm3: float, *, cored: bool) -> Placed:
    seed = int(rng.integers(1 << 31))
    hu, core, rim, share = rng.uniform(200, 800), rng.uniform(500, 1000), rng.uniform(160, 300), rng.uniform(0.1, 0.4)
    whole = make_deposit(shape, place, volume_mm3, rim if cored else hu, rng=np.random.default_rng(seed))
    if not cored:
        return Placed(parts=(whole,))
    more = core - rim + 30.0  # what is put in takes the place of tissue of about 30 HU
    inner = make_deposit(shape, place, share * volume_mm3, more, rng=np.random.default_rng(seed))
    return Placed(parts=(whole, inner))


def measured(
    native: Scan, inside: Scan, heads: dict[str, Intracranial], blurs: dict[str, Known], blur: Inserted, placed: Placed
) -> dict[str, Array | None]:
    """For each protocol (true, best, low, high, plain) in mm3, None if the deposit was not found. `inside` is a
    scan of 1000 HU inside the skull and 0 elsewhere."""
    truth = placed.truth
    around = (np.asarray(truth.centre_mm), truth.reach_mm + AROUND_MM)
    nearby = insert(_around(native, *around), placed.parts, blur)
    inside = _around(inside, *around)
    out: dict[str, Array | None] = {}
    for protocol in fitting(native):
        seen = as_ordinary(seen_as(nearby, protocol), load(VolumeSettings))
        seen = replace(seen, blur=blurs[protocol.name].of_part(seen.geometry))
        inside_seen = seen_as(inside, replace(protocol, sharp=False)).hu >= 500
        reach = truth.reach_mm + (protocol.slab_mm or 0.0) / 2
        near = [
            lesion
            for lesion in detect_lesions(seen, _head_of(heads[protocol.name], inside_seen)).lesions
            if np.linalg.norm(np.subtract(lesion.centroid_lps_mm, truth.centre_mm)) < reach
        ]
        best = max(near, key=lambda lesion: lesion.mass_hu_mm3, default=None)
        out[protocol.name] = best and np.array(
            [truth.volume_mm3, best.volume_mm3, best.volume_low_mm3, best.volume_high_mm3, best.volume_130_mm3]
        )
    return out


def _around(scan: Scan, centre_mm: Array, reach_mm: float) -> Scan:
    """What of the scan lies within reach of a point, to save time; it knows its blur as the whole does."""
    grid = scan.geometry
    middle, reach = grid.to_index(centre_mm), reach_mm / np.asarray(grid.spacing_mm)
    low = np.maximum(middle - reach, 0).astype(int)
    high = np.minimum(middle + reach + 2, grid.shape).astype(int)
    k, j, i = (slice(a, b) for a, b in zip(low, high, strict=True))
    part = Geometry(
        origins_mm=grid.origins_mm[k] + low[1] * grid.step_j_mm + low[2] * grid.step_i_mm,
        step_i_mm=grid.step_i_mm,
        step_j_mm=grid.step_j_mm,
        slab_mm=grid.slab_mm[k],
        rows=int(high[1] - low[1]),
        columns=int(high[2] - low[2]),
    )
    blur = None if scan.blur is None else replace(scan.blur, across_mm=scan.blur.across_mm[k])
    return Scan(
        hu=scan.hu[k, j, i],
        geometry=part,
        acquisition=scan.acquisition,
        flags=scan.flags,
        blur=blur,
        stated_thickness_mm=scan.stated_thickness_mm[k],
    )


def _head_of(whole: Intracranial, inside: npt.NDArray[np.bool_]) -> Intracranial:
    """The head where only a part of it is looked at; blood is not looked for."""
    few = (slice(2),) * 3
    full = whole.isotropic_hu
    coarse = replace(full, values=full.values[few], covered=full.covered[few])
    return replace(
        whole,
        mask=inside,
        isotropic_hu=coarse,
        isotropic_mask=whole.isotropic_mask[few],
        depth_mm=whole.depth_mm[few],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scan", type=Path, help="a thin, unenhanced head CT; a DICOM folder or NIfTI")
    parser.add_argument("--cases", type=int, default=60, help="deposits of each kind")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    native = read_scan(options.scan)
    native = replace(native, blur=measure_blur(native).blur)  # deposits are blurred across as the scan itself is
    protocols = fitting(native)
    heads = {protocol.name: segment_intracranial(seen_as(native, protocol)) for protocol in protocols}
    ordinary = {protocol.name: as_ordinary(seen_as(native, protocol), load(VolumeSettings)) for protocol in protocols}
    blurs = {name: Known.of(scan, heads[name]) for name, scan in ordinary.items()}
    blur = find_blur(native)
    print(f"{len(native.hu)} slices, blur {blur.psf_mm:.2f} mm, {blur.why}")
    inside = replace(native, hu=(1000 * heads[protocols[0].name].mask).astype(np.int16))
    places = Places(native, heads[protocols[0].name])
    for number, kind in enumerate(("even", "denser core")):
        rng = np.random.default_rng([options.seed, number])
        rows: dict[str, list[Array | None]] = {protocol.name: [] for protocol in protocols}
        for case in range(options.cases):
            placed = put(places, rng, case, cored=kind == "denser core")
            if placed is not None:
                for name, measure in measured(native, inside, heads, blurs, blur, placed).items():
                    rows[name].append(measure)
        print(f"\n{kind}{HEADING}")
        for name, some in rows.items():
            if any(one is not None for one in some):
                print(row(name, some), flush=True)


if __name__ == "__main__":
    main()
