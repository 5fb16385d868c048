"""Names of studies and files that are safe as a folder name, in a table and in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from calcscan.report.tables import cell as cell

LONGEST = 180
"""Bytes of a study's name: file systems take 255, and temporary files beside it add to it."""
_FORMULA = "=+-@"
"""A spreadsheet runs a cell that begins so."""
RESERVED = frozenset({"batch.csv", "left_out.csv", "lesions.csv", "sites.csv", "status.json"})


def shown(path: str) -> str:
    """A path as it can be written anywhere, and got back from: what is not printable stands as `\\x..` or `\\u....`.

    >>> import os
    >>> shown("a/=1+1"), shown("=1+1"), shown("tab\\tä"), shown(os.fsdecode(b"\\xff.dcm"))
    ('a/=1+1', './=1+1', 'tab\\\\x09ä', '\\\\xff.dcm')
    """
    text = "".join(_shown(letter) for letter in path)
    return f"./{text}" if text[:1] in _FORMULA else text


def _shown(letter: str) -> str:
    if letter == "\\":
        return "\\\\"
    if letter.isprintable():
        return letter
    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no text, as Python holds it
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def study_name(parts: Sequence[str]) -> str:
    """The name of a study's folder in OUT: where it lies below ROOT, its parts joined; changed, and
    marked with a digest, where that would be no valid name.

    >>> study_name(["anna", "first"]), study_name([".scan"]), len(study_name(["x" * 120, "y" * 120]))
    ('anna__first', '_scan-509052bb', 180)
    """
    raw = "__".join(parts)
    plain = "".join(letter if letter.isprintable() else "_" for letter in raw)
    if plain[:1] in (*_FORMULA, ".", "'", " "):
        plain = "_" + plain[1:]
    if plain == raw and len(raw.encode()) <= LONGEST and raw.casefold() not in RESERVED:
        return raw
    mark = digest("/".join(parts))
    short = plain.encode()[: LONGEST - len(mark) - 1].decode(errors="ignore")
    return f"{short}-{mark}"


def digest(text: str) -> str:
    """The first eight hex digits of the SHA-256 of a text."""
    return sha256(text.encode(errors="surrogateescape")).hexdigest()[:8]
