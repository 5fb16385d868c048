"""Files into a folder, together or not at all, and never at the cost of anybody else's file.

A new folder is written beside its final name and renamed. A folder that exists is held by one writer at a time
(`lock`). Where it holds plain files only, the new one is written beside it, with links to the files in it that are not
ours, and the two exchange their names in one step: at every moment there is the old report or the new one. Where that
can't be (a mount point, folders in it, a program that works in it, a system that can't) everything is first written to
a staging folder inside it; then the files of the last run are put aside, the new ones moved in, report.json last. If
that fails, the old ones are put back, by the next run if the program was killed. Nothing is left behind for good: what
a killed run leaves, the next one into the same folder takes away. A folder that holds a file by one of our names, but
no report of ours, is somebody else's and is refused. Files by other names are left alone.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from calcscan.errors import OutputError
from calcscan.report.lock import is_left_behind, locked, release, take
from calcscan.report.swap import exchange, somebody_is_in, undisturbed

REPORT = "report.json"
OURS = frozenset(
    {
        REPORT, "report.html", "lesions.csv", "sites.csv", "mosaic.png", "lesions.nii.gz", "sites.nii.gz",
        "segmentation.dcm", "measurements.dcm",
    }
)  # fmt: skip
"""Every name that calcscan writes into OUT, of this version and of others (contract section 3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a command writes: the file that is moved in last, every name it uses, and how that file's schema begins."""

    main: str
    names: frozenset[str]
    schema: str


RUN = Kind(main=REPORT, names=OURS, schema="calcscan-report/")
VERIFY = Kind(
    main="verify.json", names=frozenset({"verify.json", "verify.csv", "verify.png"}), schema="calcscan-verify/"
)
_STATUS = Kind(main="status.json", names=frozenset({"status.json"}), schema="calcscan-status/")
EARLIER = "earlier"
"""Where a report lies whose study was done again and failed."""
_STAGING = ".calcscan-staging"
_ASIDE = "put-aside"
"""Within the staging folder: the whole old report has been put aside, what now lies in OUT is new."""
_OVER = ".calcscan-over"
"""What the staging folder is called once it isn't needed any more, until it is taken away."""


def check_output(out: Path, kind: Kind = RUN, *, inputs: Iterable[Path] = (), may_lie_inside: bool = False) -> None:
    """Make sure, before the work, that results can be written to `out`; leaves nothing behind.

    Parameters
    ----------
    inputs
        What is read: a file or folder, each. None of them is ever written to: `out` may be none of these folders nor
        lie in one, and no input file may be one that would be replaced. That one isn't there is no matter of this.
    may_lie_inside
        Whether `out` may nevertheless lie in an input folder (whoever reads it must then leave `out` aside).

    Raises
    ------
    OutputError
        `out` is a file, is or lies in an input, holds files that are not calcscan's by names that it would write, or
        can't be written to.
    """
    for given in inputs:
        _refuse_input(out, Path(given), kind, may_lie_inside)
    if out.exists() and not out.is_dir():
        raise OutputError("the output is a file", where=str(out), hint="give a folder")
    ground = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    try:
        if (out / _STAGING).is_dir():
            with locked(out):
                _recover(out, kind)
        if out.is_dir():
            _refuse_foreign(out, kind)
        with tempfile.TemporaryFile(dir=ground):
            pass
    except OSError as error:
        raise _unwritable(out, error) from error


def state_of(out: Path, kind: Kind = RUN) -> str:
    """Which report lies in `out` now: another text for each, empty for none. For `put_files`, as `replaces`."""
    try:
        return sha256((out / kind.main).read_bytes()).hexdigest() if (out / kind.main).is_file() else ""
    except OSError:
        return ""


def put_files(out: Path, contents: Mapping[str, bytes], kind: Kind = RUN, *, replaces: str | None = None) -> None:
    """Write `contents` (name → bytes) to `out`, in place of what calcscan wrote there before.

    Parameters
    ----------
    replaces
        What `state_of` said when the work began: a report that somebody else has written since stays.

    Raises
    ------
    OutputError
        As `check_output`, or the disk refuses, or another run has written its report there meanwhile, or is writing
        and doesn't end; `out` is then as it was.
    """
    unknown = set(contents) - kind.names
    if unknown:
        raise ValueError(f"not names of ours: {sorted(unknown)}")
    check_output(out, kind)
    place = out.resolve()
    try:
        _sweep(place)
        while not (_as_new(place, contents) if not place.is_dir() else _into_existing(place, contents, kind, replaces)):
            continue  # somebody else made it, or took it away, in between
    except OSError as error:
        raise _unwritable(out, error) from error


def is_report(path: Path, kind: Kind = RUN) -> bool:
    """Whether a file is a report.json of calcscan's, or the main file of another kind; a pipe is not opened."""
    try:
        if not path.is_file():
            return False
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and str(content.get("schema", "")).startswith(kind.schema)


def put_aside(out: Path) -> bool:
    """Move a report into the folder `EARLIER` within `out`, so that nobody takes it for that of the last run, which
    failed. It stays there until a later run succeeds. False where there is no report, and nothing happens.

    Raises
    ------
    OutputError
        The disk refuses; the report is then still in its place.
    """
    try:
        _sweep(out.resolve())
        if not out.is_dir():
            return False
        with locked(out):
            _recover(out, RUN)
            if not is_report(out / REPORT):
                return False
            staging = out / _STAGING
            copy = staging / EARLIER
            copy.mkdir(parents=True)
            names = sorted((name for name in OURS if (out / name).exists()), key=lambda name: name != REPORT)
            for name in names:
                _link(out / name, copy / name)
            with undisturbed():
                _remove_earlier(out)
                copy.rename(out / EARLIER)
                for name in names:
                    (out / name).unlink()
                staging.rename(out / _OVER)
            shutil.rmtree(out / _OVER)
            return True
    except OSError as error:
        raise _unwritable(out, error) from error


def _as_new(out: Path, contents: Mapping[str, bytes]) -> bool:
    """False if the folder is there by now."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with _staging_beside(out) as staging:
        _write_all(staging, contents)
        staging.chmod(0o777 & ~_umask())
        try:
            staging.rename(out)
        except OSError:
            if out.is_dir():
                return False
            raise
    return True


def _into_existing(out: Path, contents: Mapping[str, bytes], kind: Kind, replaces: str | None) -> bool:
    """False if the folder is gone by now."""
    try:
        with locked(out):
            _recover(out, kind)
            _refuse_foreign(out, kind)
            if replaces is not None and state_of(out, kind) != replaces:
                what = "another run has written its results there since this one began, and they stay"
                raise OutputError(what, where=str(out), hint="give each run a folder of its own, or run again")
            if not _by_exchange(out, contents, kind):
                _in_place(out, contents, kind)
            if kind is RUN:
                _remove_earlier(out)
            return True
    except FileNotFoundError:
        if out.is_dir():
            raise
        return False


def _by_exchange(out: Path, contents: Mapping[str, bytes], kind: Kind) -> bool:
    """Put a new folder into the place of the old one in one step; False if that can't be, and all is as it was."""
    entries = list(os.scandir(out))
    if not entries or not all(entry.is_file(follow_symlinks=False) for entry in entries) or somebody_is_in(out):
        return False
    others = [entry.name for entry in entries if entry.name not in kind.names]
    with ExitStack() as until_the_end:
        try:
            staging = until_the_end.enter_context(_staging_beside(out))
            if not _alike(out, staging):
                return False
            for name in others:
                os.link(out / name, staging / name)
        except OSError:  # the folder that `out` lies in can't be written to, or there are no links there
            return False
        _write_all(staging, contents)
        staging.chmod(stat.S_IMODE(out.stat().st_mode))
        with undisturbed():
            if not exchange(out, staging):
                return False
            _clear(staging, kind, back_to=out)
    return True


def _in_place(out: Path, contents: Mapping[str, bytes], kind: Kind) -> None:
    staging = out / _STAGING
    new, old = staging / "new", staging / "old"
    try:
        new.mkdir(parents=True)
        old.mkdir()
        _write_all(new, contents)
        with undisturbed():
            for name in sorted(kind.names, key=lambda name: name != kind.main):
                if (out / name).exists():
                    (out / name).replace(old / name)
            (staging / _ASIDE).touch()
            for name in sorted(contents, key=lambda name: name == kind.main):
                (new / name).replace(out / name)
            staging.rename(out / _OVER)
    except BaseException:
        _recover(out, kind)
        raise
    shutil.rmtree(out / _OVER)


def _recover(out: Path, kind: Kind) -> None:
    """Put back what a run that was cut short had put aside. May itself be cut short, and be done again."""
    if (out / _OVER).is_dir():
        shutil.rmtree(out / _OVER)
    staging = out / _STAGING
    if not staging.is_dir():
        return
    if (staging / _ASIDE).exists():
        for name in kind.names:
            (out / name).unlink(missing_ok=True)
        (staging / _ASIDE).unlink()
    for path in sorted((staging / "old").glob("*")):
        path.replace(out / path.name)
    shutil.rmtree(staging)


@contextmanager
def _staging_beside(out: Path) -> Iterator[Path]:
    """A new folder beside `out`, held as long as this lasts and taken away at the end, if it is still there."""
    while True:
        staging = Path(tempfile.mkdtemp(prefix=_prefix(out), dir=out.parent))
        try:
            held = take(staging)
        except FileNotFoundError:  # taken away, as left behind, before it was held
            continue
        if held is not None:
            break
    try:
        yield staging
    finally:
        if staging.is_dir() and not (out.is_dir() and staging.samefile(out)):
            _clear(staging, None, back_to=out)
        release(held)


def _sweep(out: Path) -> None:
    """Take away what killed runs have left beside `out`: nobody holds it any more."""
    for path in out.parent.glob(f"{_prefix(out)}*"):
        if is_left_behind(path):
            with suppress(OSError):
                _clear(path, None, back_to=out)


def _prefix(out: Path) -> str:
    return f".calcscan-{sha256(os.fsencode(out.name)).hexdigest()[:12]}-"


def _clear(folder: Path, kind: Kind | None, *, back_to: Path) -> None:
    """Take away a folder of ours: our files, and links to files that are elsewhere too. What else got into it while it
    was exchanged is put back."""
    names = kind.names if kind else RUN.names | VERIFY.names
    for path in list(folder.iterdir()):
        if path.name in names or path.lstat().st_nlink > 1:
            path.unlink(missing_ok=True)
        elif back_to.is_dir() and not (back_to / path.name).exists():
            path.replace(back_to / path.name)
    with suppress(OSError):
        folder.rmdir()


def _remove_earlier(out: Path) -> None:
    for name in OURS:
        (out / EARLIER / name).unlink(missing_ok=True)
    with suppress(OSError):  # not there, or somebody else's files are in it
        (out / EARLIER).rmdir()


def _alike(out: Path, staging: Path) -> bool:
    """Whether the new folder can stand for the old one: same owner and disk, nothing attached to the old one."""
    old, new = out.stat(), staging.stat()
    attached = os.listxattr(out) if hasattr(os, "listxattr") else []
    return (old.st_uid, old.st_gid, old.st_dev) == (new.st_uid, new.st_gid, new.st_dev) and not attached


def _link(path: Path, at: Path) -> None:
    try:
        os.link(path, at)
    except OSError:  # a file system without links
        shutil.copy2(path, at)


def _write_all(folder: Path, contents: Mapping[str, bytes]) -> None:
    for name, content in contents.items():
        with (folder / name).open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())


def _refuse_input(out: Path, given: Path, kind: Kind, may_lie_inside: bool) -> None:
    """The input is only ever read: nothing of ours may come to lie in it, or the next run would read that too."""
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


def _refuse_foreign(out: Path, kind: Kind) -> None:
    present = sorted(name for name in kind.names if (out / name).exists())
    if not present or (out / _STAGING).is_dir() or _is_ours(out, kind):
        return
    raise OutputError(
        "the output folder holds a file that calcscan would overwrite and did not write",
        where=str(out / present[0]),
        hint="give another folder",
    )


def _start_of(path: Path, count: int) -> bytes:
    """The first bytes of a file; nothing of what is no file or can't be read. To open a pipe may never end."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(count)
    except OSError:
        return b""


def _is_ours(out: Path, kind: Kind) -> bool:
    """By the main file, be it cut short; or, where that is gone, by a report put aside or the status of a batch."""
    begins = f'{{\n  "schema": "{kind.schema}'.encode()
    if _start_of(out / kind.main, len(begins)) == begins:
        return True
    beside = kind is RUN and not (out / kind.main).exists()
    return is_report(out / kind.main, kind) or (
        beside and (is_report(out / EARLIER / REPORT) or is_report(out / "status.json", _STATUS))
    )


def _unwritable(out: Path, error: OSError) -> OutputError:
    return OutputError(
        f"the results can't be written ({error.strerror or error})",
        where=str(out),
        hint="choose a folder that you may write to, on a disk with room",
    )


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
