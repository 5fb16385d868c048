"""The words by which DICOM headers tell what a series is: `series_words.toml`, as regular expressions."""

from __future__ import annotations

import re
import unicodedata
from functools import cached_property, lru_cache
from typing import ClassVar

from calcscan.knowledge.settings import Settings, Table

_OTHER_LETTERS = str.maketrans({"ı": "i", "ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "ß": "ss",
                                "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "_": " "})  # fmt: skip
_LAST_WITH_ACCENTS = 0x0590
"""Latin, Greek and Cyrillic lie below; marks of other scripts are part of their letters."""
_FIRST_OTHER = 0x0370
"""The first letter that is not Latin."""
_UNDECLARED = ("gb18030", "shift_jis", "euc_kr", "cp1251")


class Phrases(Table, frozen=True, kw_only=True, eq=False, dict=True):
    """Regular expressions that mean one thing, searched anywhere in a text made `plain`, whatever the case."""

    patterns: tuple[str, ...]
    what: str = ""
    """What it means that one of them matches, in words for users."""

    def __post_init__(self) -> None:
        _ = self._pattern  # a slip in it is found as the file is loaded

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        try:
            return re.compile("|".join(f"(?:{one})" for one in self.patterns), re.IGNORECASE)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error

    def match(self, text: str) -> bool:
        """Does any of them occur in the text?

        >>> phrases = Phrases(patterns=("schadel", "head"))
        >>> phrases.match("Schädel nativ"), phrases.match("Neck")
        (True, False)
        """
        return self._pattern.search(plain(text)) is not None

    def search(self, text: str) -> re.Match[str] | None:
        """The first occurrence of any of them in the text made plain."""
        return self._pattern.search(plain(text))

    def removed_from(self, text: str) -> str:
        """The text, made plain, without what they match.

        >>> Phrases(patterns=("head injury",)).removed_from("CT Head Injury")
        'CT  '
        """
        return self._pattern.sub(" ", plain(text))


class Terms(Table, frozen=True, kw_only=True, eq=False):
    """Values of a DICOM field, compared as they stand."""

    values: frozenset[str]


class SeriesWords(Settings, frozen=True, kw_only=True, eq=False):
    """Entries of `knowledge/series_words.toml`."""

    file: ClassVar[str] = "series_words"

    not_contrast: Phrases
    without_contrast: Phrases
    with_contrast: Phrases
    either_contrast: Phrases
    no_agent: Phrases
    agent_given: Phrases
    vascular_route: Phrases
    projection: Phrases
    subtraction: Phrases
    energy_map: Phrases
    perfusion_map: Phrases
    overlay: Phrases
    synthetic: Phrases
    dose_map: Phrases
    suspect: Phrases
    reformat: Phrases
    kept_values: Phrases
    plain_types: Phrases
    harmless_derivation: Phrases
    energy_single: Phrases
    energy_kev: Phrases
    cone_beam: Phrases
    plain_rescale_types: Terms
    unsaid_types: Terms
    computed_techniques: Terms
    computed_contrasts: Terms
    nobody: Phrases
    human: Phrases
    sharp_kernel: Phrases
    soft_kernel: Phrases
    sharp_description: Phrases
    dose_report: Phrases
    another_region: Phrases
    head_region: Phrases
    skipped_image_types: Terms
    name_contrast: Phrases
    hounsfield_unit: Phrases

    @property
    def computed(self) -> tuple[Phrases, ...]:
        """What names pictures whose values are no Hounsfield units of a scan, in the order in which they are tried."""
        return (
            self.projection,
            self.subtraction,
            self.perfusion_map,
            self.energy_map,
            self.overlay,
            self.synthetic,
            self.dose_map,
        )

    @property
    def hounsfield_types(self) -> frozenset[str]:
        """Rescale types that do not contradict Hounsfield units."""
        return self.plain_rescale_types.values | self.unsaid_types.values


@lru_cache(maxsize=4096)
def plain(text: str) -> str:
    """The text with accents taken off, full-width signs made narrow and underscores made spaces.

    A text that was read in the wrong character set is followed by what it may have been.

    >>> plain("Schädel_ohne KM（＋）"), plain("KONTRASTSIZ, kontrastsız")
    ('Schadel ohne KM(+)', 'KONTRASTSIZ, kontrastsiz')
    """
    decoded = _decoded(text)
    letters = []
    for letter in unicodedata.normalize("NFKC", decoded).translate(_OTHER_LETTERS):
        base = unicodedata.normalize("NFD", letter)[0]
        letters.append(base if ord(base) < _LAST_WITH_ACCENTS else letter)
    return "".join(letters)


def _decoded(text: str) -> str:
    """A text that was read as Latin-1: UTF-8 if it is that, else followed by the letters it may have stood for."""
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
        if any(ord(letter) > _FIRST_OTHER for letter in text):
            return text
    guesses = [raw.decode(name, errors="ignore") for name in _UNDECLARED]
    return " ".join(
        [text, *("".join(one for one in guess if one == " " or ord(one) > _FIRST_OTHER) for guess in guesses)]
    )
