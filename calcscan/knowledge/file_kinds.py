"""Kinds of files that are no DICOM images: `file_kinds.toml`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from functools import cached_property
from typing import ClassVar

from calcscan.knowledge.settings import Settings, Table


class Use(StrEnum):
    """How a file counts that is left out."""

    SLICE = "slice"
    """It may stand for a slice of a series, so one may be missing."""
    IMAGE = "image"
    """It may hold a scan, which is not read from there."""
    NONE = "none"
    """It holds no image, or none of a patient."""
    LEFTOVER = "leftover"
    """An operating system put it there."""


class FileKind(Table, frozen=True, kw_only=True, eq=False, dict=True):
    """How a kind of file is recognised, by its first bytes or its name, and what to say about it.

    `begins`, `packed_begins` (inside gzip) and `names` are regular expressions; `within` names kinds that the content
    may be of while the name still decides.
    """

    name: str
    use: Use
    what: str = ""
    do: str = ""
    command: str = ""
    itself: bool = False
    begins: tuple[str, ...] = ()
    packed_begins: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    within: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        try:
            _ = self._begins, self._packed_begins, self._names  # a slip in one is found as the file is loaded
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error

    def has_content(self, start: bytes) -> bool:
        """Does a file that begins so look like one of this kind?"""
        return self._begins is not None and self._begins.match(start) is not None

    def has_packed_content(self, start: bytes) -> bool:
        """Does a file that begins so inside its gzip look like one of this kind?"""
        return self._packed_begins is not None and self._packed_begins.match(start) is not None

    def has_name(self, name: str) -> bool:
        """Is a file of that name, without its folders, one of this kind?"""
        return self._names is not None and self._names.fullmatch(name) is not None

    @cached_property
    def _begins(self) -> re.Pattern[bytes] | None:
        return _bytes_pattern(self.begins)

    @cached_property
    def _packed_begins(self) -> re.Pattern[bytes] | None:
        return _bytes_pattern(self.packed_begins)

    @cached_property
    def _names(self) -> re.Pattern[str] | None:
        return re.compile(_any_of(self.names), re.IGNORECASE | re.DOTALL) if self.names else None


class VersionControl(Table, frozen=True, kw_only=True):
    """Folders that version control keeps its copies in."""

    folders: frozenset[str]


class FileKinds(Settings, frozen=True, kw_only=True, eq=False):
    """Entries of `knowledge/file_kinds.toml`; the order of `kind` counts."""

    file: ClassVar[str] = "file_kinds"

    version_control: VersionControl
    kind: dict[str, FileKind]


def _bytes_pattern(patterns: Sequence[str]) -> re.Pattern[bytes] | None:
    return re.compile(_any_of(patterns).encode("latin-1"), re.DOTALL) if patterns else None


def _any_of(patterns: Sequence[str]) -> str:
    return "|".join(f"(?:{one})" for one in patterns)
