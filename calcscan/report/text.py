"""What report.json says, on one screen of text. Reads the document, so both always agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from textwrap import wrap
from typing import Any

_WIDTH = 96
_ORIGINS = {"stated": "stated", "image": "scan", "derived": "concluded"}
_MOST_SITES, _MOST_ADVICE, _MOST_QUESTIONS = 16, 6, 4


def summary_text(document: Mapping[str, Any]) -> str:
    """The report in brief: trust, volumes by site and side, what to consider first, and the most decisive questions."""
    guideline = document.get("guideline") or {}
    blocks = (_head(document), _disagree(guideline), _volumes(document), _advice(guideline))
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _head(document: Mapping[str, Any]) -> list[str]:
    quality, software = document["quality"], document["software"]
    lines = [f"calcscan {software['version']}: research use only, not for diagnosis", *_series(document["series"])]
    lines.append(f"quality: {quality['state']}")
    for flag in quality["flags"]:
        lines += _hanging(f"  {flag['code']}: ", flag["message"])
    if quality["state"] == "abstain":
        lines.append("calcscan ABSTAINS: nothing is attributed to a site.")
    return lines


def _series(choices: Sequence[Mapping[str, Any]]) -> list[str]:
    """Which series the numbers are of, and how much else there was. A row without a uid is a file that was not read."""
    chosen = next((choice for choice in choices if choice["chosen"]), None)
    if chosen is None:
        return []
    others = [choice for choice in choices if not choice["chosen"]]
    series = sum(choice["uid_sha256"] is not None for choice in others)
    files = len(others) - series
    rest = [f"{series} other series not used"] * bool(series)
    rest += [f"{files} {'file' if files == 1 else 'files'} not read"] * bool(files)
    images = f"{chosen['images']} {'image' if chosen['images'] == 1 else 'images'}"
    line = f"{chosen['description'] or '(no description)'}, {images}: {chosen['reason']}"
    if rest:
        line += f'; {", ".join(rest)} (why: "series" in report.json)'
    return _hanging("series: ", line)


def _disagree(guideline: Mapping[str, Any]) -> list[str]:
    """Facts that a person stated and that something else contradicts; what documents contradict stays in the report."""
    lines: list[str] = []
    for conflict in guideline.get("conflicts") or []:
        if conflict["kind"] == "facts":
            told = [(_ORIGINS.get(side["origin"], side["origin"]), side["value"]) for side in conflict["sides"]]
            sides = ", ".join(f"{who}: {what:g}" if isinstance(what, float) else f"{who}: {what}" for who, what in told)
            lines += _hanging("facts disagree: ", f"{conflict['text']} ({sides})")
    return lines


def _volumes(document: Mapping[str, Any]) -> list[str]:
    if document["lesions"] is None:
        return ["The scan was not analysed."]
    rest = [*_no_floor(document), *_not_examined(document)]
    if not document["lesions"]:
        words = "Not detected does not mean that it is not there."
        return [f"No calcification{_asked(document)} was detected{_floor(document)}. {words}", *rest]
    sides: dict[str, dict[str, tuple[float, str | None]]] = {}
    for row in document["sites"]:
        if row["count"]:
            sides.setdefault(row["site"], {})[row["side"] or "midline"] = (row["volume_mm3"], row["grade"])
    if not sides:
        count, total = len(document["lesions"]), sum(lesion["volume_mm3"] for lesion in document["lesions"])
        words = f"{count} calcifications, {_number(total)} mm3 in all, none attributed to a site."
        return [words, *_no_floor(document)]
    lines = [f"{'calcification, mm3':<24}{'right':>10}{'midline':>10}{'left':>10}   grade"]
    for site, found in list(sides.items())[:_MOST_SITES]:
        cells = "".join(f"{_number(found[s][0]) if s in found else '':>10}" for s in ("right", "midline", "left"))
        lines.append(f"{site:<24}{cells}   {_grades(found)}")
    if len(sides) > _MOST_SITES:
        lines.append(f"and {len(sides) - _MOST_SITES} more sites in sites.csv")
    return [*lines, f"Elsewhere nothing was detected{_floor(document)}.", *rest]


def _not_examined(document: Mapping[str, Any]) -> list[str]:
    sites = dict.fromkeys(row["site"] for row in document["sites"] if row["count"] is None)
    return _hanging("Not examined, or not wholly: ", ", ".join(sites) + ".") if sites else []


def _grades(found: Mapping[str, tuple[float, str | None]]) -> str:
    grades = {side: grade for side, (_, grade) in found.items() if grade}
    if len(set(grades.values())) == 1:
        return next(iter(grades.values()))
    return ", ".join(f"{side} {grades[side]}" for side in ("right", "midline", "left") if side in grades)


def _asked(document: Mapping[str, Any]) -> str:
    asked = document["settings"].get("threshold_asked_hu")
    return f" of {asked:g} HU or more" if asked is not None else ""


def _floor(document: Mapping[str, Any]) -> str:
    floor = document["detection_floor_mm3"]
    return f" (limit about {_number(floor)} mm3)" if floor is not None else ""


def _no_floor(document: Mapping[str, Any]) -> list[str]:
    settings = document["settings"]
    if settings.get("detection_floor_mm3", 0.0) is not None:
        return []
    return [f"At this threshold, calcification of {settings['reference_hu']:g} HU can be missed, however large."]


def _advice(guideline: Mapping[str, Any]) -> list[str]:
    given, asked = guideline.get("recommendations") or [], guideline.get("needs_input") or []
    lines: list[str] = []
    if given:
        lines.append(
            f"to consider (rules {guideline['ruleset']} {guideline['version']}; the reasons are in report.json):"
        )
        for item in given[:_MOST_ADVICE]:
            lines += _hanging("  - ", f"{item['text']} [{item['id']}]")
        lines += _more(len(given) - _MOST_ADVICE, "more in report.json")
    if asked:
        names = ", ".join(str(item["fact"]) for item in asked[:_MOST_QUESTIONS])
        more = f" and {len(asked) - _MOST_QUESTIONS} more" if len(asked) > _MOST_QUESTIONS else ""
        lines += _hanging("unknown facts that would decide most: ", f"{names}{more} (give them with --context)")
    return lines


def _more(count: int, words: str) -> Iterable[str]:
    return [f"  and {count} {words}"] if count > 0 else []


def _hanging(first: str, text: str) -> list[str]:
    """Wrapped; what would steer a terminal (headers may hold anything) is a question mark."""
    text = "".join(letter if letter.isprintable() else "?" for letter in " ".join(str(text).split()))
    return wrap(text, _WIDTH, initial_indent=first, subsequent_indent=" " * 4, break_on_hyphens=False) or [
        first.rstrip()
    ]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 9.95 else f"{value:.1f}"
