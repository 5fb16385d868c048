"""The panel beside the panes: which colour is which site, and how much lies there on either side."""

from __future__ import annotations

from dataclasses import dataclass

from calcscan.knowledge.sites import all_sites
from calcscan.model import Result, Summary
from calcscan.report.canvas import LINE, MUTED, PANEL, TEXT, Canvas

PANEL_WIDTH = 470
_PAD, _ROW = 22, 30
_COLUMNS = {"right": 290, "midline": 368, "": 368, "left": 446}
"""Right of each column of numbers. The person's right comes first, as on the panes."""
_WORDS = {
    "basal_ganglia": "Basal ganglia", "deep": "Deep nuclei", "parenchyma": "Brain tissue", "dura": "Dura",
    "physiological": "Physiological", "vascular": "Arteries", "extracranial": "Outside the skull",
    "unassigned": "Not attributed",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Volume by side at one site."""

    site: str
    group: str
    colour: str
    by_side: dict[str, float]


def found_sites(result: Result) -> list[Found]:
    """Each site that has calcification, in the order of the report, as sites.csv has it; where nothing is attributed,
    what there is."""
    volumes: dict[str, dict[str, float]] = {}
    if result.summary is not None and result.quality.state != "abstain":
        for row in result.summary.sites:
            if row.count and row.volume_mm3 is not None:
                volumes.setdefault(row.site, {})[row.side] = row.volume_mm3
    else:
        for lesion in result.lesions.lesions if result.lesions else ():
            sides = volumes.setdefault("unassigned", {})
            sides[""] = sides.get("", 0.0) + lesion.volume_mm3
    return [
        Found(site=name, group=info.group, colour=info.colour, by_side=volumes[name])
        for name, info in all_sites().items()
        if name in volumes
    ]


def draw_panel(canvas: Canvas, result: Result, left: int, top: int) -> None:
    """The table, and below it how it was made."""
    bottom = canvas.image.height - 24
    canvas.draw.rounded_rectangle((left, top, left + PANEL_WIDTH, bottom), radius=10, fill=PANEL, outline=LINE)
    found = found_sites(result)
    at = _draw_title(canvas, left, top, found)
    group = ""
    for row in found:
        if row.group != group:
            at += 32
            canvas.text((left + _PAD, at), _WORDS[row.group], 16, MUTED, bold=True)
            group = row.group
        at += _ROW
        _draw_row(canvas, left, at, row)
    at = _draw_total(canvas, result, left, at + 16) if found else _draw_nothing(canvas, result, left, at + 44)
    at = _draw_elsewhere(canvas, result, left, at)
    _draw_notes(canvas, result, left, at, bottom)


def _draw_title(canvas: Canvas, left: int, top: int, found: list[Found]) -> int:
    canvas.text((left + _PAD, top + 38), "Calcification", 22, bold=True)
    if not found:
        return top + 38
    canvas.mm3(left + _PAD + canvas.width_of("Calcification", 22) + 52, top + 38, 18)
    for name, side in (("R", "right"), ("mid", "midline"), ("L", "left")):
        canvas.text((left + _COLUMNS[side], top + 38), name, 18, MUTED, anchor="rs", bold=True)
    return top + 44


def _draw_row(canvas: Canvas, left: int, at: int, row: Found) -> None:
    canvas.draw.rounded_rectangle((left + _PAD, at - 15, left + _PAD + 18, at + 3), radius=4, fill=row.colour)
    canvas.text((left + _PAD + 28, at), row.site.replace("_", " "), 18)
    for side, volume in row.by_side.items():
        canvas.text((left + _COLUMNS[side], at), short(volume), 18, TEXT, anchor="rs", bold=True)


def _draw_total(canvas: Canvas, result: Result, left: int, at: int) -> int:
    canvas.draw.line((left + _PAD, at, left + PANEL_WIDTH - _PAD, at), fill=LINE)
    lesions = result.lesions.lesions if result.lesions else ()
    count, total = len(lesions), sum(lesion.volume_mm3 for lesion in lesions)
    words = f"{count} lesion{'s' if count != 1 else ''}"
    canvas.text((left + _PAD, at + 28), words, 18)
    canvas.mm3(left + _COLUMNS["left"], at + 28, 18)
    canvas.text((left + _COLUMNS["left"] - 44, at + 28), short(total), 18, TEXT, anchor="rs", bold=True)
    return at + 40


def _draw_nothing(canvas: Canvas, result: Result, left: int, at: int) -> int:
    words = "No calcification was detected." if result.lesions is not None else "The scan was not analysed."
    canvas.text((left + _PAD, at), words, 20)
    return at + 10


def _draw_elsewhere(canvas: Canvas, result: Result, left: int, at: int) -> int:
    """Where nothing was detected, and what could not be examined, if that can be told."""
    if result.summary is None or result.quality.state == "abstain":
        return at
    for title, sites in elsewhere(result.summary).items():
        if sites:
            canvas.text((left + _PAD, at + 36), title, 16, MUTED, bold=True)
            at += 38
            words = ", ".join(name.replace("_", " ") for name in sites)
            for line in canvas.wrapped(words, 16, PANEL_WIDTH - 2 * _PAD):
                at += 23
                canvas.text((left + _PAD, at), line, 16, MUTED)
    return at


def elsewhere(summary: Summary) -> dict[str, list[str]]:
    """The sites without a lesion: those that were looked at on every side, and the others."""
    counts: dict[str, list[int | None]] = {}
    for row in summary.sites:
        if row.group != "unassigned":
            counts.setdefault(row.site, []).append(row.count)
    empty = {site: sides for site, sides in counts.items() if not any(sides)}
    return {
        "Nothing detected": [site for site, sides in empty.items() if None not in sides],
        "Not examined, or not wholly": [site for site, sides in empty.items() if None in sides],
    }


def _draw_notes(canvas: Canvas, result: Result, left: int, top: int, bottom: int) -> None:
    """As many lines as there is room for, at the foot of the panel."""
    lines = [line for note in _notes(result) for line in canvas.wrapped(note, 15, PANEL_WIDTH - 2 * _PAD)]
    room = max(0, (bottom - top - 30) // 21)
    lines = lines[:room]
    for number, line in enumerate(lines):
        canvas.text((left + _PAD, bottom - 18 - 21 * (len(lines) - 1 - number)), line, 15, MUTED)


def _notes(result: Result) -> list[str]:
    notes = []
    if result.lesions is not None:
        notes.append(f"Best estimates of volume; found at {result.lesions.threshold_hu:.0f} HU and above.")
    if result.summary is not None:
        floor_mm3 = result.summary.detection_floor_mm3
        missed = (
            f"At this threshold, calcification of {result.settings['reference_hu']:g} HU can be missed, however large"
            if floor_mm3 is None
            else f"A calcification below about {short(floor_mm3)} cubic mm can be missed"
        )
        notes.append(f"{missed}; what is not listed was not detected, which does not mean that it is not there.")
    notes.append("Radiological view: the person's right is on the left of each picture. Window 0 to 80 HU.")
    if result.registration is not None and result.registration.accepted:
        notes.append(
            f"Sites from the atlas {result.atlas.name} {result.atlas.version}, "
            f"overlap {result.registration.overlap:.2f}."
        )
    return notes


def short(volume_mm3: float) -> str:
    """A volume in as many digits as it deserves.

    >>> short(1234.5), short(9.14)
    ('1,234', '9.1')
    """
    return f"{volume_mm3:,.0f}" if volume_mm3 >= 9.95 else f"{volume_mm3:.1f}"
