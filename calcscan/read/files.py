"""The files of an input: a folder however nested, a ZIP, or one DICOM file."""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from calcscan.errors import InputError, UnreadableError
from calcscan.read.rules import limit

_DICOM_NAMES = (".dcm", ".ima", ".dicom")
_READ_ERRORS = (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError)


@dataclass(frozen=True, slots=True)
class Blob:
    """A file, on disk or in an archive. `name` is how people find it: the path within the input."""

    name: str
    path: Path | None = None
    archive: zipfile.ZipFile | None = None

    @property
    def claims_dicom(self) -> bool:
        return self.name.lower().endswith(_DICOM_NAMES)

    def open(self) -> BinaryIO:
        """A seekable stream of the file's bytes.

        Raises
        ------
        UnreadableError
            It is gone, locked, encrypted or damaged.
        """
        try:
            if self.path is not None:
                return self.path.open("rb")
            return io.BytesIO(self.read())
        except OSError as error:
            raise UnreadableError(_plain(error), where=self.name, hint="check its permissions") from error

    def read(self) -> bytes:
        """All of its bytes; raises as `open`."""
        try:
            if self.path is not None:
                return self.path.read_bytes()
            if self.archive is None:
                raise ValueError("a Blob needs a path or an archive")
            if self.archive.getinfo(self.name).file_size > limit("largest_member_bytes"):
                raise UnreadableError("is larger than any CT file", where=self.name, hint="unpack it by hand")
            return self.archive.read(self.name)
        except _READ_ERRORS as error:
            raise UnreadableError(
                _plain(error), where=self.name, hint="check its permissions, or copy it again"
            ) from error


def _plain(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"can't be read ({' '.join(str(text).split())})"


def is_hidden(name: str) -> bool:
    """Left behind by an operating system (`.DS_Store`, `__MACOSX/._IM1.dcm`), not by a scanner.

    >>> is_hidden("a/.DS_Store"), is_hidden("__MACOSX/._1.dcm"), is_hidden("a/IM1")
    (True, True, False)
    """
    parts = name.replace("\\", "/").split("/")
    return parts[-1].startswith(".") or "__MACOSX" in parts


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
            archive = zipfile.ZipFile(path)
        except _READ_ERRORS as error:
            raise UnreadableError(
                _plain(error), where=str(path), hint="unpack it by hand and give the folder"
            ) from error
        with archive:
            yield _members(archive, path)
    else:
        yield [Blob(printable(path.name), path=path)]


def _members(archive: zipfile.ZipFile, path: Path) -> list[Blob]:
    infos = [info for info in archive.infolist() if not info.is_dir() and not is_hidden(info.filename)]
    if not infos:
        raise InputError("the archive is empty", where=str(path), hint="give an archive of DICOM files")
    if all(info.flag_bits & 1 for info in infos):
        hint = "unpack it with its password and give the folder"
        raise UnreadableError("the archive is encrypted", where=str(path), hint=hint)
    return [Blob(name, archive=archive) for name in sorted({info.filename for info in infos})]


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
    def refuse(error: OSError) -> None:
        raise UnreadableError(_plain(error), where=str(error.filename), hint="check its permissions") from error

    seen: set[str] = set()
    for folder, folders, names in os.walk(root, onerror=refuse, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a link back to where we have been
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if nested and not is_hidden(name))
        for name in sorted(names):
            path = Path(folder) / name
            if not is_hidden(name) and path.is_file():
                yield Blob(printable(path.relative_to(root).as_posix()), path=path)


def printable(name: str) -> str:
    """A file's name as it can be shown and written anywhere.

    >>> printable("head\\n1.dcm"), printable("\\udcff.dcm")
    ('head?1.dcm', '?.dcm')
    """
    return "".join(letter if letter.isprintable() else "?" for letter in name)
