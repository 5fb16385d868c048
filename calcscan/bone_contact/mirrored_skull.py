"""The skull with its plane of symmetry, made once for all who look at the other side of the head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from calcscan.grid.geometry import Array
from calcscan.grid.masks import distance_mm, largest_piece
from calcscan.knowledge.bone_contact import BoneContactSettings
from calcscan.knowledge.intracranial import IntracranialSettings
from calcscan.measurement.mirror import MirrorPlane, fit_mirror_plane
from calcscan.model import Intracranial, Registration


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MirroredSkull:
    """The skull on the isotropic grid (k, j, i)."""

    skull: npt.NDArray[np.bool_]
    away_mm: npt.NDArray[np.float32]
    """The distance from the skull, on the grid of `affine`."""
    affine: Array
    plane: MirrorPlane


def mirror_skull(
    intracranial: Intracranial,
    registration: Registration,
    settings: BoneContactSettings,
    space: IntracranialSettings,
) -> MirroredSkull:
    """The skull and its plane of symmetry, for a head whose registration was accepted."""
    coarse = intracranial.isotropic_hu
    skull = largest_piece(coarse.values > space.bone_hu)
    away_mm = distance_mm(skull, coarse.spacing_mm)
    plane = fit_mirror_plane(skull, away_mm, coarse.affine, registration.scan_to_atlas, settings.mirror_most_mm)
    return MirroredSkull(skull=skull, away_mm=away_mm, affine=coarse.affine, plane=plane)
