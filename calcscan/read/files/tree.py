"""A folder → everything in it, however nested, linked or locked, each thing once. Opens no file."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from calcscan.knowledge.reading import ReadingSettings
from calcscan.knowledge.settings import load

_KINDS = {
    stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file, or something in its place: `problem` says why it is not to be opened."""

    path: Path
    """As reached from the root, links included."""
    problem: str = ""
    doubtful: bool = False
    """Might it have held images? For example a broken link or a locked folder, not a pipe."""
    folder: bool = False
    """A folder that was not entered."""
    again: bool = False
    """It is also reached by another path and listed there, so nothing is lost by leaving it out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """One folder's own entries, by name; folders in it come as `Folder`s of their own."""

    path: Path
    entries: tuple[Entry, ...]


def walk(
    root: Path, *, nested: bool = True, without: Path | None = None, settings: ReadingSettings | None = None
) -> Iterator[Folder]:
    """Every folder of a tree, by name. Links are followed; each folder is entered once, so that loops end.

    What can't be entered is an entry with a problem: links to nothing, locked folders, pipes, sockets and devices
    (opening one of those may never return). The folder `without` and those of version control are entries too.

    Raises
    ------
    OSError
        The root itself can't be listed.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as root:
    ...     (Path(root) / "gone").symlink_to("nothing")
    ...     (Path(root) / "IM1").touch()
    ...     [(entry.path.name, entry.problem) for folder in walk(Path(root)) for entry in folder.entries]
    [('IM1', ''), ('gone', 'is a broken link')]
    """
    walked = _Walk(root, without, (settings or load(ReadingSettings)).kinds.version_control.folders)
    waiting = [root]
    while waiting:
        place = waiting.pop()
        try:
            folder, inside = walked.listed(place)
        except OSError as error:
            if place == root:
                raise
            problem = f"is a folder that can't be opened ({reason_of(error)})"
            yield Folder(path=place.parent, entries=(Entry(path=place, problem=problem, doubtful=True, folder=True),))
            continue
        yield folder
        if nested:
            waiting += reversed(inside)


class _Walk:
    """What has been seen so far, by device and inode."""

    def __init__(self, root: Path, without: Path | None, version_control: frozenset[str]) -> None:
        self.top = os.path.realpath(root)
        self.seen = {_identity(os.stat(root))}  # noqa: PTH116
        self.linked: set[str] = set()
        self.version_control = version_control
        self.without = os.path.realpath(without) if without is not None else None

    def listed(self, place: Path) -> tuple[Folder, list[Path]]:
        """A folder's entries, and the folders in it that are to be entered."""
        entries: list[Entry] = []
        inside: list[Path] = []
        with os.scandir(place) as found:
            items = sorted(found, key=lambda item: item.name)
        for item in items:
            path = place / item.name
            entry = self._entry(item, path)
            if entry is None:
                inside.append(path)
            else:
                entries.append(entry)
        return Folder(path=place, entries=tuple(entries)), inside

    def _entry(self, item: os.DirEntry[str], path: Path) -> Entry | None:
        """None for a folder that is to be entered."""
        try:
            if not item.is_symlink():
                if item.is_file(follow_symlinks=False):
                    return Entry(path=path)
                about = item.stat(follow_symlinks=False)
                target = ""
            else:
                target = os.path.realpath(path)
                about = item.stat()
        except OSError as error:
            return Entry(path=path, problem=_unreachable(item, error), doubtful=True)
        if stat.S_ISDIR(about.st_mode):
            return self._folder(item.name, path, _identity(about), target)
        if not stat.S_ISREG(about.st_mode):
            return Entry(path=path, problem=f"is {_KINDS.get(stat.S_IFMT(about.st_mode), 'something')}, not a file")
        if self._stands_below(target) or target in self.linked:
            return Entry(path=path, problem="is a link to a file that is already in the input", again=True)
        self.linked.add(target)
        return Entry(path=path)

    def _folder(self, name: str, path: Path, identity: tuple[int, int], target: str) -> Entry | None:
        if self.without is not None and os.path.realpath(path) == self.without:
            return Entry(path=path, problem="is the output folder", folder=True)
        if name in self.version_control:
            return Entry(path=path, problem="is a version-control folder", folder=True)
        if target and (self.top + os.sep).startswith(target.rstrip(os.sep) + os.sep) and target != self.top:
            return Entry(path=path, problem="is a link to a folder that contains it", folder=True)
        if identity in self.seen or (target and self._stands_below(target)):
            return Entry(
                path=path, problem="is a folder that was already read under another name", folder=True, again=True
            )
        self.seen.add(identity)
        return None

    def _stands_below(self, target: str) -> bool:
        """Is a link's target reached without the link, as it lies below the root itself?"""
        if not target.startswith(self.top.rstrip(os.sep) + os.sep):
            return False
        if self.without is not None and (target + os.sep).startswith(self.without + os.sep):
            return False
        return self.version_control.isdisjoint(Path(target[len(self.top) :]).parts)


def _identity(about: os.stat_result) -> tuple[int, int]:
    return about.st_dev, about.st_ino


def _unreachable(item: os.DirEntry[str], error: OSError) -> str:
    if item.is_symlink() and error.errno in (errno.ENOENT, errno.ENOTDIR):
        return "is a broken link"
    if error.errno == errno.ELOOP:
        return "is a link to itself"
    return f"can't be reached ({reason_of(error)})"


def reason_of(error: BaseException) -> str:
    """What went wrong, as the system words it, on one line.

    >>> reason_of(OSError(13, "Permission denied")), reason_of(EOFError())
    ('Permission denied', 'EOFError')
    """
    return " ".join(str(getattr(error, "strerror", None) or str(error) or type(error).__name__).split())
