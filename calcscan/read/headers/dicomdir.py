"""The images that a DICOMDIR lists."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pydicom

from calcscan.errors import UnreadableError
from calcscan.read.files.source import SourceFile
from calcscan.read.headers.fields import PARSE_ERRORS, get, text

_CLASS = b"1.2.840.10008.1.3.10\0"
_META_BYTES = 400
"""The class is among the first elements of a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedImage:
    """An image that the directory lists: its series, its SOP instance, and the file that should hold it."""

    series_uid: str
    sop_uid: str
    file: str


def is_directory(file: SourceFile) -> bool:
    """Is it a directory record, by its name or its class?"""
    return named_directory(file) or _CLASS in file.start(_META_BYTES)


def named_directory(file: SourceFile) -> bool:
    """Has it the name of a directory record, whatever it holds?"""
    return file.name.rpartition("/")[2].upper().startswith("DICOMDIR")


def listed_images(file: SourceFile) -> tuple[ListedImage, ...]:
    """Every image of a directory record, in its order; none where the file is no directory or can't be understood."""
    try:
        with file.open() as stream:
            dataset = pydicom.dcmread(stream, force=True)
        return tuple(_images(get([dataset], "DirectoryRecordSequence") or ()))
    except (*PARSE_ERRORS, UnreadableError):
        return ()


def _images(records: Any) -> Iterator[ListedImage]:
    """Scanners write records in the order of the tree: an image follows its series."""
    series = ""
    for record in records:
        kind = text(record, "DirectoryRecordType").upper()
        if kind == "SERIES":
            series = text(record, "SeriesInstanceUID")
        elif kind == "IMAGE":
            file = text(record, "ReferencedFileID").replace("\\", "/")
            yield ListedImage(series_uid=series, sop_uid=text(record, "ReferencedSOPInstanceUIDInFile"), file=file)
