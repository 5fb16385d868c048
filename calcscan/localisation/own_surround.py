"""Places that the scan shows by what surrounds a deposit, and that no atlas has.

Fat within the skull, away from the marrow of its base, is a lipoma or dermoid, and what lies along it is its rim, not
the falx beside it. Fluid beside a deposit deep in the white matter is a ventricle, and the deposit a nodule of the
ventricle's wall.
"""

from __future__ import annotations

from calcscan.knowledge.localisation import LocalisationSettings
from calcscan.knowledge.sites import all_sites
from calcscan.localisation.atlas_vote import Place
from calcscan.localisation.features import Features


def place_by_surround(features: Features, site: str, settings: LocalisationSettings) -> Place | None:
    """Where a deposit lies by its surround, for which the atlas says `site`; None where that says nothing."""
    marrow = all_sites()[site].between_bones or features.base_share >= settings.bone_share
    if features.fat_share >= settings.fat_share and features.deepest_mm >= settings.fat_deep_mm and not marrow:
        return "extra_axial", side_or_midline(features, settings)
    in_wall = features.fluid_share >= settings.wall_fluid_share and features.deepest_mm >= settings.wall_deep_mm
    side = side_or_midline(features, settings)
    return ("ventricle_wall", side) if site == "white_matter" and in_wall and side != "midline" else None


def side_or_midline(features: Features, settings: LocalisationSettings) -> str:
    """The side of a deposit that may lie in the midline."""
    if abs(features.atlas_x_mm) <= settings.midline_mm:
        return "midline"
    return "left" if features.atlas_x_mm > 0 else "right"
