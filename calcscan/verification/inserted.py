"""Insert deposits into a scan as its scanner would have imaged them.

A slice is the mean over its true thickness, blurred in its plane: hu' = hu + share · (deposit − tissue), where `share`
is the fraction of a voxel that the deposit fills after averaging and blurring, and `tissue` the smoothed surround.
Noise and anatomy of the scan are kept. Effects of the whole head (beam hardening, streaks) are not modelled.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.grid.geometry import Array, Geometry
from calcscan.knowledge.settings import load
from calcscan.knowledge.verification import VerificationSettings
from calcscan.model import Scan
from calcscan.verification.blur import Blur
from calcscan.verification.deposits import Deposit

Box = tuple[slice, slice, slice]
Share = tuple[Box, Array]
"""A box of voxels and the fraction of each that is filled."""
_MOST_HU, _LEAST_HU = 3071, -1024
_SPLIT = 3


def insert(
    scan: Scan, deposits: Iterable[Deposit], blur: Blur, *, settings: VerificationSettings | None = None
) -> Scan:
    """A copy of the scan with the deposits in it.

    Raises
    ------
    ValueError
        A deposit lies outside the scan.
    """
    settings = settings or load(VerificationSettings)
    deposits, thick_mm = tuple(deposits), scan.slice_thickness_mm
    shares = [filled_share(deposit, scan.geometry, thick_mm, blur, settings) for deposit in deposits]
    return with_shares(scan, deposits, shares, settings)


def with_shares(
    scan: Scan, deposits: Iterable[Deposit], shares: Iterable[Share], settings: VerificationSettings
) -> Scan:
    """As `insert`, with the filled shares of each deposit given."""
    hu = np.array(scan.hu)
    for deposit, (box, share) in zip(deposits, shares, strict=True):
        original = hu[box].astype(np.float64)
        changed = original + share * (deposit.hu - _tissue_hu(hu, box, scan.geometry, settings))
        hu[box] = np.clip(np.rint(changed), _LEAST_HU, _MOST_HU).astype(np.int16)
    return replace(scan, hu=hu)


def filled_share(
    deposit: Deposit, grid: Geometry, thick_mm: Array, blur: Blur, settings: VerificationSettings
) -> Share:
    """The fraction of each voxel that the deposit fills as imaged: a box of voxels and the shares in it (k, j, i).
    Overshoot makes shares negative around a deposit, and above 1 within a large one.

    Raises
    ------
    ValueError
        The deposit lies outside the scan.
    """
    centre, normal = np.array(deposit.centre_mm), grid.normal
    columns = grid.step_i_mm / np.linalg.norm(grid.step_i_mm)
    rows = np.cross(normal, columns)
    maps, fine_mm, slices = _slab_maps(deposit, np.stack([normal, rows, columns]), grid, thick_mm, blur, settings)
    box = _box(grid, slices, centre, fine_mm * (maps.shape[1] // 2))
    share = np.zeros(tuple(part.stop - part.start for part in box))
    j, i = np.meshgrid(*(np.arange(part.start, part.stop) for part in box[1:]), indexing="ij")
    for number, k in enumerate(range(box[0].start, box[0].stop)):
        from_centre = grid.origins_mm[k] - centre + j[..., None] * grid.step_j_mm + i[..., None] * grid.step_i_mm
        at = np.stack([from_centre @ rows, from_centre @ columns]) / fine_mm + maps.shape[1] // 2
        share[number] = ndimage.map_coordinates(maps[number], at, order=3, mode="constant")
    return box, share


def _slab_maps(
    deposit: Deposit, axes: Array, grid: Geometry, thick_mm: Array, blur: Blur, settings: VerificationSettings
) -> tuple[Array, float, npt.NDArray[np.intp]]:
    """The deposit averaged over each slice that it reaches and blurred in its plane, on a fine grid about its centroid:
    (slices, n, n), the grid's step in mm, and the numbers of the slices."""
    between = grid.positions_mm - np.array(deposit.centre_mm) @ axes[0]
    slices = np.flatnonzero(np.abs(between) < deposit.reach_mm + thick_mm / 2)
    if len(slices) == 0:
        raise ValueError(f"the deposit at {deposit.centre_mm} lies outside the scan")
    slices = np.arange(slices[0], slices[-1] + 1)  # between thick ones a thin one may be out of reach
    fine_mm = float(np.clip(deposit.reach_mm / settings.fine_parts, settings.finest_mm, blur.psf_mm / 2))
    reach = int(np.ceil(deposit.reach_mm / fine_mm)) + 1
    steps = fine_mm * np.arange(-reach, reach + 1, dtype=np.float64)
    solid = _solid(deposit, steps, fine_mm, axes)
    first, last = between[slices] - thick_mm[slices] / 2, between[slices] + thick_mm[slices] / 2
    common = np.minimum(last[:, None], steps + fine_mm / 2) - np.maximum(first[:, None], steps - fine_mm / 2)
    maps = np.tensordot(np.maximum(common, 0.0) / thick_mm[slices][:, None], solid, axes=1)
    margin = int(np.ceil(settings.blur_reach * blur.psf_mm * (2.0 if blur.overshoot else 1.0) / fine_mm))
    maps = np.pad(maps, ((0, 0), (margin, margin), (margin, margin)))
    return _blurred(maps, blur, fine_mm), fine_mm, slices


def _solid(deposit: Deposit, steps: Array, fine_mm: float, axes: Array) -> Array:
    """The fraction of each cell of a fine grid that the deposit fills, scaled to its exact volume. Cells at the surface
    are subdivided, or a round surface would have flat spots."""
    cells = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1)
    held = deposit.holds(cells @ axes)
    around = np.ones((3, 3, 3), dtype=np.bool_)
    surface = ndimage.binary_dilation(held, around) & ~ndimage.binary_erosion(held, around)
    within = fine_mm * ((np.arange(_SPLIT) + 0.5) / _SPLIT - 0.5)
    offsets = np.stack(np.meshgrid(within, within, within, indexing="ij"), axis=-1).reshape(-1, 3)
    at, filled = cells[surface], np.zeros(int(surface.sum()))
    for offset in offsets:
        filled += deposit.holds((at + offset) @ axes)
    solid = held.astype(np.float64)
    solid[surface] = filled / len(offsets)
    return np.asarray(solid * (deposit.volume_mm3 / (solid.sum() * fine_mm**3)))


def _blurred(maps: Array, blur: Blur, fine_mm: float) -> Array:
    sigma = blur.psf_mm / fine_mm
    soft = ndimage.gaussian_filter(maps, (0.0, sigma, sigma), truncate=6.0)
    if not blur.overshoot:
        return np.asarray(soft)
    wide = ndimage.gaussian_filter(maps, (0.0, 2.0 * sigma, 2.0 * sigma), truncate=6.0)
    return np.asarray((1.0 + blur.overshoot) * soft - blur.overshoot * wide)


def _box(grid: Geometry, slices: npt.NDArray[np.intp], centre: Array, reach_mm: float) -> Box:
    """The voxels of these slices within reach of a point, however the slices are shifted against each other."""
    plane = np.linalg.pinv(np.column_stack([grid.step_j_mm, grid.step_i_mm]))
    centre_ji = (centre - grid.origins_mm[slices]) @ plane.T
    around = reach_mm * np.linalg.norm(plane, axis=1)
    low = np.maximum(np.floor((centre_ji - around).min(axis=0)), 0).astype(int)
    high = np.minimum(np.ceil((centre_ji + around).max(axis=0)) + 1, (grid.rows, grid.columns)).astype(int)
    if (low >= high).any():
        raise ValueError(f"the deposit at {tuple(centre)} lies outside the scan")
    return slice(int(slices[0]), int(slices[-1]) + 1), slice(low[0], high[0]), slice(low[1], high[1])


def _tissue_hu(hu: npt.NDArray[np.int16], box: Box, grid: Geometry, settings: VerificationSettings) -> Array:
    """What the deposit replaces: the mean of the tissue around each voxel of the box, free of noise."""
    reach = settings.tissue_reach_mm / np.array(grid.spacing_mm)
    margin = np.ceil(2.0 * reach).astype(int)
    wide = tuple(
        slice(max(part.start - m, 0), min(part.stop + m, n)) for part, m, n in zip(box, margin, hu.shape, strict=True)
    )
    original = hu[wide].astype(np.float64)
    tissue = (original >= settings.tissue_low_hu) & (original <= settings.tissue_high_hu)
    if not tissue.any():
        return hu[box].astype(np.float64)
    few = settings.tissue_median_weight
    weight = ndimage.gaussian_filter(tissue.astype(np.float64), reach, mode="constant", truncate=2.0)
    total = ndimage.gaussian_filter(np.where(tissue, original, 0.0), reach, mode="constant", truncate=2.0)
    smooth = (total + few * float(np.median(original[tissue]))) / (weight + few)
    inner = tuple(slice(part.start - w.start, part.stop - w.start) for part, w in zip(box, wide, strict=True))
    return np.asarray(smooth[inner])
