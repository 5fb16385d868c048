"""What a file is that is not a DICOM image, how it counts, and what to do about it: `knowledge/file_kinds.toml`."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from calcscan.errors import UnreadableError
from calcscan.knowledge.file_kinds import FileKinds, Use
from calcscan.read.files.source import SourceFile

START_BYTES = 32774
"""How many bytes are needed to recognise any kind; only a disc image needs so many."""
_UNPACKED_BYTES = 1024
_MOST_ASKED = 256
"""The most files that are looked into for the message that nothing is DICOM."""
_PLAIN = re.compile(r"[\w./ -]+")
_GZIP = "gzip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of the table, which explains each field; `key` is empty for an unknown kind."""

    key: str = ""
    name: str = ""
    use: Use = Use.IMAGE
    what: str
    do: str = ""
    command: str = ""
    itself: bool = False

    @property
    def reason(self) -> str:
        """Why such a file is left out, and what to do, to follow its name."""
        worth_doing = self.do if self.use not in (Use.NONE, Use.LEFTOVER) else ""
        return f"{self.what}: {worth_doing}" if worth_doing else self.what


EMPTY = Kind(what="is empty")
UNKNOWN = Kind(what="is not a DICOM image")
_NOT_DICOM = Kind(use=Use.SLICE, what="is named .dcm but is not DICOM")
_EMPTY_DICOM = Kind(use=Use.SLICE, what="is empty")


def kind_of(name: str, start: bytes, kinds: FileKinds) -> Kind:
    """By how a file begins (`START_BYTES` of it), and where that doesn't decide, by the last part of its name.

    >>> from calcscan.knowledge.settings import load
    >>> kinds = load(FileKinds)
    >>> kind_of("a/IM1.dcm.gz", b"", kinds).what, kind_of("IM1", b"hello", kinds).what
    ('is a compressed DICOM file', 'is not a DICOM image')
    >>> kind_of("head.nii", b"NRRD0004", kinds).name, str(kind_of("notes.docx", b"PK\\3\\4", kinds).use)
    ('an NRRD volume', 'none')
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    named = next((key for key, entry in kinds.kind.items() if entry.has_name(last)), None)
    content = _by_content(start, kinds)
    if content is not None and (named is None or content.key not in kinds.kind[named].within):
        return content
    if named is not None:
        return _kind(named, kinds)
    return UNKNOWN if start else EMPTY


def left_out_as(file: SourceFile, start: bytes, kinds: FileKinds) -> Kind:
    """As `kind_of`; but what is named as DICOM is may be a slice, whatever it holds.

    >>> from calcscan.knowledge.settings import load
    >>> kinds = load(FileKinds)
    >>> [str(left_out_as(SourceFile(name), b"hello", kinds).use) for name in ("IM1.dcm", "IM1")]
    ['slice', 'image']
    """
    kind = kind_of(file.name, start, kinds)
    if file.claims_dicom and kind.use not in (Use.SLICE, Use.LEFTOVER):
        return _NOT_DICOM if start else _EMPTY_DICOM
    return kind


def what_instead(files: Sequence[SourceFile], kinds: FileKinds) -> tuple[str, str]:
    """What the files are where none is DICOM (empty if of no known kind), and what to do.

    >>> from calcscan.knowledge.settings import load
    >>> what_instead([], load(FileKinds))
    ('', '')
    """
    found = [(file, kind) for file in files[:_MOST_ASKED] if (kind := _readable_kind(file, kinds)).do]
    if not found:
        return "", ""
    order = list(kinds.kind)
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


def _readable_kind(file: SourceFile, kinds: FileKinds) -> Kind:
    try:
        return kind_of(file.name, file.start(START_BYTES), kinds)
    except UnreadableError:
        return UNKNOWN


def _advice(kind: Kind, file: SourceFile) -> str:
    """What to do with a file of that name; what is inside an archive can't be given by itself."""
    if kind.command:  # people paste it, and a name may hold quotes, and worse
        name = file.name if _PLAIN.fullmatch(file.name) else "FILE"
        return f"{kind.do}: {kind.command.replace('FILE', name)}"
    if kind.itself:
        return f"unpack it and give {file.name}" if file.archive else f"give the file itself, here {file.name}"
    return f"{kind.do} (here {file.name})"


def _by_content(start: bytes, kinds: FileKinds) -> Kind | None:
    """What gzip packed, where that is known; else the first kind that begins so."""
    found = _first(start, kinds)
    if found is None or found.key != _GZIP:
        return found
    inside = unpacked(start)
    packed = (_kind(key, kinds) for key, entry in kinds.kind.items() if entry.has_packed_content(inside))
    return next(packed, None) or _first(inside, kinds) or found


def _first(start: bytes, kinds: FileKinds) -> Kind | None:
    return next((_kind(key, kinds) for key, entry in kinds.kind.items() if entry.has_content(start)), None)


def _kind(key: str, kinds: FileKinds) -> Kind:
    entry = kinds.kind[key]
    return Kind(
        key=key,
        name=entry.name,
        use=entry.use,
        what=entry.what or f"is {entry.name}",
        do=entry.do,
        command=entry.command,
        itself=entry.itself,
    )
