"""Progress on request: which stage runs, and how many are done. Shown on stderr; nothing is loaded until it is."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Display
    from rich.progress import ProgressColumn

Progress = Callable[[str], None]
"""Called with the name of each stage as it begins."""

LOG = logging.getLogger("calcscan")
"""Stages at INFO as they begin; decisions and durations at DEBUG. Silent unless the program that uses it wants it."""


@dataclass(slots=True)
class Stages:
    """Reports each stage's name as it begins, and keeps how long it took."""

    progress: Progress | None = None
    timings_s: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        LOG.info("%s", name)
        if self.progress is not None:
            self.progress(name)
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.timings_s[name] = round(time.perf_counter() - begin, 3)
            LOG.debug("%s: %.3f s", name, self.timings_s[name])


@contextmanager
def progress_of(wanted: bool | Progress | None, stages: int) -> Iterator[Progress | None]:
    """What a function's `progress` argument asks for: nothing, a bar of `stages` stages, or what it is itself.

    The bar is cleared at the end. Where stderr is no terminal (a notebook, a file) each stage is a line.

    Raises
    ------
    TypeError
        It is neither a bool nor something to call.
    """
    if callable(wanted):
        yield wanted
    elif wanted is True and sys.stderr.isatty():
        with _bar(stages) as bar:
            yield bar
    elif wanted is True:
        yield _lines(stages)
    elif wanted in (None, False):
        yield None
    else:
        kind = type(wanted).__name__
        raise TypeError(f"progress must be True, or a function that takes the name of a stage, not {kind}")


@contextmanager
def _bar(stages: int) -> Iterator[Progress]:
    from rich.progress import BarColumn, MofNCompleteColumn, TimeElapsedColumn

    display = rich_display(
        "calcscan", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), "{task.description}", transient=True
    )
    task = display.add_task("", total=stages)
    begun = 0

    def tell(stage: str) -> None:
        nonlocal begun
        display.update(task, completed=begun, description=shown(stage), refresh=True)
        begun += 1

    with display:
        yield tell


def _lines(stages: int) -> Progress:
    begun = 0

    def tell(stage: str) -> None:
        nonlocal begun
        begun += 1
        sys.stderr.write(f"calcscan: {shown(stage)} ({begun} of {max(begun, stages)})\n")
        sys.stderr.flush()

    return tell


def rich_display(*columns: str | ProgressColumn, transient: bool = False) -> Display:
    """A line of progress on stderr. Texts are no markup: they may be names from a header."""
    from rich.console import Console
    from rich.progress import Progress, TextColumn
    from rich.table import Column

    one_line = Column(no_wrap=True, overflow="ellipsis")
    return Progress(
        *(
            TextColumn(column, markup=False, table_column=one_line.copy()) if isinstance(column, str) else column
            for column in columns
        ),
        console=Console(stderr=True),
        transient=transient,
        redirect_stdout=False,
        redirect_stderr=False,
    )


def shown(text: str, *, lines: bool = False) -> str:
    """Text without control characters, which names and headers may hold and a terminal would obey.

    >>> shown("a\\x1b[31m\\tb\\nc"), shown("a\\nb", lines=True)
    ('a?[31m?b?c', 'a\\nb')
    """
    return "".join(letter if letter.isprintable() or (lines and letter == "\n") else "?" for letter in text)
