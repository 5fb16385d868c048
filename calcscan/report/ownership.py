"""Whose files lie in an output folder: the input is only ever read, and nobody else's file is ever replaced."""

from __future__ import annotations

from pathlib import Path

from calcscan.errors import OutputError
from calcscan.report.outputs import EARLIER, REPORT, RUN, STATUS, Kind, is_report
from calcscan.report.staging import STAGING


def refuse_input(out: Path, given: Path, kind: Kind, may_lie_inside: bool) -> None:
    """Raises `OutputError` where results would come to lie in the input, which the next run would then read too."""
    hint = "give a folder outside the input"
    place = out.resolve()
    if given.is_dir():
        if _same(place, given):
            raise OutputError("the output is the input, which is only ever read", where=str(out), hint=hint)
        if not may_lie_inside and any(_same(folder, given) for folder in place.parents):
            raise OutputError("the output lies in the input, which is only ever read", where=str(out), hint=hint)
    elif given.is_file() and _same(place, given.resolve().parent) and (given.name in kind.names or _is_dicom(given)):
        what = f"the output is the folder of the input ({given.name}), which is only ever read"
        raise OutputError(what, where=str(out), hint=hint)


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one isn't there
        return False


def _is_dicom(path: Path) -> bool:
    """One DICOM file stands for the series in its folder."""
    return _start_of(path, 132)[128:] == b"DICM"


def refuse_foreign(out: Path, kind: Kind) -> None:
    """Raises `OutputError` where a file that would be replaced is not calcscan's."""
    present = sorted(name for name in kind.names if (out / name).exists())
    if not present or (out / STAGING).is_dir() or _is_ours(out, kind):
        return
    raise OutputError(
        "the output folder holds a file that calcscan would overwrite and did not write",
        where=str(out / present[0]),
        hint="give another folder",
    )


def _is_ours(out: Path, kind: Kind) -> bool:
    """By the main file, even if cut short; or, where that is gone, by an earlier report or the status of a batch."""
    begins = f'{{\n  "schema": "{kind.schema}'.encode()
    if _start_of(out / kind.main, len(begins)) == begins:
        return True
    beside = kind is RUN and not (out / kind.main).exists()
    return is_report(out / kind.main, kind) or (
        beside and (is_report(out / EARLIER / REPORT) or is_report(out / "status.json", STATUS))
    )


def _start_of(path: Path, count: int) -> bytes:
    """The first bytes of a file; none of what is no file or can't be read. Opening a pipe might never end."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(count)
    except OSError:
        return b""
