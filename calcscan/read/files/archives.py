"""ZIP archives of DICOM files."""

from __future__ import annotations

import mmap
import zipfile
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, cast

from calcscan.errors import InputError, UnreadableError
from calcscan.knowledge.reading import ReadingSettings
from calcscan.read.files.inflation import expansion_problem
from calcscan.read.files.source import SourceFile, cannot_read, printable

_UTF8 = 0x08
"""In the second byte of an entry's flags: its name is UTF-8."""


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
        raise UnreadableError(cannot_read(error), where=str(path), hint="check its permissions") from error
    if begins:
        raise UnreadableError("the archive is damaged or truncated", where=str(path), hint="copy it again")
    return False


def open_archive(path: Path) -> zipfile.ZipFile:
    """The archive. Where names are marked as UTF-8 and are not, the mark is ignored: names are only shown."""
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


class _Mapped(mmap.mmap):
    """A file mapped into memory, where it can be changed without changing the file."""

    def seekable(self) -> bool:
        """What an archive asks of its file."""
        return True


def _number(content: mmap.mmap, at: int, size: int) -> int:
    return int.from_bytes(content[at : at + size], "little")


def archive_members(archive: zipfile.ZipFile, path: Path, settings: ReadingSettings) -> list[SourceFile]:
    """Every entry; where several have the same name, the later ones get a number."""
    infos = [info for info in archive.infolist() if not info.is_dir()]
    if not infos:
        raise InputError("the archive is empty", where=str(path), hint="give an archive of DICOM files")
    if all(info.flag_bits & 1 for info in infos):
        hint = "unpack it with its password and give the folder"
        raise UnreadableError("the archive is encrypted", where=str(path), hint=hint)
    _refuse_bomb(infos, path, settings)
    met: Counter[str] = Counter()
    files = []
    for info in sorted(infos, key=lambda info: info.filename):
        met[info.filename] += 1
        name = printable(info.filename)
        if met[info.filename] > 1:
            stem, dot, end = name.rpartition(".")
            name = f"{stem or end} (entry {met[info.filename]}){dot and stem and '.' + end}"
        problem = expansion_problem(info.file_size, info.compress_size, settings)
        files.append(SourceFile(name, archive=archive, member=info, problem=problem, doubtful=bool(problem)))
    return files


def _refuse_bomb(infos: Iterable[zipfile.ZipInfo], path: Path, settings: ReadingSettings) -> None:
    """Refuse entries that overlap or together claim more than any study holds: they are made to exhaust memory."""
    stored = sorted((info.header_offset, info.compress_size) for info in infos)
    if any(offset + size > following for (offset, size), (following, _) in pairwise(stored)):
        raise UnreadableError("entries of the archive overlap", where=str(path), hint="pack it again")
    total, most = sum(info.file_size for info in infos), settings.max_archive_bytes
    if total > most:
        what = f"the archive would unpack to {total / 1e9:,.0f} GB (at most {most / 1e9:,.0f})"
        raise UnreadableError(what, where=str(path), hint="unpack it by hand and give the folder of one study")
