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

from calcscan.knowledge.air_contact import AirContactSettings
from calcscan.knowledge.intracranial import IntracranialSettings
from calcscan.knowledge.localisation import LocalisationSettings
from calcscan.knowledge.settings import load
from calcscan.knowledge.sites import all_sites
from calcscan.knowledge.thresholds import ThresholdSettings
from calcscan.localisation.atlas_vote import atlas_vote, ranked, site_weights
from calcscan.localisation.bone_or_lesion import is_bone, is_convexity_dura, may_be_bone
from calcscan.localisation.features import bone_contacts, measure_features
from calcscan.localisation.split import Part, split_lesion
from calcscan.model import Atlas, LesionMap, LocatedLesion, LocatedLesionMap, Registration, Scan, SearchRegion


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
    """Give every lesion its site, side and share, and drop what is bone.

    Where the registration was not accepted, lesions come back `unassigned`, and those that touch the skull or lie close
    under it are dropped. The setting `bone_dropped_mm3` says how much was dropped as bone.

    Parameters
    ----------
    lesions, scan, region, registration, atlas
        As the stages before left them.
    settings, intracranial, air, thresholds
        Instead of the settings in `calcscan/knowledge`.
    """
    settings, air = settings or load(LocalisationSettings), air or load(AirContactSettings)
    thresholds = thresholds or load(ThresholdSettings)
    contacts = bone_contacts(lesions, scan, region, intracranial or load(IntracranialSettings))
    parts: list[Part] = []
    dropped_mm3 = 0.0
    for lesion in lesions.lesions:
        contact, kji = contacts[lesion.id], lesions.voxels_kji(lesion.id)
        if not registration.accepted:
            if may_be_bone(contact, settings):
                dropped_mm3 += lesion.volume_130_mm3
            else:
                parts.append(Part(lesion=LocatedLesion.of(lesion), kji=kji))
            continue
        features = measure_features(lesion, contact, lesions, scan, region, registration, atlas, settings, air)
        weights = site_weights(features, settings)
        votes = ranked(atlas_vote(lesions.geometry.to_world(kji), registration, atlas, settings), weights)
        (site, side), share = votes[0]
        if is_bone(features, site, share, settings):
            dropped_mm3 += lesion.volume_130_mm3
            continue
        also = tuple((*place, round(part, 3)) for place, part in votes if part >= settings.also_share)
        if is_convexity_dura(features, site, settings):
            side = "left" if features.atlas_x_mm > 0 else "right"
            located = LocatedLesion.of(lesion, site="convexity_dura", side=side, also=also)
        else:
            located = LocatedLesion.of(lesion, site=site, side=side, site_share=round(share, 3), also=also[1:])
        if all_sites()[located.site].drawn and lesion.diameter_mm >= settings.divided_from_mm:
            parts += split_lesion(located, kji, scan, registration, atlas, weights, settings, thresholds)
        else:
            parts.append(Part(lesion=located, kji=kji))
    return _renumbered(lesions, parts, dropped_mm3)


def _renumbered(lesions: LesionMap, parts: Sequence[Part], dropped_mm3: float) -> LocatedLesionMap:
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
        settings={**lesions.settings, "bone_dropped_mm3": round(dropped_mm3, 1)},
        flags=lesions.flags,
    )
