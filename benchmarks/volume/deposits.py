"""Deposits of known volume in synthetic brain, as scanners of known blur show them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage, special
from support.phantoms import BRAIN_HU, head_of

from calcscan.grid.geometry import Geometry
from calcscan.knowledge.settings import load
from calcscan.knowledge.volume import VolumeSettings
from calcscan.measurement.blur import as_ordinary
from calcscan.model import Acquisition, Blur, Intracranial, Scan

Array = npt.NDArray[np.float64]
EVEN = ("ball", "ellipsoid", "uneven surface", "clump")
LONG_AND_FLAT = ("rod", "disc")
HOLLOW = ("shell", "dots")
DENSER_CORE = ("falling", "layered")
SHAPES = EVEN + LONG_AND_FLAT + HOLLOW + DENSER_CORE
ALL_SHAPES = (*SHAPES, "lumps")
PROFILES = ("box", "bell", "trapezoid of 1.25", "trapezoid of 1.5")
OVERSHOOT = 0.25
_CORE = 0.1
"""Step, in radii, at which a shape's volume is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanner:
    """How deposits are imaged: blur within the slice (standard deviation), nominal thickness and profile of the slices,
    their spacing, pixels, noise."""

    psf_mm: float
    thickness_mm: float
    spacing_mm: float
    profile: str
    pixel_mm: float
    noise_hu: float
    sharp: bool = False

    @classmethod
    def drawn(cls, rng: np.random.Generator, *, sharp: bool = False) -> Scanner:
        """Blur of 0.3 to 1 mm (sharp: 0.3 to 0.5), slices of 0.6 to 5 mm, every fifth to twice their thickness."""
        thickness = _evenly(rng, 0.6, 5.0)
        return cls(
            psf_mm=float(rng.uniform(0.3, 0.5 if sharp else 1.0)),
            thickness_mm=thickness,
            spacing_mm=max(thickness * _evenly(rng, 0.2, 2.0), 0.3),
            profile=PROFILES[rng.integers(len(PROFILES))],
            pixel_mm=float(rng.uniform(0.35, 0.6)),
            noise_hu=float(rng.uniform(10, 20) if sharp else rng.uniform(3, 8)),
            sharp=sharp,
        )

    @property
    def across_mm(self) -> float:
        """Standard deviation of the slice profile."""
        z_mm = np.linspace(-3.0, 3.0, 6001) * self.thickness_mm
        weight = np.gradient(self.upto(z_mm))
        return float(np.sqrt((weight * z_mm**2).sum() / weight.sum()))

    def upto(self, z_mm: Array) -> Array:
        """The share of a slice's profile that lies below z."""
        if self.profile == "bell":  # its full width at half maximum is the nominal thickness
            return np.asarray(special.ndtr(z_mm / (self.thickness_mm / np.sqrt(8 * np.log(2)))))
        if self.profile == "box":
            return np.clip(z_mm / self.thickness_mm + 0.5, 0.0, 1.0)
        full_mm = float(self.profile.split()[-1]) * self.thickness_mm  # at half maximum
        ends = np.array([-1, -1, 1, 1]) * full_mm / 2 + np.array([-1, 1, -1, 1]) * self.thickness_mm / 4
        at_mm = np.linspace(ends[0], ends[-1], 2001)
        total = np.cumsum(np.interp(at_mm, ends, [0.0, 1.0, 1.0, 0.0]))
        return np.interp(z_mm, at_mm, total / total[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One deposit, and the scan that shows it; `scan` knows its blur with a small error, or not at all."""

    shape: str
    scanner: Scanner
    volume_mm3: float
    scan: Scan
    head: Intracranial


def drawn(rng: np.random.Generator, shape: str, scanner: Scanner, *, known: bool = True) -> Case:
    """A deposit of 10 to 1000 mm3. Even ones have 200 to 800 HU; those with a denser core 500 to 1000 HU there and 160
    to 300 HU at the rim; lumps 200 to 1000 HU, each its own."""
    volume_mm3 = _evenly(rng, 10.0, 1000.0)
    hu = BRAIN_HU + _imaged(rng, shape, volume_mm3, scanner)
    spacing = (scanner.spacing_mm, scanner.pixel_mm, scanner.pixel_mm)
    texture = ndimage.gaussian_filter(rng.standard_normal(hu.shape), 3.0 / np.array(spacing))
    grain = max(0.45, 0.8 * scanner.psf_mm) / scanner.pixel_mm
    along = 0.3 * scanner.thickness_mm / scanner.spacing_mm if scanner.spacing_mm < 0.7 * scanner.thickness_mm else 0.0
    noise = ndimage.gaussian_filter(rng.standard_normal(hu.shape), (along, grain, grain))
    hu += 4.0 * texture / texture.std() + scanner.noise_hu * noise / noise.std()
    acquisition = Acquisition(kvp_kv=120.0, slice_thickness_mm=scanner.thickness_mm, sharp_kernel=scanner.sharp)
    scan = Scan(
        hu=np.clip(np.rint(hu), -1024, 3071).astype(np.int16),
        geometry=Geometry.regular(shape=hu.shape, spacing_mm=spacing),
        acquisition=acquisition,
    )
    scan = as_ordinary(scan, load(VolumeSettings))
    if known:
        scan = replace(scan, blur=_measured(rng, scanner, len(hu)))
    return Case(shape=shape, scanner=scanner, volume_mm3=volume_mm3, scan=scan, head=head_of(scan, scanner.noise_hu))


def _measured(rng: np.random.Generator, scanner: Scanner, slices: int) -> Blur:
    """The blur with an error as large as that of measuring it."""
    in_plane_error, across_error = 0.06, 0.08
    return Blur(
        in_plane_mm=_seen_psf_mm(scanner) * float(np.exp(rng.normal(0.0, in_plane_error))),
        in_plane_error=in_plane_error,
        in_plane_measured=True,
        across_mm=np.full(slices, scanner.across_mm * float(np.exp(rng.normal(0.0, across_error)))),
        across_error=across_error,
        across_measured=True,
    )


def _seen_psf_mm(scanner: Scanner) -> float:
    """The standard deviation of the blur of what is searched: a sharp picture is smoothed first."""
    if not scanner.sharp:
        return scanner.psf_mm
    return float(np.hypot(scanner.psf_mm * np.sqrt(1 - 3 * OVERSHOOT), load(VolumeSettings).soften_mm))


def _imaged(rng: np.random.Generator, shape: str, volume_mm3: float, scanner: Scanner) -> Array:
    """HU above brain, (k, j, i). Exact for a blur that acts along each axis alone."""
    radius_mm = (3 * volume_mm3 / (4 * np.pi)) ** (1 / 3)
    lumps = _lumps(rng) if shape == "lumps" else None
    depth = lumps[0] if lumps else _shape(rng, shape)
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    size = np.array([scanner.spacing_mm, scanner.pixel_mm, scanner.pixel_mm])
    centre_mm = rng.uniform(-0.5, 0.5, 3) * size
    density = lumps[1] if lumps else _density(rng, shape, depth)
    about = _lattice(np.arange(-3.6, 3.6, _CORE) + _CORE / 2)
    held = depth(about) < 1
    scale_mm = float((volume_mm3 / (held.sum() * _CORE**3)) ** (1 / 3))
    reach_mm = float(np.linalg.norm(about[held], axis=1).max()) * scale_mm + 0.1
    step_mm = float(np.clip(radius_mm / 14, 0.06, 0.3))
    at_mm = np.arange(-reach_mm, reach_mm + step_mm, step_mm)
    fine, filled = np.empty((len(at_mm),) * 3, dtype=np.float32), 0
    for n, z_mm in enumerate(at_mm):
        unit = _lattice(at_mm, np.array([z_mm]))[0] @ turn / scale_mm
        share = depth(unit)
        fine[n] = np.where(share < 1, density(unit) - BRAIN_HU, 0.0)
        filled += int((share < 1).sum())
    fine *= volume_mm3 / (filled * step_mm**3)
    half_mm = reach_mm + 8.0 + 2.0 * scanner.psf_mm
    slices = max(int(np.ceil((reach_mm + scanner.thickness_mm) / scanner.spacing_mm)) + 4, 4)
    pixels = int(np.ceil(half_mm / scanner.pixel_mm))
    k_mm, j_mm = (np.arange(-n, n + 1) * step for n, step in ((slices, size[0]), (pixels, size[1])))

    def across(edge_mm: Array) -> Array:
        return scanner.upto(at_mm[None, :] + centre_mm[0] + edge_mm - k_mm[:, None])

    def shown(psf_mm: float) -> Array:
        sigma_mm = np.hypot(psf_mm, scanner.pixel_mm / np.sqrt(12))
        rows, columns = (
            special.ndtr((at_mm[None, :] + c + step_mm / 2 - j_mm[:, None]) / sigma_mm)
            - special.ndtr((at_mm[None, :] + c - step_mm / 2 - j_mm[:, None]) / sigma_mm)
            for c in centre_mm[1:]
        )
        return np.tensordot(across(step_mm / 2) - across(-step_mm / 2), rows @ fine @ columns.T, axes=1)

    image = shown(scanner.psf_mm)
    return (1 + OVERSHOOT) * image - OVERSHOOT * shown(2 * scanner.psf_mm) if scanner.sharp else image


def _lumps(rng: np.random.Generator) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
    """Depth and HU at a place in concretions grown onto each other, each of its own size and density, as pineal and
    choroid plexus calcify."""
    count = int(rng.integers(3, 9))
    radii, hu = rng.uniform(0.25, 0.6, count), np.exp(rng.uniform(np.log(200.0), np.log(1000.0), count))
    centres = np.zeros((count, 3))
    for n in range(1, count):
        beside = rng.integers(n)
        centres[n] = centres[beside] + _outwards(rng, 1)[0] * 0.9 * (radii[n] + radii[beside])
    centres -= np.average(centres, axis=0, weights=radii**3)

    def gaps(unit: Array) -> Array:
        return np.stack([np.linalg.norm(unit - o, axis=-1) - r for o, r in zip(centres, radii, strict=True)])

    return lambda unit: np.asarray(1 + gaps(unit).min(axis=0)), lambda unit: np.asarray(hu[gaps(unit).argmin(axis=0)])


def _density(rng: np.random.Generator, shape: str, depth: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """HU at a place, by its depth: 0 in the middle, 1 at the surface."""
    hu, core, rim, power = rng.uniform(200, 800), rng.uniform(500, 1000), rng.uniform(160, 300), rng.uniform(0.7, 2)
    layer = rng.uniform(0.45, 0.75)
    if shape == "layered":
        return lambda unit: np.where(depth(unit) < layer, core, rim)
    if shape == "falling":
        return lambda unit: rim + (core - rim) * (1 - np.clip(depth(unit), 0, 1)) ** power
    return lambda unit: np.full(unit.shape[:-1], hu)


def _shape(rng: np.random.Generator, shape: str) -> Callable[[Array], Array]:
    """A function that is 1 at the surface of a shape of about unit radius and less within it."""
    stretch = np.exp(rng.normal(0, 0.25, 3))
    stretch /= stretch.prod() ** (1 / 3)
    waves, phases, rough = rng.normal(size=(6, 3)) * 2.2, rng.uniform(0, 2 * np.pi, 6), rng.uniform(0.1, 0.3)
    along = np.array([rng.uniform(2.0, 3.5) ** (1 if shape == "rod" else -1), 1.0, 1.0])
    inner, few = rng.uniform(0.55, 0.8), int(rng.integers(5, 14))
    if shape == "dots":
        offsets = _outwards(rng, few) * 1.5 * rng.uniform(0.2, 1.0, (few, 1)) ** (1 / 3)
        sizes = rng.uniform(0.25, 0.5, few)
    else:
        offsets, sizes = 0.7 * _outwards(rng, 3) * rng.uniform(0.5, 1.0, (3, 1)), 0.7 * rng.uniform(0.8, 1.25, 3)

    def radial(unit: Array) -> Array:
        if shape in ("clump", "dots"):
            gaps = [np.linalg.norm(unit - o, axis=-1) - s for o, s in zip(offsets, sizes, strict=True)]
            return np.asarray(1 + np.minimum.reduce(gaps))
        if shape in LONG_AND_FLAT:
            unit = unit / along
        elif shape != "ball":
            unit = unit / stretch
        out = np.linalg.norm(unit, axis=-1)
        if shape == "shell":
            return np.where(out < inner, 2.0, out)
        if shape in ("uneven surface", "layered"):
            out = out / (1 + rough * np.sin(unit @ waves.T + phases).sum(-1) / 2.5)
        return np.asarray(out)

    return radial


def _outwards(rng: np.random.Generator, count: int) -> Array:
    way = rng.normal(size=(count, 3))
    return np.asarray(way / np.linalg.norm(way, axis=1, keepdims=True))


def _lattice(axis: Array, first: Array | None = None) -> Array:
    return np.stack(np.meshgrid(axis if first is None else first, axis, axis, indexing="ij"), axis=-1)


def _evenly(rng: np.random.Generator, low: float, high: float) -> float:
    """Uniform on a logarithmic scale."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
