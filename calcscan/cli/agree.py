"""`calcscan agree RESULTS REFERENCE -o OUT`."""

from __future__ import annotations

import argparse
import sys

from calcscan.cli import terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `calcscan agree`."""
    kinds = "results of run or batch, a label map or a folder of them, or a CSV with study,site,side,volume_mm3"
    parser.add_argument("results", type=terminal.path, metavar="RESULTS", help=f"what is judged: {kinds}")
    parser.add_argument("reference", type=terminal.path, metavar="REFERENCE", help="what it is compared with: the same")
    parser.add_argument(
        "-o", "--out", type=terminal.path, required=True, metavar="OUT", help="folder to write the agreement to"
    )
    parser.add_argument(
        "--labels",
        type=terminal.path,
        metavar="FILE",
        help="what the numbers in the reference's label maps mean: a table with index and name, or index, site and "
        "side (default: calcscan's own numbers)",
    )
    parser.add_argument(
        "--results-labels", type=terminal.path, metavar="FILE", help="the same, where RESULTS are label maps too"
    )
    parser.add_argument(
        "--as-mask", action="store_true", help="the reference's labels say that something is there, not at which site"
    )
    parser.add_argument(
        "--resample", action="store_true", help="take a reference on another grid by nearest neighbour (else refused)"
    )
    parser.add_argument(
        "--volume",
        choices=("best", "130"),
        default="best",
        help="which of calcscan's volumes: the best estimate, or the plain count of voxels from 130 HU on "
        "(default: best)",
    )
    parser.add_argument(
        "--missing-rows",
        choices=("zero", "unknown"),
        help="what a site means that a CSV has no row for in one study, but has for another (default: unknown where it "
        "has rows with 0, else zero)",
    )
    parser.add_argument(
        "--beside",
        type=terminal.path,
        metavar="OUT",
        help="the agreement of two readers, from an earlier calcscan agree: how far people differ stands beside",
    )
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    parser.add_argument("--json", action="store_true", help="print agreement.json instead of a summary")


def main(args: argparse.Namespace) -> int:
    """Compare, write, and print a summary."""
    from calcscan.report.atomic_folder import check_output
    from calcscan.report.outputs import AGREEMENT, state_of

    inputs = [path for path in (args.results, args.reference, args.labels, args.results_labels) if path is not None]
    check_output(args.out, AGREEMENT, inputs=inputs)
    before = state_of(args.out, AGREEMENT)
    with terminal.Progress(quiet=args.quiet) as progress:
        progress("load")
        from calcscan.agree import assess_agreement, write_agreement

        terminal.quieten_libraries()
        found = assess_agreement(
            args.results,
            args.reference,
            labels=args.labels,
            results_labels=args.results_labels,
            as_mask=args.as_mask,
            resample=args.resample,
            volume="volume_130_mm3" if args.volume == "130" else "volume_mm3",
            missing_is_zero=None if args.missing_rows is None else args.missing_rows == "zero",
            progress=progress.update,
        )
        progress("write")
        written = write_agreement(found, args.out, beside=args.beside, replaces=before)
    if args.json:
        sys.stdout.write(written)
    elif not args.quiet:
        from calcscan.agree.text import summary_text

        terminal.write_text(summary_text(found))
        terminal.write_text(f"\nwritten to {args.out}\n")
    return 0
