"""`calcscan batch ROOT -o OUT`."""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from calcscan.cli import terminal

if TYPE_CHECKING:
    from calcscan.batch.model import LeftOut, Study

SOME_FAILED = 3
_MOST_REASONS = 6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "root", type=terminal.path, metavar="ROOT", help="the folder with the studies: DICOM folders, ZIPs, NIfTIs"
    )
    parser.add_argument(
        "-o", "--out", type=terminal.path, required=True, metavar="OUT", help="a folder for each study comes here"
    )
    parser.add_argument("--jobs", type=_count, metavar="N", help="studies at once; default: one a processor, at most 8")
    parser.add_argument(
        "--timeout", type=_seconds, default=1800.0, metavar="S", help="seconds for a study; default 1800"
    )
    parser.add_argument(
        "--threshold", type=terminal.hounsfield, metavar="HU", help="instead of the one that suits each scan"
    )
    parser.add_argument("--keep-ids", action="store_true", help="write names, numbers, dates and UIDs into the results")
    parser.add_argument("--dry-run", action="store_true", help="only say which studies there are, and what is left out")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")


def main(args: argparse.Namespace) -> int:
    from calcscan.batch import run_batch
    from calcscan.batch.model import Settings

    terminal.quieten_libraries()
    looking = _Looking(shown=sys.stderr.isatty() and not args.quiet)
    if args.dry_run:
        return _dry_run(args, looking)
    terminal.load_kernels(quiet=args.quiet)
    settings = Settings(threshold_hu=args.threshold, keep_ids=args.keep_ids)
    bar = _Bar(shown=sys.stderr.isatty() and not args.quiet, before=looking)
    try:
        result = run_batch(
            args.root,
            args.out,
            jobs=args.jobs,
            timeout_s=args.timeout,
            settings=settings,
            progress=bar,
            looking=looking,
        )
    finally:
        looking.close()
        bar.close()
    for name, outcome in result.outcomes.items():
        if outcome.error:
            sys.stderr.write(terminal.shown(f"calcscan: {outcome.error} [{name}]") + "\n")
    if not args.quiet:
        states = [outcome.state for outcome in result.outcomes.values()]
        counts = ", ".join(f"{states.count(state)} {state}" for state in ("done", "abstained", "failed"))
        lines = [f"{_many(len(states), 'study', 'studies')}: {counts}; {len(result.skipped)} finished before"]
        lines += _accounts(result.studies, result.left_out)
        lines += _doubles(result.same_series)
        lines += [str(result.left_out_table)] * bool(result.left_out) + [str(result.table)]
        terminal.write_text("\n".join(lines) + "\n")
    return SOME_FAILED if result.failed else 0


def _doubles(same: Mapping[str, tuple[str, ...]]) -> list[str]:
    """What is there more than once, as a folder and a ZIP of it."""
    if not same:
        return []
    first = next(iter(same))
    example = ", ".join((first, *same[first]))
    return [f"{len(same)} of them measure a series that another does too, see same_series_as ({example})"]


def _dry_run(args: argparse.Namespace, looking: _Looking) -> int:
    from calcscan.batch.run import find

    try:
        found = find(args.root, args.out, looking=looking)
    finally:
        looking.close()
    lines = [f"{study.name}: {_size(study)} in {study.place}" for study in found.studies]
    lines += [f"left out: {row.path} {row.reason}" for row in found.left_out]
    lines += [_many(len(found.studies), "study", "studies"), *_accounts(found.studies, found.left_out)]
    terminal.write_text("\n".join(lines) + "\n")
    return 0


def _accounts(studies: Sequence[Study], left_out: Sequence[LeftOut]) -> list[str]:
    """Where the files went, in numbers."""
    used = sum(study.files for study in studies)
    reasons: Counter[str] = Counter()
    for row in left_out:
        reasons[row.reason] += 1 if row.files is None else row.files
    lines = [f"{_many(used, 'file', 'files')} in studies, {sum(row.files or 0 for row in left_out)} left out"]
    shown = [(reason, count) for reason, count in reasons.most_common() if count]
    lines += [f"  {count}: {reason}" for reason, count in shown[:_MOST_REASONS]]
    return lines + [f"  and {len(shown) - _MOST_REASONS} more reasons"] * (len(shown) > _MOST_REASONS)


def _size(study: Study) -> str:
    if study.members:
        return _many(len(study.members), "entry", "entries")
    return _many(study.files, "file", "files")


def _many(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}"


class _Looking:
    """How many files have been looked at, on a line of stderr that is cleared at the end."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown
        self._last = 0.0

    def __call__(self, files: int) -> None:
        if self._shown and time.monotonic() - self._last > 0.2:
            self._last = time.monotonic()
            sys.stderr.write(f"\r\033[Kcalcscan: looking for studies, {files:,} files ...")
            sys.stderr.flush()

    def close(self) -> None:
        if self._shown and self._last:
            self._last = 0.0
            sys.stderr.write("\r\033[K")


class _Bar:
    """A progress bar on stderr, where that is a terminal."""

    def __init__(self, *, shown: bool, before: _Looking) -> None:
        self._shown = shown
        self._before = before
        self._bar: Any = None

    def __call__(self, finished: int, total: int, name: str, state: str) -> None:
        if not self._shown:
            return
        if self._bar is None:
            from tqdm import tqdm

            self._before.close()
            self._bar = tqdm(total=total, unit="study", file=sys.stderr, dynamic_ncols=True)
        self._bar.n = finished
        self._bar.set_postfix_str(terminal.shown(f"{name} {state}".strip()))

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError("a number of seconds above 0")
    return value
