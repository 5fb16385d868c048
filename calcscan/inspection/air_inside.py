"""Air deep inside the skull: after surgery, an injury, an infection, or death. What was put in there, or bleeds, may be
as dense as calcium, and nothing else in the head is as it usually is."""

from __future__ import annotations

import numpy as np

from calcscan.knowledge.inspection import InspectionSettings
from calcscan.knowledge.quality import FlagCode
from calcscan.model import Flag, Intracranial, Scan


def air_inside_flags(scan: Scan, intracranial: Intracranial, settings: InspectionSettings) -> tuple[Flag, ...]:
    """`brain_defect`, where there is air farther from the inner table than that of the sinuses and the mastoids, which
    thick slices smear inwards."""
    coarse = intracranial.isotropic_hu
    deeper_mm = settings.air_depth_mm + float(np.median(scan.slice_thickness_mm)) / 2.0
    air = (coarse.values < settings.air_hu) & (intracranial.depth_mm > deeper_mm) & coarse.covered
    ml = float(np.count_nonzero(air)) * coarse.spacing_mm**3 / 1000.0
    if ml < settings.air_ml:
        return ()
    message = f"There is air inside the skull ({ml:.1f} ml of it deep), as after surgery, an injury or death."
    return (Flag(code=FlagCode.BRAIN_DEFECT, message=message, value=round(ml, 1), limit=settings.air_ml),)
