"""Limits and words of `knowledge/reading.toml` and `series_words.toml`, looked up by name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

from calcscan.knowledge import table, values

_OTHER_LETTERS = str.maketrans({"ı": "i", "ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "ß": "ss",
                                "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "_": " "})  # fmt: skip
_LAST_WITH_ACCENTS = 0x0590
"""Latin, Greek and Cyrillic lie below; marks of other scripts are part of their letters."""
_FIRST_OTHER = 0x0370
"""The first letter that is not Latin."""
_UNDECLARED = ("gb18030", "shift_jis", "euc_kr", "cp1251")


def limit(name: str) -> float:
    """A number of `reading.toml` or `series_words.toml`.

    >>> limit("min_slices")
    8
    """
    own = values("reading")
    return own[name] if name in own else values("series_words")[name]


def members(name: str) -> tuple[float | str, ...]:
    """A list of `reading.toml` or `series_words.toml`."""
    return tuple(_entry(name)["values"])


def _entry(name: str) -> Mapping[str, Any]:
    own = table("reading")
    found: Mapping[str, Any] = own[name] if name in own else table("series_words")[name]
    return found


@cache
def _compiled(name: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{one})" for one in _entry(name)["patterns"]), re.IGNORECASE)


@lru_cache(maxsize=4096)
def plain(text: str) -> str:
    """The text with accents taken off, full-width signs made narrow and underscores made spaces.

    A text that was read in the wrong character set is followed by what it may have been.

    >>> plain("Schädel_ohne KM（＋）"), plain("KONTRASTSIZ, kontrastsız")
    ('Schadel ohne KM(+)', 'KONTRASTSIZ, kontrastsiz')
    """
    said = _as_written(text)
    letters = []
    for letter in unicodedata.normalize("NFKC", said).translate(_OTHER_LETTERS):
        base = unicodedata.normalize("NFD", letter)[0]
        letters.append(base if ord(base) < _LAST_WITH_ACCENTS else letter)
    return "".join(letters)


def _as_written(text: str) -> str:
    """A text that was read as Latin-1: UTF-8 if it is that, else with the other letters that it may have stood for."""
    if text.isascii():
        return text
    try:
        raw = text.encode("latin-1")
    except UnicodeEncodeError:
        return text
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        if any(ord(one) > _FIRST_OTHER for one in text):
            return text
    guesses = [raw.decode(name, errors="ignore") for name in _UNDECLARED]
    return " ".join(
        [text, *("".join(one for one in guess if one == " " or ord(one) > _FIRST_OTHER) for guess in guesses)]
    )


def says(name: str, text: str) -> bool:
    """Does the text match any of the patterns so named?

    >>> says("sharp_kernel", "FC30"), says("sharp_kernel", "H31s"), says("sharp_kernel", "BONEPLUS")
    (True, False, True)
    """
    return _compiled(name).search(plain(text)) is not None


def found(name: str, text: str) -> re.Match[str] | None:
    """The first match of any of the patterns so named, in the text made plain."""
    return _compiled(name).search(plain(text))


def without(name: str, text: str) -> str:
    """The text, made plain, with what matches taken out."""
    return _compiled(name).sub(" ", plain(text))


def what(name: str) -> str:
    """What it means that the patterns so named match."""
    return str(_entry(name)["what"])
