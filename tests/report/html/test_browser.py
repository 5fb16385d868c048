"""report.html in a real Chromium: the viewer, the way from the table to the picture and back, a review by clicking."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from support.browser import Opened, driving, opened, shows, soon
from support.results import Ball, grid, make_result

from calcscan.model import Flag, SeriesChoice
from calcscan.report.write import report_files

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from playwright.sync_api import Playwright

BALLS = (
    Ball(site="putamen", side="left", centre_mm=(30.0, -30.0, 2.0), radius_mm=8.0),
    Ball(site="pineal", side="midline", centre_mm=(0.0, 22.0, 2.0), radius_mm=7.0),
    Ball(site="dentate", side="right", centre_mm=(-18.0, 40.0, -20.0), radius_mm=6.0),
)
GRID = grid(spacing_mm=(4.0, 2.0, 2.0))
EVIL = "<script>window.evil=1</script><img src=x onerror='window.evil=1'>\x1b[31m\u202e\x00=CMD()"


def write(folder: Path, **changes: object) -> tuple[Path, str]:
    """report.html of a synthetic result, and the checksum of its report.json."""
    result = replace(make_result(GRID, balls=BALLS), **changes)
    files = report_files(result)
    page = folder / "report.html"
    page.write_bytes(files["report.html"])
    return page, sha256(files["report.json"]).hexdigest()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    return write(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def driver() -> Iterator[Playwright]:
    with driving() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def shown(driver: Playwright, written: tuple[Path, str]) -> Iterator[Opened]:
    with opened(driver, written[0]) as seen:
        yield seen


def where(seen: Opened) -> str:
    return seen.page.inner_text("#where")


def canvas(seen: Opened) -> NDArray[np.int_]:
    """Red, green and blue of the viewer as it is drawn now."""
    return np.asarray(Image.open(io.BytesIO(seen.page.locator("#canvas").screenshot())).convert("RGB")).astype(int)


def colour_at(seen: Opened, kind: str) -> tuple[float, float]:
    """The middle (x, y) in the canvas of what is red (putamen) or green (pineal) in it."""
    red, green, blue = np.moveaxis(canvas(seen), -1, 0)
    mask = (red > green + 60) & (red > blue + 60) if kind == "red" else (green > red + 40) & (green > blue + 40)
    rows, columns = np.nonzero(mask)
    assert len(rows) > 20, f"nothing {kind} is seen"
    return float(columns.mean()), float(rows.mean())


def test_the_viewer_is_up_and_nothing_leaves_the_page(shown: Opened, written: tuple[Path, str]) -> None:
    assert shown.page.evaluate("document.body.dataset.viewer") == "ready"
    assert shown.page.is_visible("#canvas")
    assert not shown.page.is_visible("#no-viewer")
    outside = [url for url in shown.requests if not url.startswith(("data:", "blob:"))]
    assert outside == [written[0].as_uri()]
    assert shown.errors == []


def test_from_the_table_to_the_picture(shown: Opened) -> None:
    shown.page.click("#row-3 button[data-jump]")
    shows(shown.page, "#where", "lesion 3, right dentate")
    assert shown.page.get_attribute("#row-3", "aria-current") == "true"
    shown.page.click("#row-1 button[data-jump]")
    shows(shown.page, "#where", "lesion 1, left putamen")
    assert shown.page.get_attribute("#row-3", "aria-current") is None
    left, back, up = (float(text) for text in where(shown).split("LPS")[1].split("mm")[0].split(","))
    assert (left, back, up) == pytest.approx(BALLS[0].centre_mm, abs=3.0)


def test_from_the_picture_to_the_table_and_left_is_on_the_right(shown: Opened) -> None:
    shown.page.click("button[data-planes=axial]")
    shown.page.click("#row-1 button[data-jump]")
    putamen = soon(shown.page, lambda: colour_at(shown, "red"))
    pineal = soon(shown.page, lambda: colour_at(shown, "green"))
    assert putamen[0] > pineal[0] + 30  # the person's left is on the right of the picture
    assert putamen[1] < pineal[1] - 30  # the front is up
    shown.page.locator("#canvas").click(position={"x": pineal[0], "y": pineal[1]})
    shows(shown.page, "#where", "lesion 2, pineal")
    assert shown.page.get_attribute("#row-2", "aria-current") == "true"
    shown.page.click("#where a")
    shown.page.wait_for_url("**#row-2")
    shown.page.click("button[data-planes=all]")


def red_in_places(seen: Opened) -> None:
    picture = canvas(seen)
    assert 0.001 < (picture[..., 0] > picture[..., 1] + 30).mean() < 0.1


def test_brain_stays_grey_under_a_hundred_and_fifty_lesions(driver: Playwright, tmp_path: Path) -> None:
    """Numbers without a lesion must stay clear: NiiVue would blend the colour of 0 with that of 1."""
    at = [
        (float(x), float(y), float(z)) for x in range(-36, 40, 9) for y in range(-36, 40, 9) for z in (-18, -6, 6, 18)
    ]
    inside = [point for point in at if sum(part**2 for part in point) < 44**2][:150]
    balls = tuple(Ball(site="putamen", side="left", centre_mm=point, radius_mm=2.6) for point in inside)
    assert len(balls) == 150
    page = tmp_path / "report.html"
    page.write_bytes(report_files(make_result(GRID, balls=balls))["report.html"])
    with opened(driver, page) as seen:
        soon(seen.page, lambda: red_in_places(seen))


def test_the_window_changes_what_is_seen(shown: Opened) -> None:
    def darker() -> None:
        assert brain > canvas(shown).mean() + 10

    shown.page.click("button[data-window=brain]")
    soon(shown.page, lambda: colour_at(shown, "green"))
    brain = canvas(shown).mean()
    shown.page.click("button[data-window=bone]")
    soon(shown.page, darker)
    assert shown.page.get_attribute("button[data-window=bone]", "aria-pressed") == "true"
    shown.page.click("button[data-window=brain]")


def test_a_review_is_made_by_clicking_and_saved(driver: Playwright, written: tuple[Path, str], tmp_path: Path) -> None:
    with opened(driver, written[0]) as seen:
        page = seen.page
        for lesion in (1, 2, 3):
            page.click(f"details[data-lesion='{lesion}'] summary")
        page.check("input[name=decision-1][value=reject]")
        page.click("#review button")
        shows(page, "details[data-lesion='1'] .problem", "say what it is instead")
        page.select_option("details[data-lesion='1'] [name=reason]", "foreign_body")
        page.fill("details[data-lesion='1'] [name=comment]", 'a shunt; <b>"beside"</b> =1+1')
        page.check("input[name=decision-2][value=move]")
        page.select_option("details[data-lesion='2'] [name=place]", "thalamus|left")
        page.check("input[name=decision-3][value=split]")
        seeds = page.locator("details[data-lesion='3'] [name=seed]")
        page.click("#row-3 button[data-jump]")
        shows(page, "#where", "lesion 3")
        page.locator("details[data-lesion='3'] [data-take]").first.click()
        page.click("details[data-lesion='3'] [data-more]")
        assert seeds.count() == 3
        seeds.nth(2).fill("-20, 41.5, -19")
        page.click("#review button")
        shows(page, "#saved", "who are you")
        page.fill("#review [name=reader]", "Dr. Ö. Reader")
        with page.expect_download() as download:
            page.click("#review button")
        assert download.value.suggested_filename == "review.json"
        download.value.save_as(tmp_path / "review.json")
        shows(page, "#saved", "3 decisions saved")
        assert page.inner_text("#row-1 [data-state]") == "rejected"
        assert seen.errors == []
    review = json.loads((tmp_path / "review.json").read_text(encoding="utf-8"))
    assert review["schema"] == "calcscan-review/1"
    assert review["report_sha256"] == written[1]
    assert review["reader"] == "Dr. Ö. Reader"
    assert review["at"].endswith("Z")
    first, second, third = sorted(review["decisions"], key=lambda made: made["lesion"])
    assert first == {
        "lesion": 1, "decision": "reject", "reason": "foreign_body", "comment": 'a shunt; <b>"beside"</b> =1+1',
    }  # fmt: skip
    assert second == {"lesion": 2, "decision": "move", "site": "thalamus", "side": "left"}
    assert third["decision"] == "split"
    assert third["seeds_lps_mm"][0] == pytest.approx(BALLS[2].centre_mm, abs=3.0)
    assert third["seeds_lps_mm"][1] == [-20, 41.5, -19]


def test_an_incomplete_review_is_not_saved(driver: Playwright, written: tuple[Path, str]) -> None:
    with opened(driver, written[0], webgl=False) as seen:
        page = seen.page
        page.click("#review button")
        shows(page, "#saved", "no decision")
        page.click("details[data-lesion='2'] summary")
        page.fill("details[data-lesion='2'] [name=comment]", "hm")
        page.click("#review button")
        shows(page, "details[data-lesion='2'] .problem", "a comment is saved with a decision")
        page.check("input[name=decision-2][value=split]")
        seeds = page.locator("details[data-lesion='2'] [name=seed]")
        for text, problem in (("", "two at least"), ("1, 2", "three numbers"), ("1, 2, 3", "the same")):
            seeds.nth(0).fill(text)
            seeds.nth(1).fill(text)
            page.click("#review button")
            shows(page, "details[data-lesion='2'] .problem", problem)


def test_without_webgl_the_pictures_stand(driver: Playwright, written: tuple[Path, str]) -> None:
    with opened(driver, written[0], webgl=False) as seen:
        page = seen.page
        assert page.evaluate("document.body.dataset.viewer") == "none"
        assert page.is_visible("#no-viewer")
        assert not page.is_visible("#canvas")
        page.click("#row-2 button[data-jump]")
        assert page.get_attribute("#row-2", "aria-current") == "true"
        drawn = "[...document.images].filter((image) => image.complete && image.naturalWidth > 20).length"

        def every_image() -> None:
            assert page.evaluate(drawn) == page.evaluate("document.images.length") >= 1 + 3 * len(BALLS)

        soon(page, every_image)
        assert page.is_visible("#slices img")
        assert seen.errors == []


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_window(driver: Playwright, written: tuple[Path, str], width: int) -> None:
    with opened(driver, written[0], webgl=False, width=width, height=844) as seen:
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width


def test_it_prints_on_two_pages(driver: Playwright, written: tuple[Path, str]) -> None:
    with opened(driver, written[0], webgl=False) as seen:
        printed = seen.page.pdf(prefer_css_page_size=True)
    assert printed.count(b"/Type /Page\n") == 2


def test_texts_of_the_header_come_out_as_text(driver: Playwright, tmp_path: Path) -> None:
    scan = make_result(GRID, balls=BALLS).scan
    scan = replace(
        scan,
        study=replace(scan.study, sex=EVIL),
        acquisition=replace(scan.acquisition, manufacturer=EVIL, model=EVIL, kernel=EVIL),
        series=(SeriesChoice(uid="1.2", description=EVIL, images=3, chosen=True, reason=EVIL),),
    )
    quality = make_result(GRID, balls=BALLS, flags=[Flag(code="noisy", message=EVIL, value=EVIL)]).quality
    page, _ = write(tmp_path, scan=scan, quality=quality)
    text = page.read_text(encoding="utf-8")
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\x00" not in text
    with opened(driver, page) as seen:
        assert seen.page.evaluate("document.body.dataset.viewer") == "ready"
        assert seen.page.evaluate("window.evil") is None
        assert seen.page.inner_text("#made").count("<script>window.evil=1</script>") >= 4
        assert seen.errors == []


def test_with_the_sides_unknown_no_side_is_named_in_the_viewer(driver: Playwright, tmp_path: Path) -> None:
    quality = make_result(GRID, balls=BALLS, flags=[Flag(code="laterality_unknown", message="?")]).quality
    page, _ = write(tmp_path, quality=quality)
    with opened(driver, page, webgl=False) as seen:
        assert "? on the left, ? on the right" in seen.page.inner_text("#cards")
        assert json.loads(seen.page.text_content("#data") or "")["sides_known"] is False


def test_the_keyboard_reaches_the_viewer_and_the_review(shown: Opened) -> None:
    shown.page.focus("#row-2 button[data-jump]")
    shown.page.keyboard.press("Enter")
    shows(shown.page, "#where", "lesion 2")
    shown.page.focus("details[data-lesion='2'] summary")
    shown.page.keyboard.press("Enter")
    shown.page.wait_for_selector("input[name=decision-2]", state="visible")
