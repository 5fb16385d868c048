"""What the commands share: progress on stderr, text that any terminal can display, arguments with a unit."""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import sys
import warnings
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from calcscan.errors import SettingError
from calcscan.progress import rich_display
from calcscan.progress import shown as shown

if TYPE_CHECKING:
    from rich.progress import Progress as Display


def load_kernels(*, quiet: bool) -> None:
    """Load numba and find where compiled code can be cached; prints a note where that is not the usual folder.

    Raises
    ------
    SettingError
        An environment variable that configures it is invalid.
    """
    try:
        from calcscan._kernels.cache import note
    except ValueError as error:
        raise SettingError(str(error), hint="correct it, or unset it") from error
    said = note()
    if said and not quiet:
        sys.stderr.write(f"calcscan: {said}\n")


class Progress:
    """Names the stage that runs, on one line of stderr, if that is a terminal. Cleared at the end."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.shown = sys.stderr.isatty() and not quiet
        self._note = ""
        self._display: Display | None = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __call__(self, stage: str) -> None:
        self.update(stage)
        if self._display is not None:
            self._display.refresh()  # at once: the stage may hold the interpreter for seconds

    def update(self, stage: str) -> None:
        """As a call, but shown when the line is next drawn: for what changes a thousand times a second."""
        if not self.shown:
            return
        if self._display is None:
            self._display = rich_display("{task.description}", transient=True)
            self._display.add_task("", total=None)
            self._display.start()
        self._display.update(self._display.task_ids[0], description=shown(f"calcscan: {stage} ...{self._note}"))

    def close(self) -> None:
        """Clears the line; a later stage begins a new one."""
        if self._display is not None:
            self._display.stop()
            self._display = None

    def tell_compiling(self) -> None:
        """Says that the first run takes longer, if it is the first run."""
        if not self.shown:
            return
        from calcscan._kernels.warm import is_compiled

        if not is_compiled():
            self._note = "  (first run on this machine: compiling, once)"


class Bar:
    """A bar of finished studies on stderr, if that is a terminal. Stays on the screen at the end."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.shown = sys.stderr.isatty() and not quiet
        self._display: Display | None = None

    def __call__(self, finished: int, total: int, name: str, state: str) -> None:
        if not self.shown:
            return
        if self._display is None:
            from rich.progress import BarColumn, MofNCompleteColumn, TimeElapsedColumn

            self._display = rich_display(
                BarColumn(), MofNCompleteColumn(), "studies", TimeElapsedColumn(), "{task.description}"
            )
            self._display.add_task("", total=total)
            self._display.start()
        self._display.update(
            self._display.task_ids[0], completed=finished, description=shown(f"{name} {state}".strip()), refresh=True
        )

    def close(self) -> None:
        """Leaves the bar as it is."""
        if self._display is not None:
            self._display.stop()
            self._display = None


def quieten_libraries() -> None:
    """Keep libraries' warnings off the terminal: they may quote a person's data, and calcscan flags what matters."""
    if not os.environ.get("CALCSCAN_DEBUG"):
        warnings.simplefilter("ignore")
        logging.getLogger("pydicom").addHandler(logging.NullHandler())
        logging.getLogger("pydicom").propagate = False


def write_text(text: str) -> None:
    """To stdout, with a `?` for what its encoding lacks and for control characters."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(shown(text, lines=True).encode(encoding, "replace").decode(encoding))


def as_json(plain: object) -> str:
    """A document for the standard output."""
    from calcscan.report.json_text import json_text

    return json_text(plain)


def width() -> int:
    """How wide a text is folded: that of the terminal, within what can be read."""
    return max(60, min(shutil.get_terminal_size((120, 24)).columns, 140))


def add_atlas(parser: argparse.ArgumentParser) -> None:
    """The option of an atlas of one's own."""
    parser.add_argument(
        "--atlas",
        type=path,
        metavar="FOLDER",
        help="an atlas of your own instead of the shipped one; 'calcscan atlas --help' says how to make one",
    )


def add_discard_review(parser: argparse.ArgumentParser) -> None:
    """The option without which a review is never replaced."""
    parser.add_argument(
        "--discard-review",
        action="store_true",
        help="also replace a report that a person has reviewed; the review is lost (default: refuse)",
    )


def path(text: str) -> Path:
    """A path; an empty one is refused, since Python takes it for the current folder."""
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty: is a variable not set? (write . for this folder)")
    return Path(text)


def hounsfield(text: str) -> float:
    """A threshold in HU."""
    from calcscan.knowledge import asked_threshold

    try:
        return asked_threshold(float(text), name="it") or 0.0
    except ValueError as error:
        what = str(error) if str(error).startswith("it ") else f"{text!r} is no number of HU"
        raise argparse.ArgumentTypeError(what) from error
