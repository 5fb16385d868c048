"""Which rules to use: the options that `run`, `batch` and `guide` share."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from calcscan.cli import terminal

if TYPE_CHECKING:
    from calcscan.guideline import Ruleset


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--rules",
        action="append",
        default=[],
        type=terminal.path,
        metavar="FILE",
        help="rules to use beside the shipped ones (calcscan guide --example-rules); may be repeated",
    )
    add("--without", action="append", default=[], metavar="RULE_ID", help="leave a rule out; may be repeated")
    add("--literature", action="store_true", help="also use rules from the literature beyond the documents")


def chosen(args: argparse.Namespace) -> Ruleset:
    """The rules asked for, read and checked. Raises `RulesetError` with file and address."""
    from calcscan.guideline import load_ruleset

    return load_ruleset(args.rules, without=args.without, literature=args.literature)
