"""Volume, density, symmetry and scores of the whole head: LocatedLesionMap → Summary."""

from __future__ import annotations

from calcscan.knowledge.sites import all_sites
from calcscan.model import Atlas, LocatedLesion, LocatedLesionMap, Registration, Scan, SearchRegion, Summary
from calcscan.summary.burden import Place, by_place, site_rows
from calcscan.summary.coverage import coverage
from calcscan.summary.scores import scores
from calcscan.summary.symmetry import symmetries


def summarise_lesions(
    lesions: LocatedLesionMap,
    scan: Scan | None = None,
    registration: Registration | None = None,
    atlas: Atlas | None = None,
    *,
    intracranial: SearchRegion | None = None,
    located: bool | None = None,
) -> Summary:
    """What the lesions add up to, site by site and side by side.

    Parameters
    ----------
    lesions
        With their sites, if they were located.
    scan, atlas
        With `fit`, to tell which sites the scan reaches; without them all count as scanned.
    fit
        For the mirror overlap too; where it was not accepted nothing counts as located.
    head
        From `recover_bone_contact`, to tell how much of the vault was judged for plaques.
    located
        Whether sites may be told; else as `fit` says.

    Returns
    -------
    Summary
        `sites` holds a row for every site and side of `calcscan.knowledge.sites`: volume 0 and grade `none_detected`
        where nothing was found above `detection_floor_mm3`, None in every measure where nothing was located or scanned.
    """
    told = located if located is not None else registration is not None and registration.accepted
    places = by_place(lesions.lesions)
    floor_mm3 = lesions.settings["detection_floor_mm3"]
    covered = (
        coverage(scan, registration, atlas, intracranial)
        if told and scan is not None and registration is not None and atlas is not None
        else {}
    )
    return Summary(
        sites=site_rows(places, located=told, covered=covered),
        symmetry=symmetries(places, lesions, registration, floor_mm3, located=told),
        scores=scores(lesions, places, registration, located=told),
        multiple=_multiple(places) if told else None,
        detection_floor_mm3=floor_mm3,
        deposits=_deposits(places) if told else {},
    )


def _deposits(places: dict[Place, list[LocatedLesion]]) -> dict[str, int]:
    """The number of deposits at each site as the guideline names it; the parts of one count once."""
    lying: dict[str, set[int]] = {}
    for (site, _), parts in places.items():
        lying.setdefault(all_sites()[site].fact, set()).update(part.deposit for part in parts)
    return {fact: len(numbers) for fact, numbers in lying.items() if fact}


def _multiple(places: dict[Place, list[LocatedLesion]]) -> bool | None:
    """More than one deposit beside those that healthy people have; None where deposits without a site would decide."""
    counting = {place: parts for place, parts in places.items() if all_sites()[place[0]].counts_as_multiple}
    counted = {p.deposit for parts in counting.values() for p in parts}
    spread = {place for place, parts in counting.items() if parts}
    if len(counted) > 1 or len(spread) > 1:
        return True
    unplaced = {p.deposit for p in places.get(("unassigned", ""), ())}
    return None if unplaced else False
