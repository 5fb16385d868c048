"""Tell what lies at the edge of the picture, where what it is a part of cannot be seen.

Bone that the edge cuts off from the skull is as dense as calcification and hangs on nothing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from calcscan.grid.geometry import Array
from calcscan.grid.isotropic import sample_at
from calcscan.knowledge.left_out import LeftOutReason
from calcscan.material.recognised import Material, Recognised
from calcscan.model import Edge, LesionMap, Scan, SearchRegion

_DIRECTIONS = 12


def at_image_edge(lesions: LesionMap, scan: Scan, region: SearchRegion, *, reach_mm: float) -> Recognised:
    """The lesions that lie within reach of where the picture cuts the head off.

    What touches the first or last slice counts only where the inside of the skull is cut off there.

    Parameters
    ----------
    reach_mm
        Within the slice; of the first and last slice, what touches it is meant.
    """
    found: dict[int, Material] = {}
    for lesion in lesions.lesions:
        (first, last), *_ = lesion.bbox_kji
        ends = {Edge.FIRST_SLICE} if first == 0 else set()
        ends |= {Edge.LAST_SLICE} if last == len(scan.hu) else set()
        touches = not ends.isdisjoint(region.cut_at)
        away_mm = 0.0 if touches else _away_mm(scan, region, lesions.voxels_kji(lesion.id), reach_mm)
        if away_mm < reach_mm:
            evidence = {"edge_mm": away_mm, "reach_mm": reach_mm}
            found[lesion.id] = Material(reason=LeftOutReason.IMAGE_EDGE, evidence=evidence)
    return Recognised(lesions=found)


def _away_mm(scan: Scan, region: SearchRegion, kji: npt.NDArray[np.int64], reach_mm: float) -> float:
    """How near voxels (n, 3) come to the edge within their slices, to half a millimetre; `reach_mm` if not nearer."""
    grid, coarse = scan.geometry, region.isotropic_hu
    angle = 2.0 * np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS
    rows, columns = np.cos(angle) / grid.spacing_mm[1], np.sin(angle) / grid.spacing_mm[2]
    empty = ~coarse.covered
    for away_mm in np.arange(0.0, reach_mm, 0.5):
        row = (kji[:, 1, None] + away_mm * rows).ravel()
        column = (kji[:, 2, None] + away_mm * columns).ravel()
        frame = (row < 0) | (column < 0) | (row > grid.rows - 1) | (column > grid.columns - 1)
        if frame.any() or _lie_in(empty, coarse.affine, scan, np.repeat(kji[:, 0], _DIRECTIONS), row, column).any():
            return float(away_mm)
    return reach_mm


def _lie_in(
    empty: npt.NDArray[np.bool_],
    affine: Array,
    scan: Scan,
    slices: npt.NDArray[np.int64],
    row: Array,
    column: Array,
) -> npt.NDArray[np.bool_]:
    world = scan.geometry.to_world(np.column_stack([slices, row, column]))
    return np.asarray(sample_at(empty, affine, world, nearest=True) > 0.5)
