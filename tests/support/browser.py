"""A real Chromium with a page of ours in it, and all that it asks for and complains of."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

from support.waiting import PATIENCE_S

if TYPE_CHECKING:
    from playwright.sync_api import Page, Playwright

T = TypeVar("T")
_QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage",  # which is too small for a page in many a container
)  # fmt: skip
_SOFTWARE_WEBGL = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
_NO_WEBGL = ("--disable-3d-apis",)
_PATIENCE_MS = PATIENCE_S * 1000 / 2


@dataclass(slots=True)
class Opened:
    """A page, and what came of it: addresses it asked for, errors it wrote."""

    page: Page
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@contextmanager
def driving() -> Iterator[Playwright]:
    """What drives Chromium; there can be one at a time. The test is skipped where either is not installed."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright for Python is not installed")
    if _program() is None:
        pytest.skip("no Chromium is installed")
    with playwright.sync_playwright() as driver:
        yield driver


@contextmanager
def opened(
    driver: Playwright, file: Path, *, webgl: bool = True, width: int = 1280, height: int = 900
) -> Iterator[Opened]:
    """The page in a fresh browser, its viewer up or given up."""
    browser = driver.chromium.launch(
        executable_path=_program(),
        args=[*_QUIET, *(_SOFTWARE_WEBGL if webgl else _NO_WEBGL)],
        timeout=_PATIENCE_MS,
    )
    page = browser.new_page(viewport={"width": width, "height": height})
    page.set_default_timeout(_PATIENCE_MS)
    seen = Opened(page)
    page.on("request", lambda asked: seen.requests.append(asked.url))
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.on("console", lambda said: seen.errors.append(said.text) if said.type == "error" else None)
    page.goto(file.as_uri())
    if page.locator("#canvas").count():
        page.wait_for_selector("body[data-viewer]")
    yield seen
    browser.close()


def soon(page: Page, look: Callable[[], T]) -> T:
    """What ``look`` returns, as soon as it no longer fails an assertion.

    A browser draws and scrolls when it comes to it, later where many tests run at once. Playwright's own
    ``wait_for_function`` asks the page to evaluate text, which the page's Content-Security-Policy forbids.
    """
    until = time.monotonic() + PATIENCE_S / 2
    while True:
        try:
            return look()
        except AssertionError:
            if time.monotonic() > until:
                raise
            page.wait_for_timeout(50)


def shows(page: Page, selector: str, words: str) -> None:
    """Soon the words stand in an element."""

    def look() -> None:
        assert words in page.inner_text(selector)

    soon(page, look)


def _program() -> str | None:
    return shutil.which("chromium") or shutil.which("google-chrome")
