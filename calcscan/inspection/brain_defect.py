"""A large space of fluid where brain should be: an old cavity, a cyst, very wide ventricles."""

from __future__ import annotations

import numpy as np

from calcscan.grid.masks import box_of, distance_mm, worn
from calcscan.grid.smooth import gaussian
from calcscan.knowledge.inspection import InspectionSettings
from calcscan.knowledge.quality import FlagCode
from calcscan.model import Flag, Intracranial

_SMOOTH = 1.0


def brain_defect_flags(intracranial: Intracranial, settings: InspectionSettings) -> tuple[Flag, ...]:
    """`brain_defect`, where a ball of fluid fits into the head that is larger than ventricles are wide."""
    coarse = intracranial.isotropic_hu
    smooth = gaussian(coarse.values, _SMOOTH)
    low, high = settings.hole_hu
    fluid = (smooth > low) & (smooth < high) & (intracranial.depth_mm > settings.hole_depth_mm)
    if not fluid.any():
        return ()
    box = box_of(fluid, margin=1)
    held = np.pad(fluid[box], 1)
    edge = held & ~worn(held, corners=True)
    radius_mm = float(distance_mm(edge, coarse.spacing_mm)[held].max())
    if radius_mm < settings.hole_radius_mm:
        return ()
    message = f"A space of fluid in the brain is at least {2.0 * radius_mm:.0f} mm wide."
    return (
        Flag(
            code=FlagCode.BRAIN_DEFECT,
            message=message,
            value=round(2.0 * radius_mm, 1),
            limit=2.0 * settings.hole_radius_mm,
        ),
    )
