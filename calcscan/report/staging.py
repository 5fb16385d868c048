"""Staging folders: where new files are written before they take the place of the old ones.

One lies beside the output folder, to be renamed or exchanged with it; it is locked as long as its maker lives, so that
what a killed run leaves is recognised and removed. The other lies within the output folder, for files that are moved
one by one; `recover` restores the old report from what a killed run leaves there.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from calcscan.errors import OutputError
from calcscan.report.folder_lock import is_left_behind, release, take
from calcscan.report.outputs import AGREEMENT, RUN, VERIFY, Kind

STAGING = ".calcscan-staging"
"""The staging folder within the output folder."""
ASIDE = "put-aside"
"""Within it: the whole old report has been put aside, what now lies in the output folder is new."""
OVER = ".calcscan-over"
"""What the staging folder is called once it is no longer needed, until it is removed."""


def write_all(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write each file, and wait until it is on the disk."""
    for name, content in contents.items():
        with (folder / name).open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())


def recover(out: Path, kind: Kind) -> None:
    """Restore what a run that was cut short had put aside. May itself be cut short, and be done again."""
    if (out / OVER).is_dir():
        shutil.rmtree(out / OVER)
    staging = out / STAGING
    if not staging.is_dir():
        return
    if (staging / ASIDE).exists():
        for name in kind.names:
            (out / name).unlink(missing_ok=True)
        (staging / ASIDE).unlink()
    for path in sorted((staging / "old").glob("*")):
        path.replace(out / path.name)
    shutil.rmtree(staging)


@contextmanager
def staging_beside(out: Path) -> Iterator[Path]:
    """A new folder beside `out`, locked as long as this lasts and removed at the end, if it is still there."""
    while True:
        staging = Path(tempfile.mkdtemp(prefix=_prefix(out), dir=out.parent))
        try:
            held = take(staging)
        except FileNotFoundError:  # removed, as left behind, before it was locked
            continue
        if held is not None:
            break
    try:
        yield staging
    finally:
        if staging.is_dir() and not (out.is_dir() and staging.samefile(out)):
            clear(staging, None, back_to=out)
        release(held)


def sweep(out: Path) -> None:
    """Remove what killed runs have left beside `out`: nobody holds a lock on it any more."""
    for path in out.parent.glob(f"{_prefix(out)}*"):
        if is_left_behind(path):
            with suppress(OSError):
                clear(path, None, back_to=out)


def clear(folder: Path, kind: Kind | None, *, back_to: Path) -> None:
    """Remove a folder of ours: our files, and links to files that are elsewhere too. What else got into it while it was
    exchanged is moved back."""
    names = kind.names if kind else RUN.names | VERIFY.names | AGREEMENT.names
    for path in list(folder.iterdir()):
        if path.name in names or path.lstat().st_nlink > 1:
            path.unlink(missing_ok=True)
        elif back_to.is_dir() and not (back_to / path.name).exists():
            path.replace(back_to / path.name)
    with suppress(OSError):
        folder.rmdir()


def _prefix(out: Path) -> str:
    return f".calcscan-{sha256(os.fsencode(out.name)).hexdigest()[:12]}-"


def unwritable(out: Path, error: OSError) -> OutputError:
    """The error for the user, from the operating system's."""
    return OutputError(
        f"the results can't be written ({error.strerror or error})",
        where=str(out),
        hint="choose a folder that you may write to, on a disk with room",
    )
