"""Tell what may be enhanced, in a head in which contrast medium is seen."""

from __future__ import annotations

from calcscan.knowledge.left_out import LeftOutReason
from calcscan.material.recognised import Material, Recognised
from calcscan.model import LesionMap


def enhanced(lesions: LesionMap, *, enhanced_high_hu: float) -> Recognised:
    """The lesions that nowhere exceed what contrast medium reaches: none of them is counted as calcification."""
    return Recognised(
        lesions={
            lesion.id: Material(
                reason=LeftOutReason.CONTRAST,
                evidence={"max_hu": float(lesion.max_hu), "enhanced_high_hu": enhanced_high_hu},
            )
            for lesion in lesions.lesions
            if lesion.max_hu <= enhanced_high_hu
        }
    )
