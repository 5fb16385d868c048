"""What a file is that is no DICOM image, how it counts, and what to do about it: `knowledge/file_kinds.toml`."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from calcscan.errors import UnreadableError
from calcscan.knowledge import table
from calcscan.read.files.source import SourceFile

START_BYTES = 32774
"""So much of a file tells what it is; only a disc image says so that late."""
_UNPACKED_BYTES = 1024
_MOST_ASKED = 256
"""So many files are looked into where nothing is DICOM; it makes a message, no more."""
_PLAIN = re.compile(r"[\w./ -]+")
_GZIP = "gzip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One entry of the table, which says what each field means; `key` is empty for a file of no kind known there."""

    key: str = ""
    name: str = ""
    use: str = "image"
    what: str
    do: str = ""
    command: str = ""
    itself: bool = False

    @property
    def reason(self) -> str:
        """Why such a file is left out, and what to do; its name goes before it."""
        worth_doing = self.do if self.use not in ("none", "leftover") else ""
        return f"{self.what}: {worth_doing}" if worth_doing else self.what


EMPTY = Kind(what="is empty")
UNKNOWN = Kind(what="is no DICOM image")
_NOT_DICOM = Kind(use="slice", what="is named .dcm but is not DICOM")
_EMPTY_DICOM = Kind(use="slice", what="is empty")


def kind_of(name: str, start: bytes) -> Kind:
    """By how a file begins (`START_BYTES` of it), and where that doesn't tell, by the last part of its name.

    >>> kind_of("a/IM1.dcm.gz", b"").what, kind_of("readme.txt", b"hello").use, kind_of("IM1", b"hello").what
    ('is a compressed DICOM file', 'none', 'is no DICOM image')
    >>> kind_of("head.nii", b"NRRD0004").name, kind_of("notes.docx", b"PK\\3\\4").use, kind_of("notes", b"PK\\3\\4").use
    ('an NRRD volume', 'none', 'image')
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    named = next((one for one in _patterns() if one.names is not None and one.names.fullmatch(last)), None)
    content = _by_content(start)
    if content is not None and (named is None or content.key not in named.within):
        return content
    if named is not None:
        return named.kind
    return UNKNOWN if start else EMPTY


def left_out_as(file: SourceFile, start: bytes) -> Kind:
    """As `kind_of`; but what is named as DICOM is may be a slice, whatever it holds.

    >>> left_out_as(SourceFile("IM1.dcm"), b"hello").use, left_out_as(SourceFile("IM1"), b"hello").use
    ('slice', 'image')
    """
    kind = kind_of(file.name, start)
    if file.claims_dicom and kind.use not in ("slice", "leftover"):
        return _NOT_DICOM if start else _EMPTY_DICOM
    return kind


def what_instead(files: Sequence[SourceFile]) -> tuple[str, str]:
    """What the files are where none is DICOM (empty if of no known kind), and what to do.

    >>> what_instead([])
    ('', '')
    """
    found = [(file, kind) for file in files[:_MOST_ASKED] if (kind := _readable_kind(file)).do]
    if not found:
        return "", ""
    order = [one.kind.key for one in _patterns()]
    file, best = min(found, key=lambda one: order.index(one[1].key))
    if len(files) == 1:
        return f"it is {best.name}", _advice(best, file)
    counts = Counter(kind.name for _, kind in found).most_common(4)
    parts = [name if count == 1 else f"{count} × {name}" for name, count in counts]
    return f"found: {', '.join(parts)}", _advice(best, file)


def unpacked(start: bytes) -> bytes:
    """How a file begins that gzip packed, from its own first bytes; nothing where they are damaged.

    >>> import gzip
    >>> unpacked(gzip.compress(b"NRRD0004"))
    b'NRRD0004'
    """
    try:
        return zlib.decompressobj(wbits=31).decompress(start, _UNPACKED_BYTES)
    except zlib.error:
        return b""


def _readable_kind(file: SourceFile) -> Kind:
    try:
        return kind_of(file.name, file.start(START_BYTES))
    except UnreadableError:
        return UNKNOWN


def _advice(kind: Kind, file: SourceFile) -> str:
    """What to do with a file of that name; what lies in an archive can't be given itself."""
    if kind.command:  # people paste it, and a name may hold quotes, and worse
        name = file.name if _PLAIN.fullmatch(file.name) else "FILE"
        return f"{kind.do}: {kind.command.replace('FILE', name)}"
    if kind.itself:
        return f"unpack it and give {file.name}" if file.archive else f"give the file itself, here {file.name}"
    return f"{kind.do} (here {file.name})"


@dataclass(frozen=True, slots=True)
class _Pattern:
    """How a kind is recognised."""

    kind: Kind
    begins: re.Pattern[bytes] | None
    packed_begins: re.Pattern[bytes] | None
    names: re.Pattern[str] | None
    within: tuple[str, ...]


def _by_content(start: bytes) -> Kind | None:
    """What gzip packed, where that is known; else the first kind that begins so."""
    found = _first(start)
    if found is None or found.key != _GZIP:
        return found
    inside = unpacked(start)
    packed = (one.kind for one in _patterns() if one.packed_begins is not None and one.packed_begins.match(inside))
    return next(packed, None) or _first(inside) or found


def _first(start: bytes) -> Kind | None:
    return next((one.kind for one in _patterns() if one.begins is not None and one.begins.match(start)), None)


@cache
def _patterns() -> tuple[_Pattern, ...]:
    return tuple(_pattern(key, entry) for key, entry in table("file_kinds")["kind"].items())


def _pattern(key: str, entry: Mapping[str, Any]) -> _Pattern:
    kind = Kind(
        key=key,
        name=entry["name"],
        use=entry["use"],
        what=entry.get("what", f"is {entry['name']}"),
        do=entry.get("do", ""),
        command=entry.get("command", ""),
        itself=entry.get("itself", False),
    )
    begins, packed_begins = (_any_of(entry.get(field, ())) for field in ("begins", "packed_begins"))
    return _Pattern(
        kind=kind,
        begins=re.compile(begins.encode("latin-1"), re.DOTALL) if begins else None,
        packed_begins=re.compile(packed_begins.encode("latin-1"), re.DOTALL) if packed_begins else None,
        names=re.compile(_any_of(entry["names"]), re.IGNORECASE | re.DOTALL) if "names" in entry else None,
        within=tuple(entry.get("within", ())),
    )


def _any_of(patterns: Sequence[str]) -> str:
    return "|".join(f"(?:{one})" for one in patterns)
