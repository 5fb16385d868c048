"""Calcification in contact with bone: Scan, Intracranial, Registration, Atlas → SearchRegion.

After registration, for where the vault ends and where arteries and dural folds run between the bones of the base is
known only in the head's own axes: a head lies turned in the scanner, or is cut off. Without a fit to be believed the
head stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.spatial import cKDTree

from calcscan.bone_contact.rays import RADIUS_MM, Mask, directions, from_vertex_deg
from calcscan.bone_contact.skull_base import with_skull_base_peaks
from calcscan.bone_contact.vault_plaques import detect_vault_plaques
from calcscan.grid.geometry import Array, apply
from calcscan.knowledge import values
from calcscan.model import BRAIN_ZONE, Atlas, Intracranial, Registration, Scan, SearchRegion


def recover_bone_contact(
    scan: Scan, intracranial: Intracranial, registration: Registration, atlas: Atlas
) -> SearchRegion:
    """The intracranial space with plaques of the vault, and what stands out from the bones of the base, inside.

    Parameters
    ----------
    scan, head
        As `segment_intracranial` left them: everything that hangs on bone lies outside.
    fit, atlas
        From `register_atlas`. A fit that was not accepted changes nothing.
    """
    if not registration.accepted:
        return SearchRegion.of(intracranial)
    limits = {**values("intracranial"), **values("bone_contact")}
    middle = _middle_mm(atlas)

    def own(points: Array) -> Array:
        return registration.to_atlas(points) - middle

    inside, knots = with_skull_base_peaks(scan, intracranial, own, limits)
    plaques = detect_vault_plaques(scan, intracranial, own, limits)
    inside[tuple(plaques.kji.T)] = True
    judged = _judged_share(own(plaques.judged), limits)
    return SearchRegion.of(
        intracranial, mask=inside, vault_plaques_kji=plaques.kji, base_peaks_kji=knots, vault_assessable=judged
    )


def _judged_share(there: Array, limits: Mapping[str, float]) -> dict[str, float]:
    """The share of the vault, left and right, that lies near one of the points `there`, mm from the middle of the brain
    in the head's own axes: of directions from the middle."""
    ways = directions(limits["judged_mm"])
    ways = ways[from_vertex_deg(ways) <= limits["vault_deg"]]
    near: Mask = np.zeros(len(ways), dtype=np.bool_)
    if len(there):
        seen = there / np.linalg.norm(there, axis=1)[:, None]
        near = np.asarray(cKDTree(seen).query(ways)[0] <= limits["judged_mm"] / RADIUS_MM)
    return {side: float(near[ways[:, 0] * way > 0].mean()) for side, way in (("left", 1.0), ("right", -1.0))}


def _middle_mm(atlas: Atlas) -> Array:
    """The middle of the template's brain, LPS mm."""
    step = 4
    brain = np.argwhere((atlas.zones[::step, ::step, ::step] & BRAIN_ZONE) > 0) * step
    return np.asarray(apply(atlas.affine, brain).mean(axis=0))
