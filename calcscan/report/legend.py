"""The panel beside the slices: which colour is which site, and how much calcification it has on either side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from calcscan.knowledge.mosaic import MosaicSettings
from calcscan.knowledge.sites import SiteTraits, all_sites, in_words
from calcscan.model import LesionMap, Result, Summary
from calcscan.report.drawing import LEFT_OUT, LINE, MUTED, PANEL, TEXT, Canvas
from calcscan.report.quantities import Side, State

PANEL_WIDTH = 470
_PAD, _ROW = 22, 30
_NONE, _UNKNOWN = "-", "?"
_COLUMNS = {Side.RIGHT: 290, Side.MIDLINE: 368, Side.NONE: 368, Side.LEFT: 446}
"""Right edge of each column of numbers. The person's right comes first, as on the slices."""
_GROUP_NAMES = {
    "basal_ganglia": "Basal ganglia", "deep": "Deep nuclei", "parenchyma": "Brain tissue", "dura": "Dura",
    "physiological": "Physiological", "vascular": "Arteries", "other": "Other", "extracranial": "Outside the skull",
    "unassigned": "Not attributed",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteVolumes:
    """A site with calcification, and its volume on each side."""

    info: SiteTraits
    mm3_by_side: Mapping[Side, float]
    lesions: tuple[int, ...] = ()
    """Their numbers."""
    without: Mapping[Side, str] = field(default_factory=dict)
    """What stands at a side without a volume: a minus where none was detected, ? where it is not known."""


def site_volumes(result: Result) -> list[SiteVolumes]:
    """Each site that has calcification, in the order of the report and as sites.csv has it; where nothing is
    attributed, all of it as `unassigned`, but for what a reader placed."""
    volumes: dict[str, dict[Side, float]] = {}
    if result.summary is not None and result.quality.state != State.ABSTAIN:
        for row in result.summary.sites:
            if row.count and row.volume_mm3 is not None:
                volumes.setdefault(row.site, {})[Side(row.side)] = row.volume_mm3
    else:
        for lesion in result.lesions.lesions if result.lesions else ():
            site, side = (lesion.site, Side(lesion.side)) if lesion.by_reader else ("unassigned", Side.NONE)
            volumes.setdefault(site, {})[side] = volumes.get(site, {}).get(side, 0.0) + lesion.volume_mm3
    numbers: dict[str, list[int]] = {}
    for lesion in result.lesions.lesions if result.lesions else ():
        numbers.setdefault(lesion.site if lesion.site in volumes else "unassigned", []).append(lesion.id)
    without: dict[str, dict[Side, str]] = {}
    if result.summary is not None and result.quality.state != State.ABSTAIN:
        for row in result.summary.sites:
            if row.site in volumes and Side(row.side) not in volumes[row.site]:
                without.setdefault(row.site, {})[Side(row.side)] = _UNKNOWN if row.count is None else _NONE
    return [
        SiteVolumes(
            info=info,
            mm3_by_side=volumes[name],
            lesions=tuple(numbers.get(name, ())),
            without=without.get(name, {}),
        )
        for name, info in all_sites().items()
        if name in volumes
    ]


def numbers_in_words(numbers: Sequence[int]) -> str:
    """Numbers as a reader lists them.

    >>> numbers_in_words([1, 2, 3, 5, 8, 9])
    '1-3, 5, 8, 9'
    """
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    parts = [f"{run[0]}-{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs]
    return ", ".join(parts)


def draw_panel(canvas: Canvas, result: Result, left: int, top: int, settings: MosaicSettings) -> None:
    """The table of volumes, what was not detected or not examined, and notes on how to read it."""
    bottom = canvas.image.height - 24
    canvas.draw.rounded_rectangle((left, top, left + PANEL_WIDTH, bottom), radius=10, fill=PANEL, outline=LINE)
    y = _draw_tables(canvas, result, left, top)
    _draw_notes(canvas, notes(result, settings), left, y, bottom)


def panel_height(result: Result, settings: MosaicSettings) -> int:
    """How high the panel must be to hold everything; at least a row of slices."""
    scratch = Canvas(PANEL_WIDTH, 1)
    lines = _wrapped_notes(scratch, notes(result, settings))
    return max(780, _draw_tables(scratch, result, 0, 0) + 50 + 21 * len(lines))


def _draw_tables(canvas: Canvas, result: Result, left: int, top: int) -> int:
    """All but the notes; returns where it ends."""
    sites = site_volumes(result)
    y = _draw_title(canvas, left, top, with_columns=bool(sites))
    group = ""
    for site in sites:
        if site.info.group != group:
            y += 32
            group = site.info.group
            canvas.text((left + _PAD, y), _GROUP_NAMES[group], 16, MUTED, bold=True)
        y = _draw_row(canvas, left, y + _ROW, site)
    y = _draw_total(canvas, result, left, y + 16) if sites else _draw_nothing(canvas, result, left, y + 44)
    y = _draw_left_out(canvas, result, left, y)
    return _draw_elsewhere(canvas, result, left, y)


def _draw_title(canvas: Canvas, left: int, top: int, *, with_columns: bool) -> int:
    canvas.text((left + _PAD, top + 38), "Calcification", 22, bold=True)
    if not with_columns:
        return top + 38
    canvas.mm3(left + _PAD + canvas.width_of("Calcification", 22) + 52, top + 38, 18)
    for name, side in (("R", Side.RIGHT), ("mid", Side.MIDLINE), ("L", Side.LEFT)):
        canvas.text((left + _COLUMNS[side], top + 38), name, 18, MUTED, anchor="rs", bold=True)
    return top + 44


def _draw_row(canvas: Canvas, left: int, y: int, site: SiteVolumes) -> int:
    """The site's volumes, and the numbers of its lesions on the lines below; returns the last line."""
    canvas.draw.rounded_rectangle((left + _PAD, y - 15, left + _PAD + 18, y + 3), radius=4, fill=site.info.colour)
    canvas.text((left + _PAD + 28, y), in_words(site.info.site), 18)
    for side, volume_mm3 in site.mm3_by_side.items():
        canvas.text((left + _COLUMNS[side], y), short(volume_mm3), 18, TEXT, anchor="rs", bold=True)
    for side, sign in site.without.items():
        canvas.text((left + _COLUMNS[side], y), sign, 18, MUTED, anchor="rs")
    word = "lesion " if len(site.lesions) == 1 else "lesions "
    for line in canvas.wrapped(word + numbers_in_words(site.lesions), 15, PANEL_WIDTH - 2 * _PAD - 28):
        y += 19
        canvas.text((left + _PAD + 28, y), line, 15, MUTED)
    return y


def _draw_total(canvas: Canvas, result: Result, left: int, y: int) -> int:
    canvas.draw.line((left + _PAD, y, left + PANEL_WIDTH - _PAD, y), fill=LINE)
    lesions = result.lesions.lesions if result.lesions else ()
    count, total_mm3 = len(lesions), sum(lesion.volume_mm3 for lesion in lesions)
    right = left + _COLUMNS[Side.LEFT]
    canvas.text((left + _PAD, y + 28), f"{count} lesion{'s' if count != 1 else ''}", 18)
    canvas.mm3(right, y + 28, 18)
    canvas.text((right - 44, y + 28), short(total_mm3), 18, TEXT, anchor="rs", bold=True)
    return y + 40


def _draw_left_out(canvas: Canvas, result: Result, left: int, y: int) -> int:
    """What was found and not counted, by what it was taken for."""
    volumes = left_out_volumes(result)
    if volumes:
        canvas.text((left + _PAD, y + 36), "Found, not counted as calcification", 16, MUTED, bold=True)
        y += 38
    for reason, volume_mm3 in volumes.items():
        y += 24
        canvas.draw.rounded_rectangle(
            (left + _PAD, y - 13, left + _PAD + 15, y + 2), radius=4, outline=LEFT_OUT, width=2
        )
        canvas.text((left + _PAD + 28, y), in_words(reason), 16, MUTED)
        canvas.text((left + _COLUMNS[Side.LEFT], y), short(volume_mm3), 16, MUTED, anchor="rs")
    return y


def left_out_volumes(result: Result) -> dict[str, float]:
    """mm³ of what was found and is not reported as calcification, by its reason; the most first."""
    volumes: dict[str, float] = {}
    for item in result.lesions.left_out if result.lesions else ():
        volumes[item.reason] = volumes.get(item.reason, 0.0) + item.volume_mm3
    return dict(sorted(volumes.items(), key=lambda pair: -pair[1]))


def _draw_nothing(canvas: Canvas, result: Result, left: int, y: int) -> int:
    found = result.lesions is not None and result.lesions.left_out
    nothing = "No calcification was counted." if found else "No calcification was detected."
    if result.lesions is not None and not result.lesions.searched:
        nothing = "No lesion was outlined."
    words = nothing if result.lesions is not None else "The scan was not analysed."
    canvas.text((left + _PAD, y), words, 20)
    return y + 10


def _draw_elsewhere(canvas: Canvas, result: Result, left: int, y: int) -> int:
    """Where nothing was detected, and what was not examined, unless calcscan abstains."""
    unsearched = result.lesions is not None and not result.lesions.searched
    if result.summary is None or unsearched or result.quality.state == State.ABSTAIN:
        return y
    for title, sites in elsewhere(result.summary).items():
        if sites:
            canvas.text((left + _PAD, y + 36), title, 16, MUTED, bold=True)
            y += 38
            names = ", ".join(in_words(name) for name in sites)
            for line in canvas.wrapped(names, 16, PANEL_WIDTH - 2 * _PAD):
                y += 23
                canvas.text((left + _PAD, y), line, 16, MUTED)
    return y


def elsewhere(summary: Summary) -> dict[str, list[str]]:
    """The sites without a lesion: those that were examined on every side, and the others."""
    counts: dict[str, list[int | None]] = {}
    for row in summary.sites:
        if row.group != "unassigned":
            counts.setdefault(row.site, []).append(row.count)
    empty = {site: sides for site, sides in counts.items() if not any(sides)}
    return {
        "Nothing detected": [site for site, sides in empty.items() if None not in sides],
        "Not examined, or unsure": [site for site, sides in empty.items() if None in sides],
    }


def _draw_notes(canvas: Canvas, texts: Sequence[str], left: int, top: int, bottom: int) -> None:
    """As many lines as there is room for, at the foot of the panel."""
    lines = _wrapped_notes(canvas, texts)
    room = max(0, (bottom - top - 30) // 21)
    lines = lines[:room]
    for number, line in enumerate(lines):
        canvas.text((left + _PAD, bottom - 18 - 21 * (len(lines) - 1 - number)), line, 15, MUTED)


def _wrapped_notes(canvas: Canvas, texts: Sequence[str]) -> list[str]:
    return [line for text in texts for line in canvas.wrapped(text, 15, PANEL_WIDTH - 2 * _PAD)]


def notes(result: Result, settings: MosaicSettings) -> list[str]:
    """What a reader of the picture must know; the most important first."""
    lines = []
    signs = {sign for site in site_volumes(result) for sign in site.without.values()}
    used = [words for sign, words in ((_NONE, "-: none detected"), (_UNKNOWN, "?: not known")) if sign in signs]
    if used and result.lesions is not None and result.lesions.searched:
        lines.append(f"{', '.join(used)}.")
    elif used:
        lines.append("?: not known.")
    if result.lesions is not None:
        how = "Lesions as the user outlined them"
        if result.lesions.searched:
            how = f"Detection threshold {_threshold(result.lesions)}"
        lines.append(f"Volumes are best estimates. {how}.")
    if result.lesions is not None and not result.lesions.searched:
        lines.append("Nothing was searched for: where nothing is outlined it is not known whether there is any.")
    elif result.summary is not None:
        floor_mm3 = result.summary.detection_floor_mm3
        ball = f"{result.settings['reference_hu']:g} HU"
        missed = (
            f"At this threshold, calcification of {ball} may be missed at any size"
            if floor_mm3 is None
            else f"Detection limit: one ball of {ball} and about {short(floor_mm3)} cubic mm; "
            "what is smaller, fainter or in pieces may be missed"
        )
        lines.append(f"{missed}. What is not listed was not detected, which does not mean that there is none.")
    low_hu = settings.window_centre_hu - settings.window_width_hu / 2
    bone_hu = settings.bone_window_centre_hu - settings.bone_window_width_hu / 2
    lines.append(
        "Numbers as in the tables; in the corner of a picture, what its lesions hold in the slices that it shows. "
        "Radiological convention: the person's right is on the left of each image. "
        f"Window {low_hu:g} to {low_hu + settings.window_width_hu:g} HU, bone window {bone_hu:g} to "
        f"{bone_hu + settings.bone_window_width_hu:g} HU."
    )
    if result.registration is not None and result.registration.accepted:
        lines.append(
            f"Sites from the atlas {result.atlas.name}, version {result.atlas.version}; "
            f"overlap {result.registration.overlap:.2f}."
        )
    return lines


def _threshold(lesions: LesionMap) -> str:
    """The threshold, or that of each tube voltage."""
    each = lesions.settings.get("threshold_by_kvp")
    if not each:
        return f"{lesions.threshold_hu:.0f} HU"
    voltages = ("of unknown voltage" if part["kvp_kv"] is None else f"at {part['kvp_kv']:g} kV" for part in each)
    return " and ".join(f"{part['threshold_hu']:.0f} HU {kv}" for part, kv in zip(each, voltages, strict=True))


def short(volume_mm3: float) -> str:
    """A volume for people: with one decimal below 10 mm³.

    >>> short(1234.5), short(9.14)
    ('1,234', '9.1')
    """
    return f"{volume_mm3:,.0f}" if volume_mm3 >= 9.95 else f"{volume_mm3:.1f}"
