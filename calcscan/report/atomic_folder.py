"""Files into a folder, together or not at all, and never at the cost of anybody else's file.

A new folder is written beside its final name and renamed. A folder that exists is locked by one writer at a time
(`folder_lock`). Where it holds plain files only, the new one is written beside it, with links to the files in it that
are not ours, and the two exchange their names in one step (`exchange`): at every moment there is the old report or the
new one. Where that is impossible (a mount point, folders in it, a program that works in it, a system without such a
step) everything is first written to a staging folder inside it (`staging`); then the files of the last run are put
aside, the new ones moved in, report.json last. If that fails, the old ones are restored, by the next run if the program
was killed. Nothing is left behind for good: the next run into the same folder removes what a killed one leaves. A
folder that holds a file by one of our names, but no report of ours, is somebody else's and is refused (`ownership`).
Files by other names are left alone.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

from calcscan.errors import OutputError
from calcscan.report.earlier import remove_earlier
from calcscan.report.exchange import exchange, is_working_directory, undisturbed
from calcscan.report.folder_lock import locked
from calcscan.report.kept_review import refuse_lost_review
from calcscan.report.outputs import REPORT, RUN, Kind, state_of
from calcscan.report.ownership import refuse_foreign, refuse_input
from calcscan.report.staging import ASIDE, OVER, STAGING, clear, recover, staging_beside, sweep, unwritable, write_all


def check_output(
    out: Path,
    kind: Kind = RUN,
    *,
    inputs: Iterable[Path] = (),
    may_lie_inside: bool = False,
    keeps_review: bool = False,
) -> None:
    """Make sure, before the work, that results can be written to `out`; leaves nothing behind.

    Parameters
    ----------
    inputs
        The files and folders that are read. None is ever written to: `out` may not be or lie in one of these folders,
        and no input file may be one that would be replaced. Whether they exist is not checked here.
    may_lie_inside
        Whether `out` may lie in an input folder all the same (the reader must then leave `out` aside).
    keeps_review
        Whether to refuse a report that a person has reviewed.

    Raises
    ------
    OutputError
        `out` is a file, is or lies in an input, holds files that are not calcscan's by names that it would write, or a
        review that would be lost, or can't be written to.
    """
    for given in inputs:
        refuse_input(out, Path(given), kind, may_lie_inside)
    if out.exists() and not out.is_dir():
        raise OutputError("the output is a file", where=str(out), hint="give a folder")
    ground = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    try:
        if (out / STAGING).is_dir():
            with locked(out):
                recover(out, kind)
        if out.is_dir():
            refuse_foreign(out, kind)
            if keeps_review and kind is RUN:
                refuse_lost_review(out)
        with tempfile.TemporaryFile(dir=ground):
            pass
    except OSError as error:
        raise unwritable(out, error) from error


def put_files(
    out: Path,
    contents: Mapping[str, bytes],
    kind: Kind = RUN,
    *,
    replaces: str | None = None,
    discard_review: bool = False,
) -> None:
    """Write `contents` (name → bytes) to `out`, in place of what calcscan wrote there before.

    Parameters
    ----------
    replaces
        What `state_of` returned when the work began: a report that somebody else has written since stays.
    discard_review
        Whether a report that a person has reviewed may be replaced by one that does not continue the review.

    Raises
    ------
    OutputError
        As `check_output`, or the disk refuses, or another run has written its report there meanwhile, or is writing
        and doesn't end, or a review would be lost; `out` is then as it was.
    """
    unknown = set(contents) - kind.names
    if unknown:
        raise ValueError(f"not names of ours: {sorted(unknown)}")
    check_output(out, kind)
    place = out.resolve()
    try:
        sweep(place)
        while not (
            _as_new(place, contents)
            if not place.is_dir()
            else _into_existing(place, contents, kind, replaces, discard_review)
        ):
            continue  # somebody else made or removed it in between
    except OSError as error:
        raise unwritable(out, error) from error


def _as_new(out: Path, contents: Mapping[str, bytes]) -> bool:
    """False if the folder exists by now."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with staging_beside(out) as staging:
        write_all(staging, contents)
        staging.chmod(0o777 & ~_umask())
        try:
            staging.rename(out)
        except OSError:
            if out.is_dir():
                return False
            raise
    return True


def _into_existing(
    out: Path, contents: Mapping[str, bytes], kind: Kind, replaces: str | None, discard_review: bool
) -> bool:
    """False if the folder is gone by now."""
    try:
        with locked(out):
            recover(out, kind)
            refuse_foreign(out, kind)
            if replaces is not None and state_of(out, kind) != replaces:
                what = "another run has written its results there since this one began, and they stay"
                raise OutputError(what, where=str(out), hint="give each run a folder of its own, or run again")
            if kind is RUN and not discard_review:
                refuse_lost_review(out, contents.get(REPORT))
            if not _by_exchange(out, contents, kind):
                _in_place(out, contents, kind)
            if kind is RUN:
                remove_earlier(out)
            return True
    except FileNotFoundError:
        if out.is_dir():
            raise
        return False


def _by_exchange(out: Path, contents: Mapping[str, bytes], kind: Kind) -> bool:
    """Exchange the old folder for a new one in one step; False if that is impossible, and nothing has changed."""
    entries = list(os.scandir(out))
    if not entries or not all(entry.is_file(follow_symlinks=False) for entry in entries) or is_working_directory(out):
        return False
    others = [entry.name for entry in entries if entry.name not in kind.names]
    with ExitStack() as until_the_end:
        try:
            staging = until_the_end.enter_context(staging_beside(out))
            if not _alike(out, staging):
                return False
            for name in others:
                os.link(out / name, staging / name)
        except OSError:  # no writing beside `out`, or no links on that file system
            return False
        write_all(staging, contents)
        staging.chmod(stat.S_IMODE(out.stat().st_mode))
        with undisturbed():
            if not exchange(out, staging):
                return False
            clear(staging, kind, back_to=out)
    return True


def _alike(out: Path, staging: Path) -> bool:
    """Whether the new folder can stand for the old one: same owner and disk, nothing attached to the old one."""
    old, new = out.stat(), staging.stat()
    attached = os.listxattr(out) if hasattr(os, "listxattr") else []
    return (old.st_uid, old.st_gid, old.st_dev) == (new.st_uid, new.st_gid, new.st_dev) and not attached


def _in_place(out: Path, contents: Mapping[str, bytes], kind: Kind) -> None:
    staging = out / STAGING
    new, old = staging / "new", staging / "old"
    try:
        new.mkdir(parents=True)
        old.mkdir()
        write_all(new, contents)
        with undisturbed():
            for name in sorted(kind.names, key=lambda name: name != kind.main):
                if (out / name).exists():
                    (out / name).replace(old / name)
            (staging / ASIDE).touch()
            for name in sorted(contents, key=lambda name: name == kind.main):
                (new / name).replace(out / name)
            staging.rename(out / OVER)
    except BaseException:
        recover(out, kind)
        raise
    shutil.rmtree(out / OVER)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
