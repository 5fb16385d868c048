"""The command line: arguments → the Python API → text and exit status. Each command is a module beside this one with
`add_arguments(parser)` and `main(args) -> int`, imported only when it is asked for.

Exit status: 0 done · 1 failed · 2 usage · 3 a batch in which some studies failed · 4 a report was written, but
calcscan abstained · 130 stopped by the user.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from calcscan import __version__
from calcscan.errors import CalcscanError

COMMANDS = {
    "run": "one study: calcification found, measured, located, and what to consider",
    "guide": "the guideline alone, on a file of facts",
    "batch": "many studies, each on its own; goes on where it stopped",
    "verify": "puts deposits of known volume into a scan and tells how well they are found, measured and located",
    "atlas": "which atlas, its sites, licences and checksums",
}
_ABOUT = (
    "Find, measure and locate calcification in a non-contrast head CT, and what to consider, with reasons and sources."
)
_NOTE = "Research use only: not a medical device, not for diagnosis. 'calcscan COMMAND --help' tells more."


def main(argv: Sequence[str] | None = None) -> int:
    """The program `calcscan`; returns its exit status."""
    given = list(sys.argv[1:] if argv is None else argv)
    try:
        args = _parser(given).parse_args(given)
    except SystemExit as stop:
        return int(stop.code or 0)
    command = importlib.import_module(f"calcscan.cli.{args.command}")
    try:
        return int(command.main(args))
    except CalcscanError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        _say("stopped")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except Exception as error:
        if os.environ.get("CALCSCAN_DEBUG"):
            raise
        what = f"a fault in calcscan ({type(error).__name__}: {error})"
        return _fail(f"{what}: run again with CALCSCAN_DEBUG=1 for details, and report it")


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="calcscan", description=_ABOUT, epilog=_NOTE)
    parser.add_argument("--version", action="version", version=f"calcscan {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    asked = next((word for word in given if not word.startswith("-")), None)
    for name, words in COMMANDS.items():
        command = commands.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".", epilog=_NOTE)
        if name == asked:
            importlib.import_module(f"calcscan.cli.{name}").add_arguments(command)
    return parser


def _fail(text: str) -> int:
    _say(text)
    return 1


def _say(text: str) -> None:
    from calcscan.cli.terminal import shown

    sys.stderr.write(shown(f"calcscan: {' '.join(text.split())}") + "\n")
