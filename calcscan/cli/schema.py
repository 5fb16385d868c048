"""`calcscan schema`: what the JSON files hold, and what every column of the tables means."""

from __future__ import annotations

import argparse
import json
from importlib.resources import files
from typing import TYPE_CHECKING

from calcscan.cli import terminal

if TYPE_CHECKING:
    from calcscan.knowledge.tables import Column


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `calcscan schema`."""
    parser.add_argument(
        "file",
        nargs="?",
        choices=("report", "review", "agreement"),
        default="report",
        help="print the JSON Schema of report.json (default), review.json or agreement.json",
    )
    parser.add_argument(
        "--tables", action="store_true", help="print the dictionary of the tables' columns instead of the JSON Schema"
    )
    parser.add_argument("--json", action="store_true", help="print the dictionary as JSON")


def main(args: argparse.Namespace) -> int:
    """Print the JSON Schema of a file, or the dictionary of the tables."""
    knowledge = files("calcscan.knowledge")
    if not args.tables:
        terminal.write_text((knowledge / f"{args.file}.schema.json").read_text(encoding="utf-8"))
    elif args.json:
        terminal.write_text((knowledge / "tables.json").read_text(encoding="utf-8"))
    else:
        terminal.write_text(_text())
    return 0


def _text() -> str:
    from calcscan.knowledge.tables import tables

    lines = ["An empty cell is unknown, never no. Units stand in the names of the columns.", ""]
    for name, table in tables().items():
        width = max(map(len, table.columns))
        lines += [name, f"  a row is {table.row}"]
        lines += [f"  {column:<{width}}  {_about(about)}" for column, about in table.columns.items()]
        lines.append("")
    return "\n".join(lines)


def _about(column: Column) -> str:
    parts = [column.description]
    if column.unit is not None and column.unit not in column.description:
        parts.append(f"[{column.unit}]")
    if column.values is not None and len(json.dumps(column.values)) <= _MOST_VALUES:
        parts.append(f"({', '.join(value or 'empty' for value in column.values)})")
    return " ".join(parts)


_MOST_VALUES = 80
"""Characters of a list of values that is shown; longer ones stand in the JSON."""
