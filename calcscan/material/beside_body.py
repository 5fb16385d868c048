"""Tell what rises from the inner table beside something put in: the edge of the hole it came through, dust of bone, or
a piece of the thing itself. It lies as a plaque does, and none of these can be told from one."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from calcscan.knowledge.foreign_body import ForeignBodySettings
from calcscan.knowledge.left_out import LeftOutReason
from calcscan.material.recognised import Material, Recognised
from calcscan.model import LesionMap, Scan, SearchRegion

_PUT_IN = (LeftOutReason.FOREIGN_BODY, LeftOutReason.METAL)


def plaques_beside_bodies(
    lesions: LesionMap, scan: Scan, region: SearchRegion, settings: ForeignBodySettings
) -> Recognised:
    """The plaques of the vault that lie within a hole's width of a foreign body or metal that was left out."""
    bodies = [item.kji for item in lesions.left_out if item.reason in _PUT_IN]
    if not bodies or not len(region.vault_plaques_kji):
        return Recognised(lesions={})
    tree = cKDTree(scan.geometry.to_world(np.concatenate(bodies)))
    in_plaque = lesions.counts_among(region.vault_plaques_kji)
    found: dict[int, Material] = {}
    for lesion in lesions.lesions:
        if 2 * in_plaque[lesion.id] < lesion.voxels:
            continue
        away_mm = float(tree.query(scan.geometry.to_world(lesions.voxels_kji(lesion.id)))[0].min())
        if away_mm <= settings.hole_mm:
            evidence = {"body_mm": round(away_mm, 1), "hole_mm": settings.hole_mm}
            found[lesion.id] = Material(reason=LeftOutReason.UNCERTAIN_MATERIAL, evidence=evidence)
    return Recognised(lesions=found)
