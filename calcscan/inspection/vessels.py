"""Are arteries or deep veins enhanced?

Tubes of one density: long in all, in several parts of the head, and equally bright, for the same blood fills them.
Calcification is as bright in places, but in short pieces, in lumps, and uneven. A catheter is straight.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage, sparse
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from calcscan.grid.geometry import Array
from calcscan.grid.masks import places
from calcscan.grid.smooth import gaussian
from calcscan.inspection.evidence import Evidence
from calcscan.knowledge.inspection import InspectionSettings
from calcscan.model import Intracranial, Scan

_SMOOTH = 0.5
_SMALLEST_VOXELS = 12
_FEWEST_NEIGHBOURS = 6
_JOINED = 1.8
"""Points are joined with neighbours over the corners of a voxel."""


def enhanced_vessels(scan: Scan, intracranial: Intracranial, settings: InspectionSettings) -> Evidence | None:
    """Tubes as blood with contrast medium shows them; None where there are too few, or they differ too much."""
    coarse = intracranial.isotropic_hu
    smooth = gaussian(coarse.values, _SMOOTH)
    bright = _bright(scan, smooth, intracranial, settings)
    at_mm = places(bright).astype(np.float64) * coarse.spacing_mm
    if not _FEWEST_NEIGHBOURS <= len(at_mm) <= settings.vessel_points:
        return None
    neighbours, linearity = _surroundings(at_mm, settings.vessel_reach_mm)
    across_mm = 2.0 * settings.vessel_reach_mm
    area_mm2 = neighbours * coarse.spacing_mm**3 / across_mm
    tube = (linearity >= settings.vessel_linearity) & (area_mm2 <= settings.vessel_area_mm2)
    vessel = ~_straight(at_mm[tube], coarse.spacing_mm, settings)
    others = int(np.count_nonzero(~tube))
    tube[tube] = vessel
    if not tube.any() or float(vessel.sum() / (vessel.sum() + others)) < settings.vessel_share:
        return None
    # Each voxel stands for its share of the length: of a ball of twice the reach in diameter
    length_mm = across_mm / neighbours[tube]
    ridge_hu = ndimage.maximum_filter(smooth, 3)[bright][tube]
    middle = _median(ridge_hu, length_mm)
    alike = np.abs(ridge_hu - middle) <= settings.vessel_tolerance * middle
    octant = ((at_mm[tube] > _middle_mm(intracranial)) * [4, 2, 1]).sum(axis=1)
    reached = np.bincount(octant, length_mm, 8) >= settings.vessel_octant_mm
    total_mm = float(length_mm.sum())
    if (
        total_mm < settings.vessel_length_mm
        or float(length_mm[alike].sum()) < settings.vessel_alike * total_mm
        or int(reached.sum()) < settings.vessel_octants
    ):
        return None
    return Evidence(where="vessels", hu=middle, extent=f"{total_mm:.0f} mm in all")


def _bright(
    scan: Scan, smooth: npt.NDArray[np.float32], intracranial: Intracranial, settings: InspectionSettings
) -> npt.NDArray[np.bool_]:
    """As bright as contrast medium, clear of bone and of what is denser."""
    deeper_mm = settings.vessel_depth_mm + settings.vessel_depth_share * float(np.median(scan.slice_thickness_mm))
    out = (smooth >= settings.vessel_low_hu) & (intracranial.depth_mm > deeper_mm)
    out &= ndimage.maximum_filter(smooth, 5) <= settings.enhanced_high_hu
    pieces, _ = ndimage.label(out, np.ones((3, 3, 3)))
    large = np.bincount(pieces.ravel()) >= _SMALLEST_VOXELS
    large[0] = False
    return np.asarray(large[pieces])


def _surroundings(at_mm: Array, reach_mm: float) -> tuple[Array, Array]:
    """How many points lie within reach of each, itself too, and how far these lie along a line: 0 not at all, 1 all."""
    pairs = cKDTree(at_mm).query_pairs(reach_mm, output_type="ndarray")
    one = np.concatenate([pairs[:, 0], pairs[:, 1], np.arange(len(at_mm))])
    other = np.concatenate([pairs[:, 1], pairs[:, 0], np.arange(len(at_mm))])
    away = at_mm[other] - at_mm[one]
    count = np.bincount(one, minlength=len(at_mm)).astype(np.float64)
    mean = np.stack([np.bincount(one, away[:, a], len(at_mm)) for a in range(3)], axis=-1) / count[:, None]
    spread = np.empty((len(at_mm), 3, 3))
    for a in range(3):
        for b in range(a, 3):
            second = np.bincount(one, away[:, a] * away[:, b], len(at_mm)) / count
            spread[:, a, b] = spread[:, b, a] = second - mean[:, a] * mean[:, b]
    sizes = np.linalg.eigvalsh(spread)
    linearity = 1.0 - sizes[:, 1] / np.maximum(sizes[:, 2], 1e-6)
    return count, np.where(count >= _FEWEST_NEIGHBOURS, linearity, 0.0)


def _straight(at_mm: Array, spacing_mm: float, settings: InspectionSettings) -> npt.NDArray[np.bool_]:
    """Which points belong to a piece that runs along one line for longer than any vessel: a catheter or lead.

    None where there are more of them than catheters are put into one head.
    """
    pairs = cKDTree(at_mm).query_pairs(_JOINED * spacing_mm, output_type="ndarray")
    joined = sparse.coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(at_mm), len(at_mm)))
    count, piece = connected_components(joined, directed=False)
    straight: list[npt.NDArray[np.bool_]] = []
    for number in range(count):
        part = piece == number
        away = at_mm[part] - at_mm[part].mean(axis=0)
        _, spread, axes = np.linalg.svd(away, full_matrices=False)
        off_mm = float(np.sqrt((spread[1:] ** 2).sum() / len(away)))
        if np.ptp(away @ axes[0]) >= settings.straight_mm and off_mm <= settings.straight_off_mm:
            straight.append(part)
    if len(straight) > settings.straight_pieces:
        straight = []
    return np.asarray(np.logical_or.reduce([np.zeros(len(at_mm), dtype=np.bool_), *straight]))


def _median(values: npt.NDArray[np.float32], weights: Array) -> float:
    order = np.argsort(values)
    share = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][np.searchsorted(share, 0.5)])


def _middle_mm(intracranial: Intracranial) -> Array:
    inside = intracranial.isotropic_mask
    return np.array(ndimage.center_of_mass(inside)) * intracranial.isotropic_hu.spacing_mm
