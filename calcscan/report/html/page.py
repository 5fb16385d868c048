"""Result and Report → report.html."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt
from jinja2 import BaseLoader, Environment, StrictUndefined
from markupsafe import Markup

from calcscan.begun import Begun
from calcscan.knowledge.html_page import HtmlPageSettings
from calcscan.knowledge.mosaic import MosaicSettings
from calcscan.knowledge.settings import load
from calcscan.knowledge.sites import all_sites, in_words
from calcscan.model import Result
from calcscan.processors import both
from calcscan.report.drawing import LEFT_OUT
from calcscan.report.html import content
from calcscan.report.html.charts import bar_chart, histogram
from calcscan.report.html.content import LeftOutRow, LesionRow, Position
from calcscan.report.html.inside import Inside
from calcscan.report.html.pictures import PictureMaker, Pictures, slices_picture
from calcscan.report.html.reviewed import reviews_in_words, taken_for
from calcscan.report.html.volume import ViewerVolumes, packed_inside, viewer_volumes
from calcscan.report.legend import elsewhere, numbers_in_words
from calcscan.report.mosaic import Slices, side_letters
from calcscan.report.quantities import State
from calcscan.report.schema import Report
from calcscan.report.sitelabels import site_labels
from calcscan.report.slices import first_left_out

_REASONS = ("bone", "vessel", "artefact", "haemorrhage", "foreign_body", "other")
"""Why a reader may reject a lesion, as review.json names it."""


def prepare() -> None:
    """Have ready what every page needs, before there is a result."""
    _template()
    _viewer()


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What the page shows of a scan, whatever is reported of it; nothing where the inside of its skull is not known."""

    inside: Inside | None
    volumes: ViewerVolumes | None = None
    slices: Markup | None = None

    @classmethod
    def of(
        cls, result: Result, slices: Slices, settings: HtmlPageSettings | None = None, begun: Begun | None = None
    ) -> Drawn:
        """`slices`: `Slices.of(result)`; `begun`: where the inside of the skull may be drawn already."""
        settings, mosaic, begun = settings or load(HtmlPageSettings), load(MosaicSettings), begun or Begun()
        region = result.intracranial
        drawn = None if region is None else begun.answer(packed_inside, result.scan, region, settings)
        if drawn is None:
            return cls(inside=None)
        volumes, picture = both(
            partial(viewer_volumes, drawn.inside, result.scan.geometry, slices.voxels, settings, scan=drawn.scan),
            partial(slices_picture, result, slices, drawn.inside, mosaic),
        )
        return cls(inside=drawn.inside, volumes=volumes, slices=picture)


def page_html(
    result: Result,
    report: Report,
    report_sha256: str,
    *,
    settings: HtmlPageSettings | None = None,
    drawn: Drawn | None = None,
) -> str:
    """One self-contained page: nothing is fetched, and nothing of the scan is in it but the inside of the skull.

    Parameters
    ----------
    report
        `build_report(result)`; every word and number on the page comes from it.
    report_sha256
        Of report.json as it was written: a review made on the page names the report that it is of.
    drawn
        `Drawn.of(result, …)`, where that has been drawn already.
    """
    settings, mosaic = settings or load(HtmlPageSettings), load(MosaicSettings)
    drawn = drawn or Drawn.of(result, Slices.of(result, mosaic), settings)
    volumes = drawn.volumes
    maker = None if drawn.inside is None else PictureMaker(result, drawn.inside, settings, mosaic)
    lesions, left_out = both(
        partial(_lesions, result, report, maker, settings), partial(_left_out, result, report, maker, settings)
    )
    scripts = {"viewer": _viewer()} if volumes else {}
    scripts["page"] = Markup(_asset("page.js"))
    page: str = _template().render(
        report=report,
        content=content,
        in_words=in_words,
        policy=_policy(scripts),
        scripts=scripts,
        css=Markup(_asset("page.css")),
        reviews=reviews_in_words(report),
        lesions=lesions,
        left_out=left_out,
        elsewhere=_elsewhere(result),
        letters=side_letters(result),
        slices=drawn.slices,
        volumes=volumes,
        embedded=_embedded(volumes.scan, volumes.labels) if volumes else {},
        bars=bar_chart(report),
        histogram=histogram(result.lesions, result.scan, settings.histogram_bin_hu),
        settings=settings,
        windows=settings.windows,
        surest=_surest(report),
        numbers_in_words=numbers_in_words,
        colour_of={name: site.colour for name, site in all_sites().items()},
        reasons=_REASONS,
        site_choices=_site_choices(),
        data=_data(report, report_sha256, lesions, left_out, settings, side_letters(result)),
    )
    return page


def _lesions(result: Result, report: Report, maker: PictureMaker | None, settings: HtmlPageSettings) -> list[LesionRow]:
    """The largest first; pictures of as many as the settings allow."""
    rows: list[LesionRow] = []
    for entry in sorted(report.lesions or (), key=lambda lesion: -lesion.volume_mm3):
        assert result.lesions is not None
        kji = result.lesions.voxels_kji(entry.id)
        colour = all_sites()[entry.site].colour
        rows.append(
            LesionRow(
                entry=entry,
                colour=colour,
                place=content.place(entry.site, entry.side),
                also=content.also_in_words(entry),
                at_ras=_within(result, kji),
                pictures=_pictures(maker, kji, colour, len(rows), settings),
            )
        )
    return rows


def _left_out(
    result: Result, report: Report, maker: PictureMaker | None, settings: HtmlPageSettings
) -> list[LeftOutRow]:
    """Those that may hide calcification first, then the largest."""
    first = first_left_out(result.lesions) if result.lesions else 1
    found = list(enumerate(report.left_out or ()))
    rows: list[LeftOutRow] = []
    for at, entry in sorted(found, key=lambda pair: (pair[1].sure, -pair[1].volume_mm3)):
        assert result.lesions is not None
        kji = result.lesions.left_out[at].kji
        rows.append(
            LeftOutRow(
                entry=entry,
                label=first + at,
                taken_for=taken_for(report, entry),
                near=content.near_in_words(entry),
                at_ras=_within(result, kji),
                pictures=_pictures(maker, kji, LEFT_OUT, len(rows), settings),
            )
        )
    return rows


def _pictures(
    maker: PictureMaker | None, kji: npt.NDArray[np.int64], colour: str, before: int, settings: HtmlPageSettings
) -> Pictures | None:
    return maker.of(kji, colour) if maker is not None and before < settings.most_pictures and len(kji) else None


def _within(result: Result, kji: npt.NDArray[np.int64]) -> Position:
    """The voxel nearest to a piece's middle, which may lie beside a bent one: RAS mm."""
    at = result.scan.geometry.to_world(kji)
    nearest = at[int(((at - at.mean(axis=0)) ** 2).sum(axis=1).argmin())]
    left, back, up = (round(float(mm), 2) for mm in nearest)
    return (-left, -back, up)


def _elsewhere(result: Result) -> Mapping[str, list[str]]:
    """Sites without a lesion, where something can be said of them."""
    unsearched = result.lesions is None or not result.lesions.searched
    if result.summary is None or unsearched or result.quality.state == State.ABSTAIN:
        return {}
    return elsewhere(result.summary)


def _surest(report: Report) -> dict[tuple[str, str], float | None]:
    """How sure each site and side with lesions is: as its least sure lesion; None where one is not known."""
    shares: dict[tuple[str, str], list[float | None]] = {}
    for lesion in report.lesions or ():
        shares.setdefault((lesion.site, lesion.side), []).append(lesion.site_share)
    known = {key: [share for share in held if share is not None] for key, held in shares.items()}
    return {key: min(held) if len(held) == len(shares[key]) else None for key, held in known.items()}


def _site_choices() -> list[tuple[str, str, str]]:
    """Where a reader may move a lesion to: (site, side, in words)."""
    return [(site, side, content.place(site, side)) for site, side in site_labels() if site != "unassigned"]


def _data(
    report: Report,
    report_sha256: str,
    lesions: list[LesionRow],
    left_out: list[LeftOutRow],
    settings: HtmlPageSettings,
    letters: tuple[str, str],
) -> dict[str, Any]:
    """What the script knows; none of it is free text from a header."""
    return {
        "report_sha256": report_sha256,
        "state": str(report.quality.state),
        "sides_known": letters == ("R", "L"),
        "windows": {name: [window.low_hu, window.high_hu] for name, window in settings.windows.items()},
        "lesions": [
            {
                "label": row.entry.id, "id": row.entry.id, "name": f"lesion {row.entry.id}, {row.place}",
                "colour": row.colour, "at": row.at_ras,
            }
            for row in lesions
        ],
        "left_out": [
            {"label": row.label, "id": None, "name": f"{row.entry.reason.replace('_', ' ')}, not counted",
             "colour": LEFT_OUT, "at": row.at_ras}
            for row in left_out
        ],
    }  # fmt: skip


def _embedded(scan: bytes, labels: bytes | None) -> dict[str, Markup]:
    """Files in base64, by the id of the element that holds them."""
    held = {"scan": scan} | ({} if labels is None else {"labels": labels})
    return {name: Markup(b64encode(packed).decode()) for name, packed in held.items()}


def _policy(scripts: Mapping[str, str]) -> str:
    """What the browser lets the page do: run these scripts and no others, fetch nothing."""
    hashes = " ".join(f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in scripts.values())
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {hashes}",
            "style-src 'unsafe-inline'",
            "img-src data: blob:",
            "connect-src data: blob:",
            "worker-src blob:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


@cache
def _asset(name: str) -> str:
    """The text of a file beside this one. `</script>` can't be in it: a test looks."""
    return (files("calcscan.report.html") / name).read_text(encoding="utf-8")


@cache
def _viewer() -> Markup:
    """NiiVue, with its licence before it."""
    return Markup(f"/*! {_asset('niivue.LICENCES.txt')}*/\n{_asset('niivue.umd.js')}")


@cache
def _template() -> Any:
    environment = Environment(
        loader=BaseLoader(),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.from_string(_asset("page.html"))


def _shown(value: Any) -> Any:
    """A value as the page has it. Control characters become question marks (headers may hold anything); a dash is
    unknown."""
    if value is None:
        return "–"
    if isinstance(value, str) and not isinstance(value, Markup) and not value.isprintable():
        return "".join(letter if letter.isprintable() else "?" for letter in value)
    return value
