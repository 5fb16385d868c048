"""`calcscan batch ROOT -o OUT`."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import Any

from calcscan.cli import terminal

SOME_FAILED = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "root", type=Path, metavar="ROOT", help="the folder with the studies: DICOM folders, ZIPs, NIfTIs"
    )
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="OUT", help="a folder for each study comes here"
    )
    parser.add_argument("--jobs", type=_count, metavar="N", help="studies at once; default: one a processor, at most 8")
    parser.add_argument(
        "--timeout", type=_seconds, default=1800.0, metavar="S", help="seconds for a study; default 1800"
    )
    parser.add_argument(
        "--threshold", type=terminal.hounsfield, metavar="HU", help="instead of the one that suits each scan"
    )
    parser.add_argument("--keep-ids", action="store_true", help="write names, numbers, dates and UIDs into the results")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")


def main(args: argparse.Namespace) -> int:
    from calcscan.batch import run_batch
    from calcscan.batch.model import Settings

    settings = Settings(threshold_hu=args.threshold, keep_ids=args.keep_ids)
    bar = _Bar(shown=sys.stderr.isatty() and not args.quiet)
    try:
        result = run_batch(args.root, args.out, jobs=args.jobs, timeout_s=args.timeout, settings=settings, progress=bar)
    finally:
        bar.close()
    for name in result.failed:
        sys.stderr.write(f"calcscan: {result.outcomes[name].error} [{name}]\n")
    if not args.quiet:
        states = [outcome.state for outcome in result.outcomes.values()]
        counts = ", ".join(f"{states.count(state)} {state}" for state in ("done", "abstained", "failed"))
        terminal.write_text(f"{len(states)} studies: {counts}; {len(result.skipped)} finished before\n{result.table}\n")
    return SOME_FAILED if result.failed else 0


class _Bar:
    """A progress bar on stderr, where that is a terminal."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown
        self._bar: Any = None

    def __call__(self, finished: int, total: int, name: str, state: str) -> None:
        if not self._shown:
            return
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=total, unit="study", file=sys.stderr, dynamic_ncols=True)
        self._bar.n = finished
        self._bar.set_postfix_str(f"{name} {state}".strip())

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
