"""The plane of the falx, unrolled: HU and depth along rays from the middle of the head to the inner table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from calcscan.grid.geometry import Array, apply
from calcscan.grid.isotropic import sample_at
from calcscan.knowledge.inspection import InspectionSettings
from calcscan.model import Intracranial, Registration

_STEP_DEG, _STEP_MM = 3.0, 1.5
_HALF_WIDTH_MM = 15.0
_NEAREST_MM, _FARTHEST_MM = 35.0, 125.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Midline:
    """Samples by (ray, place beside the plane, distance along the ray), and what each stands for."""

    hu: Array
    depth_mm: Array
    """Below the inner table; the same shape."""
    beside_mm: Array
    """Distance from the plane of the falx, to the left, shape (places,)."""
    along_mm: Array
    """Distance from the centre, shape (steps,)."""
    step_rad: float
    """Angle from one ray to the next."""

    def within(self, depth_mm: tuple[float, float]) -> npt.NDArray[np.bool_]:
        """Which samples lie between two depths."""
        return (self.depth_mm >= depth_mm[0]) & (self.depth_mm <= depth_mm[1])


def sample_midline(intracranial: Intracranial, registration: Registration, settings: InspectionSettings) -> Midline:
    """Rays in the plane of the falx from the forehead over the vertex to the internal occipital protuberance.

    The affine alone places them: it need not be right within the brain, only in where the plane lies.
    """
    angle = np.radians(np.arange(settings.midline_from_deg, settings.midline_to_deg, _STEP_DEG))
    beside_mm = np.arange(-_HALF_WIDTH_MM, _HALF_WIDTH_MM + 0.1, _STEP_MM)
    along_mm = np.arange(_NEAREST_MM, _FARTHEST_MM, _STEP_MM)
    way = np.stack([np.zeros_like(angle), -np.cos(angle), np.sin(angle)], axis=-1)
    left = np.array([1.0, 0.0, 0.0])
    atlas_mm = (
        np.array(settings.midline_centre_lps_mm)
        + beside_mm[None, :, None, None] * left
        + along_mm[None, None, :, None] * way[:, None, None, :]
    )
    world_mm = apply(np.linalg.inv(registration.scan_to_atlas), atlas_mm.reshape(-1, 3))
    coarse, shape = intracranial.isotropic_hu, atlas_mm.shape[:3]
    return Midline(
        hu=sample_at(coarse.values, coarse.affine, world_mm).reshape(shape),
        depth_mm=sample_at(intracranial.depth_mm, coarse.affine, world_mm).reshape(shape),
        beside_mm=beside_mm,
        along_mm=along_mm,
        step_rad=float(np.radians(_STEP_DEG)),
    )
