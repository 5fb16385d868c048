"""The report on one screen of text, from what report.json holds, so that both always agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from textwrap import wrap

from msgspec import UNSET

from calcscan.knowledge.sites import in_words
from calcscan.report.quantities import Grade, Side, State
from calcscan.report.schema import ConflictSideEntry, GuidelineSection, Report, SeriesEntry, SiteEntry

SUMMARY_WIDTH = 96
_ORIGINS = {"stated": "stated", "image": "scan", "derived": "concluded"}
_MOST_SITES, _MOST_LEFT_OUT = 16, 5
_NONE, _UNKNOWN = "-", "?"
_COLUMNS = (Side.RIGHT, Side.MIDLINE, Side.LEFT)
"""The person's right comes first, as in the pictures."""


def summary_text(report: Report, page: Sequence[str] = ()) -> str:
    """The report in brief: trust, volumes by site and side, and the guideline's page (as lines of text)."""
    blocks = (_head(report), _disagreements(report.guideline), _volumes(report), _advice(page))
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _head(report: Report) -> list[str]:
    lines = [f"calcscan {report.software.version}: research use only, not for diagnosis", *_series(report.series)]
    lines += _reviewed(report)
    lines.append(f"quality: {report.quality.state}")
    for flag in report.quality.flags:
        lines += _hanging(f"  {flag.code}: ", flag.message)
    if report.quality.state == State.ABSTAIN:
        placed = any(entry.count for entry in report.sites)
        beyond = " but what the reader placed" if placed else ""
        lines.append(f"calcscan ABSTAINS: nothing{beyond} is attributed to a site.")
    return lines


def _reviewed(report: Report) -> list[str]:
    """Who changed what, and when."""
    if report.reviewed is UNSET:
        return []
    lines = []
    for review in (*report.reviewed.earlier, report.reviewed):
        counts = Counter(one.decision for one in review.decisions)
        done = ", ".join(f"{name} {count}" for name, count in counts.items()) or "nothing changed"
        lines += _hanging("REVIEWED by ", f"{review.reader or 'a reader who gave no name'}, {review.at}: {done}")
    return lines


def _series(entries: Sequence[SeriesEntry]) -> list[str]:
    """Which series the numbers are of, and how much else there was. An entry without a UID is a file not read."""
    chosen = next((entry for entry in entries if entry.chosen), None)
    if chosen is None:
        return []
    others = [entry for entry in entries if not entry.chosen]
    series = sum(entry.uid_sha256 is not None for entry in others)
    files = len(others) - series
    unused = [f"{series} other series not used"] * bool(series)
    unused += [f"{files} {'file' if files == 1 else 'files'} not read"] * bool(files)
    images = f"{chosen.images} {'image' if chosen.images == 1 else 'images'}"
    line = f"{chosen.description or '(no description)'}, {images}: {chosen.reason}"
    if unused:
        line += f'; {", ".join(unused)} (reasons: "series" in report.json)'
    return _hanging("series: ", line)


def _disagreements(guideline: GuidelineSection | None) -> list[str]:
    """Facts that a person stated and that something else contradicts; what publications contradict is in the report."""
    lines: list[str] = []
    for conflict in guideline.conflicts if guideline else ():
        if conflict.kind == "facts":
            sides = ", ".join(_stated(side) for side in conflict.sides)
            lines += _hanging("facts disagree: ", f"{conflict.text} ({sides})")
    return lines


def _stated(side: ConflictSideEntry) -> str:
    origin = _ORIGINS.get(str(side.origin), side.origin)
    return f"{origin}: {side.value:g}" if isinstance(side.value, float) else f"{origin}: {side.value}"


def _volumes(report: Report) -> list[str]:
    if report.lesions is None:
        return ["The scan was not analysed."]
    limits = [*_no_floor(report), *_not_examined(report)]
    if not report.lesions and _given(report):
        return ["The segmentation that was given holds no lesion: whether there is any is not known."]
    if not report.lesions:
        verb = "counted" if report.left_out else "detected"
        none = _hanging("", f"No calcification{_asked(report)} was {verb}{_floor(report)}.")
        return [*none, "Not detected does not mean not present.", *_left_out(report), *limits]
    sites: dict[str, dict[Side, SiteEntry]] = {}
    for entry in report.sites:
        if entry.count:
            sites.setdefault(entry.site, {})[entry.side or Side.MIDLINE] = entry
    if not sites:
        count, total_mm3 = len(report.lesions), sum(lesion.volume_mm3 for lesion in report.lesions)
        kind = "outlined lesion" if _given(report) else "calcification"
        words = f"{count} {kind}{'s' if count > 1 else ''}, {_number(total_mm3)} mm3 in all, not attributed to a site."
        return [words, *_left_out(report), *([] if _given(report) else _no_floor(report)), *_regions(report)]
    every: dict[str, dict[Side, SiteEntry]] = {}
    for entry in report.sites:
        every.setdefault(entry.site, {})[entry.side or Side.MIDLINE] = entry
    rows = [
        (in_words(site), *(_cell(every[site].get(side)) for side in _COLUMNS), _grades(by_side))
        for site, by_side in list(sites.items())[:_MOST_SITES]
    ]
    lines = [*_table(("mm3 (95 % interval)", "right", "midline", "left", "grade"), rows), *_meaning(rows)]
    if len(sites) > _MOST_SITES:
        lines.append(f"and {len(sites) - _MOST_SITES} more sites in sites.csv")
    if report.quality.state == State.ABSTAIN:
        known = {(entry.site, entry.side) for entry in report.sites if entry.count}
        rest = [lesion.volume_mm3 for lesion in report.lesions if (lesion.site, lesion.side) not in known]
        others = f"{len(rest)} more, {_number(sum(rest))} mm3 in all, not attributed to a site."
        return [*lines, *([others] if rest else []), *_left_out(report), *_no_floor(report), *_regions(report)]
    if _given(report):
        return [*lines, "Nothing was outlined elsewhere: whether there is any is not known.", *_regions(report)]
    verb = "counted" if report.left_out else "detected"
    where = _hanging("", f"Elsewhere, where examined, nothing was {verb}{_floor(report)}.")
    return [*lines, *where, *_left_out(report), *limits, *_regions(report)]


def _given(report: Report) -> bool:
    """Whether the lesions are the user's own."""
    return "lesions_given" in report.settings


def _regions(report: Report) -> list[str]:
    """What lies in the user's own regions, the most first."""
    held = sorted((row for row in report.regions or () if row.volume_mm3 > 0), key=lambda row: -row.volume_mm3)
    parts = [f"{row.name or row.label} {_number(row.volume_mm3)} mm3" for row in held[:_MOST_SITES]]
    parts += [f"{len(held) - _MOST_SITES} more in regions.csv"] * (len(held) > _MOST_SITES)
    return _hanging("In your regions: ", ", ".join(parts or ["nothing"]) + ".") if report.regions is not None else []


def _left_out(report: Report) -> list[str]:
    """What was found and not counted: by reason and place, the largest first."""
    volumes: dict[tuple[str, str], float] = {}
    for item in report.left_out or ():
        near = f" near {in_words(item.nearest_site)} {item.nearest_side}" if item.nearest_site and not item.sure else ""
        key = (item.reason, near.replace(" midline", ""))
        volumes[key] = volumes.get(key, 0.0) + item.volume_mm3
    largest = sorted(volumes.items(), key=lambda pair: -pair[1])
    parts = [f"{in_words(reason)} {_number(mm3)} mm3{near}" for (reason, near), mm3 in largest[:_MOST_LEFT_OUT]]
    parts += [f"{len(largest) - _MOST_LEFT_OUT} more in report.json"] * (len(largest) > _MOST_LEFT_OUT)
    return _hanging("Found, not counted as calcification: ", "; ".join(parts) + ".") if parts else []


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Names to the left, volumes to the right of columns as wide as they need, grades behind them."""
    first, *widths = [max(len(row[n]) for row in (head, *rows)) + 3 for n in range(len(head) - 1)]
    lines = []
    for name, *cells, end in (head, *rows):
        columns = "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        lines.append(f"{name:<{first - 3}}{columns}   {end}")
    return lines


def _cell(entry: SiteEntry | None) -> str:
    """A volume with its interval; empty only where the site has no such side."""
    if entry is None:
        return ""
    if entry.volume_mm3 is None or not entry.count:
        return _UNKNOWN if entry.volume_mm3 is None else _NONE
    ends = [_number(end) for end in (entry.volume_low_mm3, entry.volume_high_mm3) if end is not None]
    return f"{_number(entry.volume_mm3)} ({'-'.join(ends)})"


def _meaning(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """What the signs in the rows of the table mean."""
    signs = {_NONE: "none detected", _UNKNOWN: "not known"}
    used = [f"{sign} {words}" for sign, words in signs.items() if any(sign in row for row in rows)]
    return [f"({', '.join(used)})"] if used else []


def _grades(by_side: Mapping[Side, SiteEntry]) -> str:
    graded = {side: by_side[side].grade for side in _COLUMNS if side in by_side}
    grades: dict[Side, Grade] = {side: grade for side, grade in graded.items() if grade}
    if len(set(grades.values())) == 1:
        return next(iter(grades.values()))
    return ", ".join(f"{side} {grade}" for side, grade in grades.items())


def _not_examined(report: Report) -> list[str]:
    sites = dict.fromkeys(entry.site for entry in report.sites if entry.count is None)
    named = {also.site for lesion in report.lesions or () for also in lesion.also}
    unsure = [site for site in sites if site in named]
    rest = [site for site in sites if site not in named]
    return [
        *(_hanging("May hold what lies between sites: ", ", ".join(map(in_words, unsure)) + ".") if unsure else []),
        *(_hanging("Not examined, or only in part: ", ", ".join(map(in_words, rest)) + ".") if rest else []),
    ]


def _asked(report: Report) -> str:
    asked_hu = report.settings.get("threshold_asked_hu")
    return f" of {asked_hu:g} HU or more" if asked_hu is not None else ""


def _floor(report: Report) -> str:
    floor_mm3 = report.detection_floor_mm3
    if floor_mm3 is None:
        return ""
    some = ", as some above," if any(lesion.volume_mm3 < floor_mm3 for lesion in report.lesions or ()) else ""
    return (
        f" (a deposit of {report.settings['reference_hu']:g} HU is sure to be found from about {_number(floor_mm3)} "
        f"mm3 on; smaller ones{some} not always)"
    )


def _no_floor(report: Report) -> list[str]:
    if report.settings.get("detection_floor_mm3", 0.0) is not None:
        return []
    return [f"At this threshold, calcification of {report.settings['reference_hu']:g} HU may be missed at any size."]


def _advice(page: Sequence[str]) -> list[str]:
    return [_printable(line) for text in page for line in text.splitlines()]


def _more(count: int, words: str) -> Iterable[str]:
    return [f"  and {count} {words}"] if count > 0 else []


def _hanging(first: str, text: str) -> list[str]:
    """Wrapped, with a hanging indent. Control characters (headers may hold anything) become question marks."""
    text = _printable(" ".join(str(text).split()))
    return wrap(text, SUMMARY_WIDTH, initial_indent=first, subsequent_indent=" " * 4, break_on_hyphens=False) or [
        first.rstrip()
    ]


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 9.95 else f"{value:.1f}"
