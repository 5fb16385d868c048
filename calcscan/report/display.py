"""A result as Python and notebooks show it: from the report, so that all say the same. No identifier is in it."""

from __future__ import annotations

import html
import io
from base64 import b64encode
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from msgspec.structs import asdict
from PIL import Image

from calcscan.model import LocatedLesionMap, Result, StudyLabel
from calcscan.report.build import DISCLAIMER, build_report
from calcscan.report.legend import short
from calcscan.report.mosaic import mosaic_png
from calcscan.report.quantities import State
from calcscan.report.schema import LesionEntry, Part, Report, SiteEntry
from calcscan.report.sections.findings import lesion_entry
from calcscan.report.tables import LesionRow, SiteRow, lesion_rows, site_rows
from calcscan.report.text import summary_text

if TYPE_CHECKING:
    import pandas

MOST_LESIONS = 20
"""Rows of a table in a notebook; `to_dataframe` has them all."""
_COLOURS = {State.OK: "#1a7f37", State.CAUTION: "#9a6700", State.ABSTAIN: "#cf222e"}
_UNKNOWN = "?"
_JPEG_QUALITY = 85
_SITE_COLUMNS = ("site", "side", "lesions", "mm³", "95 % interval, mm³", "highest HU", "grade")
_LESION_COLUMNS = ("lesion", "site", "side", "mm³", "95 % interval, mm³", "highest HU", "slice", "sure of the site")


def result_text(result: Result) -> str:
    """One screen: what `calcscan run` prints, without the guideline's page."""
    return summary_text(build_report(result)).rstrip("\n")


def result_html(result: Result) -> str:
    """The state of quality with its flags, the table of sites, that of lesions, and the mosaic as an embedded picture.

    Every text is escaped: headers may hold anything.
    """
    report = build_report(result)
    picture = b64encode(_smaller(mosaic_png(result))).decode()
    parts = [
        '<div style="max-width:1100px">',
        *_head(report),
        *(_tables(report) if report.lesions is not None else ["<p>The scan was not analysed.</p>"]),
        f'<img alt="slices with the lesions outlined" style="width:100%" src="data:image/jpeg;base64,{picture}">',
        _paragraph(DISCLAIMER, "small"),
        "</div>",
    ]
    return "\n".join(parts)


def _smaller(png: bytes) -> bytes:
    """A picture as JPEG, about half the size: a notebook is kept, sent and compared with all that it shows."""
    file = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").save(file, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
    return file.getvalue()


def lesions_dataframe(lesions: LocatedLesionMap) -> pandas.DataFrame:
    """The rows and columns of lesions.csv.

    Raises
    ------
    ImportError
        pandas is not installed.
    """
    return _dataframe(
        LesionRow, lesion_rows((lesion_entry(lesion, lesions) for lesion in lesions.lesions), StudyLabel())
    )


def sites_dataframe(result: Result) -> pandas.DataFrame:
    """The rows and columns of sites.csv; errors as of `lesions_dataframe`."""
    return _dataframe(SiteRow, site_rows(build_report(result)))


def _dataframe(kind: type[Part], rows: Iterable[Part]) -> pandas.DataFrame:
    try:
        import pandas
    except ImportError as error:
        advice = "install it (pip install pandas), or take the table that calcscan.write_report writes as CSV"
        raise ImportError(f"a data frame needs pandas, which is not installed: {advice}") from error
    frame = pandas.DataFrame([asdict(row) for row in rows], columns=list(kind.__struct_fields__), dtype=object)
    return frame.astype({name: _dtype(held) for name, held in get_type_hints(kind).items() if name in frame})


def _dtype(held: Any) -> str:
    """What pandas keeps a column in, whether or not any or all of it is unknown: whole numbers stay whole."""
    kinds = get_args(held) or (held,)
    return "Int64" if int in kinds else "float64" if float in kinds else "object"


def _head(report: Report) -> list[str]:
    state = report.quality.state
    lines = [f'<p><b style="color:{_COLOURS[state]}">quality: {_escaped(state)}</b></p>']
    if state == State.ABSTAIN:
        lines.append("<p><b>calcscan abstains: nothing is attributed to a site.</b></p>")
    if report.quality.flags:
        flags = (f"<li><b>{_escaped(flag.code)}</b> {_escaped(flag.message)}</li>" for flag in report.quality.flags)
        lines += ["<ul>", *flags, "</ul>"]
    return lines


def _tables(report: Report) -> list[str]:
    lesions = sorted(report.lesions or (), key=lambda lesion: -lesion.volume_mm3)
    if not lesions:
        return [_paragraph("No calcification was counted, which does not mean that there is none.")]
    parts = []
    rows = [_site(entry) for entry in report.sites if entry.count]
    if rows:
        parts.append(_table("Calcification by site", _SITE_COLUMNS, rows))
    rows = [_lesion(one) for one in lesions[:MOST_LESIONS]]
    parts.append(_table("Lesions, the largest first", _LESION_COLUMNS, rows))
    if len(lesions) > MOST_LESIONS:
        parts.append(_paragraph(f"and {len(lesions) - MOST_LESIONS} smaller ones: result.lesions.to_dataframe()"))
    return parts


def _site(entry: SiteEntry) -> Sequence[object]:
    return (
        entry.site,
        entry.side,
        entry.count,
        _number(entry.volume_mm3),
        _interval(entry.volume_low_mm3, entry.volume_high_mm3),
        _UNKNOWN if entry.max_hu is None else entry.max_hu,
        _UNKNOWN if entry.grade is None else entry.grade,
    )


def _lesion(lesion: LesionEntry) -> Sequence[object]:
    return (
        lesion.id,
        lesion.site,
        lesion.side,
        _number(lesion.volume_mm3),
        _interval(lesion.volume_low_mm3, lesion.volume_high_mm3),
        lesion.max_hu,
        lesion.slice,
        "" if lesion.site_share is None else f"{lesion.site_share:.0%}",
    )


def _number(value: float | None) -> str:
    return _UNKNOWN if value is None else short(value)


def _interval(low: float | None, high: float | None) -> str:
    return f"{_number(low)} to {_number(high)}"


def _table(caption: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f"<th>{_escaped(word)}</th>" for word in header)
    body = ("<tr>" + "".join(f"<td>{_escaped(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return "\n".join(
        (f"<table><caption>{_escaped(caption)}</caption>", f"<thead><tr>{head}</tr></thead>", *body, "</table>")
    )


def _paragraph(text: str, tag: str = "") -> str:
    inner = _escaped(text)
    return f"<p><{tag}>{inner}</{tag}></p>" if tag else f"<p>{inner}</p>"


def _escaped(value: Any) -> str:
    return html.escape("".join(letter if letter.isprintable() else "?" for letter in str(value)))
