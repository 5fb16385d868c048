"""What a file is that is no DICOM image: `knowledge/file_kinds.toml`."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from calcscan.knowledge import table

START_BYTES = 512
"""So much of a file tells what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One entry: `use` is `slice`, `image`, `none` or `leftover` (what might be lost by leaving such a file out)."""

    use: str
    what: str
    do: str = ""

    @property
    def reason(self) -> str:
        """What it is and what to do."""
        return f"{self.what}: {self.do}" if self.do else self.what


LABEL_MAP = Kind(use="none", what="is a label map that calcscan wrote")
EMPTY = Kind(use="image", what="is empty")
UNKNOWN = Kind(use="image", what="is no DICOM image")


def kind_of(name: str, start: bytes) -> Kind:
    """By a file's name (its path's last part counts) and how it begins.

    >>> kind_of("a/IM1.dcm.gz", b"").what, kind_of("readme.txt", b"hello").use, kind_of("IM1", b"hello").what
    ('is a compressed DICOM file', 'none', 'is no DICOM image')
    """
    if _is_label_map(start):
        return LABEL_MAP
    last = name.replace("\\", "/").rpartition("/")[2]
    for pattern, begins, kind in _kinds():
        if (pattern is not None and pattern.fullmatch(last)) or begins(start):
            return kind
    return UNKNOWN if start else EMPTY


def _is_label_map(start: bytes) -> bool:
    """By the description in the NIfTI header, wherever the file was put."""
    if start[:2] == b"\x1f\x8b":
        try:
            start = zlib.decompressobj(31).decompress(start, 400)
        except zlib.error:
            return False
    return start[148:157] == b"calcscan " and start[344:347] in (b"n+1", b"ni1")


@cache
def _kinds() -> tuple[tuple[re.Pattern[str] | None, Callable[[bytes], bool], Kind], ...]:
    found = []
    for entry in table("file_kinds")["kind"].values():
        names = entry.get("names")
        pattern = re.compile("|".join(f"(?:{one})" for one in names), re.IGNORECASE | re.DOTALL) if names else None
        starts, at = tuple(bytes.fromhex(one) for one in entry.get("begins", ())), entry.get("at", 0)
        kind = Kind(use=entry["use"], what=entry["what"], do=entry.get("do", ""))
        found.append((pattern, _begins(starts, at), kind))
    return tuple(found)


def _begins(starts: tuple[bytes, ...], at: int) -> Callable[[bytes], bool]:
    return lambda start: bool(starts) and start[at:].startswith(starts)
