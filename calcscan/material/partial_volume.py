"""How dense a thin thing is, given that it fills its voxels in part only."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from calcscan.grid.geometry import Array
from calcscan.knowledge.foreign_body import ForeignBodySettings
from calcscan.model import Scan

_FWHM = 2.355
"""Full width at half maximum of a Gaussian, in standard deviations."""


def density_of_thin(kji: npt.NDArray[np.int64], scan: Scan, settings: ForeignBodySettings) -> float:
    """The density of the substance of voxels (n, 3) where they are densest, HU, if it is as high there as it is wide.

    The width within the slice, where it is narrowest, says how much of the peak the blur has taken; if the slices above
    and below show nothing there, it is no higher than its slice, and if it is round, the slice has diluted it by the
    share of its thickness that it is not wide. Of a plate or a rod that stands across the slices, the neighbours show
    as much, and nothing is added.
    """
    hu = scan.hu[tuple(kji.T)].astype(np.float64)
    peak = kji[hu >= np.sort(hu)[-settings.peak_voxels :][0]]
    best = [_density_at(k, j, i, scan, settings) for k, j, i in peak.tolist()]
    return float(np.median(best))


def _density_at(k: int, j: int, i: int, scan: Scan, settings: ForeignBodySettings) -> float:
    reach = np.ceil(settings.thin_reach_mm / np.array(scan.geometry.spacing_mm[1:])).astype(int)
    rows = slice(max(j - int(reach[0]), 0), j + int(reach[0]) + 1)
    columns = slice(max(i - int(reach[1]), 0), i + int(reach[1]) + 1)
    patch = scan.hu[k, rows, columns].astype(np.float64)
    surround_hu = float(np.percentile(patch, 25))
    signal_hu = float(scan.hu[k, j, i]) - surround_hu
    width_mm = max(_narrowest_mm(patch >= surround_hu + signal_hu / 2, scan), settings.thinnest_mm)
    blur_mm = settings.thin_blur_mm
    kept = 1.0 - float(np.exp(-(width_mm**2) / (8.0 * blur_mm**2)))
    beside_hu = max((_beside_hu(n, k, j, i, scan, settings) for n in (k - 1, k + 1)), default=surround_hu)
    alone = beside_hu - surround_hu < settings.alone_share * signal_hu
    slab_mm = float(scan.slice_thickness_mm[k])
    diluted = (max(1.0, slab_mm / width_mm) if alone else 1.0) / kept
    return surround_hu + signal_hu * min(diluted, settings.most_diluted)


def _narrowest_mm(held: npt.NDArray[np.bool_], scan: Scan) -> float:
    """The width of a shape where it is narrowest, blur taken off; of what is more than one piece, of all of it."""
    at = np.argwhere(held) * np.array(scan.geometry.spacing_mm[1:])
    if len(at) < 2:
        return 0.0
    spread = np.cov(at.T, bias=True) + np.diag(np.square(scan.geometry.spacing_mm[1:]) / 12.0)
    across_mm = float(np.sqrt(12.0 * np.linalg.eigvalsh(spread)[0]))
    return float(np.sqrt(max(across_mm**2 - (_FWHM * 0.5) ** 2, 0.0)))


def _beside_hu(n: int, k: int, j: int, i: int, scan: Scan, settings: ForeignBodySettings) -> float:
    """The greatest density in slice n right above or below a voxel of slice k."""
    grid = scan.geometry
    if not 0 <= n < grid.shape[0]:
        return float("inf")
    index: Array = grid.to_index(grid.to_world([k, j, i]) + (grid.positions_mm[n] - grid.positions_mm[k]) * grid.normal)
    row, column = np.rint(index[1:]).astype(int)
    reach = np.ceil(settings.thinnest_mm / np.array(grid.spacing_mm[1:])).astype(int)
    part = scan.hu[n, max(row - reach[0], 0) : row + reach[0] + 1, max(column - reach[1], 0) : column + reach[1] + 1]
    return float(part.max()) if part.size else float("inf")
