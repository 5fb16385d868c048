"""A result as Python, a notebook and pandas show it."""

from __future__ import annotations

import base64
import csv
import io
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from support.results import BALLS, SMALL, make_result

import calcscan
from calcscan.model import Flag, Result
from calcscan.report.build import build_report
from calcscan.report.display import MOST_LESIONS, result_html
from calcscan.report.mosaic import mosaic_png
from calcscan.report.tables import lesions_csv, sites_csv

TAGS = {"div", "p", "b", "ul", "li", "table", "caption", "thead", "tr", "th", "td", "img", "small"}


class Page(HTMLParser):
    """The tags, attributes and texts of a piece of HTML, which must be closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.texts)


def test_a_notebook_shows_quality_sites_lesions_and_the_mosaic() -> None:
    result = make_result(SMALL, flags=[Flag(code="noisy", message="noise of 12 HU")])
    page = Page(result_html(result))
    assert set(page.tags) <= TAGS
    assert "quality: caution" in page.text
    assert "noise of 12 HU" in page.text
    for ball in BALLS:
        assert ball.site in page.texts
    assert page.tags.count("table") == 2
    assert page.tags.count("tr") == 2 + len(BALLS) + len({(ball.site, ball.side) for ball in BALLS})
    source = next(value for name, value in page.attributes if name == "src")
    assert source is not None
    picture, kept = base64.b64decode(source.removeprefix("data:image/jpeg;base64,")), mosaic_png(result)
    assert Image.open(io.BytesIO(picture)).format == "JPEG"
    shown, drawn = (np.asarray(Image.open(io.BytesIO(one)).convert("RGB"), dtype=float) for one in (picture, kept))
    assert np.abs(shown - drawn).mean() < 4.0  # of 255
    assert result._repr_html_() == result_html(result)


def test_what_was_not_analysed_or_not_located_is_said_and_not_shown_as_none() -> None:
    refused = Page(result_html(make_result(SMALL, refused=True)))
    assert "The scan was not analysed." in refused.text
    assert "table" not in refused.tags
    abstained = Page(result_html(make_result(SMALL, accepted=False)))
    assert "nothing is attributed to a site" in abstained.text
    assert "pallidum" not in abstained.text
    assert "unassigned" in abstained.texts
    empty = Page(result_html(make_result(SMALL, balls=())))
    assert "does not mean that there is none" in empty.text


def test_only_the_largest_of_many_lesions_stand_in_a_notebook_and_the_rest_is_counted() -> None:
    result = make_result(SMALL)
    assert result.lesions is not None
    first = result.lesions.lesions[0]
    whole = tuple((0, size) for size in result.lesions.labels.shape)
    many = tuple(replace(first, id=n, volume_mm3=float(n), bbox_kji=whole) for n in range(1, MOST_LESIONS + 8))
    labels = np.zeros_like(result.lesions.labels)
    labels[len(labels) // 2].flat[: len(many)] = range(1, len(many) + 1)
    page = Page(result_html(replace(result, lesions=replace(result.lesions, labels=labels, lesions=many))))
    assert "and 7 smaller ones: result.lesions.to_dataframe()" in page.texts
    assert str(MOST_LESIONS + 7) in page.texts
    assert page.tags.count("td") - 8 * MOST_LESIONS == 7 * sum(1 for row in result.summary.sites if row.count)


HOSTILE = st.text(max_size=30) | st.sampled_from(
    ["<script>alert(1)</script>", "</td><img src=x onerror=y>", "&lt;", '"><b>']
)


@settings(max_examples=10)
@given(message=HOSTILE, description=HOSTILE)
def test_texts_from_headers_are_escaped(message: str, description: str) -> None:
    result = make_result(SMALL, balls=BALLS[:1], flags=[Flag(code="noisy", message=message)])
    choice = replace(result.scan.series[0], description=description, reason=message)
    result = replace(result, scan=replace(result.scan, series=(choice,)))
    page = Page(result_html(result))
    assert set(page.tags) <= TAGS
    assert {name for name, _ in page.attributes} <= {"style", "src", "alt"}
    assert "".join(c if c.isprintable() else "?" for c in message).strip() in page.text


@pytest.mark.parametrize("shown", [repr, result_html])
def test_no_identifier_is_shown(shown: object) -> None:
    assert callable(shown)
    flag = Flag(code="noisy", message="noise in the scan of MUSTERMANN")
    text = shown(make_result(SMALL, flags=[flag]))
    for identifier in ("Mustermann", "MUSTERMANN", "HOSP-778899", "1.2.826.0.1.99", "20240131"):
        assert identifier not in text


def test_a_result_fits_on_a_screen(sample_result: calcscan.Result) -> None:
    lines = repr(sample_result).splitlines()
    assert len(lines) <= 30
    assert max(map(len, lines)) <= 100
    assert any("pallidum" in line for line in lines)
    assert not any("array" in line for line in lines)


def test_data_frames_are_the_tables_of_the_report(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    result = make_result()
    assert result.lesions is not None
    report = build_report(result)
    for frame, written in (
        (result.lesions.to_dataframe(), lesions_csv(report)),
        (result.sites_dataframe(), sites_csv(report)),
    ):
        rows = list(csv.DictReader(io.StringIO(written)))
        assert list(frame.columns) == list(rows[0])
        assert len(frame) == len(rows)
        read = pandas.read_csv(io.StringIO(written), keep_default_na=False, na_values=[""])
        for column in frame.columns:
            if pandas.api.types.is_numeric_dtype(read[column]):
                assert frame[column].astype(float).tolist() == pytest.approx(
                    read[column].astype(float), rel=1e-5, nan_ok=True
                )
    empty, unknown = make_result(SMALL, balls=()).lesions, make_result(SMALL, refused=True)
    assert empty is not None
    assert empty.to_dataframe().dtypes.equals(result.lesions.to_dataframe().dtypes)
    assert unknown.sites_dataframe().dtypes.equals(result.sites_dataframe().dtypes)
    assert unknown.sites_dataframe()["volume_mm3"].isna().all()
    assert unknown.sites_dataframe()["count"].isna().all()


def test_without_pandas_it_is_said_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    result: Result = make_result(SMALL)
    assert result.lesions is not None
    for call in (result.lesions.to_dataframe, result.sites_dataframe):
        with pytest.raises(ImportError, match="needs pandas, which is not installed"):
            call()
