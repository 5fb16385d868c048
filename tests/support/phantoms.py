"""Scans of a piece of brain with deposits of known volume, as a scanner would show them: averaged over the slice,
blurred within it, noisy. Positions in LPS mm; the piece of brain is centred on 0."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.grid.geometry import Geometry
from calcscan.grid.isotropic import resample_isotropic
from calcscan.model import AIR_HU, Acquisition, Blur, Intracranial, Scan

BRAIN_HU = 34.0
_SPLIT = (8, 4, 4)
"""Samples of a voxel along the normal, row and column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ball:
    """A round deposit."""

    centre_mm: tuple[float, float, float]
    volume_mm3: float
    hu: float

    def holds(self, xyz_mm: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        radius_mm = (3 * self.volume_mm3 / (4 * np.pi)) ** (1 / 3)
        return ((xyz_mm - self.centre_mm) ** 2).sum(-1) < radius_mm**2


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Any other shape: `test` takes LPS mm (…, 3) to bool. `hu` is its density, or takes LPS mm to it."""

    test: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.bool_]]
    hu: float | Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]

    def holds(self, xyz_mm: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        return self.test(xyz_mm)


def stack(
    spacing_mm: tuple[float, float, float] = (1.25, 0.5, 0.5),
    size_mm: tuple[float, float, float] = (40.0, 44.0, 44.0),
    *,
    tilt_deg: float = 0.0,
    shear_deg: float = 0.0,
    positions_mm: Sequence[float] | None = None,
) -> Geometry:
    """Slices about the origin; with a tilt they are pushed along the rows from one to the next, with a shear each row
    is pushed against the one before."""
    dk, dj, di = spacing_mm
    rows, columns = int(size_mm[1] / dj), int(size_mm[2] / di)
    at = np.arange(-size_mm[0] / 2, size_mm[0] / 2, dk) + 0.3 if positions_mm is None else np.asarray(positions_mm)
    push = np.tan(np.radians(tilt_deg)) * at
    step_j = dj * np.array([np.sin(np.radians(shear_deg)), np.cos(np.radians(shear_deg)), 0.0])
    x, y = -di * (columns - 1) / 2 - step_j[0] * (rows - 1) / 2, push - step_j[1] * (rows - 1) / 2
    origins = np.column_stack([np.full(len(at), x), y, at])
    slab = np.full(len(at), dk) if positions_mm is None else np.gradient(at)
    return Geometry(
        origins_mm=origins,
        step_i_mm=np.array([di, 0, 0]),
        step_j_mm=step_j,
        slab_mm=slab,
        rows=rows,
        columns=columns,
    )


def phantom(
    things: Sequence[Ball | Region] = (),
    grid: Geometry | None = None,
    *,
    thickness_mm: float | Sequence[float] | None = None,
    psf_mm: float = 0.5,
    overshoot: float = 0.0,
    texture_hu: float = 0.0,
    noise_hu: float = 4.0,
    kvp_kv: float | None = 120.0,
    inside: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.bool_]] | None = None,
    sharp_kernel: bool = False,
    seed: int = 0,
) -> tuple[Scan, Intracranial]:
    """A scan and its head. `inside` says what is inside the skull; the whole piece if it is not given.

    `overshoot` is the share of a wider blur that is taken off, as sharp kernels do; `texture_hu` the standard deviation
    of the brain itself, over some millimetres. `thickness_mm` is one for all slices, or one for each.
    """
    each_mm = () if thickness_mm is None or isinstance(thickness_mm, int | float) else tuple(thickness_mm)
    largest_mm = max(each_mm) if each_mm else thickness_mm
    grid = grid or stack()
    hu = BRAIN_HU + _texture(grid, texture_hu, seed)
    for thing in things:
        share, filling = _share(thing, grid, thickness_mm)
        hu = (1 - share) * hu + filling
    pixel = grid.spacing_mm[1:]
    soft, wide = (ndimage.gaussian_filter(hu, (0, s * psf_mm / pixel[0], s * psf_mm / pixel[1])) for s in (1, 2))
    hu = (1 + overshoot) * soft - overshoot * wide
    hu += _noise(grid, noise_hu, seed)
    scan = Scan(
        hu=np.clip(np.rint(hu), -1024, 3071).astype(np.int16),
        geometry=grid,
        acquisition=Acquisition(kvp_kv=kvp_kv, slice_thickness_mm=largest_mm, sharp_kernel=sharp_kernel),
        stated_thickness_mm=each_mm,
    )
    return scan, head_of(scan, noise_hu, inside)


def measured_blur(scan: Scan, psf_mm: float, *, across_mm: float | None = None, error: float = 0.05) -> Scan:
    """The scan with its blur known; across the slices that of its thickness, if nothing else is given."""
    across = scan.slice_thickness_mm / np.sqrt(12.0) if across_mm is None else np.full(scan.hu.shape[0], across_mm)
    blur = Blur(
        in_plane_mm=psf_mm,
        in_plane_error=error,
        in_plane_measured=True,
        across_mm=across,
        across_error=error,
        across_measured=True,
    )
    return replace(scan, blur=blur)


def head_of(
    scan: Scan,
    noise_hu: float | None,
    inside: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.bool_]] | None = None,
) -> Intracranial:
    """A Head for a piece of brain that lies deep inside."""
    coarse = resample_isotropic(scan.hu, scan.geometry, 1.5, outside_hu=AIR_HU)
    everywhere = np.ones(scan.hu.shape, np.bool_)
    centres = np.moveaxis(np.indices(scan.hu.shape), 0, -1)
    return Intracranial(
        mask=everywhere if inside is None else inside(scan.geometry.to_world(centres)),
        isotropic_hu=coarse,
        isotropic_mask=np.ones(coarse.values.shape, np.bool_),
        depth_mm=np.full(coarse.values.shape, 40.0, np.float32),
        intracranial_ml=1400.0,
        noise_hu=noise_hu,
        brain_hu=BRAIN_HU,
    )


def _share(
    thing: Ball | Region, grid: Geometry, thickness_mm: float | Sequence[float] | None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """How much of each voxel the thing fills, and that share times its density, by sampling it."""
    share, filling = np.zeros(grid.shape), np.zeros(grid.shape)
    index = np.moveaxis(np.indices(grid.shape), 0, -1).astype(float)
    centres = grid.to_world(index)
    thick = np.broadcast_to(grid.slab_mm if thickness_mm is None else thickness_mm, grid.shape[:1])
    steps = [(np.arange(n) + 0.5) / n - 0.5 for n in _SPLIT]
    near = ndimage.binary_dilation(thing.holds(centres), iterations=max(3, int(4 / grid.spacing_mm[0])))
    if not near.any():
        near[:] = True
    at, along = centres[near], thick[np.nonzero(near)[0]]
    total, dense = np.zeros(len(at)), np.zeros(len(at))
    for u in steps[0]:
        for v in steps[1]:
            for w in steps[2]:
                moved = at + np.outer(u * along, grid.normal) + v * grid.step_j_mm + w * grid.step_i_mm
                held = thing.holds(moved)
                total += held
                dense += held * (thing.hu(moved) if callable(thing.hu) else thing.hu)
    share[near] = total / np.prod(_SPLIT)
    filling[near] = dense / np.prod(_SPLIT)
    return share, filling


def _noise(grid: Geometry, noise_hu: float, seed: int) -> npt.NDArray[np.float64]:
    """Noise with the grain of a soft kernel: neighbours within a slice are alike."""
    if noise_hu == 0:
        return np.zeros(grid.shape)
    white = np.random.default_rng(seed).standard_normal(grid.shape)
    pixel = grid.spacing_mm[1:]
    grain = ndimage.gaussian_filter(white, (0, 0.45 / pixel[0], 0.45 / pixel[1]))
    return np.asarray(grain / grain.std() * noise_hu)


def _texture(grid: Geometry, texture_hu: float, seed: int) -> npt.NDArray[np.float64]:
    if texture_hu == 0:
        return np.zeros(grid.shape)
    white = np.random.default_rng(seed + 1).standard_normal(grid.shape)
    smooth = ndimage.gaussian_filter(white, 3.0 / np.asarray(grid.spacing_mm))
    return np.asarray(smooth / smooth.std() * texture_hu)
