"""Left against right. Unknown is None: what could have been missed can't be compared."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from calcscan.grid.geometry import Array
from calcscan.knowledge.burden import BurdenSettings
from calcscan.knowledge.sites import SiteGroup, all_sites
from calcscan.measurement.symmetry import compare
from calcscan.model import LeftOut, LocatedLesion, LocatedLesionMap, Registration, Symmetry
from calcscan.summary.burden import Place, hidden_places, known_together

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
    follow from it; and what follows from the volumes is None where it hangs on an uncertain division, or on what may
    lie there and is not counted there."""
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
        if not all(known):
            out.append(_in_part(row, *known))
            continue
        spans = [
            _span({(site, side) for site in sites}, places, lesions.left_out, uncertain, settings)
            for side in ("left", "right")
        ]
        out.append(_as_sure(row, spans[0], spans[1], floor_mm3, settings))
    return tuple(out)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """Between which volumes a side may lie, mm3, by how its deposits were divided; and how much more may lie there that
    is not counted, for it was left out or is given to another place."""

    low_mm3: float
    high_mm3: float
    missing_mm3: float


def _span(
    group: Collection[Place],
    places: Mapping[Place, Sequence[LocatedLesion]],
    left_out: Sequence[LeftOut],
    uncertain: Mapping[Place, Sequence[LocatedLesion]],
    settings: BurdenSettings,
) -> _Span:
    parts = [part for place in group for part in places.get(place, ())]
    shared = {part.deposit for place, others in places.items() if place not in group for part in others}
    unsure = [part for part in parts if part.division == "uncertain" and part.deposit in shared]
    elsewhere = {
        lesion.id: lesion.volume_mm3
        for place in group
        for lesion in uncertain.get(place, ())
        if (lesion.site, lesion.side) not in group
    }
    hidden = sum(item.volume_mm3 for item in left_out if hidden_places([item], settings) & set(group))
    whole_mm3 = sum(part.volume_mm3 for part in parts)
    return _Span(
        low_mm3=whole_mm3 - sum(part.volume_mm3 - part.volume_low_mm3 for part in unsure),
        high_mm3=whole_mm3 + sum(part.volume_high_mm3 - part.volume_mm3 for part in unsure),
        missing_mm3=hidden + sum(elsewhere.values()),
    )


def _as_sure(row: Symmetry, left: _Span, right: _Span, floor_mm3: float | None, settings: BurdenSettings) -> Symmetry:
    """The row; without its verdict where an uncertain division may turn it, and without the index, too, where what is
    not counted may."""

    def holds(*volumes: tuple[float, float]) -> bool:
        other = [compare(row.pair, *both, floor_mm3, settings=settings) for both in volumes]
        same_way = [(row.index or 0.0) * (one.index or 0.0) > 0.0 or one.symmetric is True for one in other]
        same = [one.symmetric == row.symmetric for one in other]
        return row.symmetric is None or (all(same) and all(same_way))

    left_mm3, right_mm3 = row.left_mm3 or 0.0, row.right_mm3 or 0.0
    if not holds((left_mm3 + left.missing_mm3, right_mm3), (left_mm3, right_mm3 + right.missing_mm3)):
        return replace(row, index=None, symmetric=None)
    if not holds((left.low_mm3, right.high_mm3), (left.high_mm3, right.low_mm3)):
        return replace(row, symmetric=None)
    return row


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
