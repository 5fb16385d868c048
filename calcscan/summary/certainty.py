"""What is said too surely if a deposit is counted at its likeliest site alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from calcscan.knowledge.burden import BurdenSettings
from calcscan.knowledge.sites import all_sites
from calcscan.model import LocatedLesion
from calcscan.summary.burden import Place


def fact_shares(lesion: LocatedLesion) -> dict[str, float]:
    """How likely a deposit lies at each site as the guideline names it (`SiteInfo.fact`)."""
    own = () if lesion.site_share is None else ((lesion.site, lesion.side, lesion.site_share),)
    shares: dict[str, float] = {}
    for site, _, share in (*own, *lesion.also):
        fact = all_sites()[site].fact
        shares[fact] = shares.get(fact, 0.0) + share
    return shares


def unsure_facts(lesions: Iterable[LocatedLesion], settings: BurdenSettings) -> frozenset[str]:
    """The sites of the guideline at which deposits are counted, but none of them surely lies there."""
    counted, sure = set(), set()
    for lesion in lesions:
        fact = all_sites()[lesion.site].fact
        counted.add(fact)
        if lesion.by_reader or lesion.site_share is None or fact_shares(lesion)[fact] >= settings.sure_share:
            sure.add(fact)
    return frozenset(counted - sure)


def possible_facts(lesions: Iterable[LocatedLesion], settings: BurdenSettings) -> frozenset[str]:
    """The sites of the guideline at which a deposit may lie that is not surely counted there."""
    possible: set[str] = set()
    for lesion in lesions:
        own = all_sites()[lesion.site].fact
        shares = fact_shares(lesion)
        if lesion.site_share is not None and shares[own] >= settings.sure_share:
            del shares[own]
        least = 0.0 if lesion.site_share is None and not own else settings.may_share
        possible |= {fact for fact, share in shares.items() if share >= least}
    return frozenset(possible)


def shared_places(lesions: Iterable[LocatedLesion], hidden: Collection[Place]) -> frozenset[Place]:
    """The sites and sides that are unknown only because a deposit may lie there which is counted at a neighbour that
    the guideline gives the same name, and the same side; `hidden` are unknown for another reason."""
    shared: set[Place] = set()
    other: set[Place] = set(hidden)
    for lesion in lesions:
        for site, side, _ in lesion.also:
            alike = lesion.side == side and all_sites()[lesion.site].fact == all_sites()[site].fact
            (shared if alike else other).add((site, side))
    return frozenset(shared - other)
