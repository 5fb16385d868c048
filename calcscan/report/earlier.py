"""The earlier report of a study that was analysed again and failed."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from calcscan.report.exchange import undisturbed
from calcscan.report.folder_lock import locked
from calcscan.report.kept_review import review_in
from calcscan.report.outputs import EARLIER, OURS, REPORT, RUN, is_report
from calcscan.report.staging import OVER, STAGING, recover, sweep, unwritable


def put_aside(out: Path) -> bool:
    """Move the report in `out` to the folder `EARLIER` within it, so that nobody mistakes it for that of the last run,
    which failed. It stays there until a later run succeeds. False, and nothing happens, where there is no report, or
    one that a person has reviewed: that stays where it is.

    Raises
    ------
    OutputError
        The disk refuses; the report is then still where it was.
    """
    try:
        sweep(out.resolve())
        if not out.is_dir():
            return False
        with locked(out):
            recover(out, RUN)
            if not is_report(out / REPORT) or review_in(out) is not None:
                return False
            staging = out / STAGING
            copy = staging / EARLIER
            copy.mkdir(parents=True)
            names = sorted((name for name in OURS if (out / name).exists()), key=lambda name: name != REPORT)
            for name in names:
                _link(out / name, copy / name)
            with undisturbed():
                remove_earlier(out)
                copy.rename(out / EARLIER)
                for name in names:
                    (out / name).unlink()
                staging.rename(out / OVER)
            shutil.rmtree(out / OVER)
            return True
    except OSError as error:
        raise unwritable(out, error) from error


def remove_earlier(out: Path) -> None:
    """Remove the earlier report in `out`, if there is one."""
    for name in OURS:
        (out / EARLIER / name).unlink(missing_ok=True)
    with suppress(OSError):  # not there, or somebody else's files are in it
        (out / EARLIER).rmdir()


def _link(path: Path, at: Path) -> None:
    try:
        os.link(path, at)
    except OSError:  # a file system without links
        shutil.copy2(path, at)
