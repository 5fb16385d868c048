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


def uncertain_places(lesions: Iterable[LocatedLesion], settings: BurdenSettings) -> set[Place]:
    """The sites and sides that a deposit may lie in though it is not counted there: all that are named of one that is
    given to no site, as a wall or a mass is, the likely ones of one that is given to another, and the arteries that a
    vessel without a name may be."""
    return {
        (site, side)
        for lesion in lesions
        for site, side, share in lesion.also
        if share >= settings.may_share
        or _has_no_site(lesion)
        or (lesion.site == "vessel" and all_sites()[site].group is SiteGroup.VASCULAR)
    }


def _has_no_site(lesion: LocatedLesion) -> bool:
    """Whether a deposit lies at no site of the atlas, so that those beside it may hold some of it."""
    return lesion.site_share is None and all_sites()[lesion.site].group in (SiteGroup.UNASSIGNED, SiteGroup.OTHER)


def site_rows(
    places: Mapping[Place, Sequence[LocatedLesion]],
    *,
    located: bool,
    searched: bool = True,
    covered: Mapping[Place, float],
    hidden: Collection[Place] = (),
    by_reader: Collection[Place] = (),
    settings: BurdenSettings,
) -> tuple[SiteBurden, ...]:
    """A row for every site and side; what was not located, not examined or not scanned (`covered`, the share of each
    site within the scan) is None, and so is a site without a lesion in which there may be one (`hidden`), or that was
    not `searched`. What a reader placed (`by_reader`) is known in any case."""
    rows = []
    for site in all_sites().values():
        for side in site.sides:
            parts = places.get((site.site, side), ())
            examined = site.examined and covered.get((site.site, side), 1.0) >= settings.coverage
            examined &= searched and (site.site, side) not in hidden
            known = (located and (bool(parts) or examined)) or (site.site, side) in by_reader
            rows.append(
                _row(site.site, side, site.group, parts, settings) if known else _unknown(site.site, side, site.group)
            )
    return tuple(rows)


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


def grade(parts: Sequence[LocatedLesion], settings: BurdenSettings) -> str:
    """The Utrecht scale by count, diameter and volume (`knowledge/burden.toml`).

    >>> from calcscan.knowledge.settings import load
    >>> grade([], load(BurdenSettings))
    'none_detected'
    """
    if not parts:
        return "none_detected"
    if any(
        p.diameter_mm >= settings.grade_confluent_mm and p.volume_mm3 >= settings.grade_confluent_mm3 for p in parts
    ):
        return "severe"
    if len(parts) == 1 and parts[0].diameter_mm <= settings.grade_dot_mm:
        return "mild"
    return "moderate"
