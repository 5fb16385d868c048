"""Contrast medium that no header names, seen in sinuses, falx, vessels or the spaces of the cerebrospinal fluid."""

from __future__ import annotations

from calcscan.inspection.cisterns import enhanced_fluid
from calcscan.inspection.courses import enhanced_arteries
from calcscan.inspection.falx import enhanced_falx
from calcscan.inspection.midline import sample_midline
from calcscan.inspection.sinuses import enhanced_sinus
from calcscan.inspection.vessels import enhanced_vessels
from calcscan.knowledge.arteries import ArterySettings
from calcscan.knowledge.inspection import InspectionSettings
from calcscan.knowledge.quality import FlagCode
from calcscan.model import Atlas, Flag, Intracranial, Registration, Scan


def contrast_flags(
    scan: Scan,
    intracranial: Intracranial,
    registration: Registration,
    atlas: Atlas,
    settings: InspectionSettings,
    arteries: ArterySettings,
) -> tuple[Flag, ...]:
    """`contrast`, where the picture shows it; its value is the density of what shows it best, in HU.

    Each part alone suffices: what is asked of it is more than any calcification has. A registration that was not
    accepted still says where the midline lies, and a wrong one finds nothing there.
    """
    midline = sample_midline(intracranial, registration, settings)
    found = [
        evidence
        for evidence in (
            enhanced_sinus(midline, settings),
            enhanced_falx(midline, settings),
            enhanced_vessels(scan, intracranial, settings),
            enhanced_arteries(scan, intracranial, registration, arteries, settings),
            enhanced_fluid(scan, intracranial, registration, atlas, settings),
        )
        if evidence is not None
    ]
    if not found:
        return ()
    seen = "; ".join(f"{part.where} at {part.hu:.0f} HU ({part.extent})" for part in found)
    return (Flag(code=FlagCode.CONTRAST, message=f"Contrast medium is seen: {seen}.", value=round(found[0].hu)),)
