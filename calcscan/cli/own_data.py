"""Options with which a user gives what is known of a scan already: lesions, the inside of the skull, regions."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from calcscan.cli import terminal


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


def chosen(args: argparse.Namespace) -> dict[str, Any]:
    """The options as arguments of `calcscan.analyse`."""
    given = {"mask": args.mask, "brain_mask": args.brain_mask, "regions": args.regions}
    used = {name: path for name, path in given.items() if path is not None}
    return used | ({"resample": True} if args.resample else {})


def files(args: argparse.Namespace) -> list[Path]:
    """The files that are given."""
    return [path for path in (args.mask, args.brain_mask, args.regions) if path is not None]
