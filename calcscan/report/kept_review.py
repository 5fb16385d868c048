"""A person's review is never replaced in silence: whether a folder holds one, and what may take its place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calcscan.errors import OutputError
from calcscan.report.outputs import PROGRAM_REPORT, REPORT, is_report

_DAMAGED = (OSError, ValueError, RecursionError)
_HINT = "give another folder, or drop the review with --discard-review (write_report: discard_review=True)"
Said = tuple[str, str]
"""(reader, at) of one review."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptReview:
    """The reviews of the report in a folder, the first one first; none are known where report.json is damaged."""

    said: tuple[Said, ...]

    def __str__(self) -> str:
        """Who and when.

        >>> print(KeptReview(said=(("", "2026-11-28"), ("Dr. Read", "2026-11-29T02:30:00Z"))))
        Dr. Read on 2026-11-29 and 1 more before
        """
        if not self.said:
            return "a person"
        reader, at = self.said[-1]
        name = "".join(letter if letter.isprintable() else "?" for letter in reader)[:60]
        more = f" and {len(self.said) - 1} more before" if len(self.said) > 1 else ""
        return f"{name or 'a reader who gave no name'} on {at[:10]}{more}"


def review_in(out: Path) -> KeptReview | None:
    """The review of the report in `out`; None where nobody has reviewed it, or there is no report."""
    try:
        content = json.loads((out / REPORT).read_bytes()) if (out / REPORT).is_file() else {}
    except _DAMAGED:
        content = None
    said = _said(content) if isinstance(content, dict) else ()
    if not said and not is_report(out / PROGRAM_REPORT):
        return None
    return KeptReview(said=said)


def refuse_lost_review(out: Path, new: bytes | None = None) -> None:
    """Raises `OutputError` where the report in `out` was reviewed, unless the `new` report.json that is to take its
    place continues these reviews."""
    kept = review_in(out)
    if kept is None:
        return
    following = _said(json.loads(new)) if new is not None else ()
    if kept.said and following[: len(kept.said)] == kept.said:
        return
    what = f"it holds a report that a person reviewed ({kept}), and the review would be lost"
    raise OutputError(what, where=str(out), hint=_HINT)


def _said(report: Mapping[str, Any]) -> tuple[Said, ...]:
    """What report.json tells of its reviews; damage counts as a review without a name."""
    last = report.get("reviewed")
    if not isinstance(last, dict):
        return ()
    earlier = last.get("earlier")
    every = [*(earlier if isinstance(earlier, list) else ()), last]
    return tuple(
        (str(one.get("reader") or ""), str(one.get("at") or "")) if isinstance(one, dict) else ("", "") for one in every
    )
