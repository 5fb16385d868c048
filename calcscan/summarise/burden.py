"""One row for every site and side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from calcscan.knowledge import table, values
from calcscan.model import Lesion, SiteBurden
from calcscan.sites import all_sites

Place = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The share of one lesion that a site is given."""

    lesion: Lesion
    share: float


def shared_out(lesions: Sequence[Lesion]) -> dict[Place, list[Part]]:
    """Which lesions lie at each site and side, and with what share of their volume.

    A long lesion is shared out among the sites it reaches; a small one belongs to its first site whole.
    """
    places: dict[Place, list[Part]] = {}
    for lesion in lesions:
        for place, share in _shares(lesion).items():
            places.setdefault(place, []).append(Part(lesion=lesion, share=share))
    return places


def _shares(lesion: Lesion) -> Mapping[Place, float]:
    first = (lesion.site or "unassigned", lesion.side or "")
    if lesion.site_share is None or lesion.diameter_mm < values("burden")["split_from_mm"]:
        return {first: 1.0}
    votes = {first: lesion.site_share}
    for site, side, share in lesion.also:
        votes[site, side] = votes.get((site, side), 0.0) + share
    total = sum(votes.values())
    return {place: vote / total for place, vote in votes.items()}


def site_rows(
    places: Mapping[Place, Sequence[Part]], *, located: bool, covered: Mapping[Place, float]
) -> tuple[SiteBurden, ...]:
    """A row for every site and side; what was not located, not examined or not scanned (`covered`, the share of each
    site within the scan) is None."""
    hidden = set(table("burden")["not_examined"]["groups"])
    enough = values("burden")["coverage"]
    rows = []
    for site in all_sites().values():
        for side in site.sides:
            parts = places.get((site.site, side), ())
            seen = site.group not in hidden and covered.get((site.site, side), 1.0) >= enough
            known = located and (bool(parts) or seen)
            rows.append(_row(site.site, side, site.group, parts) if known else _unknown(site.site, side, site.group))
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


def _row(site: str, side: str, group: str, parts: Sequence[Part]) -> SiteBurden:
    counted_mm3 = sum(p.share * p.lesion.volume_130_mm3 for p in parts)
    weights = [p.share * p.lesion.mass_hu_mm3 / p.lesion.mean_hu for p in parts]
    return SiteBurden(
        site=site,
        side=side,
        group=group,
        volume_mm3=float(sum(p.share * p.lesion.volume_mm3 for p in parts)),
        volume_low_mm3=float(sum(p.share * p.lesion.volume_low_mm3 for p in parts)),
        volume_high_mm3=float(sum(p.share * p.lesion.volume_high_mm3 for p in parts)),
        volume_130_mm3=float(counted_mm3),
        count=len(parts),
        max_hu=max((p.lesion.max_hu for p in parts), default=None),
        mean_hu=sum(w * p.lesion.mean_hu for w, p in zip(weights, parts, strict=True)) / sum(weights)
        if parts
        else None,
        grade=grade(parts),
    )


def grade(parts: Sequence[Part]) -> str:
    """The Utrecht scale by count, diameter and volume (`knowledge/burden.toml`).

    >>> grade([])
    'none_detected'
    """
    limits = values("burden")
    if not parts:
        return "none_detected"
    if any(
        p.lesion.diameter_mm >= limits["grade_confluent_mm"]
        and p.share * p.lesion.volume_mm3 >= limits["grade_confluent_mm3"]
        for p in parts
    ):
        return "severe"
    if len(parts) == 1 and parts[0].lesion.diameter_mm <= limits["grade_dot_mm"]:
        return "mild"
    return "moderate"
