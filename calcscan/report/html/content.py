"""Report → the words and rows that the page shows. Nothing is measured or decided here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from calcscan.knowledge.sites import all_sites, in_words
from calcscan.report.html.pictures import Pictures
from calcscan.report.legend import short
from calcscan.report.quantities import Side, State
from calcscan.report.schema import LeftOutEntry, LesionEntry, PageLineEntry, Report, SiteEntry

Position = tuple[float, float, float]

STATES = {
    State.OK: "Good: nothing in the scan puts the figures in doubt.",
    State.CAUTION: "Read with care: something in the scan makes the figures less certain.",
    State.ABSTAIN: "Not good enough: calcscan abstains, and attributes nothing to a site.",
}
GROUPS = {
    "answer": "What it may mean",
    "now": "Now",
    "next": "Next",
    "done": "Already done",
    "ask": "Worth finding out",
    "keep_in_mind": "Keep in mind",
}
DIVISIONS = {
    "shape": "a waist of the deposit",
    "density": "a step in its density",
    "atlas": "the atlas alone",
    "uncertain": "little: the part may be several times as large",
}


_NAMES = {
    "age years": "age", "dural av fistula": "dural AV fistula", "egfr": "eGFR", "hiv": "HIV", "pth": "PTH",
    "vitamin d": "vitamin D", "csf leak": "CSF leak",
}  # fmt: skip


_FINDINGS = {"vascular": "vessels", "periarticular": "tissue around joints", "organ": "an inner organ"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionRow:
    """A lesion in the table, the viewer and its card. `at_ras` is a place within it, mm, as NIfTI counts."""

    entry: LesionEntry
    colour: str
    place: str
    also: str
    at_ras: Position
    pictures: Pictures | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOutRow:
    """Something found and not counted; `label` is its number in the viewer's map."""

    entry: LeftOutEntry
    label: int
    taken_for: str
    near: str
    at_ras: Position
    pictures: Pictures | None


def sentence(text: str) -> str:
    """A text that begins a line, with a capital.

    >>> sentence("nothing like brain"), sentence("HU are doubtful")
    ('Nothing like brain', 'HU are doubtful')
    """
    return text[:1].upper() + text[1:]


def listed(names: Iterable[str]) -> str:
    """Names of the report in a sentence."""
    return ", ".join(in_words(name) for name in names)


def place(site: str, side: Side | str) -> str:
    """A site with its side in front.

    >>> place("choroid_plexus", Side.LEFT), place("pineal", Side.MIDLINE), place("unassigned", Side.NONE)
    ('left choroid plexus', 'pineal', 'no site given')
    """
    if site == "unassigned":
        return "no site given"
    name = in_words(site)
    if str(side) in (Side.LEFT, Side.RIGHT):
        return f"{side} {name}"
    return f"{name}, midline" if side == Side.MIDLINE and all_sites()[site].paired else name


def percent(share: float | None) -> str:
    """A share for people, never rounded to certainty.

    >>> percent(0.873), percent(0.9999), percent(None)
    ('87 %', 'over 99 %', '–')
    """
    if share is None:
        return "–"
    return "over 99 %" if share > 0.99 else f"{share:.0%}".replace("%", " %")


def volume(mm3: float | None) -> str:
    """mm³ without the unit; a dash where it is unknown."""
    return "–" if mm3 is None else short(mm3)


def interval(low: float | None, high: float | None) -> str:
    """The ends of an interval of mm³."""
    return "–" if low is None or high is None else f"{short(low)} to {short(high)}"


def truth(value: bool | float | str | None) -> str:
    """What is known of a thing that may be unknown.

    >>> truth(True), truth(None), truth(58.0)
    ('yes', 'not known', '58')
    """
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def fact(path: str) -> str:
    """A fact of the guideline in words.

    >>> fact("labs.phosphate"), fact("egfr"), fact("findings.dura.present")
    ('phosphate (laboratory value)', 'eGFR', 'calcification of dura')
    """
    section, _, rest = path.partition(".")
    if section == "findings":
        site, _, trait = rest.partition(".")
        return f"calcification of {_FINDINGS.get(site, in_words(site))}" + (
            f": {in_words(trait)}" if trait != "present" else ""
        )
    name = in_words((rest or section).replace(".", " "))
    name = _NAMES.get(name, name)
    if section == "critical":
        return f"dangerous {name}"
    return f"{name} (laboratory value)" if section == "labs" else name


def headline(report: Report) -> str:
    """What was found, in one sentence."""
    if report.lesions is None:
        return "The scan was not analysed."
    count, total = len(report.lesions), sum(lesion.volume_mm3 for lesion in report.lesions)
    if not count:
        if given(report):
            return "The segmentation that was given holds no lesion: whether there is any is not known."
        return f"No calcification was {'counted' if report.left_out else 'detected'}{above(report)}."
    kind = "outlined by the user" if given(report) else "found"
    many = f"{count} calcification{'s' if count != 1 else ''} {kind}, {short(total)} mm³ in all"
    if report.quality.state != State.ABSTAIN:
        return f"{many}."
    return f"{many}; none is attributed to a site{' but what a reader placed' if reviewed(report) else ''}."


def reviewed(report: Report) -> bool:
    """Whether a person has reviewed it."""
    return bool(getattr(report, "reviewed", None))


def given(report: Report) -> bool:
    """Whether the lesions are the user's own."""
    return "lesions_given" in report.settings


def above(report: Report) -> str:
    """What is sure to be found, to stand behind "detected"."""
    if report.detection_floor_mm3 is None:
        return ""
    return f" above about {short(report.detection_floor_mm3)} mm³ (of {report.settings['reference_hu']:g} HU)"


def found_at(report: Report) -> list[SiteEntry]:
    """The rows of sites that hold something, the largest first."""
    return sorted((entry for entry in report.sites if entry.count), key=lambda entry: -(entry.volume_mm3 or 0.0))


def page_groups(report: Report) -> list[tuple[str, list[PageLineEntry]]]:
    """The guideline's page, each group with its heading and its lines."""
    groups: list[tuple[str, list[PageLineEntry]]] = []
    for line in report.guideline.page if report.guideline else ():
        if not groups or groups[-1][0] != GROUPS[line.group]:
            groups.append((GROUPS[line.group], []))
        groups[-1][1].append(line)
    return groups


def also_in_words(lesion: LesionEntry) -> str:
    """Where else it may lie."""
    return ", ".join(f"{place(other.site, other.side)} ({percent(other.share)})" for other in lesion.also)


def near_in_words(item: LeftOutEntry) -> str:
    """Where something left out lies, as far as that is known."""
    if item.nearest_site is None:
        return "–"
    name = place(item.nearest_site, item.nearest_side)
    return f"at {name}" if item.distance_mm == 0 else f"near {name}"


def tcs_rows(report: Report) -> list[tuple[str, str, int | None, int | None]]:
    """The cells of the total calcification score: (region, kind, right, left), or (region, "midline", points, None);
    None for one that is not known."""
    estimate = (report.scores or {}).get("tcs_estimate")
    cells: dict[str, int | None] = dict((estimate or {}).get("cells") or {})
    rows: dict[str, dict[str, int | None]] = {}
    for name, points in cells.items():
        region, _, side = name.rpartition("_")
        if side in (Side.LEFT, Side.RIGHT):
            rows.setdefault(region, {})[side] = points
        else:
            rows[name] = {"midline": points}
    return [
        (in_words(region), "midline", sides["midline"], None)
        if "midline" in sides
        else (in_words(region), "paired", sides.get(Side.RIGHT), sides.get(Side.LEFT))
        for region, sides in rows.items()
    ]
