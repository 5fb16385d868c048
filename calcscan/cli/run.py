"""`calcscan run INPUT -o OUT`."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calcscan.child import in_child
from calcscan.cli import acquisition, own_data, rules, terminal

if TYPE_CHECKING:
    from calcscan.knowledge.reading import ReadingSettings
    from calcscan.model import Result
    from calcscan.read.read_input import ReadInput
    from calcscan.read.stated import Stated

ABSTAINED = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "input", type=terminal.path, metavar="INPUT", help="a DICOM folder, a ZIP of one, or a NIfTI file"
    )
    parser.add_argument(
        "-o", "--out", type=terminal.path, required=True, metavar="OUT", help="folder to write the results to"
    )
    parser.add_argument(
        "--context",
        type=terminal.path,
        metavar="FILE",
        help="facts about the person, in YAML, TOML or JSON; calcscan/knowledge/facts.toml lists them",
    )
    parser.add_argument("--series", metavar="UID", help="series to analyse (default: the most suitable one)")
    parser.add_argument(
        "--threshold", type=terminal.hounsfield, metavar="HU", help="detection threshold (default: chosen for the scan)"
    )
    acquisition.add_arguments(parser)
    own_data.add_arguments(parser)
    terminal.add_atlas(parser)
    rules.add_arguments(parser)
    parser.add_argument("--keep-ids", action="store_true", help="keep name, patient ID, dates and UIDs in the results")
    parser.add_argument("--no-html", action="store_true", help="write no report.html")
    terminal.add_discard_review(parser)
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    parser.add_argument(
        "--json",
        action="store_true",
        help="print report.json instead of a summary; calcscan/knowledge/report.schema.json describes it",
    )


def main(args: argparse.Namespace) -> int:
    from calcscan.report.atomic_folder import check_output
    from calcscan.report.outputs import state_of

    check_output(args.out, inputs=[args.input, *own_data.files(args)], keeps_review=not args.discard_review)
    before = state_of(args.out)
    terminal.load_kernels(quiet=args.quiet)
    terminal.quieten_libraries()
    import calcscan.model  # noqa: F401 (what both processes need)

    with in_child(partial(_read, args)) as reading, terminal.Progress(quiet=args.quiet) as progress:
        progress("load")
        ruleset = rules.chosen(args)
        context = _read_context(args.context)
        from calcscan.early import Early
        from calcscan.pipeline import analyse
        from calcscan.read.files.bids_name import label_of
        from calcscan.read.read_input import read_input

        progress.tell_compiling()
        early = Early(html=not args.no_html)
        early.expect(reading, read_input, *_input(args))
        result = analyse(
            args.input,
            context=context,
            rules=ruleset,
            series_uid=args.series,
            threshold_hu=args.threshold,
            atlas=args.atlas,
            **acquisition.chosen(args),
            **own_data.chosen(args),
            progress=_loading_ahead(progress, html=not args.no_html),
            early=early,
        )
        progress("write")
        from calcscan.report.write import write_report

        label = label_of(args.input.absolute())
        written = write_report(
            result,
            args.out,
            keep_ids=args.keep_ids,
            replaces=before,
            label=label,
            html=not args.no_html,
            discard_review=args.discard_review,
            begun=early,
        )
    if not args.quiet or args.json:
        _print(written, result, args)
    return ABSTAINED if result.quality.state == "abstain" else 0


def _input(args: argparse.Namespace) -> tuple[Path, str | None, Stated, ReadingSettings]:
    """What to read, and how, as `analyse` asks for it."""
    from calcscan.knowledge.reading import ReadingSettings
    from calcscan.knowledge.settings import load
    from calcscan.read.stated import Stated

    return args.input, args.series, Stated(**acquisition.chosen(args)), load(ReadingSettings)


def _read(args: argparse.Namespace) -> ReadInput:
    from calcscan.read.read_input import read_input

    return read_input(*_input(args))


def _loading_ahead(progress: Callable[[str], None], *, html: bool) -> Callable[[str], None]:
    """The same, which also loads what writing needs: while the scan is read elsewhere, and while kernels work."""

    def load() -> None:
        import SimpleITK  # noqa: F401

        import calcscan.report.write  # noqa: F401
        from calcscan.report.html import page

        if html:
            page.prepare()

    def tell(stage: str) -> None:
        progress(stage)
        if stage == "read":
            threading.Thread(target=load).start()

    return tell


def _read_context(path: Path | None) -> dict[str, Any] | None:
    if path is None:
        return None
    from calcscan.guideline import load_facts

    return dict(load_facts(path))


def _print(report: str, result: Result, args: argparse.Namespace) -> None:
    if args.json:
        sys.stdout.write(report)
        return
    terminal.write_text(summary_of(result, keep_ids=args.keep_ids))
    terminal.write_text(f"\nwritten to {args.out}\n")


def summary_of(result: Result, *, keep_ids: bool) -> str:
    """The report on one screen of text."""
    from calcscan.guideline.export.text import page_block
    from calcscan.report.build import build_report
    from calcscan.report.text import SUMMARY_WIDTH, summary_text

    page = page_block(result.guidance, SUMMARY_WIDTH)
    return summary_text(build_report(result, keep_ids=keep_ids), page)
