"""What persons decided on a report, in words for its page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from msgspec import UNSET

from calcscan.knowledge.sites import in_words
from calcscan.report.html.content import place
from calcscan.report.schema import DecisionEntry, LeftOutEntry, Report, ReviewEntry

NO_NAME = "a reader who gave no name"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewInWords:
    """One review: who, when, what they said of the whole, and what they decided, a line each."""

    who: str
    when: str
    comment: str | None
    decisions: tuple[str, ...]


def reviews_in_words(report: Report) -> tuple[ReviewInWords, ...]:
    """All reviews of a report, the first one first; none where nobody reviewed it."""
    return tuple(
        ReviewInWords(
            who=one.reader or NO_NAME, when=moment(one.at), comment=one.comment, decisions=_lines(one.decisions)
        )
        for one in _reviews(report)
    )


def taken_for(report: Report, item: LeftOutEntry) -> str:
    """What something left out was taken for; of a lesion that a reader rejected also which, and as what."""
    name = in_words(item.reason)
    if item.lesion is UNSET:
        return name
    reasons = (one.reason for entry in _reviews(report) for one in entry.decisions if one.lesion == item.lesion)
    stated = next((reason for reason in reasons if reason is not UNSET), None)
    return f"{name}: lesion {item.lesion}" + (f", {in_words(str(stated))}" if stated else "")


def moment(at: str) -> str:
    """A time as people read it.

    >>> moment("2026-11-29T03:30:00+01:00"), moment("2026-11-29T02:30"), moment("2026-11-29"), moment("noon")
    ('2026-11-29 02:30 UTC', '2026-11-29 02:30', '2026-11-29', 'noon')
    """
    try:
        stated = datetime.fromisoformat(at)
    except ValueError:
        return at
    if "T" not in at and " " not in at:
        return at
    if stated.tzinfo is None:
        return f"{stated:%Y-%m-%d %H:%M}"
    return f"{stated.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _reviews(report: Report) -> tuple[ReviewEntry, ...]:
    return () if report.reviewed is UNSET else (*report.reviewed.earlier, report.reviewed)


def _lines(decisions: Sequence[DecisionEntry]) -> tuple[str, ...]:
    """What was changed or commented, one by one; what was only accepted, together."""
    plain = [one.lesion for one in decisions if one.decision == "accept" and one.comment is UNSET]
    together = (f"accepted as it is: {_lesions(plain)}",) if plain else ()
    return (*(_line(one) for one in decisions if one.lesion not in plain), *together)


def _lesions(numbers: Iterable[int]) -> str:
    listed = [str(number) for number in numbers]
    return f"lesion{'s' if len(listed) > 1 else ''} {', '.join(listed)}"


def _line(one: DecisionEntry) -> str:
    comment = "" if one.comment is UNSET else f": “{one.comment}”"
    return f"lesion {one.lesion} {_done(one)}{comment}"


def _done(one: DecisionEntry) -> str:
    where = "" if one.site is UNSET or one.side is UNSET else place(one.site, one.side)
    if one.decision == "reject":
        return "rejected" if one.reason is UNSET else f"rejected as {in_words(str(one.reason))}"
    if one.decision == "move":
        return f"moved to {where}"
    if one.decision == "split":
        return f"split at {0 if one.seeds_lps_mm is UNSET else len(one.seeds_lps_mm)} points"
    if one.decision == "add":
        return f"added ({_voxels(one)})" + (f", {where}" if where else "")
    if one.decision == "redraw":
        return f"redrawn ({_voxels(one)})"
    if one.decision == "merge":
        return f"merged into lesion {one.into}"
    return "accepted"


def _voxels(one: DecisionEntry) -> str:
    added, removed = (0 if count is UNSET else count for count in (one.voxels_added, one.voxels_removed))
    return f"{added} voxels added" + (f", {removed} taken away" if removed else "")
