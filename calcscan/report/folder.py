"""Files into a folder, together or not at all, and never at the cost of anybody else's file.

A new folder is written beside its final name and renamed. Into a folder that exists (it may be a mount point, which
can't be renamed) everything is first written to a staging folder inside it; then the files of the last run are put
aside, the new ones moved in, report.json last. If that fails, the old ones are put back. A folder that holds a file by
one of our names, but no report of ours, is somebody else's and is refused. Files by other names are left alone.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from calcscan.errors import OutputError

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
_STAGING = ".calcscan-staging"
_ASIDE = "put-aside"
"""Within the staging folder: the whole old report has been put aside, what now lies in OUT is new."""


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
    if out.is_dir():
        _refuse_foreign(out, kind)
    ground = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    try:
        probe = tempfile.mkdtemp(prefix=".calcscan-probe-", dir=ground)
        Path(probe).rmdir()
    except OSError as error:
        raise _unwritable(out, error) from error


def put_files(out: Path, contents: Mapping[str, bytes], kind: Kind = RUN) -> None:
    """Write `contents` (name → bytes) to `out`, in place of what calcscan wrote there before.

    Raises
    ------
    OutputError
        As `check_output`, or the disk refuses; `out` is then as it was.
    """
    unknown = set(contents) - kind.names
    if unknown:
        raise ValueError(f"not names of ours: {sorted(unknown)}")
    check_output(out, kind)
    try:
        if out.is_dir():
            _into_existing(out, contents, kind)
        else:
            _as_new(out, contents)
    except OSError as error:
        raise _unwritable(out, error) from error


def is_report(path: Path, kind: Kind = RUN) -> bool:
    """Whether a file is a report.json of calcscan's, or the main file of another kind."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and str(content.get("schema", "")).startswith(kind.schema)


def remove_report(out: Path) -> None:
    """Take away the files of an earlier report, and nothing else; nothing happens where there is none."""
    if is_report(out / REPORT):
        for name in sorted(OURS):
            (out / name).unlink(missing_ok=True)


def _as_new(out: Path, contents: Mapping[str, bytes]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        _write_all(staging, contents)
        staging.chmod(0o777 & ~_umask())
        staging.rename(out)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def _into_existing(out: Path, contents: Mapping[str, bytes], kind: Kind) -> None:
    staging = out / _STAGING
    new, old = staging / "new", staging / "old"
    _recover(out, kind)
    new.mkdir(parents=True)
    old.mkdir()
    try:
        _write_all(new, contents)
        for name in sorted(kind.names, key=lambda name: name != kind.main):
            if (out / name).exists():
                (out / name).replace(old / name)
        (staging / _ASIDE).touch()
        for name in sorted(contents, key=lambda name: name == kind.main):
            (new / name).replace(out / name)
    except BaseException:
        _recover(out, kind)
        raise
    shutil.rmtree(staging)


def _recover(out: Path, kind: Kind) -> None:
    """Put back what a run that was cut short had put aside."""
    staging = out / _STAGING
    if not staging.is_dir():
        return
    if (staging / _ASIDE).exists():
        for name in kind.names:
            (out / name).unlink(missing_ok=True)
    for path in sorted((staging / "old").glob("*")):
        path.replace(out / path.name)
    shutil.rmtree(staging)


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
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _refuse_foreign(out: Path, kind: Kind) -> None:
    present = sorted(name for name in kind.names if (out / name).exists())
    if not present or (out / _STAGING).is_dir() or is_report(out / kind.main, kind):
        return
    raise OutputError(
        "the output folder holds a file that calcscan would overwrite and did not write",
        where=str(out / present[0]),
        hint="give another folder",
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
