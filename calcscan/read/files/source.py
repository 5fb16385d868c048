"""One file of an input, on disk or in an archive."""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from calcscan.errors import UnreadableError
from calcscan.read.files.tree import reason_of

_DICOM_NAMES = (".dcm", ".ima", ".dicom")
READ_ERRORS = (
    OSError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, ValueError, MemoryError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file, on disk or in an archive. `name` is how people find it: the path within the input."""

    name: str
    path: Path | None = None
    archive: zipfile.ZipFile | None = None
    member: zipfile.ZipInfo | None = None
    """Which entry of the archive: two may have the same name. Without it, the one that `name` leads to."""
    problem: str = ""
    """Why it must not be opened, or can't be: a broken link, a locked folder, a pipe, an entry of an archive that would
    fill the memory. Empty for an ordinary file."""
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
            raise UnreadableError(cannot_read(error), where=self.name, hint="check its permissions") from error

    def read(self) -> bytes:
        """All of its bytes; raises as `open`."""
        self._refuse_problem()
        try:
            if self.path is not None:
                return self.path.read_bytes()
            archive, member = self._entry()
            return archive.read(member)
        except READ_ERRORS as error:
            raise UnreadableError(
                cannot_read(error), where=self.name, hint="check its permissions, or copy it again"
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
        except READ_ERRORS as error:
            raise UnreadableError(cannot_read(error), where=self.name, hint="check its permissions") from error

    def _entry(self) -> tuple[zipfile.ZipFile, zipfile.ZipInfo]:
        if self.archive is None:
            raise TypeError("a SourceFile needs a path or an archive")
        return self.archive, self.member or self.archive.getinfo(self.name)

    def _refuse_problem(self) -> None:
        if self.problem:
            raise UnreadableError(self.problem, where=self.name, hint="repair it, or remove it from the input")


def cannot_read(error: BaseException) -> str:
    return f"can't be read ({reason_of(error)})"


def printable(name: str) -> str:
    """A file's name with everything that can't be printed replaced.

    >>> printable("head\\n1.dcm"), printable("\\udcff.dcm")
    ('head?1.dcm', '?.dcm')
    """
    return "".join(letter if letter.isprintable() else "?" for letter in name)
