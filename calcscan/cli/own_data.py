"""Options with which a user gives what is known of a scan already: lesions, the inside of the skull, regions."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calcscan.cli import terminal

if TYPE_CHECKING:
    from calcscan.batch.own_files import OwnPatterns


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds `--mask`, `--brain-mask`, `--regions` and `--resample`."""
    group = parser.add_argument_group("label maps of your own, on the scan's grid (NIfTI, NRRD or MetaImage)")
    group.add_argument("--mask", type=terminal.path, metavar="FILE", help="your segmentation, instead of detection")
    group.add_argument(
        "--brain-mask",
        type=terminal.path,
        metavar="FILE",
        help="your mask of the inside of the skull; a picture without a skull will do",
    )
    group.add_argument(
        "--regions",
        type=terminal.path,
        metavar="FILE",
        help="your regions, measured into regions.csv; names from a .tsv of the same name (index, name)",
    )
    group.add_argument(
        "--resample", action="store_true", help="take them by nearest neighbour where they are on another grid"
    )


def add_patterns(parser: argparse.ArgumentParser) -> None:
    """Adds the same for a batch, where each study has label maps of its own."""
    group = parser.add_argument_group(
        "label maps of your own, on each scan's grid",
        "PATTERN: a path in quotes, from ROOT on, with {study}, {participant}, {session} or {run} for those of each "
        "study, and * for any letters. A study without exactly one such file is left out, and listed.",
    )
    for option, what in (
        ("--mask", "your segmentations, instead of detection"),
        ("--brain-mask", "your masks of the inside of the skull"),
        ("--regions", "your regions, measured into regions.csv of each study"),
    ):
        group.add_argument(option, type=_pattern, metavar="PATTERN", help=what)
    group.add_argument(
        "--resample", action="store_true", help="take them by nearest neighbour where they are on another grid"
    )


def patterns(args: argparse.Namespace) -> OwnPatterns:
    """The patterns of a batch."""
    from calcscan.batch.own_files import OwnPatterns

    return OwnPatterns(mask=args.mask, brain_mask=args.brain_mask, regions=args.regions)


def _pattern(text: str) -> str:
    from calcscan.batch.own_files import checked_pattern

    try:
        return checked_pattern(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def chosen(args: argparse.Namespace) -> dict[str, Any]:
    """The options as arguments of `calcscan.analyse`."""
    given = {"mask": args.mask, "brain_mask": args.brain_mask, "regions": args.regions}
    used = {name: path for name, path in given.items() if path is not None}
    return used | ({"resample": True} if args.resample else {})


def files(args: argparse.Namespace) -> list[Path]:
    """The files that are given."""
    return [path for path in (args.mask, args.brain_mask, args.regions) if path is not None]
