"""Two reports of one input → what differs between them: in numbers, and in what made them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from calcscan.report.schema import Report

_MADE_BY = ("software", "atlas", "provenance")
"""Parts of a report that say what it was made with and from; all others are its results."""
_NOT_COMPARED = ("timings_s", "files", "disclaimer", "site_labels")
_FIRST = ("sites", "lesions", "left_out", "quality")
"""Results that matter most; they are listed first."""
_NAMES = ("study", "participant", "session", "run")
_IDENTIFIERS = ("study_uid", "series_uid", "frame_of_reference_uid", "patient_id", "patient_name", "study_date")
_NAMED_BY = (("site", "side"), ("code",), ("pair",), ("uid_sha256", "description"), ("id",), ("reason", "slice"))
"""Keys by which the entries of a list are matched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A value that is not the same: where it stands in the report, and what it was and is."""

    where: str
    before: Any
    now: Any

    def __str__(self) -> str:
        text = f"{self.where}: {_shown(self.before)} → {_shown(self.now)}"
        if _is_number(self.before) and _is_number(self.now) and self.before:
            text += f" ({(self.now - self.before) / abs(self.before):+.2%})"
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`results`: what was found differs. `made_by`: the program, its libraries, the atlas, the input or the options
    do."""

    results: tuple[Difference, ...]
    made_by: tuple[Difference, ...]


def compare_reports(before: Report, now: Report) -> Comparison:
    """Every value that differs; times, dates, file lists and names of the study are not compared."""
    old, new = (_plain(report) for report in (before, now))
    parts = [*_FIRST, *(key for key in old if key not in (*_FIRST, *_NOT_COMPARED))]
    results = [found for key in parts if key not in _MADE_BY for found in _differences(key, old[key], new[key])]
    made_by = [found for key in _MADE_BY for found in _differences(key, old[key], new[key])]
    return Comparison(results=tuple(results), made_by=tuple(made_by))


def _plain(report: Report) -> dict[str, Any]:
    """As JSON's own types, without what may differ between two runs that are the same."""
    content: dict[str, Any] = msgspec.to_builtins(report)
    content["study"] = {k: v for k, v in content["study"].items() if k not in (*_NAMES, *_IDENTIFIERS)}
    content["series"] = [{k: v for k, v in entry.items() if k != "uid"} for entry in content["series"]]
    made = content["provenance"]
    if made is not None:
        options = {k: v for k, v in made["options"].items() if k not in ("keep_ids", "series_uid")}
        files = made["input"] and {k: v for k, v in made["input"].items() if k != "place"}
        content["provenance"] = {
            "options": options,
            "context": made["context"],
            "input": files,
            "picture_sha256": made["picture_sha256"],
        }
    return content


def _differences(where: str, before: Any, now: Any) -> Iterator[Difference]:
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys((*before, *now)):
            yield from _differences(f"{where}.{key}", before.get(key), now.get(key))
    elif isinstance(before, list | tuple) and isinstance(now, list | tuple):
        yield from _of_lists(where, before, now)
    elif before != now:
        yield Difference(where=where, before=before, now=now)


def _of_lists(where: str, before: Sequence[Any], now: Sequence[Any]) -> Iterator[Difference]:
    """Entries with a name are matched by it, others by their place."""
    names = next((keys for keys in _NAMED_BY if _named(before, keys) and _named(now, keys)), None)
    old, new = (
        {
            str(place) if names is None else "/".join(str(one[key]) for key in names): one
            for place, one in enumerate(part)
        }
        for part in (before, now)
    )
    for key in dict.fromkeys((*old, *new)):
        yield from _differences(f"{where}[{key}]", old.get(key), new.get(key))


def _named(entries: Sequence[Any], keys: tuple[str, ...]) -> bool:
    """Whether these keys tell every entry from the others."""
    if not all(isinstance(entry, Mapping) and all(key in entry for key in keys) for entry in entries):
        return False
    return len({tuple(str(entry[key]) for key in keys) for entry in entries}) == len(entries)


def _shown(value: Any) -> str:
    """A value on one short line."""
    if isinstance(value, Mapping):
        named = [str(value[key]) for key in ("id", "site", "side", "code", "text", "volume_mm3") if value.get(key)]
        return " ".join(named)[:80] or f"{len(value)} values"
    if isinstance(value, list | tuple):
        return f"{len(value)} entries"
    text = "none" if value is None else f"{value}"
    return text if len(text) <= 80 else f"{text[:77]}…"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
