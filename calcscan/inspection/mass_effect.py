"""Is the brain displaced? Registration → `mass_effect`."""

from __future__ import annotations

from calcscan.knowledge.inspection import InspectionSettings
from calcscan.knowledge.quality import FlagCode
from calcscan.model import Flag, Registration


def mass_effect_flags(registration: Registration, settings: InspectionSettings) -> tuple[Flag, ...]:
    """`mass_effect`, where the midline lies farther from the skull's plane of symmetry than in a normal head, and where
    ventricles are so wide that the registration did not follow them."""
    flags = []
    shift_mm = registration.midline_shift_mm
    if shift_mm is not None and abs(shift_mm) > settings.midline_shift_mm:
        side = "left" if shift_mm > 0 else "right"
        message = f"The midline of the brain is shifted by {abs(shift_mm):.0f} mm to the {side}."
        flags.append(_flag(message, round(abs(shift_mm), 1), settings.midline_shift_mm))
    for side, share in sorted(registration.fluid_in_caudate.items()):
        if share > settings.caudate_fluid_share:
            message = (
                f"{share:.0%} of where the {side} caudate should lie is fluid: a wide ventricle, or an old infarct. "
                "Deep sites beside it are not stated."
            )
            flags.append(_flag(message, round(share, 2), settings.caudate_fluid_share))
    return tuple(flags)


def _flag(message: str, value: float, limit: float) -> Flag:
    return Flag(code=FlagCode.MASS_EFFECT, message=message, value=value, limit=limit)
