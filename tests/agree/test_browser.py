"""agreement.html in a real Chromium: as wide as the window, on paper, and asking for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.agreement_data import box, labels, nifti, run_folder, table
from support.browser import Opened, driving, opened, soon

from calcscan import assess_agreement, write_agreement

if TYPE_CHECKING:
    from playwright.sync_api import Playwright

EVIL = "=CMD()<script>window.evil=1</script><img src=x onerror='window.evil=1'>\x1b[31m\u202e\x00"
PAPER_PX = 1047
"""A4 across, within its margins."""


@pytest.fixture(scope="module")
def driver() -> Iterator[Playwright]:
    with driving() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of twelve studies by name, beside another agreement; one study's name is somebody's attack."""
    folder = tmp_path_factory.mktemp("agree")
    volumes = ((10, 12), (0, 0), (30, 20), (0, 9), (55, 60), (7, 0))
    sites = (("pallidum", "left"), ("pallidum", "right"), ("carotid_siphon", "left"), ("pineal", ""))
    rows = [
        [
            [f"{EVIL if not n else 's'}{n}", site, side, pair[k] + n]
            for n, pair in enumerate(volumes * 2)
            for site, side in sites
        ]
        for k in (0, 1)
    ]
    one, other = table(folder / "a.csv", rows[0]), table(folder / "b.csv", rows[1])
    found = assess_agreement(one, other)
    write_agreement(found, folder / "readers")
    write_agreement(found, folder / "out", beside=folder / "readers")
    return folder / "out" / "agreement.html"


def wide(seen: Opened) -> int:
    return int(seen.page.evaluate("document.documentElement.scrollWidth"))


def scrolled(seen: Opened) -> None:
    assert seen.page.evaluate("document.querySelector('.scroll').scrollLeft") > 0


def unfolded(seen: Opened) -> None:
    assert seen.page.evaluate("document.querySelector('details').open")


@pytest.mark.parametrize("width", [1280, 390])
def test_it_fits_the_window_and_nothing_leaves_it(driver: Playwright, written: Path, width: int) -> None:
    with opened(driver, written, webgl=False, width=width, height=844) as seen:
        assert wide(seen) <= width
        assert seen.requests == [written.as_uri()]
        assert seen.errors == []
        assert seen.page.locator("svg circle").count() >= 24
        assert seen.page.is_visible("h1")


def test_on_paper_every_column_is_there(driver: Playwright, written: Path) -> None:
    with opened(driver, written, webgl=False, width=PAPER_PX, height=700) as seen:
        seen.page.emulate_media(media="print")
        rights = seen.page.evaluate("[...document.querySelectorAll('table')].map(t => t.getBoundingClientRect().right)")
        assert len(rights) >= 5
        assert max(rights) <= PAPER_PX
        folded = seen.page.locator("details figure")
        assert folded.count() >= 2
        assert folded.first.evaluate("figure => figure.checkVisibility({contentVisibilityAuto: true})")
        printed = seen.page.pdf(prefer_css_page_size=True)
    assert b"/MediaBox [0 0 841" in printed  # A4 across


def test_names_from_outside_are_text(driver: Playwright, written: Path) -> None:
    text = written.read_text(encoding="utf-8")
    assert not {"\x1b", "\x00", "\u202e"} & set(text)
    with opened(driver, written, webgl=False) as seen:
        assert seen.page.evaluate("window.evil") is None
        assert "<script>window.evil=1</script>" in (seen.page.text_content("main") or "")
        assert seen.page.locator("img").count() == 0


def test_the_keyboard_scrolls_what_is_wide_and_opens_what_is_folded(driver: Playwright, written: Path) -> None:
    with opened(driver, written, webgl=False, width=390, height=844) as seen:
        box = seen.page.locator(".scroll").first
        box.focus()
        seen.page.keyboard.press("ArrowRight")
        soon(seen.page, lambda: scrolled(seen))
        seen.page.focus("summary")
        seen.page.keyboard.press("Enter")
        soon(seen.page, lambda: unfolded(seen))


def test_label_maps_have_sizes_and_confusions_on_the_page(driver: Playwright, tmp_path: Path) -> None:
    results = run_folder(tmp_path / "s", labels([(5, box(4, 4, 4)), (6, box(12, 12, 12))]))
    drawn = nifti(tmp_path / "r.nii.gz", labels([(5, box(4, 4, 5)), (7, box(9, 9, 9))]))
    write_agreement(assess_agreement(results, drawn), tmp_path / "out")
    with opened(driver, tmp_path / "out" / "agreement.html", webgl=False) as seen:
        headings = seen.page.locator("h2").all_inner_texts()
        assert {"Lesions by size", "Which is taken for which"} <= set(headings)
        assert seen.errors == []
