"""One row for every site and side."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from calcscan.knowledge.burden import BurdenSettings
from calcscan.knowledge.left_out import left_out_meanings
from calcscan.knowledge.sites import SiteGroup, all_sites
from calcscan.model import LeftOut, LocatedLesion, PairBurden, SiteBurden, TouchingPair

Place = tuple[str, str]
_LEAST_SURE = ("density", "shape", "atlas", "uncertain")


def by_place(lesions: Sequence[LocatedLesion]) -> dict[Place, list[LocatedLesion]]:
    """The lesions at each site and side."""
    places: dict[Place, list[LocatedLesion]] = {}
    for lesion in lesions:
        places.setdefault((lesion.site or "unassigned", lesion.side or ""), []).append(lesion)
    return places


def hidden_places(left_out: Iterable[LeftOut], settings: BurdenSettings) -> set[Place]:
    """The sites and sides in which something was found that is not reported as calcification, but may be some."""
    return {
        place
        for item in left_out
        if item.distance_mm is not None
        and item.distance_mm <= settings.hides_mm
        and left_out_meanings()[item.reason].hides
        and not item.sure
        for place in ((item.nearest_site, item.nearest_side), *item.also)
    }


def uncertain_places(lesions: Iterable[LocatedLesion], settings: BurdenSettings) -> dict[Place, list[LocatedLesion]]:
    """The sites and sides that deposits may lie in though they are not counted there, and which those are: all that are
    named of one that is given to no site, as a wall or a mass is, the likely ones of one that is given to another, and
    the arteries that a vessel without a name may be."""
    places: dict[Place, list[LocatedLesion]] = {}
    for lesion in lesions:
        for site, side, share in lesion.also:
            if (
                share >= settings.may_share
                or _has_no_site(lesion)
                or (lesion.site == "vessel" and all_sites()[site].group is SiteGroup.VASCULAR)
            ):
                places.setdefault((site, side), []).append(lesion)
    return places


def _has_no_site(lesion: LocatedLesion) -> bool:
    """Whether a deposit lies at no site of the atlas, so that those beside it may hold some of it."""
    return lesion.site_share is None and all_sites()[lesion.site].group in (SiteGroup.UNASSIGNED, SiteGroup.OTHER)


def examined_places(
    *, searched: bool, covered: Mapping[Place, float], hidden: Collection[Place], settings: BurdenSettings
) -> frozenset[Place]:
    """The sites and sides where what is counted is all that there is above the limit of detection: what was searched,
    lies within the scan (`covered`, the share of each) and holds nothing that may be calcification and was left out
    (`hidden`)."""
    if not searched:
        return frozenset()
    return frozenset(
        place
        for site in all_sites().values()
        for place in ((site.site, side) for side in site.sides)
        if site.examined and covered.get(place, 1.0) >= settings.coverage and place not in hidden
    )


def site_rows(
    places: Mapping[Place, Sequence[LocatedLesion]],
    *,
    located: bool,
    examined: Collection[Place],
    uncertain: Collection[Place] = (),
    by_reader: Collection[Place] = (),
    settings: BurdenSettings,
) -> tuple[SiteBurden, ...]:
    """A row for every site and side; None in every measure where nothing was located, and at a site without a lesion
    that was not `examined` or may hold one that is counted elsewhere (`uncertain`). What a reader placed (`by_reader`)
    is known in any case."""
    rows = []
    for site in all_sites().values():
        for side in site.sides:
            place = (site.site, side)
            parts = places.get(place, ())
            known = located and (bool(parts) or (place in examined and place not in uncertain))
            known |= place in by_reader
            rows.append(
                _row(site.site, side, site.group, parts, settings) if known else _unknown(site.site, side, site.group)
            )
    return tuple(rows)


def known_together(
    group: Collection[Place],
    places: Mapping[Place, Sequence[LocatedLesion]],
    examined: Collection[Place],
    uncertain: Mapping[Place, Sequence[LocatedLesion]],
) -> bool:
    """Whether all that lies at these places is counted at one of them: what may lie at another of them does not
    matter."""
    return all(
        places.get(place)
        or (place in examined and all((lesion.site, lesion.side) in group for lesion in uncertain.get(place, ())))
        for place in group
    )


def pair_rows(pairs: Iterable[TouchingPair], places: Mapping[Place, Sequence[LocatedLesion]]) -> tuple[PairBurden, ...]:
    """All that lies at two nuclei that share a deposit. Of a shared deposit both parts are known together, of all else
    each by itself; where the nuclei share several, the least sure border names the division."""
    shared: dict[tuple[Place, Place], list[TouchingPair]] = {}
    for pair in pairs:
        shared.setdefault(pair.sites, []).append(pair)
    rows = []
    for sites, own in shared.items():
        deposits = {pair.deposit for pair in own}
        rest = [part for place in sites for part in places.get(place, ()) if part.deposit not in deposits]
        all_parts: list[TouchingPair | LocatedLesion] = [*own, *rest]
        rows.append(
            PairBurden(
                sites=sites,
                volume_mm3=sum(part.volume_mm3 for part in all_parts),
                volume_low_mm3=sum(part.volume_low_mm3 for part in all_parts),
                volume_high_mm3=sum(part.volume_high_mm3 for part in all_parts),
                division=max((pair.division for pair in own), key=_LEAST_SURE.index),
            )
        )
    return tuple(rows)


def _unknown(site: str, side: str, group: str) -> SiteBurden:
    return SiteBurden(
        site=site,
        side=side,
        group=group,
        volume_mm3=None,
        volume_low_mm3=None,
        volume_high_mm3=None,
        volume_130_mm3=None,
        count=None,
        max_hu=None,
        mean_hu=None,
        grade=None,
    )


def _row(site: str, side: str, group: str, parts: Sequence[LocatedLesion], settings: BurdenSettings) -> SiteBurden:
    counted_mm3 = sum(p.volume_130_mm3 for p in parts)
    weights = [p.mass_hu_mm3 / p.mean_hu for p in parts]
    return SiteBurden(
        site=site,
        side=side,
        group=group,
        volume_mm3=float(sum(p.volume_mm3 for p in parts)),
        volume_low_mm3=float(sum(p.volume_low_mm3 for p in parts)),
        volume_high_mm3=float(sum(p.volume_high_mm3 for p in parts)),
        volume_130_mm3=float(counted_mm3),
        count=len(parts),
        max_hu=max((p.max_hu for p in parts), default=None),
        mean_hu=sum(w * p.mean_hu for w, p in zip(weights, parts, strict=True)) / sum(weights) if parts else None,
        grade=grade(parts, settings),
    )


def grade(parts: Sequence[LocatedLesion], settings: BurdenSettings) -> str | None:
    """The Utrecht scale by count, diameter and volume (`knowledge/burden.toml`). What was outlined and holds nothing as
    dense as calcification has none.

    >>> from calcscan.knowledge.settings import load
    >>> grade([], load(BurdenSettings))
    'none_detected'
    """
    if not parts:
        return "none_detected"
    parts = [part for part in parts if part.volume_mm3 > 0]
    if not parts:
        return None
    if any(
        p.diameter_mm >= settings.grade_confluent_mm and p.volume_mm3 >= settings.grade_confluent_mm3 for p in parts
    ):
        return "severe"
    if len(parts) == 1 and parts[0].diameter_mm <= settings.grade_dot_mm:
        return "mild"
    return "moderate"
