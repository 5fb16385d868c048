"""Is the brain displaced? Registration → `mass_effect`."""

from __future__ import annotations

from calcscan.knowledge.inspection import InspectionSettings
from calcscan.knowledge.quality import FlagCode
from calcscan.model import Flag, Registration


def mass_effect_flags(registration: Registration, settings: InspectionSettings) -> tuple[Flag, ...]:
    """`mass_effect`, where the midline lies farther from the skull's plane of symmetry than in a normal head."""
    shift_mm = registration.midline_shift_mm
    if shift_mm is None or abs(shift_mm) <= settings.midline_shift_mm:
        return ()
    side = "left" if shift_mm > 0 else "right"
    message = f"The midline of the brain is shifted by {abs(shift_mm):.0f} mm to the {side}."
    return (
        Flag(
            code=FlagCode.MASS_EFFECT,
            message=message,
            value=round(abs(shift_mm), 1),
            limit=settings.midline_shift_mm,
        ),
    )
