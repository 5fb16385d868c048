"""What was found: lesions, what is left out, and what lies at each site."""

from __future__ import annotations

from msgspec import UNSET

from calcscan.knowledge.left_out import left_out_meanings
from calcscan.model import LeftOut, LocatedLesion, LocatedLesionMap, PairBurden, Result, SiteBurden
from calcscan.report.quantities import Division, Grade, Side, State
from calcscan.report.schema import (
    AlsoEntry,
    LeftOutEntry,
    LesionEntry,
    PairEntry,
    PlaceEntry,
    SiteEntry,
    SiteLabelEntry,
)
from calcscan.report.sections.fields import same_fields
from calcscan.report.sitelabels import site_labels


def lesion_entry(lesion: LocatedLesion, lesions: LocatedLesionMap) -> LesionEntry:
    """A lesion as the report has it."""
    k, j, i = lesion.centroid_kji
    (first, last), *in_slice = lesion.bbox_kji
    if lesions.counted_from_last:
        slices = lesions.geometry.shape[0]
        k, first, last = slices - 1 - k, slices - last, slices - first
    return same_fields(
        LesionEntry,
        lesion,
        side=Side(lesion.side),
        also=tuple(AlsoEntry(site=site, side=Side(side), share=share) for site, side, share in lesion.also),
        centroid_kji=(k, j, i),
        bbox_kji=((first, last), *in_slice),
        slice=round(k) + 1,
        division=None if lesion.division is None else Division(lesion.division),
        review=lesion.review or UNSET,
        program_site=lesion.program_site or UNSET,
        program_side=UNSET if lesion.program_side is None else Side(lesion.program_side),
        from_lesion=lesion.from_lesion or UNSET,
    )


def left_out_entry(item: LeftOut, result: Result) -> LeftOutEntry:
    """Where calcscan abstains, nothing is said of the site."""
    located = result.quality.state != State.ABSTAIN
    return same_fields(
        LeftOutEntry,
        item,
        meaning=left_out_meanings()[item.reason].meaning,
        slice=result.scan.slice_number(round(float(item.kji[:, 0].mean()))),
        nearest_site=(item.nearest_site or None) if located else None,
        nearest_side=Side(item.nearest_side) if located else Side.NONE,
        distance_mm=item.distance_mm if located else None,
        evidence=dict(item.evidence),
        lesion=item.lesion or UNSET,
    )


def pair_entry(pair: PairBurden) -> PairEntry:
    """Two nuclei that share a deposit."""
    first, second = (PlaceEntry(site=site, side=Side(side)) for site, side in pair.sites)
    return same_fields(PairEntry, pair, sites=(first, second), division=Division(pair.division))


def site_entries(result: Result) -> tuple[SiteEntry, ...]:
    """One row for every site and side. Where calcscan abstains, only `unassigned` has numbers, and what a reader
    placed: the rest is unknown."""
    rows = {(row.site, row.side): row for row in result.summary.sites} if result.summary else {}
    if result.summary and result.quality.state == State.ABSTAIN:
        known = result.summary.by_reader
        rows = {key: row for key, row in rows.items() if key[0] == "unassigned" or key in known}
    return tuple(_site(rows[key]) if key in rows else _unknown_site(label) for key, label in site_labels().items())


def _site(row: SiteBurden) -> SiteEntry:
    return same_fields(SiteEntry, row, side=Side(row.side), grade=None if row.grade is None else Grade(row.grade))


def _unknown_site(label: SiteLabelEntry) -> SiteEntry:
    return SiteEntry(
        site=label.site,
        side=label.side,
        group=label.group,
        volume_mm3=None,
        volume_low_mm3=None,
        volume_high_mm3=None,
        volume_130_mm3=None,
        count=None,
        max_hu=None,
        mean_hu=None,
        grade=None,
    )
