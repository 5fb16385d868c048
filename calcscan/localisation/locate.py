"""Say where each calcification lies: LesionMap, Scan, SearchRegion, Registration, Atlas → LocatedLesionMap.

A lesion's way: its features in this head → the atlas's vote, weighted by them → bone, or a lesion → a shell, whole and
at no site of the atlas → on the dura of the vault, or at the site with most votes → divided along the borders of the
sites it reaches over, but for a lump across structures that no disease joins. What the anatomy of this
head says comes first: dense tissue attached to the skull base is bone and no lesion; what lies flat under the vault is
dura; plexus lies in fluid; a plate is more likely dura, a lump more likely brain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt

from calcscan.knowledge.air_contact import AirContactSettings
from calcscan.knowledge.arteries import ArterySettings
from calcscan.knowledge.intracranial import IntracranialSettings
from calcscan.knowledge.left_out import LeftOutReason
from calcscan.knowledge.localisation import LocalisationSettings
from calcscan.knowledge.settings import load
from calcscan.knowledge.thresholds import ThresholdSettings
from calcscan.localisation.atlas_vote import atlas_vote, ranked, site_weights
from calcscan.localisation.bone_or_lesion import (
    BoneEvidence,
    bone_evidence,
    bone_evidence_without_atlas,
    edge_of_hole_mm,
    edge_of_rise_mm,
    in_motion,
    near_bone_in_motion,
    unlike_other_side_mm3,
)
from calcscan.localisation.certainty import as_sure_as_known
from calcscan.localisation.features import BoneContact, bone_contacts, measure_features
from calcscan.localisation.nearest_site import with_nearest_site
from calcscan.localisation.parts import Part
from calcscan.localisation.placing import as_one, placed
from calcscan.localisation.undivided import Judged, undivided
from calcscan.localisation.vessel import (
    is_artery,
    measure_artery,
    site_beside_bone,
    stands_in_cistern,
    with_artery,
)
from calcscan.model import (
    Atlas,
    LeftOut,
    LesionMap,
    LocatedLesion,
    LocatedLesionMap,
    Registration,
    Scan,
    SearchRegion,
    TouchingPair,
)
from calcscan.processors import at_once


def locate_lesions(
    lesions: LesionMap,
    scan: Scan,
    region: SearchRegion,
    registration: Registration,
    atlas: Atlas,
    *,
    keep_all: bool = False,
    keep_whole: bool = False,
    settings: LocalisationSettings | None = None,
    intracranial: IntracranialSettings | None = None,
    air: AirContactSettings | None = None,
    thresholds: ThresholdSettings | None = None,
    arteries: ArterySettings | None = None,
) -> LocatedLesionMap:
    """Give every lesion its site, side and share, and leave out what is bone.

    Where the registration was not accepted, lesions come back `unassigned`, and those that touch the skull or lie close
    under it are left out. `left_out` lists what is bone, and what may be a mass or bone, behind what earlier stages
    left out, each with its nearest site.

    Parameters
    ----------
    lesions, scan, region, registration, atlas
        As the stages before left them.
    keep_all
        They are the user's own: none is left out as bone.
    keep_whole
        None is divided between sites, and none joined with another: each keeps its number and its volume.
    settings, intracranial, air, thresholds, arteries
        Instead of the settings in `calcscan/knowledge`.
    """
    settings, air = settings or load(LocalisationSettings), air or load(AirContactSettings)
    thresholds, arteries = thresholds or load(ThresholdSettings), arteries or load(ArterySettings)
    contacts = bone_contacts(lesions, scan, region, settings, intracranial or load(IntracranialSettings), air)
    young = scan.study.age_years is not None and scan.study.age_years < settings.young_years
    parts: list[Part] = []
    judged: list[Judged] = []
    bone: list[LeftOut] = []
    for lesion in lesions.lesions:
        contact, kji = contacts[lesion.id], lesions.voxels_kji(lesion.id)
        if not registration.accepted:
            evidence = None if keep_all else bone_evidence_without_atlas(contact, settings)
            if evidence is not None:
                bone.append(_left_out(evidence, scan, kji, region, settings))
            elif not keep_all and near_bone_in_motion(contact, kji, region, settings):
                bone.append(_moved(contact, scan, kji))
            else:
                parts.append(Part(lesion=LocatedLesion.of(lesion), kji=kji))
            continue
        features = measure_features(lesion, contact, lesions, scan, region, registration, atlas, settings)
        weights = site_weights(features, settings)
        world_mm = lesions.geometry.to_world(kji)
        artery = measure_artery(world_mm, scan.geometry, region, registration, arteries)
        of_atlas = ranked(atlas_vote(world_mm, registration, atlas, settings), weights)
        votes = with_artery(of_atlas, artery, arteries, near_bone=bool(np.isfinite(contact.gap_mm)))
        (site, _), share = site_beside_bone(of_atlas, votes)
        never_bone = keep_all or stands_in_cistern(votes, artery, contact, arteries, settings)
        evidence = None if never_bone else bone_evidence(features, site, share, settings, young=young)
        ask_edge = evidence is None and not keep_all
        hole_mm = edge_of_hole_mm(features, site, world_mm, region, settings) if ask_edge else None
        ask_rise = ask_edge and hole_mm is None
        rise_mm = edge_of_rise_mm(features, site, world_mm, scan, region, settings) if ask_rise else None
        if hole_mm is not None:
            bone.append(LeftOut.of(scan, kji, LeftOutReason.BONE, {"hole_mm": round(hole_mm, 1)}))
        elif rise_mm is not None:
            bone.append(LeftOut.of(scan, kji, LeftOutReason.BONE, {"rise_mm": round(rise_mm, 1)}))
        elif evidence is not None:
            bone.append(_left_out(evidence, scan, kji, region, settings))
        elif not keep_all and near_bone_in_motion(contact, kji, region, settings):
            bone.append(_moved(contact, scan, kji))
        else:
            one = keep_whole or is_artery(votes, artery, arteries)
            judged.append(Judged(lesion=lesion, kji=kji, features=features, weights=weights, votes=votes, whole=one))
    wholes = {} if keep_whole else undivided(judged, scan, region, settings)
    for item in judged:
        whole = wholes.get(item.lesion.id)
        if whole is None:
            parts += placed(
                item, judged, scan, registration, atlas, settings, thresholds, background_hu=region.brain_hu or 0.0
            )
        elif item.lesion.id == whole.lesions[0]:
            members = [other for other in judged if other.lesion.id in whole.lesions]
            parts.append(as_one(members, whole.place, scan, settings, thresholds))
    before = [
        replace(item, reason=LeftOutReason.MOTION) if in_motion(item.kji, region) else item
        for item in (() if keep_all else region.left_out)
    ]
    parts = [replace(part, lesion=as_sure_as_known(part.lesion, settings)) for part in parts]
    left_out = at_once(
        partial(with_nearest_site, item, scan, region, registration, atlas, settings)
        for item in (*lesions.left_out, *before, *bone)
    )
    return replace(_renumbered(lesions, parts, tuple(left_out)), counted_from_last=scan.counted_from_last)


def _left_out(
    evidence: BoneEvidence,
    scan: Scan,
    kji: npt.NDArray[np.int64],
    region: SearchRegion,
    settings: LocalisationSettings,
) -> LeftOut:
    """What is bone; beyond doubt where no valley parts it from other bone, and the other side has it too."""
    unlike_mm3 = unlike_other_side_mm3(scan, kji, region)
    volume_mm3 = float(scan.geometry.voxel_mm3[kji[:, 0]].sum())
    sure = evidence.saddle >= settings.one_with_bone and unlike_mm3 < settings.unlike_limit_mm3(volume_mm3)
    figures = evidence.figures | {"unlike_other_side_mm3": round(unlike_mm3, 1)}
    return LeftOut.of(scan, kji, LeftOutReason.BONE, figures, sure=sure)


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
        pairs=_pairs(parts),
        lesions=tuple(replace(part.lesion, id=number) for number, part in enumerate(parts, start=1)),
        threshold_hu=lesions.threshold_hu,
        settings=lesions.settings,
        flags=lesions.flags,
        left_out=left_out,
    )


def _pairs(parts: Sequence[Part]) -> tuple[TouchingPair, ...]:
    """The nuclei that touch, where both kept their site."""
    told = {(part.lesion.deposit, (part.lesion.site, part.lesion.side)) for part in parts}
    return tuple(
        pair for part in parts for pair in part.pairs if all((pair.deposit, place) in told for place in pair.sites)
    )
