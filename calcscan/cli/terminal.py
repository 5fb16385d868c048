"""What the commands share: progress on stderr, text that any terminal can show, arguments with a unit."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import warnings
from pathlib import Path
from types import TracebackType

from calcscan.errors import SettingError


def load_kernels(*, quiet: bool) -> None:
    """Load numba and see where compiled code can be kept; says so, once, where that isn't as usual.

    Raises
    ------
    SettingError
        An environment variable that decides about it can't be taken.
    """
    try:
        from calcscan._kernels.cache import note
    except ValueError as error:
        raise SettingError(str(error), hint="set it so, or leave it out") from error
    said = note()
    if said and not quiet:
        sys.stderr.write(f"calcscan: {said}\n")


class Progress:
    """Names the stage that runs, on one line of stderr, if that is a terminal. Cleared at the end."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.shown = sys.stderr.isatty() and not quiet
        self._note = ""

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._write("")

    def __call__(self, stage: str) -> None:
        self._write(f"calcscan: {stage} ...{self._note}")

    def tell_compiling(self) -> None:
        """Says that the first run takes longer, if it is the first run."""
        if not self.shown:
            return
        from calcscan._kernels.warm import is_compiled

        if not is_compiled():
            self._note = "  (first run on this machine: compiling, once)"

    def _write(self, text: str) -> None:
        if self.shown:
            sys.stderr.write(f"\r\033[K{text}")
            sys.stderr.flush()


def quieten_libraries() -> None:
    """Libraries' own warnings stay off the terminal: they may quote a person's data; calcscan flags what matters."""
    if not os.environ.get("CALCSCAN_DEBUG"):
        warnings.simplefilter("ignore")
        logging.getLogger("pydicom").addHandler(logging.NullHandler())
        logging.getLogger("pydicom").propagate = False


def write_text(text: str) -> None:
    """To stdout, with a `?` for what its encoding can't show and for what would steer the terminal."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(shown(text, lines=True).encode(encoding, "replace").decode(encoding))


def shown(text: str, *, lines: bool = False) -> str:
    """Text that a terminal shows and does not obey: names and headers may hold control characters.

    >>> shown("a\\x1b[31m\\tb\\nc"), shown("a\\nb", lines=True)
    ('a?[31m?b?c', 'a\\nb')
    """
    return "".join(letter if letter.isprintable() or (lines and letter == "\n") else "?" for letter in text)


def path(text: str) -> Path:
    """A path; not an empty text, which Python would take for the folder that one is in."""
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
