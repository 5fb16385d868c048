"""The files of an input: a folder however nested, a ZIP, or one DICOM file."""

from __future__ import annotations

import io
import mmap
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, cast

from calcscan.errors import InputError, UnreadableError
from calcscan.read.rules import limit
from calcscan.read.tree import left_alone, walk, why

_DICOM_NAMES = (".dcm", ".ima", ".dicom")
_UTF8 = 0x08
"""In the second byte of an entry's flags: its name is UTF-8."""
_READ_ERRORS = (
    OSError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, ValueError, MemoryError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Blob:
    """A file, on disk or in an archive. `name` is how people find it: the path within the input."""

    name: str
    path: Path | None = None
    archive: zipfile.ZipFile | None = None
    member: zipfile.ZipInfo | None = None
    """Which entry of the archive: two may have the same name. Without it, the one that `name` leads to."""
    problem: str = ""
    """Why it must not be opened, or can't be: a link to nothing, a locked folder, a pipe. Empty for any usual file."""
    doubtful: bool = False
    """With a problem: might it have held images?"""

    @property
    def claims_dicom(self) -> bool:
        return self.name.lower().endswith(_DICOM_NAMES)

    def open(self) -> BinaryIO:
        """A seekable stream of the file's bytes.

        Raises
        ------
        UnreadableError
            It is gone, locked, encrypted or damaged, or has a problem.
        """
        self._refuse_problem()
        try:
            if self.path is not None:
                stream = self.path.open("rb")
                stream.peek(1)  # a file that can be opened and not read says so here
                return stream
            return io.BytesIO(self.read())
        except OSError as error:
            raise UnreadableError(_plain(error), where=self.name, hint="check its permissions") from error

    def read(self) -> bytes:
        """All of its bytes; raises as `open`."""
        self._refuse_problem()
        try:
            if self.path is not None:
                return self.path.read_bytes()
            archive, member = self._entry()
            if member.file_size > limit("largest_member_bytes"):
                raise UnreadableError("is larger than any CT file", where=self.name, hint="unpack it by hand")
            return archive.read(member)
        except _READ_ERRORS as error:
            raise UnreadableError(
                _plain(error), where=self.name, hint="check its permissions, or copy it again"
            ) from error

    def start(self, count: int) -> bytes:
        """Its first bytes, without unpacking the rest of an archive's entry; raises as `open`."""
        self._refuse_problem()
        try:
            if self.path is not None:
                with self.path.open("rb") as stream:
                    return stream.read(count)
            archive, member = self._entry()
            with archive.open(member) as entry:
                return entry.read(count)
        except _READ_ERRORS as error:
            raise UnreadableError(_plain(error), where=self.name, hint="check its permissions") from error

    def _entry(self) -> tuple[zipfile.ZipFile, zipfile.ZipInfo]:
        if self.archive is None:
            raise TypeError("a Blob needs a path or an archive")
        return self.archive, self.member or self.archive.getinfo(self.name)

    def _refuse_problem(self) -> None:
        if self.problem:
            raise UnreadableError(self.problem, where=self.name, hint="mend it, or take it out of the input")


def _plain(error: BaseException) -> str:
    return f"can't be read ({why(error)})"


def must_exist(path: Path) -> None:
    """Raises `InputError` unless there is a file or a folder at the path, `UnreadableError` if nobody may look."""
    try:
        if path.is_file() or path.is_dir():
            return
        there = path.exists()
    except OSError as error:
        raise UnreadableError(_plain(error), where=str(path), hint="check the path and its permissions") from error
    what = "it is neither a file nor a folder" if there else "there is no such file or folder"
    raise InputError(what, where=str(path), hint="check the path")


@contextmanager
def blobs_of(path: Path, *, nested: bool = True) -> Iterator[list[Blob]]:
    """Every file of a folder (and, if `nested`, of those in it) or ZIP, by name; the archive stays open in the `with`.

    Raises
    ------
    InputError
        There is nothing at the path, or nothing in it.
    UnreadableError
        The folder can't be listed, or the ZIP can't be opened.
    """
    must_exist(path)
    if path.is_dir():
        found = list(_walk(path, nested))
        if not found:
            raise InputError("the folder is empty", where=str(path), hint="give the folder that holds the DICOM files")
        yield found
    elif is_zip(path):
        try:
            archive = _opened(path)
        except _READ_ERRORS as error:
            raise UnreadableError(
                _plain(error), where=str(path), hint="unpack it by hand and give the folder"
            ) from error
        with archive:
            yield _members(archive, path)
    else:
        yield [Blob(printable(path.name), path=path)]


def _opened(path: Path) -> zipfile.ZipFile:
    """The archive. Where its names are marked as UTF-8 and are not, that mark is left aside, as they are only shown."""
    try:
        return zipfile.ZipFile(path)
    except UnicodeDecodeError:
        with path.open("rb") as stream:
            content = _Mapped(stream.fileno(), 0, access=mmap.ACCESS_COPY)
    end = content.rfind(b"PK\5\6")
    at = end - _number(content, end + 12, 4)
    while 0 <= at < end and content[at : at + 4] == b"PK\1\2":
        content[at + 9] &= ~_UTF8
        local = _number(content, at + 42, 4)
        if content[local : local + 4] == b"PK\3\4":
            content[local + 7] &= ~_UTF8
        at += 46 + sum(_number(content, at + place, 2) for place in (28, 30, 32))
    return zipfile.ZipFile(cast(BinaryIO, content))


def _number(content: mmap.mmap, at: int, size: int) -> int:
    return int.from_bytes(content[at : at + size], "little")


class _Mapped(mmap.mmap):
    """A file in memory that can be changed there alone."""

    def seekable(self) -> bool:
        """What an archive asks of its file."""
        return True


def _members(archive: zipfile.ZipFile, path: Path) -> list[Blob]:
    """Every entry, also where several have the same name: the later ones carry a number then."""
    infos = [info for info in archive.infolist() if not info.is_dir()]
    if not infos:
        raise InputError("the archive is empty", where=str(path), hint="give an archive of DICOM files")
    if all(info.flag_bits & 1 for info in infos):
        hint = "unpack it with its password and give the folder"
        raise UnreadableError("the archive is encrypted", where=str(path), hint=hint)
    _refuse_bomb(infos, path)
    met: Counter[str] = Counter()
    blobs = []
    for info in sorted(infos, key=lambda info: info.filename):
        met[info.filename] += 1
        name = printable(info.filename)
        if met[info.filename] > 1:
            stem, dot, end = name.rpartition(".")
            name = f"{stem or end} (entry {met[info.filename]}){dot and stem and '.' + end}"
        blobs.append(Blob(name, archive=archive, member=info))
    return blobs


def _refuse_bomb(infos: Iterable[zipfile.ZipInfo], path: Path) -> None:
    """Entries that share their bytes, or claim more than any study holds, are made to fill memory."""
    stored = sorted((info.header_offset, info.compress_size) for info in infos)
    if any(offset + size > following for (offset, size), (following, _) in pairwise(stored)):
        raise UnreadableError("entries of the archive overlap", where=str(path), hint="pack it again")
    total, most = sum(info.file_size for info in infos), limit("largest_archive_bytes")
    if total > most:
        what = f"the archive would unpack to {total / 1e9:,.0f} GB (at most {most / 1e9:,.0f})"
        raise UnreadableError(what, where=str(path), hint="unpack it by hand and give the folder of one study")


def is_zip(path: Path) -> bool:
    """By its content, not its name.

    Raises
    ------
    UnreadableError
        It can't be opened, or begins as an archive does and is not one: most likely cut short.
    """
    try:
        if zipfile.is_zipfile(path):
            return True
        with path.open("rb") as stream:
            begins = stream.read(4) == b"PK\3\4"
    except OSError as error:
        raise UnreadableError(_plain(error), where=str(path), hint="check its permissions") from error
    if begins:
        raise UnreadableError("the archive is damaged or cut short", where=str(path), hint="copy it again")
    return False


def _walk(root: Path, nested: bool) -> Iterator[Blob]:
    """Every file; what can't be opened comes with its problem; what is reached twice comes once, and what version
    control keeps is no file of the input."""
    try:
        for folder in walk(root, nested=nested):
            for entry in folder.entries:
                if not entry.again and not (entry.folder and left_alone(entry.path.name)):
                    name = printable(entry.path.relative_to(root).as_posix())
                    yield Blob(name, path=entry.path, problem=entry.problem, doubtful=entry.doubtful)
    except OSError as error:
        raise UnreadableError(_plain(error), where=str(error.filename), hint="check its permissions") from error


def printable(name: str) -> str:
    """A file's name as it can be shown and written anywhere.

    >>> printable("head\\n1.dcm"), printable("\\udcff.dcm")
    ('head?1.dcm', '?.dcm')
    """
    return "".join(letter if letter.isprintable() else "?" for letter in name)
