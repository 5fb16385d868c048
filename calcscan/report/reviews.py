"""`Review` → what report.json says of it, and back, so that a review can be done again from a report alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET
from msgspec.structs import asdict

from calcscan.errors import InputError
from calcscan.model import EditedMap, Review, ReviewDecision
from calcscan.report.label_runs import labels_of, runs_of
from calcscan.report.privacy import Clean
from calcscan.report.quantities import Side
from calcscan.report.schema import DecisionEntry, EditedMapEntry, ReviewedSection, ReviewEntry


def reviewed_section(reviews: Sequence[Review], clean: Clean) -> ReviewedSection:
    """The last of the reviews, with the others before it; there is at least one."""
    *earlier, last = (_entry(review, clean) for review in reviews)
    return ReviewedSection(**asdict(last), earlier=tuple(earlier))


def reviews_of(section: ReviewedSection, shape: tuple[int, int, int]) -> tuple[Review, ...]:
    """The reviews that a report holds, the first one first; `shape` is that of the scan, (k, j, i).

    Raises
    ------
    InputError
        A label map in it is damaged, or of another grid.
    """
    return tuple(_review(entry, shape) for entry in (*section.earlier, section))


def _entry(review: Review, clean: Clean) -> ReviewEntry:
    return ReviewEntry(
        reader=None if review.reader is None else clean(review.reader),
        at=review.at,
        decisions=tuple(_decision(one, clean) for one in review.decisions),
        comment=None if review.comment is None else clean(review.comment),
        report_sha256=review.report_sha256,
        label_map=None if review.edited is None else _edited(review.edited),
    )


def _decision(one: ReviewDecision, clean: Clean) -> DecisionEntry:
    def known(value: Any) -> Any:
        return UNSET if value is None else value

    return DecisionEntry(
        lesion=one.lesion,
        decision=one.decision,
        reason=known(one.reason),
        site=known(one.site),
        side=UNSET if one.site is None else Side(one.side or ""),
        seeds_lps_mm=one.seeds_lps_mm or UNSET,
        comment=UNSET if one.comment is None else clean(one.comment),
        into=known(one.into),
        voxels_added=known(one.voxels_added),
        voxels_removed=known(one.voxels_removed),
    )


def _edited(edited: EditedMap) -> EditedMapEntry:
    return EditedMapEntry(kind=edited.kind, sha256=edited.sha256 or None, runs=runs_of(edited.values))


def _review(entry: ReviewEntry, shape: tuple[int, int, int]) -> Review:
    edited = None
    if entry.label_map is not None:
        try:
            values = labels_of(entry.label_map.runs, shape)
        except ValueError as error:
            what = f"the label map that an earlier review left in report.json can't be read ({error})"
            raise InputError(what, hint="analyse the input again with calcscan run, and review that") from error
        edited = EditedMap(kind=entry.label_map.kind, values=values, sha256=entry.label_map.sha256 or "")
    return Review(
        reader=entry.reader,
        at=entry.at,
        comment=entry.comment,
        report_sha256=entry.report_sha256,
        decisions=tuple(_again(one) for one in entry.decisions) if edited is None else (),
        edited=edited,
    )


def _again(one: DecisionEntry) -> ReviewDecision:
    known = {name: value for name, value in asdict(one).items() if value is not UNSET}
    return ReviewDecision(**known)
