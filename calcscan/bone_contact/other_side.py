"""What is dense inside the skull and has no bone at its mirror image on the other side of the head.

The skull has its ridges on both sides. Bone that stands up into the head on one side alone is rare, and calcification
that hangs on bone looks just like it: such a piece is never bone beyond doubt.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from calcscan.bone_contact.mirrored_skull import MirroredSkull
from calcscan.bone_contact.rays import Mask, Numbers
from calcscan.grid.geometry import Array
from calcscan.grid.isotropic import sample_at
from calcscan.knowledge.bone_contact import BoneContactSettings
from calcscan.knowledge.intracranial import IntracranialSettings
from calcscan.measurement.mirror import MirrorPlane
from calcscan.model import Scan

_FAR_MM = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OtherSide:
    """The skull, looked at from the mirror images of points."""

    plane: MirrorPlane
    away_mm: npt.NDArray[np.float32]
    """The distance from the skull on the grid of `affine`."""
    affine: Array
    off_mm: float
    """A point is at most this far from the other side's bone, mirrored, where bone is to be expected."""
    near_mm: float
    """The same on the vault, which is smooth."""
    midline_mm: float
    """So near to the midline a piece is its own mirror image."""
    known: bool
    """Whether the skull shows a plane of symmetry at all."""

    def unlike(self, world_mm: Array) -> Mask:
        """Which points (n, 3), LPS mm, have no bone at their mirror image; in the midline none."""
        if not self.known:
            return np.ones(len(world_mm), dtype=np.bool_)
        return self._lateral(world_mm) & (self._bone_mm(world_mm) > self.off_mm)

    def unlike_vault(self, world_mm: Array) -> Mask:
        """The same of points under the vault; in the midline, where there is no other side, all."""
        if not self.known:
            return np.ones(len(world_mm), dtype=np.bool_)
        return ~self._lateral(world_mm) | (self._bone_mm(world_mm) > self.near_mm)

    def _lateral(self, world_mm: Array) -> Mask:
        return np.asarray(np.abs(self.plane.from_plane_mm(world_mm)) > self.midline_mm)

    def _bone_mm(self, world_mm: Array) -> Array:
        """How far the mirror image of each point lies from the skull; outside the picture as if there were none."""
        return _FAR_MM - sample_at(_FAR_MM - self.away_mm, self.affine, self.plane.mirrored(world_mm))


def other_side(
    scan: Scan, mirrored: MirroredSkull, settings: BoneContactSettings, space: IntracranialSettings
) -> OtherSide:
    """The other side's bone."""
    plane = mirrored.plane
    near_mm = settings.mass_off_mm + space.blur_share * float(np.median(scan.slice_reach_mm))
    return OtherSide(
        plane=plane,
        away_mm=mirrored.away_mm,
        affine=mirrored.affine,
        off_mm=near_mm + settings.mass_off_share * plane.off_mm,
        near_mm=near_mm,
        midline_mm=settings.mass_midline_mm,
        known=plane.off_mm <= settings.mirror_off_mm,
    )


def unlike_voxels(scan: Scan, dense: Numbers, other: OtherSide) -> Numbers:
    """Those of some voxels (n, 3) that have no bone at their mirror image."""
    return dense[other.unlike(scan.geometry.to_world(dense))]
