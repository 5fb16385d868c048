"""`calcscan verify INPUT -o OUT`."""

from __future__ import annotations

import argparse
import json
import sys

from calcscan.cli import terminal

ABSTAINED = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "input", type=terminal.path, metavar="INPUT", help="a DICOM folder, a ZIP of one, or a NIfTI file"
    )
    parser.add_argument(
        "-o", "--out", type=terminal.path, required=True, metavar="OUT", help="folder to write the results to"
    )
    parser.add_argument("--series", metavar="UID", help="series to analyse (default: the most suitable one)")
    parser.add_argument(
        "--deposits",
        type=_count,
        metavar="N",
        help=(
            "deposits by size and density, and a quarter as many by volume "
            "(default: size_count in calcscan/knowledge/verification.toml)"
        ),
    )
    terminal.add_atlas(parser)
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="seed of the random positions (default: 1)")
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    parser.add_argument("--json", action="store_true", help="print verify.json instead of a summary")


def main(args: argparse.Namespace) -> int:
    from calcscan.report.atomic_folder import check_output
    from calcscan.report.outputs import VERIFY, state_of

    check_output(args.out, VERIFY, inputs=[args.input])
    before = state_of(args.out, VERIFY)
    terminal.load_kernels(quiet=args.quiet)
    with terminal.Progress(quiet=args.quiet) as progress:
        progress("load")
        from calcscan.verification.document import write_verification
        from calcscan.verification.verify import verify_scan

        terminal.quieten_libraries()
        progress.tell_compiling()
        outcome = verify_scan(
            args.input,
            deposits=args.deposits,
            seed=args.seed,
            series_uid=args.series,
            atlas=args.atlas,
            progress=progress,
        )
        progress("write")
        written = write_verification(outcome, args.out, replaces=before)
    if args.json:
        sys.stdout.write(written)
    elif not args.quiet:
        from calcscan.verification.text import summary_text

        terminal.write_text(summary_text(json.loads(written)))
        terminal.write_text(f"\nwritten to {args.out}\n")
    return ABSTAINED if outcome.baseline.quality.state == "abstain" else 0


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value
