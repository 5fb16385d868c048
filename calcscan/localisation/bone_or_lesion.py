"""Whether what was detected is bone after all, or lies on the dura of the vault."""

from __future__ import annotations

from collections.abc import Sequence

from calcscan.knowledge.localisation import LocalisationSettings
from calcscan.knowledge.sites import all_sites
from calcscan.localisation.atlas_vote import Place
from calcscan.localisation.features import BoneContact, Features


def is_bone(features: Features, site: str, share: float, settings: LocalisationSettings) -> bool:
    """Whether a lesion is bone of the skull; `site` and `share` are what the atlas says of it."""
    if features.in_mass:
        return False
    traits = all_sites()[site]
    in_base = features.base_share >= settings.bone_share
    shallow = features.touches_bone or features.deepest_mm < settings.base_depth_mm
    if features.outside_share >= settings.outside_share and shallow and not features.in_vault_plaque:
        return True
    if features.sella_share >= settings.base_share:
        return True
    if in_base and (features.at_scan_edge or features.lines_air):
        return True
    if in_base and traits.between_bones and (features.touches_bone or features.thick_slices or features.on_base_peak):
        connected = settings.saddle_thick if features.thick_slices else settings.saddle_thin
        return features.saddle >= connected or share < settings.known_share
    if features.on_base_peak:
        return True
    if features.touches_bone:
        return in_base
    mostly_in_base = features.base_share >= settings.base_share
    return mostly_in_base and (features.deepest_mm < settings.base_depth_mm or traits.parenchyma)


def may_be_bone(contact: BoneContact, settings: LocalisationSettings) -> bool:
    """Whether a lesion touches the skull or lies close under it: without an atlas it can't be told from bone."""
    return contact.touches_bone or contact.on_base_peak or contact.deepest_mm < settings.base_depth_mm


def hangs_on_bone(features: Features, votes: Sequence[tuple[Place, float]], settings: LocalisationSettings) -> bool:
    """Whether a lesion is a mass attached to bone, and no calcified fold of dura: it displaces what the atlas shows in
    its place, so that it is in none of those sites and is never divided among them. `votes` are the atlas's."""
    dura = sum(share for (site, _), share in votes if all_sites()[site].group == "dura")
    return features.in_mass and features.touches_bone and dura < settings.mass_dura_share


def is_convexity_dura(features: Features, site: str, settings: LocalisationSettings) -> bool:
    """Whether what the atlas calls brain lies on the inner table."""
    on_table = features.in_vault_plaque or features.deepest_mm <= settings.convexity_depth_mm
    return all_sites()[site].cerebral and on_table
