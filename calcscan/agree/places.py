"""Where a volume lies, as a reader may say it: a site and side, a site with its sides taken together, a whole group of
sites, or anywhere. What is said coarsely is compared with the sum of what is said finely."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from functools import cache

from calcscan.errors import InputError
from calcscan.knowledge.sites import SiteGroup, all_sites, in_words

Place = tuple[str, str]
"""Site or group, and side; an empty side stands for all sides that it has."""
ANY: Place = ("any", "")
"""Anywhere: of a mask that says no sites."""
_SIDES = {
    **dict.fromkeys(("left", "l", "lh", "lt", "sin"), "left"),
    **dict.fromkeys(("right", "r", "rh", "rt", "dex"), "right"),
    **dict.fromkeys(("midline", "m", "mid", "middle", "median"), "midline"),
}


@cache
def cells() -> tuple[Place, ...]:
    """Every site and side, in the order of the report: the finest that is told apart."""
    return tuple((site.site, side) for site in all_sites().values() for side in site.sides)


@cache
def parts_of(place: Place) -> frozenset[Place]:
    """The cells that a place holds.

    >>> sorted(parts_of(("pallidum", "")))
    [('pallidum', 'left'), ('pallidum', 'right')]
    """
    name, side = place
    if place == ANY:
        return frozenset(cells())
    sites = [name] if name in all_sites() else [s.site for s in all_sites().values() if s.group == name]
    found = frozenset(cell for cell in cells() if cell[0] in sites and (side in ("", cell[1])))
    if not found:
        raise ValueError(f"{place} is no place of ours")
    return found


def words(place: Place) -> str:
    """A place for people.

    >>> words(("pallidum", "left")), words(("carotid_siphon", "")), words(("any", ""))
    ('left pallidum', 'carotid siphon, all sides', 'anywhere')
    """
    name, side = place
    plain = in_words(name)
    if place == ANY:
        return "anywhere"
    if side:
        return f"{side} {plain}" if side != "midline" or len(parts_of((name, ""))) > 1 else plain
    return plain if len(parts_of(place)) == 1 else f"{plain}, all sides"


def place_of(name: str, side: str, *, where: str) -> Place:
    """The place that a table names.

    Raises
    ------
    InputError
        There is no such site or side; the message says where, and what comes nearest.
    """
    site, said = _plain(name), _plain(side)
    by_short = {info.abbreviation.casefold(): info.site for info in all_sites().values()}
    site = by_short.get(site, site)
    known = {*all_sites(), *(group.value for group in SiteGroup)}
    if site not in known:
        near = difflib.get_close_matches(site, sorted(known), n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise InputError(f"{name!r} is no site of calcscan's", where=where, hint=f"{hint}{_LISTED}")
    which = "" if said in ("", "both", "all", "n_a", "none", "bilateral") else _SIDES.get(said)
    if which is None:
        raise InputError(f"{side!r} is no side", where=where, hint="write left, right or midline, or leave it empty")
    try:
        if which and not parts_of((site, which)):
            raise ValueError
        parts_of((site, which))
    except ValueError as error:
        sides = sorted({cell[1] for cell in parts_of((site, ""))})
        has = " and ".join(one for one in sides if one) or "no sides"
        raise InputError(f"{site} has no side {which!r}", where=where, hint=f"calcscan's has {has}") from error
    only = parts_of((site, which))
    return next(iter(only)) if len(only) == 1 else (site, which)


_LISTED = "'calcscan atlas' lists the sites, and a table may give them in columns site and side"


def place_in_words(text: str, *, where: str) -> Place:
    """The place that a label's name tells: `left pallidum`, `pallidum_left`, `PAL_L`, `Left-Putamen`. Raises
    `InputError` as `place_of`.

    >>> place_in_words("Left-Putamen", where=""), place_in_words("PAL_R", where=""), place_in_words("pineal", where="")
    (('putamen', 'left'), ('pallidum', 'right'), ('pineal', 'midline'))
    """
    parts = _plain(text).split("_")
    sides = [part for part in parts if part in _SIDES]
    rest = [part for part in parts if part not in _SIDES]
    if len(sides) > 1 or not rest:
        raise InputError(f"{text!r} names no site and side", where=where, hint=_LISTED)
    try:
        return place_of("_".join(rest), sides[0] if sides else "", where=where)
    except InputError as error:
        raise InputError(f"{text!r}: {error.what}", where=where, hint=error.hint) from error


def _plain(text: str) -> str:
    return re.sub(r"[^0-9a-z]+", "_", text.casefold()).strip("_")


def value_at(place: Place, told: Mapping[Place, float | None]) -> float | None:
    """The volume at a place from what was told, there or in parts of it; None where any part is unknown.

    >>> value_at(("pallidum", ""), {("pallidum", "left"): 1.0, ("pallidum", "right"): 2.0})
    3.0
    >>> value_at(("pallidum", ""), {("pallidum", "left"): 1.0}) is None
    True
    """
    if place in told:
        return told[place]
    wanted = parts_of(place)
    inside = [(parts_of(one), value) for one, value in told.items() if parts_of(one) <= wanted]
    whole = [(cells_of, value) for cells_of, value in inside if not any(cells_of < other for other, _ in inside)]
    if place == ANY:  # what no one looked at can't be part of a mask's sum either; it is counted as unknown beside
        known = [value for _, value in whole if value is not None]
        return sum(known) if known else None
    covered: frozenset[Place] = frozenset().union(*(cells_of for cells_of, _ in whole))
    if covered != wanted or any(value is None for _, value in whole):
        return None
    return sum(value for _, value in whole if value is not None)


def disjoint(places: Iterable[Place]) -> tuple[Place, ...]:
    """The broadest of these places that share no cell, so that nothing is summed twice.

    >>> disjoint([("pallidum", "left"), ("basal_ganglia", ""), ("pineal", "midline")])
    (('basal_ganglia', ''), ('pineal', 'midline'))
    """
    taken: set[Place] = set()
    chosen = []
    for place in sorted(places, key=lambda one: -len(parts_of(one))):
        if not parts_of(place) & taken:
            chosen.append(place)
            taken |= parts_of(place)
    return in_order(chosen)


def combined(places: Collection[Place]) -> tuple[Place, ...]:
    """Sites with their sides taken together, and groups, which these places make up fully and with more than one."""
    known: frozenset[Place] = frozenset().union(*(parts_of(one) for one in places)) if places else frozenset()
    whole = [(site.site, "") for site in all_sites().values()] + [(group.value, "") for group in SiteGroup]
    return tuple(
        place
        for place in dict.fromkeys(whole)
        if place not in places and len(parts_of(place)) > 1 and parts_of(place) <= known
    )


def in_order(places: Iterable[Place]) -> tuple[Place, ...]:
    """In the order of the report."""
    order = {cell: n for n, cell in enumerate(cells())}
    return tuple(sorted(set(places), key=lambda one: (min(order[cell] for cell in parts_of(one)), len(parts_of(one)))))
