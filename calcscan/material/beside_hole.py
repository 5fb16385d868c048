"""Tell what is small and lies under a hole in the vault: dust of bone falls there when it is drilled, and the dura of
its edge calcifies later. A dot of either looks the same, so that neither is counted as calcification of the brain."""

from __future__ import annotations

from scipy.spatial import cKDTree

from calcscan.knowledge.foreign_body import ForeignBodySettings
from calcscan.knowledge.left_out import LeftOutReason
from calcscan.material.recognised import Material, Recognised
from calcscan.model import LesionMap, Scan, SearchRegion


def dots_beside_holes(
    lesions: LesionMap, scan: Scan, region: SearchRegion, settings: ForeignBodySettings
) -> Recognised:
    """The lesions smaller than `dust_mm3` that reach to within `dust_reach_mm` of a hole in the vault."""
    if not len(region.vault_holes_mm):
        return Recognised(lesions={})
    holes = cKDTree(region.vault_holes_mm)
    found: dict[int, Material] = {}
    for lesion in lesions.lesions:
        if lesion.volume_mm3 >= settings.dust_mm3:
            continue
        away_mm = float(holes.query(scan.geometry.to_world(lesions.voxels_kji(lesion.id)))[0].min())
        if away_mm <= settings.dust_reach_mm:
            evidence = {"vault_hole_mm": round(away_mm, 1), "dust_mm3": settings.dust_mm3}
            found[lesion.id] = Material(reason=LeftOutReason.UNCERTAIN_MATERIAL, evidence=evidence)
    return Recognised(lesions=found)
