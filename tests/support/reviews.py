"""Reviews, as the HTML report saves them."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

SAID = {"reader": "Dr. Read", "at": "2026-11-29T02:30:00+00:00", "comment": None}


def review_of(report_json: bytes, *decisions: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What review.json holds."""
    return {
        "schema": "calcscan-review/1",
        "report_sha256": sha256(report_json).hexdigest(),
        **SAID,
        "decisions": list(decisions),
        **changes,
    }


def save_review(out: Path, at: Path, *decisions: dict[str, Any], **changes: Any) -> Path:
    """A review.json of the report in `out`, written to `at`."""
    at.write_text(json.dumps(review_of((out / "report.json").read_bytes(), *decisions, **changes)), encoding="utf-8")
    return at


def decision(lesion: int, kind: str, **more: Any) -> dict[str, Any]:
    return {"lesion": lesion, "decision": kind, **more}


GOOD = review_of(
    b"{}",
    decision(1, "accept"),
    decision(2, "reject", reason="bone", comment="part of the clinoid"),
    decision(3, "move", site="habenula", side="midline"),
    decision(4, "split", seeds_lps_mm=[[1, 2, 3], [4, 5, 6.5]]),
)
"""One of each."""
