"""Whether what was detected is bone after all, or lies on the dura of the vault.

What the scan shows comes first: with a clear gap and a deep valley of density between it and all bone, nothing is
bone, wherever the atlas has it. Only what hangs on bone, or lies too close to it to tell, is judged by the zones of the
atlas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from calcscan.knowledge.left_out import LeftOutReason
from calcscan.knowledge.localisation import LocalisationSettings
from calcscan.knowledge.sites import all_sites
from calcscan.localisation.atlas_vote import Place
from calcscan.localisation.features import BoneContact, Features
from calcscan.model import Scan, SearchRegion


class BoneRule(StrEnum):
    """Why a lesion that does not stand clear of bone is taken for it."""

    CORTICAL = "as dense as cortical bone, with bone beside much of it"
    OUTSIDE = "outside the head of the template, near the inner table"
    SELLA = "at the sella or its clinoids"
    SCAN_EDGE = "in the zone of the skull base, at the first or last slice"
    LINES_AIR = "in the zone of the skull base, along air"
    SYNCHONDROSIS = "between the bones of the base in a child, whose cartilage parts bone from bone"
    NO_VALLEY = "between the bones of the base, without a valley of density to them"
    UNKNOWN_SITE = "between the bones of the base, where no calcification is known"
    BASE_PEAK = "a peak of the bones of the base"
    TOUCHES_BASE = "in contact with bone in the zone of the skull base"
    IN_BASE = "shallow or in brain within the zone of the skull base"
    NO_ATLAS = "in contact with bone or close under the inner table, and the atlas does not fit"


@dataclass(frozen=True, slots=True, kw_only=True)
class BoneEvidence:
    """Why a lesion is bone, and what was measured of it."""

    rule: BoneRule
    touches_bone: bool
    gap_mm: float
    """To the nearest bone that is surely bone; infinite where none is near."""
    saddle: float
    deepest_mm: float
    base_share: float | None = None
    sella_share: float | None = None
    outside_share: float | None = None
    """The shares of it in these zones of the atlas; None where the atlas does not fit."""

    @property
    def figures(self) -> dict[str, float]:
        """What was measured, by name; what is unknown, or infinite, is left out.

        >>> BoneEvidence(rule=BoneRule.NO_ATLAS, touches_bone=True, gap_mm=0.0, saddle=0.9, deepest_mm=4.0).figures
        {'touches_bone': 1.0, 'gap_mm': 0.0, 'saddle': 0.9, 'deepest_mm': 4.0}
        """
        names = ("touches_bone", "gap_mm", "saddle", "deepest_mm", "base_share", "sella_share", "outside_share")
        values = {name: getattr(self, name) for name in names}
        return {
            name: round(float(value), 3)
            for name, value in values.items()
            if value is not None and abs(value) != float("inf")
        }


def bone_evidence(
    features: Features, site: str, share: float, settings: LocalisationSettings, *, young: bool = False
) -> BoneEvidence | None:
    """Why a lesion is bone of the skull; None where it is not. `site` and `share` are what the atlas says of it.

    In a `young` head bone near bone at the base may stand as clear as calcification does.
    """
    clear = features.in_mass or stands_clear(features, settings)
    rule = None if clear else _bone_rule(features, site, share, settings)
    near_bone = features.touches_bone or bool(np.isfinite(features.gap_mm))
    if rule is None and young and near_bone and all_sites()[site].between_bones and not features.in_mass:
        rule = BoneRule.SYNCHONDROSIS
    if rule is None:
        return None
    return BoneEvidence(
        rule=rule,
        touches_bone=features.touches_bone,
        gap_mm=features.gap_mm,
        saddle=features.saddle,
        deepest_mm=features.deepest_mm,
        base_share=features.base_share,
        sella_share=features.sella_share,
        outside_share=features.outside_share,
    )


def bone_evidence_without_atlas(contact: BoneContact, settings: LocalisationSettings) -> BoneEvidence | None:
    """Why a lesion cannot be told from bone where there is no atlas; None where it can."""
    close = contact.touches_bone or contact.on_base_peak or contact.deepest_mm < settings.base_depth_mm
    if stands_clear(contact, settings) or not close:
        return None
    return BoneEvidence(
        rule=BoneRule.NO_ATLAS,
        touches_bone=contact.touches_bone,
        gap_mm=contact.gap_mm,
        saddle=contact.saddle,
        deepest_mm=contact.deepest_mm,
    )


def stands_clear(contact: BoneContact, settings: LocalisationSettings) -> bool:
    """Whether this scan shows a gap and a valley of density between a lesion and all bone.

    Not at the first or last slice, where what it hangs on may lie beyond, nor along air: the wall of a sinus may be too
    thin to be surely bone.
    """
    valley = settings.clear_saddle_thick if contact.thick_slices else settings.clear_saddle
    apart = contact.gap_mm >= settings.clear_gap_mm and contact.saddle < valley
    return apart and not (contact.at_scan_edge or contact.touches_bone or contact.lines_air)


def _bone_rule(features: Features, site: str, share: float, settings: LocalisationSettings) -> BoneRule | None:
    """Which rule takes a lesion that does not stand clear for bone."""
    traits = all_sites()[site]
    if features.cortical_bone and not features.in_vault_plaque:
        return BoneRule.CORTICAL
    in_base = features.base_share >= settings.bone_share
    shallow = features.touches_bone or features.deepest_mm < settings.base_depth_mm
    if features.outside_share >= settings.outside_share and shallow and not features.in_vault_plaque:
        return BoneRule.OUTSIDE
    if features.sella_share >= settings.base_share:
        return BoneRule.SELLA
    if in_base and features.at_scan_edge:
        return BoneRule.SCAN_EDGE
    if in_base and features.lines_air:
        return BoneRule.LINES_AIR
    if in_base and traits.between_bones and (features.touches_bone or features.thick_slices or features.on_base_peak):
        connected = settings.saddle_thick if features.thick_slices else settings.saddle_thin
        if features.saddle >= connected:
            return BoneRule.NO_VALLEY
        return BoneRule.UNKNOWN_SITE if share < settings.known_share else None
    if features.on_base_peak:
        return BoneRule.BASE_PEAK
    if features.touches_bone:
        return BoneRule.TOUCHES_BASE if in_base else None
    mostly_in_base = features.base_share >= settings.base_share
    if mostly_in_base and (features.deepest_mm < settings.base_depth_mm or traits.parenchyma):
        return BoneRule.IN_BASE
    return None


def hangs_on_bone(features: Features, votes: Sequence[tuple[Place, float]], settings: LocalisationSettings) -> bool:
    """Whether a lesion is a mass attached to bone, and no calcified fold of dura: it displaces what the atlas shows in
    its place, so that it is in none of those sites and is never divided among them. `votes` are the atlas's."""
    dura = sum(share for (site, _), share in votes if all_sites()[site].group == "dura")
    return features.in_mass and features.touches_bone and dura < settings.mass_dura_share


def is_convexity_dura(features: Features, site: str, settings: LocalisationSettings) -> bool:
    """Whether what the atlas calls brain lies on the inner table."""
    on_table = features.in_vault_plaque or features.deepest_mm <= settings.convexity_depth_mm
    return all_sites()[site].cerebral and on_table


def edge_of_hole_mm(
    features: Features,
    site: str,
    world_mm: npt.NDArray[np.float64],
    region: SearchRegion,
    settings: LocalisationSettings,
) -> float | None:
    """How far a lesion lies from a hole in the vault, where it may be the hole's edge: one piece with bone, and neither
    a plaque, a mass nor on falx or tentorium. Else None. `world_mm` (n, 3) are its voxels."""
    plain = not (features.in_vault_plaque or features.in_mass)
    one_with_bone = features.touches_bone and features.saddle >= settings.one_with_bone
    if not (plain and one_with_bone and len(region.vault_holes_mm) and all_sites()[site].cerebral):
        return None
    away_mm = float(cKDTree(region.vault_holes_mm).query(world_mm)[0].min())
    return away_mm if away_mm <= settings.hole_edge_mm else None


def edge_of_rise_mm(
    features: Features,
    site: str,
    world_mm: npt.NDArray[np.float64],
    scan: Scan,
    region: SearchRegion,
    settings: LocalisationSettings,
) -> float | None:
    """How far a lesion lies from a rise of the table that was taken for bone, where it may be a part of it: one piece
    with bone, and neither a plaque, a mass nor on falx or tentorium. Else None. `world_mm` (n, 3) are its voxels."""
    plain = not (features.in_vault_plaque or features.in_mass)
    one_with_bone = features.touches_bone and features.saddle >= settings.one_with_bone
    rises = [item.kji for item in region.left_out if item.reason is LeftOutReason.BONE]
    if not (plain and one_with_bone and rises and all_sites()[site].cerebral):
        return None
    away_mm = float(cKDTree(scan.geometry.to_world(np.concatenate(rises))).query(world_mm)[0].min())
    return away_mm if away_mm <= settings.rise_edge_mm else None


def near_bone_in_motion(
    contact: BoneContact, kji: npt.NDArray[np.int64], region: SearchRegion, settings: LocalisationSettings
) -> bool:
    """Whether a lesion with voxels (n, 3) lies by bone in slices that were taken while the head moved: where bone lies
    beside its place it can't be told from calcification."""
    by_bone = contact.touches_bone or contact.in_vault_plaque or contact.on_base_peak
    by_bone |= contact.deepest_mm <= settings.convexity_depth_mm or contact.gap_mm < settings.clear_gap_mm
    return by_bone and in_motion(kji, region)


def unlike_other_side_mm3(scan: Scan, kji: npt.NDArray[np.int64], region: SearchRegion) -> float:
    """The volume of the voxels (n, 3) that have no bone at their mirror image, mm3."""
    if not len(region.unlike_kji):
        return 0.0
    shape = scan.hu.shape
    unlike = np.isin(np.ravel_multi_index(tuple(kji.T), shape), np.ravel_multi_index(tuple(region.unlike_kji.T), shape))
    return float(scan.geometry.voxel_mm3[kji[:, 0]] @ unlike)


def in_motion(kji: npt.NDArray[np.int64], region: SearchRegion) -> bool:
    """Whether any of the voxels (n, 3) lies in a slice that was taken while the head moved."""
    return bool(np.isin(kji[:, 0], region.moved_slices).any())
