"""The files of an input: a folder however nested, a ZIP, or one DICOM file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from calcscan.errors import InputError, UnreadableError
from calcscan.knowledge.reading import ReadingSettings
from calcscan.knowledge.settings import load
from calcscan.read.files.archives import archive_members, is_zip, open_archive
from calcscan.read.files.source import READ_ERRORS, SourceFile, cannot_read, printable
from calcscan.read.files.tree import walk


def must_exist(path: Path) -> None:
    """Raises `InputError` unless there is a file or a folder at the path, `UnreadableError` where access is denied."""
    try:
        if path.is_file() or path.is_dir():
            return
        exists = path.exists()
    except OSError as error:
        raise UnreadableError(cannot_read(error), where=str(path), hint="check the path and its permissions") from error
    what = "it is neither a file nor a folder" if exists else "there is no such file or folder"
    raise InputError(what, where=str(path), hint="check the path")


@contextmanager
def source_files(
    path: Path, *, nested: bool = True, settings: ReadingSettings | None = None
) -> Iterator[list[SourceFile]]:
    """Every file of a folder (and, if `nested`, of those in it) or ZIP, by name; the archive stays open in the `with`.

    Raises
    ------
    InputError
        There is nothing at the path, or nothing in it.
    UnreadableError
        The folder can't be listed, or the ZIP can't be opened.
    """
    settings = settings or load(ReadingSettings)
    must_exist(path)
    if path.is_dir():
        found = list(_walk(path, nested, settings))
        if not found:
            raise InputError("the folder is empty", where=str(path), hint="give the folder that holds the DICOM files")
        yield found
    elif is_zip(path):
        try:
            archive = open_archive(path)
        except READ_ERRORS as error:
            raise UnreadableError(
                cannot_read(error), where=str(path), hint="unpack it by hand and give the folder"
            ) from error
        with archive:
            yield archive_members(archive, path, settings)
    else:
        yield [SourceFile(printable(path.name), path=path)]


def _walk(root: Path, nested: bool, settings: ReadingSettings) -> Iterator[SourceFile]:
    """Every file; what can't be opened comes with its problem; what is reached twice comes once, and what version
    control keeps is no file of the input."""
    version_control = settings.kinds.version_control.folders
    try:
        for folder in walk(root, nested=nested, settings=settings):
            for entry in folder.entries:
                if not entry.again and not (entry.folder and entry.path.name in version_control):
                    name = printable(entry.path.relative_to(root).as_posix())
                    yield SourceFile(name, path=entry.path, problem=entry.problem, doubtful=entry.doubtful)
    except OSError as error:
        raise UnreadableError(cannot_read(error), where=str(error.filename), hint="check its permissions") from error
