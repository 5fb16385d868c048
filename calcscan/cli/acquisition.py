"""Options with which a user states how a scan was made."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from calcscan.read.stated import Stated


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds `--kvp`, `--thickness-mm` and `--kernel`."""
    group = parser.add_argument_group("how the scan was made, where its header does not tell (a NIfTI's, mostly)")
    group.add_argument("--kvp", type=_tube_voltage, metavar="KV", help="tube voltage in kV")
    group.add_argument("--thickness-mm", type=_thickness, metavar="MM", help="slice thickness in mm")
    group.add_argument("--kernel", type=_kernel, metavar="NAME", help="reconstruction kernel, such as H31s")


def chosen(args: argparse.Namespace) -> dict[str, Any]:
    """The options as arguments of `calcscan.analyse`."""
    return {"kvp_kv": args.kvp, "slice_thickness_mm": args.thickness_mm, "kernel": args.kernel}


def _tube_voltage(text: str) -> float | None:
    return _checked(kvp_kv=float(text)).kvp_kv


def _thickness(text: str) -> float | None:
    return _checked(slice_thickness_mm=float(text)).slice_thickness_mm


def _kernel(text: str) -> str | None:
    return _checked(kernel=text).kernel


def _checked(**given: Any) -> Stated:
    from calcscan.knowledge.reading import ReadingSettings
    from calcscan.knowledge.settings import load
    from calcscan.read.stated import Stated, checked

    try:
        return checked(Stated(**given), load(ReadingSettings))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error).partition(" ")[2]) from error
