"""What the page says, without a browser."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from dataclasses import replace
from functools import cache
from hashlib import sha256
from html.parser import HTMLParser
from importlib.resources import files

import pytest
from support.contrast import contrast, themes
from support.results import BALLS, CASES, Ball, make_result

from calcscan.knowledge.html_page import HtmlPageSettings
from calcscan.knowledge.settings import load
from calcscan.knowledge.sites import all_sites
from calcscan.model import Result
from calcscan.report.build import build_report
from calcscan.report.html import content
from calcscan.report.html.charts import bar_chart, histogram
from calcscan.report.write import report_files

NIIVUE_SHA256 = "47b896b77ec4a5be3ef1949c33ad393b6f45629921f326c279000bcf51bdb4af"
VOID = {"meta", "img", "input", "br", "link"}


@cache
def result_of(case: str) -> Result:
    return make_result(**CASES[case])


@cache
def page_of(case: str) -> str:
    return report_files(result_of(case))["report.html"].decode()


class Outline(HTMLParser):
    """Tags that are open, headings, pictures, tables, addresses, ids, and the text that is seen."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.headings: list[int] = []
        self.pictures: list[dict[str, str | None]] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.captions = self.tables = 0
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "img":
            self.pictures.append(given)
        self.tables += tag == "table"
        self.captions += tag == "caption"
        self.ids += [str(given["id"])] if "id" in given else []
        self.links += [str(given[name]) for name in ("href", "src", "action", "srcset", "poster") if name in given]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Closed where it is opened."""

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.text += data


@cache
def outline_of(case: str) -> Outline:
    return Outline(page_of(case))


@pytest.mark.parametrize("case", CASES)
def test_it_is_sound_and_accessible(case: str) -> None:
    page = outline_of(case)
    assert page.wrong == []
    assert page.open == []
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(page.headings, page.headings[1:], strict=False))
    assert all(picture.get("alt") for picture in page.pictures)
    assert page.captions == page.tables
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)


@pytest.mark.parametrize("case", CASES)
def test_it_stands_alone(case: str) -> None:
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in outline_of(case).links)
    assert len(page_of(case)) < 10e6
    assert "url(" not in (files("calcscan.report.html") / "page.css").read_text(encoding="utf-8")


@pytest.mark.parametrize("case", CASES)
def test_the_browser_runs_our_scripts_and_no_others(case: str) -> None:
    page = page_of(case)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page).group(1).replace("&#39;", "'")
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    hashes = {f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in scripts}
    assert set(re.search(r"script-src ([^;]*)", policy).group(1).split()) == hashes
    assert policy.startswith("default-src 'none'; ")
    assert not re.search(r"unsafe-eval|https?:|\*", policy)
    assert not re.search(r"<[^>]*\son\w+=", re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL))


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_called_absent(case: str) -> None:
    text = outline_of(case).text.lower()
    assert not re.search(r"\babsent\b|\bno calcification is present\b|\bnormal\b", text)
    assert "research use only" in text


def test_the_answer_comes_first() -> None:
    text = " ".join(outline_of("found").text.split())
    assert text.index("5 calcifications found") < text.index("What to do next") < text.index("Slices")
    nothing = " ".join(outline_of("nothing found").text.split())
    assert "No calcification was detected above about 12 mm³ (of 300 HU)." in nothing
    refused = " ".join(outline_of("refused").text.split())
    assert "The scan was not analysed." in refused
    assert "No brain inside the skull" in refused


@pytest.mark.parametrize("case", ["not registered", "contrast"])
def test_where_calcscan_abstains_no_site_is_named_for_what_was_found(case: str) -> None:
    text = " ".join(outline_of(case).text.split())
    assert "none is attributed to a site" in text
    assert "calcscan abstains" in text
    assert "None detected" not in text
    if case == "not registered":
        assert "pallidum" not in text.split("All sites and sides as a table")[0]


def test_every_lesion_is_in_the_table_with_the_reports_numbers() -> None:
    report = build_report(result_of("found"))
    page = page_of("found")
    for lesion in report.lesions or ():
        row = re.search(rf'<tr id="row-{lesion.id}".*?</tr>', page, flags=re.DOTALL).group(0)
        assert f">{content.volume(lesion.volume_mm3)}<" in row
        assert content.place(lesion.site, lesion.side) in row
        assert f">{lesion.max_hu}<" in row
        assert all_sites()[lesion.site].colour in row
        assert f'id="lesion-{lesion.id}"' in page


def test_the_script_is_told_where_each_lesion_lies() -> None:
    data = json.loads(re.search(r'id="data">(.*?)</script>', page_of("found"), flags=re.DOTALL).group(1))
    files = report_files(result_of("found"))
    assert data["report_sha256"] == sha256(files["report.json"]).hexdigest()
    for told in data["lesions"]:
        left, back, up = BALLS[told["id"] - 1].centre_mm
        assert told["at"] == pytest.approx([-left, -back, up], abs=3.5)


def test_bars_are_as_long_as_their_volumes() -> None:
    report = build_report(result_of("found"))
    chart = bar_chart(report)
    end = chart.marks[-1][0]
    row = next(row for row in chart.rows if row.site == "pallidum")
    for side, bar in row.bars.items():
        entry = next(entry for entry in report.sites if (entry.site, entry.side) == ("pallidum", side))
        assert bar.length == pytest.approx(100 * entry.volume_mm3 / end)
        assert bar.low < bar.length < bar.high <= 100
    assert {entry.site for entry in chart.unsided} == {"falx", "pineal"}
    assert all(set(row.bars) <= {"left", "right"} for row in chart.rows)
    assert bar_chart(build_report(result_of("nothing found"))) is None


def test_what_has_no_side_is_told_in_words_not_drawn_as_right_or_left() -> None:
    ball = Ball(site="pineal", side="midline", centre_mm=(0.0, 22.0, 2.0), radius_mm=9.0)
    report = build_report(make_result(balls=(ball,)))
    assert report.lesions
    chart = bar_chart(report)
    assert chart.rows == ()
    page = report_files(make_result(balls=(ball,)))["report.html"].decode()
    assert "Right against left" not in page
    assert 'class="bars"' not in page
    assert "In the midline, or without a side" in page


def test_the_histogram_holds_every_voxel_once() -> None:
    result = result_of("found")
    bars = histogram(result.lesions, result.scan, 100)
    volumes = {lesion.id: lesion for lesion in result.lesions.lesions}
    total = sum(lesion.volume_mm3 for lesion in volumes.values())  # of these heads it is the count of voxels
    assert sum(bar.total_mm3 for bar in bars) == pytest.approx(total)
    physiological = sum(one.volume_mm3 for one in volumes.values() if all_sites()[one.site].physiological)
    assert sum(bar.physiological_mm3 for bar in bars) == pytest.approx(physiological)
    held = {bar.from_hu: bar.total_mm3 for bar in bars if bar.total_mm3}
    assert set(held) == {400, 700}


def test_more_lesions_than_pictures_are_said_to_have_none() -> None:
    from calcscan.report.html import page_html

    result = result_of("found")
    few = load(HtmlPageSettings)
    few = type(few)(**{name: getattr(few, name) for name in few.__struct_fields__} | {"most_pictures": 2})
    page = page_html(result, build_report(result), "0" * 64, settings=few)
    assert page.count("outlined, brain window") == 2
    assert page.count("No picture here") == len(BALLS) - 2


def test_unknown_stays_unknown() -> None:
    result = result_of("found")
    rows = [
        replace(row, count=None, volume_mm3=None, volume_low_mm3=None, volume_high_mm3=None, grade=None)
        if (row.site, row.side) in {("caudate", "left"), ("pallidum", "right")}
        else row
        for row in result.summary.sites
    ]
    other = replace(result, summary=replace(result.summary, sites=tuple(rows)))
    page = Outline(report_files(other)["report.html"].decode()).text
    text = " ".join(page.split())
    assert "right not known" in text
    assert "Not examined, or unsure: caudate" in text


def test_without_the_page_there_is_none() -> None:
    without = report_files(result_of("nothing found"), html=False)
    assert "report.html" not in without
    assert "report.html" not in json.loads(without["report.json"])["files"]


def test_the_vendored_viewer_is_the_published_one_and_can_be_inlined() -> None:
    viewer = (files("calcscan.report.html") / "niivue.umd.js").read_bytes()
    assert sha256(viewer).hexdigest() == NIIVUE_SHA256
    licences = (files("calcscan.report.html") / "niivue.LICENCES.txt").read_text(encoding="utf-8")
    assert NIIVUE_SHA256 in licences
    assert "*/" not in licences
    script = (files("calcscan.report.html") / "page.js").read_bytes()
    assert b"<!--" not in viewer + script
    assert b"</script" not in (viewer + script).lower()
    assert "BSD 2-Clause" in page_of("found")


# ---- by night


STYLES = {
    "calcscan.report.html": {
        "paper": ("ink", "soft", "link", "bad"), "pale": ("ink", "soft"), "warn": ("ink",), "told": ("ink", "link"),
        "here": ("ink", "link"),
    },
    "calcscan.agree": {
        "paper": ("ink", "faint", "a"), "caution": ("ink",), "same": ("ink",), "other": ("ink",), "all": ("ink",),
    },
}  # fmt: skip


@pytest.mark.parametrize("package", STYLES)
def test_text_is_legible_by_day_and_in_a_dark_reading_room(package: str) -> None:
    day, night = themes(files(package).joinpath("page.css").read_text("utf-8"))
    assert set(day) == set(night)
    for theme in (day, night):
        for ground, inks in STYLES[package].items():
            for ink in inks:
                assert contrast(theme[ink], theme[ground]) >= 4.5, (ink, ground)
    assert contrast(night["paper"], "#000") < 1.2
