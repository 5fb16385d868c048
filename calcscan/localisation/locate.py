"""Say where each calcification lies: LesionMap, Scan, SearchRegion, Registration, Atlas → LesionMap with sites.

Each voxel of a lesion votes for the sites around its place in the atlas, spread by the registration's uncertainty and
weighted by how often each site calcifies. What the anatomy of this head says comes first: dense tissue that hangs on
the skull base is bone and no lesion; what lies flat under the vault is dura; plexus lies in fluid; a plate is likelier
dura, a lump is likelier brain. What is large enough to reach over several sites is divided along their borders.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from calcscan.grid.geometry import Array
from calcscan.knowledge import table, values
from calcscan.localisation.atlas_vote import AtlasVote, Shares, ranked
from calcscan.localisation.features import FeatureExtractor, Features, is_bone, is_dura
from calcscan.localisation.split import Part, split_lesion
from calcscan.model import Atlas, Lesion, LesionMap, LocatedLesion, LocatedLesionMap, Registration, Scan, SearchRegion

UNDIVIDED = ("unassigned", "convexity_dura")
"""Sites that are not drawn: what lies there has no borders in the atlas."""


def locate_lesions(
    lesions: LesionMap, scan: Scan, intracranial: SearchRegion, registration: Registration, atlas: Atlas
) -> LocatedLesionMap:
    """Give every lesion its site, side and share, and drop what is skull.

    Lesions of an unaccepted fit come back `unassigned`, and all that touches the skull or lies close under it is
    dropped. Dropped bone is told by the setting `bone_dropped_mm3`.
    """
    limits = values("localisation")
    evidences = FeatureExtractor(lesions, scan, intracranial)
    ballot = AtlasVote(atlas, registration, table("localisation")["prior"], float(limits["uncertainty_mm"]))
    kept: list[Part] = []
    dropped_mm3 = 0.0
    for lesion in lesions.lesions:
        kji = lesions.voxels_kji(lesion.id)
        world = lesions.geometry.to_world(kji)
        weights: Mapping[str, float] = {}
        if not registration.accepted:
            told = _unplaced(lesion, world, evidences, limits)
        else:
            evidence = evidences.of(lesion, kji, registration, atlas)
            weights = _weights(evidence, limits)
            told = _placed(lesion, ballot.shares(world), weights, evidence, limits)
        if told is None:
            dropped_mm3 += lesion.volume_130_mm3
        elif told.site in UNDIVIDED or lesion.diameter_mm < limits["divided_from_mm"]:
            kept.append(Part(lesion=told, kji=kji))
        else:
            kept += split_lesion(told, kji, scan, registration, atlas, weights, limits)
    return _renumbered(lesions, kept, dropped_mm3)


def _placed(
    lesion: Lesion, shares: Shares, weights: Mapping[str, float], evidence: Features, limits: Mapping[str, float]
) -> LocatedLesion | None:
    """The lesion with its site; None if it is bone."""
    weighed = {place: share * weights.get(place[0], 1.0) for place, share in shares.items()}
    order = ranked({place: share / sum(weighed.values()) for place, share in weighed.items()})
    first, share = order[0]
    if is_bone(evidence, first, share, limits):
        return None
    also = tuple((site, side, round(part, 3)) for (site, side), part in order if part >= limits["also_share"])
    if is_dura(evidence, first[0], limits):
        side = "left" if evidence.atlas_x_mm > 0 else "right"
        return LocatedLesion.of(lesion, site="convexity_dura", side=side, also=also)
    return LocatedLesion.of(lesion, site=first[0], side=first[1], site_share=round(share, 3), also=also[1:])


def _weights(evidence: Features, limits: Mapping[str, float]) -> Mapping[str, float]:
    """How much a site is heard above or below its vote: the plexus louder where fluid lies around the lesion, the dura
    by the lesion's shape: louder for a plate, softer for a lump. A plate whose thin side looks up or back lies in no
    falx; and the farther the lesion's middle lies beside the falx the softer that counts, for what reaches it with its
    near side only lies in brain."""
    weights: dict[str, float] = {}
    if evidence.fluid_share >= limits["fluid_share"]:
        weights["choroid_plexus"] = limits["fluid_weight"]
    if evidence.shape.flat or evidence.shape.compact:
        weight = limits["shape_weight"] if evidence.shape.flat else 1.0 / limits["shape_weight"]
        lying = evidence.shape.flat and evidence.upright < limits["falx_upright"]
        weights |= {"tentorium": weight, "falx": 1.0 / weight if lying else weight}
    beside_mm = max(abs(evidence.atlas_x_mm) - limits["falx_half_mm"], 0.0)
    weights["falx"] = weights.get("falx", 1.0) * float(np.exp(-0.5 * (beside_mm / limits["uncertainty_mm"]) ** 2))
    return weights


def _unplaced(
    lesion: Lesion, world: Array, evidences: FeatureExtractor, limits: Mapping[str, float]
) -> LocatedLesion | None:
    """The lesion where no atlas can be believed; None if it touches the skull or lies close under it."""
    if (
        evidences.on_bone(lesion)
        or evidences.on_base_peak(lesion)
        or evidences.deepest_mm(world) < limits["base_depth_mm"]
    ):
        return None
    return LocatedLesion.of(lesion)


def _renumbered(lesions: LesionMap, kept: list[Part], dropped_mm3: float) -> LocatedLesionMap:
    """Only the lesions kept, numbered 1…n again, in the label map too."""
    labels = np.zeros_like(lesions.labels)
    out = []
    for new, part in enumerate(kept, start=1):
        labels[tuple(part.kji.T)] = new
        out.append(replace(part.lesion, id=new))
    labels.flags.writeable = False
    return LocatedLesionMap(
        labels=labels,
        geometry=lesions.geometry,
        lesions=tuple(out),
        threshold_hu=lesions.threshold_hu,
        settings={**lesions.settings, "bone_dropped_mm3": round(dropped_mm3, 1)},
        flags=lesions.flags,
    )
