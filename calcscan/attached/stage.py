"""Calcification attached to bone is taken into the inside of the skull: Scan, Head, AtlasFit, Atlas → Head.

After registration, for where the vault ends and where arteries and dural folds run between the bones of the base is
known only in the head's own axes: a head lies turned in the scanner, or is cut off. Without a fit to be believed the
head stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from calcscan.attached.knots import with_knots
from calcscan.attached.plaques import find_plaques
from calcscan.attached.rays import RADIUS_MM, directions, from_vertex_deg
from calcscan.geometry import Array, apply
from calcscan.knowledge import values
from calcscan.model import BRAIN_ZONE, Atlas, AtlasFit, Head, Scan


def find_attached(scan: Scan, head: Head, fit: AtlasFit, atlas: Atlas) -> Head:
    """The head with plaques of the vault, and what stands out from the bones of the base, inside.

    Parameters
    ----------
    scan, head
        As `find_skull` left them: everything that hangs on bone lies outside.
    fit, atlas
        From `register`. A fit that was not accepted changes nothing.
    """
    if not fit.accepted:
        return head
    limits = {**values("skull"), **values("attached")}
    middle = _middle_mm(atlas)

    def own(points: Array) -> Array:
        return fit.to_atlas(points) - middle

    inside, knots = with_knots(scan, head, own, limits)
    plaques = find_plaques(scan, head, own, limits)
    inside[tuple(plaques.kji.T)] = True
    judged = _judged_share(own(plaques.judged), limits)
    return replace(head, inside=inside, plaques_kji=plaques.kji, knots_kji=knots, vault_judged=judged)


def _judged_share(there: Array, limits: Mapping[str, float]) -> dict[str, float]:
    """The share of the vault, left and right, that lies near one of the points `there`, mm from the middle of the brain
    in the head's own axes: of directions from the middle."""
    ways = directions(limits["judged_mm"])
    ways = ways[from_vertex_deg(ways) <= limits["vault_deg"]]
    near = np.zeros(len(ways), dtype=np.bool_)
    if len(there):
        seen = there / np.linalg.norm(there, axis=1)[:, None]
        near = cKDTree(seen).query(ways)[0] <= limits["judged_mm"] / RADIUS_MM
    return {side: float(near[ways[:, 0] * way > 0].mean()) for side, way in (("left", 1.0), ("right", -1.0))}


def _middle_mm(atlas: Atlas) -> Array:
    """The middle of the template's brain, LPS mm."""
    step = 4
    brain = np.argwhere((atlas.zones[::step, ::step, ::step] & BRAIN_ZONE) > 0) * step
    return np.asarray(apply(atlas.affine, brain).mean(axis=0))
