"""Holes in the vault: craniectomies, burr holes, gaps beside a flap, open fontanelles and sutures.

At their edges bone ends in steps and spurs that look like calcification. The inside of the skull is closed over a hole,
so that just outside its surface, where the table belongs, soft tissue lies.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from calcscan.bone_contact.other_side import OtherSide
from calcscan.bone_contact.rays import from_vertex_deg
from calcscan.grid.geometry import Array, apply
from calcscan.grid.masks import places
from calcscan.knowledge.bone_contact import BoneContactSettings
from calcscan.knowledge.intracranial import IntracranialSettings
from calcscan.model import Intracranial

_TOUCHING = np.ones((3, 3, 3), dtype=np.bool_)
_AIR_HU = -200.0
"""Darker are a sinus of the forehead, and what lies outside the head."""


def vault_holes_mm(
    intracranial: Intracranial,
    other: OtherSide,
    to_head_axes: Callable[[Array], Array],
    settings: BoneContactSettings,
    space: IntracranialSettings,
) -> Array:
    """Points (n, 3) in the holes of the vault, LPS mm: about 1.5 mm apart, where the table would be."""
    coarse, depth_mm = intracranial.isotropic_hu, intracranial.depth_mm
    table = (depth_mm < -settings.hole_from_mm) & (depth_mm > -settings.hole_to_mm) & coarse.covered
    table &= (coarse.values < space.bone_hu) & (coarse.values > _AIR_HU) & (other.away_mm > settings.hole_clear_mm)
    kji = places(table)
    vault = from_vertex_deg(to_head_axes(apply(coarse.affine, kji))) <= settings.hole_deg
    kji = kji[vault]
    soft = np.zeros(table.shape, dtype=np.bool_)
    soft[tuple(kji.T)] = True
    numbers, _ = ndimage.label(soft, _TOUCHING)
    numbers = np.asarray(numbers)
    mm2 = np.bincount(numbers.ravel()) * coarse.spacing_mm**3 / (settings.hole_to_mm - settings.hole_from_mm)
    large = mm2 >= settings.hole_mm2
    return np.asarray(apply(coarse.affine, kji[large[numbers[tuple(kji.T)]]]), dtype=np.float64)
