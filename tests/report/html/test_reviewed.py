"""The page of a reviewed report says who decided what."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

from support.results import make_result

from calcscan.model import Result, Review, ReviewDecision
from calcscan.report.build import build_report
from calcscan.report.html.reviewed import reviews_in_words
from calcscan.report.write import report_files

FIRST = Review(
    reader="Dr. <b>One</b>",
    at="2026-11-29T03:30:00+01:00",
    comment="a quiet night",
    decisions=(
        ReviewDecision(lesion=1, decision="accept"),
        ReviewDecision(lesion=2, decision="accept"),
        ReviewDecision(lesion=3, decision="accept", comment="sure"),
        ReviewDecision(lesion=4, decision="move", site="habenula", side="midline"),
        ReviewDecision(lesion=5, decision="reject", reason="bone", comment="<img src=x>"),
    ),
)
SECOND = Review(
    reader=None,
    at="2026-11-30",
    decisions=(
        ReviewDecision(lesion=1, decision="redraw", voxels_added=3, voxels_removed=2),
        ReviewDecision(lesion=8, decision="add", site="pallidum", side="left", voxels_added=9),
        ReviewDecision(lesion=2, decision="merge", into=1),
        ReviewDecision(lesion=3, decision="split", seeds_lps_mm=((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))),
    ),
)


def reviewed() -> Result:
    result = make_result()
    return replace(result, reviews=(FIRST, SECOND), program=result)


class Text(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.tags = "", set[str]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_every_reader_and_every_decision_is_told_in_words() -> None:
    first, second = reviews_in_words(build_report(reviewed()))
    assert (first.who, first.when, first.comment) == ("Dr. <b>One</b>", "2026-11-29 02:30 UTC", "a quiet night")
    assert first.decisions == (
        "lesion 3 accepted: “sure”",
        "lesion 4 moved to habenula",
        "lesion 5 rejected as bone: “<img src=x>”",
        "accepted as it is: lesions 1, 2",
    )
    assert (second.who, second.when) == ("a reader who gave no name", "2026-11-30")
    assert second.decisions == (
        "lesion 1 redrawn (3 voxels added, 2 taken away)",
        "lesion 8 added (9 voxels added), left pallidum",
        "lesion 2 merged into lesion 1",
        "lesion 3 split at 2 points",
    )
    assert reviews_in_words(build_report(make_result())) == ()


def test_the_page_tells_them_as_text() -> None:
    seen = Text(report_files(reviewed())["report.html"].decode())
    told = " ".join(seen.text.split())
    assert "Reviewed by Dr. <b>One</b>, 2026-11-29 02:30 UTC: “a quiet night”" in told
    assert "Reviewed by a reader who gave no name, 2026-11-30" in told
    assert "lesion 5 rejected as bone: “<img src=x>”" in told
    assert "after all reviews" in told
    assert "b" not in seen.tags
