"""`calcscan methods OUT`: the methods paragraph of a paper, from the reports themselves."""

from __future__ import annotations

import argparse

from calcscan.cli import terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `calcscan methods`."""
    parser.add_argument("out", type=terminal.path, metavar="OUT", help="the results of run, or of batch")
    parser.add_argument("--bibtex", action="store_true", help="print the references as BibTeX instead")


def main(args: argparse.Namespace) -> int:
    """Print the paragraph with its references in Markdown, or the references in BibTeX."""
    from calcscan.report.methods import methods_of
    from calcscan.report.read_back import failed_studies, read_reports

    methods = methods_of(read_reports(args.out), failed=failed_studies(args.out))
    terminal.write_text(methods.bibtex() if args.bibtex else methods.markdown())
    return 0
