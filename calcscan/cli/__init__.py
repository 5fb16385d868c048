"""The command line: arguments → the Python API → text and exit status. Each command is a module beside this one with
`add_arguments(parser)` and `main(args) -> int`, imported only when it is needed.

Exit status: 0 done · 1 failed · 2 usage · 3 a batch in which some studies failed · 4 a report was written, but
calcscan abstained · 130 stopped by the user · 128 + n stopped by signal n.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import math
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

from calcscan import __version__, memory
from calcscan.errors import CalcscanError, RulesetError, lacks_memory

COMMANDS = {
    "run": "find, measure and locate calcification in one study, and list what to consider",
    "guide": "apply the guideline alone to a file of facts",
    "batch": "analyse many studies, each in its own process; continues where it stopped",
    "verify": "insert deposits of known volume into a scan, and score how they are found, measured and located",
    "agree": "say how well results, or a reader, agree with a reference: label maps or volumes, of one study or many",
    "schema": "show what report.json holds, and what the columns of the tables mean",
    "methods": "write the methods paragraph of a paper, with references, from a report or a batch",
    "review": "apply a person's corrections to a report: measure and reason anew, and keep both versions",
    "rerun": "do an analysis again from its report, and say what differs",
    "atlas": "show the atlas: its sites, sources, licences and checksums",
}
_IMAGES = ("run", "batch", "verify", "rerun", "review")
_ONE_STUDY = ("run", "rerun", "review")
_LEAST_MEMORY = 640 << 20
"""Bytes needed to load the image libraries; with less OpenBLAS never returns (1 GiB is too little as well, but then
an error says so)."""
_NO_MEMORY = "not enough memory: close other programs, or raise the memory limit (2 GB are enough)"
_LONGEST = 1000
"""Characters of an error message: some quote a whole field or file."""
_ABOUT = (
    "Find, measure and locate calcification in a non-contrast head CT, and what to consider, with reasons and sources."
)
_NOTE = "Research use only: not a medical device, not for diagnosis."
_MORE = "'calcscan COMMAND --help' lists the options of a command."


def main(argv: Sequence[str] | None = None) -> int:
    """The program `calcscan`; returns its exit status."""
    given = list(sys.argv[1:] if argv is None else argv)
    try:
        args = _parser(given).parse_args(given)
    except SystemExit as stop:
        return int(stop.code or 0)
    with _streams_open(), _stoppable():
        try:
            if args.command in _IMAGES and _memory_allowed() < _LEAST_MEMORY:
                return _fail(_NO_MEMORY)
            _one_thread_of_linear_algebra()
            if argv is None and args.command in _ONE_STUDY:
                memory.for_one_study()
            status = int(importlib.import_module(f"calcscan.cli.{args.command}").main(args))
            sys.stdout.flush()
        except RulesetError as error:
            _say(str(error))
            return 2
        except CalcscanError as error:
            return _fail(str(error))
        except KeyboardInterrupt as stop:
            return _stopped(stop)
        except BrokenPipeError:
            return _no_more_output()
        except (MemoryError, ImportError) as error:
            if os.environ.get("CALCSCAN_DEBUG") or not lacks_memory(error):
                return _fault(error)
            return _fail(_NO_MEMORY)
        except Exception as error:
            return _fault(error)
    return status


class _Stop(KeyboardInterrupt):
    """A signal asked the program to end; it cleans up as after ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextmanager
def _stoppable() -> Iterator[None]:
    """SIGTERM (schedulers, `docker stop`) and SIGHUP (a closed terminal) end the program as ctrl-C does."""
    ours: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        for each in ours:  # once is enough: cleaning up must not be interrupted
            signal.signal(each, signal.SIG_IGN)
        raise _Stop(number)

    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, stop)
                ours.append(number)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _stopped(stop: KeyboardInterrupt) -> int:
    if isinstance(stop, _Stop):
        _say(f"stopped ({signal.Signals(stop.number).name})")
        return 128 + stop.number
    _say("stopped")
    return 130


@contextmanager
def _streams_open() -> Iterator[None]:
    """A standard stream that was closed (`2>&-`) is opened on the null device: else the next file opened would take its
    number, and what libraries print would go into that file."""
    missing = []
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            missing.append(name)
            try:
                os.fstat(number)
            except OSError:
                os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w", encoding="utf-8"))  # noqa: SIM115, PTH123
    try:
        yield
    finally:
        for name in missing:
            getattr(sys, name).close()
            setattr(sys, name, None)


def _no_more_output() -> int:
    """The reader of our output has gone; Python must not report that once more as it exits."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def _memory_allowed() -> float:
    """Bytes that this process may use (`ulimit -v`, `ulimit -d`, a scheduler's limit)."""
    try:
        import resource
    except ImportError:  # Windows
        return math.inf
    limits = [resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    return min((float(limit) for limit in limits if limit != resource.RLIM_INFINITY), default=math.inf)


def _one_thread_of_linear_algebra() -> None:
    """Before numpy is loaded, unless the user decides otherwise.

    Our matrices are small: more threads of OpenBLAS wait for each other in loops that take the processor from
    everything else (a registration took twice the processor time).
    """
    if "numpy" not in sys.modules:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _fault(error: BaseException) -> int:
    if os.environ.get("CALCSCAN_DEBUG"):
        raise error
    if isinstance(error, OSError) and error.filename is None and error.errno in (errno.ENOSPC, errno.EIO, errno.EBADF):
        _no_more_output()
        return _fail(f"the standard output can't be written to ({error.strerror}): send it elsewhere, or use --quiet")
    what = f"a fault in calcscan ({type(error).__name__}: {error})"
    return _fail(f"{what}: run again with CALCSCAN_DEBUG=1 for details, and report it")


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="calcscan", description=_ABOUT, epilog=f"{_NOTE} {_MORE}")
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

    line = " ".join(text.split())
    line = line if len(line) <= _LONGEST else f"{line[:_LONGEST]} …"
    with suppress(OSError, ValueError):
        sys.stderr.write(shown(f"calcscan: {line}") + "\n")
        sys.stderr.flush()
