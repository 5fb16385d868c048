"""Say where each calcification lies: LesionMap, Scan, SearchRegion, Registration, Atlas → LocatedLesionMap.

A lesion's way: its features in this head → the atlas's vote, weighted by them → bone, or a lesion → on the dura of the
vault, or at the site with most votes → divided along the borders of the sites it reaches over. What the anatomy of this
head says comes first: dense tissue attached to the skull base is bone and no lesion; what lies flat under the vault is
dura; plexus lies in fluid; a plate is more likely dura, a lump more likely brain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from calcscan.knowledge.air_contact import AirContactSettings
from calcscan.knowledge.intracranial import IntracranialSettings
from calcscan.knowledge.left_out import LeftOutReason
from calcscan.knowledge.localisation import LocalisationSettings
from calcscan.knowledge.settings import load
from calcscan.knowledge.sites import all_sites
from calcscan.knowledge.thresholds import ThresholdSettings
from calcscan.localisation.atlas_vote import atlas_vote, ranked, site_weights
from calcscan.localisation.bone_or_lesion import (
    BoneEvidence,
    bone_evidence,
    bone_evidence_without_atlas,
    hangs_on_bone,
    in_motion,
    is_convexity_dura,
    near_bone_in_motion,
)
from calcscan.localisation.features import BoneContact, bone_contacts, measure_features
from calcscan.localisation.nearest_site import with_nearest_site
from calcscan.localisation.split import Part, split_lesion
from calcscan.model import (
    Atlas,
    LeftOut,
    LesionMap,
    LocatedLesion,
    LocatedLesionMap,
    Registration,
    Scan,
    SearchRegion,
)


def locate_lesions(
    lesions: LesionMap,
    scan: Scan,
    region: SearchRegion,
    registration: Registration,
    atlas: Atlas,
    *,
    settings: LocalisationSettings | None = None,
    intracranial: IntracranialSettings | None = None,
    air: AirContactSettings | None = None,
    thresholds: ThresholdSettings | None = None,
) -> LocatedLesionMap:
    """Give every lesion its site, side and share, and leave out what is bone.

    Where the registration was not accepted, lesions come back `unassigned`, and those that touch the skull or lie close
    under it are left out. `left_out` lists what is bone behind what earlier stages left out, each with its nearest
    site.

    Parameters
    ----------
    lesions, scan, region, registration, atlas
        As the stages before left them.
    settings, intracranial, air, thresholds
        Instead of the settings in `calcscan/knowledge`.
    """
    settings, air = settings or load(LocalisationSettings), air or load(AirContactSettings)
    thresholds = thresholds or load(ThresholdSettings)
    contacts = bone_contacts(lesions, scan, region, settings, intracranial or load(IntracranialSettings), air)
    parts: list[Part] = []
    bone: list[LeftOut] = []
    for lesion in lesions.lesions:
        contact, kji = contacts[lesion.id], lesions.voxels_kji(lesion.id)
        if not registration.accepted:
            evidence = bone_evidence_without_atlas(contact, settings)
            if evidence is not None:
                bone.append(_left_out(evidence, scan, kji, settings))
            elif near_bone_in_motion(contact, kji, region, settings):
                bone.append(_moved(contact, scan, kji))
            else:
                parts.append(Part(lesion=LocatedLesion.of(lesion), kji=kji))
            continue
        features = measure_features(lesion, contact, lesions, scan, region, registration, atlas, settings)
        weights = site_weights(features, settings)
        votes = ranked(atlas_vote(lesions.geometry.to_world(kji), registration, atlas, settings), weights)
        (site, side), share = votes[0]
        evidence = bone_evidence(features, site, share, settings)
        if evidence is not None:
            bone.append(_left_out(evidence, scan, kji, settings))
            continue
        if near_bone_in_motion(contact, kji, region, settings):
            bone.append(_moved(contact, scan, kji))
            continue
        also = tuple((*place, round(part, 3)) for place, part in votes if part >= settings.also_share)
        if lesion.diameter_mm >= settings.divided_from_mm and hangs_on_bone(features, votes, settings):
            on_vault = all_sites()[site].cerebral and features.base_share < settings.bone_share
            side = "left" if features.atlas_x_mm > 0 else "right"
            site, side = ("convexity_dura", side) if on_vault else ("unassigned", "")
            parts.append(Part(lesion=LocatedLesion.of(lesion, site=site, side=side, also=also), kji=kji))
            continue
        if is_convexity_dura(features, site, settings):
            side = "left" if features.atlas_x_mm > 0 else "right"
            located = LocatedLesion.of(lesion, site="convexity_dura", side=side, also=also)
        else:
            located = LocatedLesion.of(lesion, site=site, side=side, site_share=round(share, 3), also=also[1:])
        if all_sites()[located.site].drawn and lesion.diameter_mm >= settings.divided_from_mm:
            parts += split_lesion(located, kji, scan, registration, atlas, weights, settings, thresholds)
        else:
            parts.append(Part(lesion=located, kji=kji))
    before = [
        replace(item, reason=LeftOutReason.MOTION) if in_motion(item.kji, region) else item for item in region.left_out
    ]
    left_out = tuple(
        with_nearest_site(item, scan, region, registration, atlas, settings)
        for item in (*lesions.left_out, *before, *bone)
    )
    return _renumbered(lesions, parts, left_out)


def _left_out(
    evidence: BoneEvidence, scan: Scan, kji: npt.NDArray[np.int64], settings: LocalisationSettings
) -> LeftOut:
    """What is bone; beyond doubt where no valley parts it from other bone."""
    sure = evidence.saddle >= settings.one_with_bone
    return LeftOut.of(scan, kji, LeftOutReason.BONE, evidence.figures, sure=sure)


def _moved(contact: BoneContact, scan: Scan, kji: npt.NDArray[np.int64]) -> LeftOut:
    """What may be bone beside its place, as the head moved."""
    figures = {"touches_bone": float(contact.touches_bone), "deepest_mm": round(contact.deepest_mm, 3)}
    return LeftOut.of(scan, kji, LeftOutReason.MOTION, figures)


def _renumbered(lesions: LesionMap, parts: Sequence[Part], left_out: tuple[LeftOut, ...]) -> LocatedLesionMap:
    """The lesions that were kept, numbered from 1 again, in the label map too."""
    labels = np.zeros_like(lesions.labels)
    for number, part in enumerate(parts, start=1):
        labels[tuple(part.kji.T)] = number
    labels.flags.writeable = False
    return LocatedLesionMap(
        labels=labels,
        geometry=lesions.geometry,
        lesions=tuple(replace(part.lesion, id=number) for number, part in enumerate(parts, start=1)),
        threshold_hu=lesions.threshold_hu,
        settings=lesions.settings,
        flags=lesions.flags,
        left_out=left_out,
    )
