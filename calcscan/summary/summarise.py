"""Volume, density, symmetry and scores of the whole head: LocatedLesionMap → Summary."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from calcscan.knowledge.burden import BurdenSettings
from calcscan.knowledge.settings import load
from calcscan.knowledge.sites import all_sites
from calcscan.model import Atlas, LocatedLesion, LocatedLesionMap, Registration, Scan, SearchRegion, Summary
from calcscan.summary.burden import (
    Place,
    by_place,
    examined_places,
    hidden_places,
    pair_rows,
    site_rows,
    uncertain_places,
)
from calcscan.summary.certainty import possible_facts, shared_places, unsure_facts
from calcscan.summary.coverage import coverage
from calcscan.summary.scores import scores
from calcscan.summary.symmetry import symmetries


def summarise_lesions(
    lesions: LocatedLesionMap,
    scan: Scan | None = None,
    registration: Registration | None = None,
    atlas: Atlas | None = None,
    *,
    region: SearchRegion | None = None,
    located: bool | None = None,
    settings: BurdenSettings | None = None,
) -> Summary:
    """What the lesions add up to, site by site and side by side.

    Parameters
    ----------
    lesions
        With their sites, if they were located.
    scan, atlas
        With `registration`, to find which sites the scan reaches; without them all count as scanned.
    registration
        For the mirror overlap too; where it was not accepted nothing counts as located.
    region
        From `recover_bone_contact`, for how much of the vault could be assessed for plaques.
    located
        Whether sites may be stated; otherwise as `registration` says. Those that a reader gave are stated in any case.
    settings
        Instead of the settings in `calcscan/knowledge`.

    Returns
    -------
    Summary
        `sites` holds a row for every site and side of `calcscan.knowledge.sites`: volume 0 and grade `none_detected`
        where nothing was found above `detection_floor_mm3`, None in every measure where nothing was located or scanned,
        where what was found was left out or given to no site, and where what is counted at another site may lie.
    """
    settings = settings or load(BurdenSettings)
    if located is None:
        located = registration is not None and registration.accepted
    places = by_place(lesions.lesions)
    floor_mm3 = lesions.settings["detection_floor_mm3"]
    covered: Mapping[Place, float] = {}
    if located and scan is not None and registration is not None and atlas is not None:
        covered = coverage(scan, registration, atlas, region, settings)
    hidden = hidden_places(lesions.left_out, settings)
    examined = examined_places(searched=lesions.searched, covered=covered, hidden=hidden, settings=settings)
    uncertain = uncertain_places(lesions.lesions, settings)
    by_reader = frozenset((lesion.site, lesion.side) for lesion in lesions.lesions if lesion.by_reader)
    return Summary(
        sites=site_rows(
            places,
            located=located,
            examined=examined,
            uncertain=uncertain,
            by_reader=by_reader,
            settings=settings,
        ),
        symmetry=symmetries(
            places,
            lesions,
            registration,
            floor_mm3,
            located=located,
            examined=examined,
            uncertain=uncertain,
            settings=settings,
        ),
        scores=scores(
            lesions,
            places,
            registration,
            located=located,
            examined=examined,
            uncertain=uncertain,
            settings=settings.tcs,
        ),
        multiple=_multiple(places, examined) if located else None,
        detection_floor_mm3=floor_mm3,
        largest_mm=_largest_mm(places) if located else {},
        pairs=pair_rows(lesions.pairs, places) if located else (),
        deposits=_deposits(places) if located else {},
        unsure=unsure_facts(lesions.lesions, settings) if located else frozenset(),
        possible=possible_facts(lesions.lesions, settings) if located else frozenset(),
        shared=shared_places(lesions.lesions, hidden) if located else frozenset(),
        by_reader=by_reader,
    )


def _deposits(places: dict[Place, list[LocatedLesion]]) -> dict[str, int]:
    """The number of deposits at each site as the guideline names it: those of the midline, and of the side that has
    more of them; the parts of one count once. One on either side is a mirror image, not several."""
    lying: dict[str, dict[str, set[int]]] = {}
    for (site, side), parts in places.items():
        by_side = lying.setdefault(all_sites()[site].fact, {})
        by_side.setdefault(side, set()).update(part.deposit for part in parts)
    return {fact: _several(by_side) for fact, by_side in lying.items() if fact}


def _several(by_side: Mapping[str, set[int]]) -> int:
    sides = {side: by_side.get(side, set()) for side in ("left", "right")}
    fewer = min(sides.values(), key=len)
    others = [numbers for numbers in by_side.values() if numbers is not fewer]
    return len(set().union(*others))


def _largest_mm(places: dict[Place, list[LocatedLesion]]) -> dict[str, float]:
    """The largest diameter at each site as the guideline names it."""
    largest: dict[str, float] = {}
    for (site, _), parts in places.items():
        fact = all_sites()[site].fact
        if fact and parts:
            largest[fact] = max(largest.get(fact, 0.0), *(part.diameter_mm for part in parts))
    return largest


def _multiple(places: dict[Place, list[LocatedLesion]], examined: Collection[Place]) -> bool | None:
    """More than one deposit beside those that healthy people have; None where deposits without a site would decide, or
    places that were not examined."""
    sites = all_sites()
    counting = {place: parts for place, parts in places.items() if sites[place[0]].counts_as_multiple}
    counted = {p.deposit for parts in counting.values() for p in parts}
    spread = {place for place, parts in counting.items() if parts}
    if len(counted) > 1 or len(spread) > 1:
        return True
    every = {(site.site, side) for site in sites.values() if site.counts_as_multiple for side in site.sides}
    return None if places.get(("unassigned", "")) or not every <= set(examined) else False
