"""Where a lesion lies that is no bone: as a whole, or its parts at the sites that it reaches over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from calcscan.knowledge.localisation import LocalisationSettings
from calcscan.knowledge.sites import all_sites
from calcscan.knowledge.thresholds import ThresholdSettings
from calcscan.localisation.atlas_vote import NOWHERE, Place
from calcscan.localisation.bone_or_lesion import hangs_on_bone, is_convexity_dura
from calcscan.localisation.deposit_form import is_widespread_and_thin
from calcscan.localisation.displaced import both_sides, side_unsure, site_unsure
from calcscan.localisation.own_surround import place_by_surround, side_or_midline
from calcscan.localisation.parts import Part
from calcscan.localisation.split import split_lesion
from calcscan.localisation.undivided import Judged, is_lump, is_one_kind
from calcscan.localisation.vessel import is_uncertain
from calcscan.measurement.statistics import plain_measures
from calcscan.model import Atlas, Lesion, LocatedLesion, Registration, Scan


def placed(
    item: Judged,
    judged: Sequence[Judged],
    scan: Scan,
    registration: Registration,
    atlas: Atlas,
    settings: LocalisationSettings,
    thresholds: ThresholdSettings,
    *,
    background_hu: float,
) -> list[Part]:
    """A lesion at its site, or its parts at theirs. Confluent calcification has no side or site as a whole that could
    be unsure: each of its parts has."""
    confluent = item.lesion.diameter_mm > settings.lump_across_mm
    (site, side), share = item.votes[0]
    if not confluent and (nowhere := _unsure(item.kji, site, side, share, scan, registration, settings)):
        also = _also(item, settings)
        return [_without_share(item.lesion, NOWHERE, both_sides(also) if nowhere == "side" else also, item.kji)]
    parts = _at_places(item, judged, scan, registration, atlas, settings, thresholds, background_hu=background_hu)
    if not confluent:
        return parts
    out = []
    for part in parts:
        lesion = part.lesion
        share = 1.0 if lesion.site_share is None else lesion.site_share
        nowhere = _unsure(part.kji, lesion.site, lesion.side, share, scan, registration, settings)
        also = ((lesion.site, lesion.side, share), *lesion.also)
        also = both_sides(also) if nowhere == "side" else also
        unsure = replace(lesion, site=NOWHERE[0], side=NOWHERE[1], site_share=None, also=also)
        out.append(replace(part, lesion=unsure) if nowhere else part)
    return out


def _unsure(
    kji: npt.NDArray[np.int64],
    site: str,
    side: str,
    share: float,
    scan: Scan,
    registration: Registration,
    settings: LocalisationSettings,
) -> str:
    """What of a place is unsure, as the brain may have moved: its `side`, its `site`, or nothing."""
    world_mm = scan.geometry.to_world(kji)
    if side_unsure(side, world_mm, registration, settings):
        return "side"
    return "site" if site_unsure(site, share, world_mm, registration, settings) else ""


def _at_places(
    item: Judged,
    judged: Sequence[Judged],
    scan: Scan,
    registration: Registration,
    atlas: Atlas,
    settings: LocalisationSettings,
    thresholds: ThresholdSettings,
    *,
    background_hu: float,
) -> list[Part]:
    """A lesion at its site, or its parts at theirs, as the atlas and this head's anatomy have it."""
    lesion, kji, features = item.lesion, item.kji, item.features
    (site, side), share = item.votes[0]
    also = _also(item, settings)
    if is_uncertain(item.votes):
        return [_without_share(lesion, NOWHERE, also, kji)]
    hangs = lesion.diameter_mm >= settings.divided_from_mm and hangs_on_bone(features, item.votes, settings)
    if hangs and not is_widespread_and_thin(kji, scan, lesion.diameter_mm, settings):
        on_vault = all_sites()[site].cerebral and features.base_share < settings.bone_share
        side = "left" if features.atlas_x_mm > 0 else "right"
        place = ("convexity_dura", side) if on_vault else ("extra_axial", side_or_midline(features, settings))
        return [_without_share(lesion, place, also, kji)]
    surround = place_by_surround(features, site, settings)
    if surround is not None:
        return [_without_share(lesion, surround, also, kji)]
    if is_convexity_dura(features, site, settings):
        side = "left" if features.atlas_x_mm > 0 else "right"
        located = LocatedLesion.of(lesion, site="convexity_dura", side=side, also=also)
    else:
        located = LocatedLesion.of(lesion, site=site, side=side, site_share=round(share, 3), also=also[1:])
        located = _or_on_the_wall(located, kji, scan, registration, settings)
    if item.whole:
        return [Part(lesion=located, kji=kji)]
    if not all_sites()[located.site].drawn or lesion.diameter_mm < settings.divided_from_mm:
        return [Part(lesion=located, kji=kji)]
    parts = split_lesion(
        located, kji, scan, registration, atlas, item.weights, settings, thresholds, background_hu=background_hu
    )
    if is_lump(item, parts, judged, scan, registration, settings):
        return [_without_share(lesion, NOWHERE, also, kji)]
    if is_one_kind(item, parts, settings):
        return [Part(lesion=located, kji=kji)]
    return parts


def _or_on_the_wall(
    lesion: LocatedLesion,
    kji: npt.NDArray[np.int64],
    scan: Scan,
    registration: Registration,
    settings: LocalisationSettings,
) -> LocatedLesion:
    """What is said to lie in the plexus, wholly in front of the trigone, may be a nodule on the wall beside it: in
    narrow ventricles nothing tells them apart."""
    if lesion.site != "choroid_plexus" or lesion.site_share is None:
        return lesion
    back_mm = registration.to_atlas(scan.geometry.to_world(kji))[:, 1]
    if float(np.percentile(back_mm, 90)) >= settings.trigone_y_mm:
        return lesion
    wall = round(lesion.site_share * settings.plexus_body_wall, 3)
    also = (("ventricle_wall", lesion.side, wall), *lesion.also)
    return replace(lesion, site_share=round(lesion.site_share - wall, 3), also=also)


def _without_share(
    lesion: Lesion, place: Place, also: tuple[tuple[str, str, float], ...], kji: npt.NDArray[np.int64]
) -> Part:
    """A lesion at a place that is not the atlas's, or at none."""
    return Part(lesion=LocatedLesion.of(lesion, site=place[0], side=place[1], also=also), kji=kji)


def as_one(
    members: Sequence[Judged], place: Place, scan: Scan, settings: LocalisationSettings, thresholds: ThresholdSettings
) -> Part:
    """Lesions that are one deposit, as one lesion with the number of the first. Errors of volumes of pieces of one
    deposit go the same way: their intervals add up."""
    first = members[0].lesion
    kji = np.concatenate([item.kji for item in members])
    whole = first
    if len(members) > 1:
        whole = replace(
            first,
            volume_mm3=sum(item.lesion.volume_mm3 for item in members),
            volume_low_mm3=sum(item.lesion.volume_low_mm3 for item in members),
            volume_high_mm3=sum(item.lesion.volume_high_mm3 for item in members),
            volume_counted=any(item.lesion.volume_counted for item in members),
            **plain_measures(kji, scan.hu[tuple(kji.T)], scan.geometry, thresholds),
        )
    largest = max(members, key=lambda item: item.lesion.volume_130_mm3)
    site, side = place
    return Part(lesion=LocatedLesion.of(whole, site=site, side=side, also=_also(largest, settings)), kji=kji)


def _also(item: Judged, settings: LocalisationSettings) -> tuple[tuple[str, str, float], ...]:
    """The places with a share of the atlas's vote that is worth naming, the first too."""
    return tuple((*place, round(part, 3)) for place, part in item.votes if part >= settings.also_share)
