"""Left against right. Unknown is None: what could have been missed can't be compared."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from calcscan.grid.geometry import Array
from calcscan.knowledge.burden import BurdenSettings
from calcscan.knowledge.sites import SiteGroup, all_sites
from calcscan.measurement.symmetry import compare
from calcscan.model import LocatedLesion, LocatedLesionMap, Registration, Symmetry
from calcscan.summary.burden import Place, known_together

_POINTS = 4000


def pairs() -> dict[str, tuple[str, ...]]:
    """Each paired site by itself, and the basal ganglia as a whole."""
    sites = all_sites()
    whole = tuple(name for name, site in sites.items() if site.group is SiteGroup.BASAL_GANGLIA)
    return {**{name: (name,) for name, site in sites.items() if site.paired}, SiteGroup.BASAL_GANGLIA.value: whole}


def symmetries(
    places: Mapping[Place, Sequence[LocatedLesion]],
    lesions: LocatedLesionMap,
    registration: Registration | None,
    floor_mm3: float | None,
    *,
    located: bool,
    examined: Collection[Place],
    uncertain: Mapping[Place, Sequence[LocatedLesion]],
    settings: BurdenSettings,
) -> tuple[Symmetry, ...]:
    """One row for each of `pairs()`. The volume of a side of which a part is not known is None, and so is what would
    follow from it."""
    if not located:
        return tuple(_unknown(pair) for pair in pairs())
    out = []
    for pair, sites in pairs().items():
        left, right = (
            sum(p.volume_mm3 for site in sites for p in places.get((site, side), ())) for side in ("left", "right")
        )
        overlap = None
        if registration is not None and left > 0 and right > 0:
            numbers = tuple(
                {p.id for site in sites for p in places.get((site, side), ())} for side in ("left", "right")
            )
            overlap = _mirror_overlap(lesions, registration, numbers[0], numbers[1], settings)
        row = compare(pair, float(left), float(right), floor_mm3, overlap, settings=settings)
        groups = ({(site, side) for site in sites} for side in ("left", "right"))
        known = [known_together(group, places, examined, uncertain) for group in groups]
        out.append(row if all(known) else _in_part(row, *known))
    return tuple(out)


def _in_part(row: Symmetry, left_known: bool, right_known: bool) -> Symmetry:
    """What is left of a row of which a side is not known: that there is some on both sides stays true."""
    return replace(
        row,
        left_mm3=row.left_mm3 if left_known else None,
        right_mm3=row.right_mm3 if right_known else None,
        index=None,
        bilateral=row.bilateral or None,
        symmetric=None,
    )


def _mirror_overlap(
    lesions: LocatedLesionMap, registration: Registration, left: set[int], right: set[int], settings: BurdenSettings
) -> float | None:
    """Dice of the left lesions with the mirror image of the right ones about x = 0 of the atlas: the share of the
    voxels of both that have one of the other within the tolerance. None if either has no voxel in the label map."""
    one, other = _points(lesions, registration, left), _points(lesions, registration, right)
    if len(one) == 0 or len(other) == 0:
        return None
    other[:, 0] *= -1.0
    near_mm = settings.mirror_tolerance_mm
    met = sum(
        int(np.isfinite(cKDTree(theirs).query(ours, distance_upper_bound=near_mm)[0]).sum())
        for ours, theirs in ((one, other), (other, one))
    )
    return met / (len(one) + len(other))


def _points(lesions: LocatedLesionMap, registration: Registration, numbers: set[int]) -> Array:
    """Where the voxels of the lesions lie in the atlas, mm; evenly thinned out if there are many."""
    where: list[npt.NDArray[np.int64]] = [np.empty((0, 3), np.int64)]
    for lesion in lesions.lesions:
        if lesion.id in numbers:
            where.append(lesions.voxels_kji(lesion.id))
    kji = np.concatenate(where)
    world = lesions.geometry.to_world(kji[:: max(1, len(kji) // _POINTS)])
    return registration.to_atlas(world)


def _unknown(pair: str) -> Symmetry:
    return Symmetry(
        pair=pair, left_mm3=None, right_mm3=None, index=None, mirror_overlap=None, bilateral=None, symmetric=None
    )
