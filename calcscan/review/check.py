"""Whether the decisions of a review fit the lesions that they are of: found out before the work."""

from __future__ import annotations

import math
from collections.abc import Collection

from calcscan.errors import InputError
from calcscan.knowledge.sites import all_sites
from calcscan.model import Review, ReviewDecision

_SHOWN = 12


def check_decisions(review: Review, lesions: Collection[int], *, where: str = "") -> None:
    """Raises `InputError`, with the place in the review, for a lesion that isn't there or that is decided on twice, a
    site or side that there isn't, and for what a decision lacks or can't have. `lesions` are the numbers there are."""
    seen: dict[int, int] = {}
    for number, one in enumerate(review.decisions):
        address = f"{where} decisions[{number}]".strip()
        if one.lesion not in lesions:
            what = f"there is no lesion {one.lesion}; the report has {_listed(lesions)}"
            raise InputError(what, where=address, hint="give a number that lesions.csv has")
        if one.lesion in seen:
            what = f"lesion {one.lesion} is decided on twice, also in decisions[{seen[one.lesion]}]"
            raise InputError(what, where=address, hint="keep one of them")
        seen[one.lesion] = number
        _check_parts(one, address)


def _check_parts(one: ReviewDecision, address: str) -> None:
    moving, splitting = one.decision == "move", one.decision == "split"
    if moving:
        _check_place(one.site, one.side, address)
    elif one.site or one.side:
        raise InputError(f"{one.decision!r} has no site or side", where=address, hint="only 'move' has them")
    if one.reason is not None and one.decision != "reject":
        raise InputError(f"{one.decision!r} has no reason", where=address, hint="only 'reject' has one")
    if splitting and len(one.seeds_lps_mm) < 2:
        what = f"'split' needs two seeds or more, not {len(one.seeds_lps_mm)}"
        raise InputError(what, where=address, hint="give a point in each part, seeds_lps_mm [[l, p, s], [l, p, s]]")
    if one.seeds_lps_mm and not splitting:
        raise InputError(f"{one.decision!r} has no seeds_lps_mm", where=address, hint="only 'split' has them")
    if not all(math.isfinite(part) for seed in one.seeds_lps_mm for part in seed):
        raise InputError("a seed must be three finite numbers", where=address, hint="give LPS mm")


def _check_place(site: str | None, side: str | None, address: str) -> None:
    known = all_sites()
    if site is None or site not in known:
        what = f"there is no site {site!r:.60}" if site else "'move' needs a site"
        raise InputError(what, where=address, hint=f"known are {', '.join(known)}")
    sides = known[site].sides
    if (side or "") not in sides:
        named = " or ".join(repr(one) for one in sides)
        stated = f"has no side {side!r:.60}" if side else "needs a side"
        raise InputError(f"{site} {stated}", where=address, hint=f"its side is {named}")


def _listed(lesions: Collection[int]) -> str:
    numbers = sorted(lesions)
    if not numbers:
        return "none"
    rest = f" and {len(numbers) - _SHOWN} more" if len(numbers) > _SHOWN else ""
    return ", ".join(map(str, numbers[:_SHOWN])) + rest
