"""review.json, as the HTML report saves it → `Review`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from calcscan.errors import InputError, UnreadableError
from calcscan.knowledge.settings import converted
from calcscan.model import Review, ReviewDecision
from calcscan.report.quantities import Side, SiteName

SCHEMA = "calcscan-review/1"
MOST_BYTES = 8 << 20
"""A larger file is no review: a head has some dozen lesions."""
_HINT = "save it again from report.html; README, 'Correct it', shows the format"

_NEEDS = {
    "allOf": [
        {"if": {"properties": {"decision": {"const": "move"}}}, "then": {"required": ["site"]}},
        {
            "if": {"properties": {"decision": {"const": "split"}}},
            "then": {"required": ["seeds_lps_mm"], "properties": {"seeds_lps_mm": {"minItems": 2}}},
        },
    ]
}
"""For the JSON Schema alone: `review.check` says it in words."""

Text = Annotated[str, Meta(max_length=10_000)]


class RejectionReason(StrEnum):
    """What a reader takes a lesion for that is no calcification."""

    BONE = "bone"
    VESSEL = "vessel"
    ARTEFACT = "artefact"
    HAEMORRHAGE = "haemorrhage"
    FOREIGN_BODY = "foreign_body"
    OTHER = "other"


class DecisionOfFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is decided on one lesion; a lesion without a decision stays as it is."""

    lesion: Annotated[int, Meta(ge=1, description="Its id in report.json.")]
    decision: Annotated[
        Literal["accept", "reject", "move", "split"],
        Meta(description="reject may have a reason; move needs a site, and a side where it has one; split its seeds."),
    ]
    reason: Annotated[RejectionReason | None, Meta(description="What a rejected one is instead.")] = None
    site: Annotated[SiteName | None, Meta(description="Where a moved one lies.")] = None
    side: Annotated[
        str | None,
        Meta(
            description="On which side of the person; empty or null where the site has none.",
            extra_json_schema={"enum": [*Side, None]},
        ),
    ] = None
    seeds_lps_mm: Annotated[
        tuple[tuple[float, float, float], ...],
        Meta(description="Of a split one, a point in each part: towards left, back, head, mm; two or more."),
    ] = ()
    comment: Text | None = None


class ReviewFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """review.json: a person's decisions on the lesions of one report, as report.html saves them."""

    schema: Literal["calcscan-review/1"]
    report_sha256: Annotated[
        str, Meta(pattern="^[0-9a-fA-F]{64}$", description="Of the report.json that was reviewed, SHA-256.")
    ]
    decisions: tuple[Annotated[DecisionOfFile, Meta(extra_json_schema=_NEEDS)], ...]
    reader: Annotated[Text | None, Meta(description="Who reviewed it.")] = None
    at: Annotated[str | None, Meta(description="When, ISO 8601; without it the time of `calcscan review`.")] = None
    comment: Annotated[Text | None, Meta(description="On the report as a whole.")] = None


def read_review(source: str | Path | Mapping[str, Any]) -> Review:
    """A review, from its file or from what the file holds.

    Raises
    ------
    UnreadableError
        The file can't be read.
    InputError
        It is no review, or of another version, or something in it can't be; the message names the key.

    Examples
    --------
    >>> decisions = [{"lesion": 3, "decision": "move", "site": "habenula", "side": "midline"}]
    >>> review = read_review({"schema": "calcscan-review/1", "report_sha256": "0" * 64, "decisions": decisions})
    >>> review.reader, review.decisions[0].site
    (None, 'habenula')
    """
    where = "" if isinstance(source, Mapping) else str(source)
    content = dict(source) if isinstance(source, Mapping) else _content(Path(source))
    stated = content.get("schema")
    if stated != SCHEMA:
        if isinstance(stated, str) and stated.startswith("calcscan-review/"):
            what = f"is a review of another version ({stated[:40]}); this calcscan reads {SCHEMA}"
            raise InputError(what, where=where, hint="use the version of calcscan that wrote the report")
        raise InputError(f"is no review: it has no key schema {SCHEMA!r}", where=where, hint=_HINT)
    try:
        file = converted(content, ReviewFile)
    except (msgspec.ValidationError, RecursionError) as error:
        raise InputError(f"is no review that can be taken: {error}", where=where, hint=_HINT) from error
    return Review(
        reader=_named(file.reader),
        at=_time(file.at, where),
        comment=file.comment or None,
        report_sha256=file.report_sha256.lower(),
        decisions=tuple(_decision(one) for one in file.decisions),
    )


def is_json(path: Path) -> bool:
    """Whether a file is meant to be a review rather than a label map."""
    if path.name.lower().endswith(".json"):
        return True
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
    except OSError:
        return False


def now() -> str:
    """This moment, ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _content(path: Path) -> dict[str, Any]:
    try:
        if not path.is_file():
            raise InputError("there is no such file", where=str(path), hint="give the review.json that was saved")
        if path.stat().st_size > MOST_BYTES:
            raise InputError("is too large for a review", where=str(path), hint=_HINT)
        found = json.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        what = f"can't be read ({error.strerror or error})"
        raise UnreadableError(what, where=str(path), hint="check its permissions") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"is no JSON ({error})", where=str(path), hint=_HINT) from error
    if not isinstance(found, dict):
        raise InputError("is no review: it holds no JSON object", where=str(path), hint=_HINT)
    return found


def _named(reader: str | None) -> str | None:
    return (reader or "").strip() or None


def _time(stated: str | None, where: str) -> str:
    if stated is None or not stated.strip():
        return now()
    try:
        datetime.fromisoformat(stated.strip())
    except ValueError as error:
        what = f"at is no date and time: {stated[:40]!r}"
        raise InputError(what, where=where, hint="write it as 2026-11-29T02:30:00+00:00") from error
    return stated.strip()


def _decision(one: DecisionOfFile) -> ReviewDecision:
    return ReviewDecision(
        lesion=one.lesion,
        decision=one.decision,
        reason=None if one.reason is None else one.reason.value,
        site=one.site,
        side=one.side,
        seeds_lps_mm=one.seeds_lps_mm,
        comment=one.comment or None,
    )
