"""What identifies people is struck from free text that a header or a file name brought along."""

from __future__ import annotations

import re
from collections.abc import Callable

from calcscan.model import Study

Clean = Callable[[str], str]
"""Free text without what identifies the person."""

_STRUCK = "***"
_SHORTEST = 3
_TELLING_DIGITS = 5
"""Shorter numbers are also kilovolts, millimetres and Hounsfield units."""
_DATES = re.compile(
    r"(?<![\d.])(?:(?:19|20)\d{2}([./-]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])"
    r"|\d{1,2}([./-])\d{1,2}\2(?:19|20)\d{2}|\d{2}\.\d{2}\.\d{2})(?![\d.]*\d)"
)
"""1931-03-12, 19310312, 12.03.1931, 12/3/1931, 12.03.31."""


def cleaner(study: Study, *, dates: bool = True) -> Clean:
    """What removes identifiers, each part of a name of three letters or more, and (with `dates`) every date. Words in
    lower case stay: a person may be called Head.

    >>> clean = cleaner(Study(patient_name="Doe^Jane", patient_id="P778", also="ACC99\\\\Roe^Richard"))
    >>> clean("Head DOE 5.0 for Roe, ACC99, born 12.03.1931"), clean("Head 5.0 H31s 20240229")
    ('Head *** 5.0 for ***, ***, born ***', 'Head 5.0 H31s ***')
    """
    parts = re.split(r"[\s^=,\\]+", f"{study.patient_name}\\{study.also}")
    names = [part for part in parts if len(part) >= _TELLING_DIGITS or not part.isdecimal()]
    uids = (study.study_uid, study.series_uid, study.frame_of_reference_uid)
    words = {word for word in (study.patient_id, study.study_date, *uids, *names) if len(word) >= _SHORTEST}
    forms = {form for word in words for form in (word, word.upper(), word.capitalize())}
    patterns = [re.compile("|".join(map(re.escape, sorted(forms, key=len, reverse=True))))] if forms else []
    patterns += [_DATES] if dates else []

    def clean(text: str) -> str:
        for pattern in patterns:
            text = pattern.sub(_STRUCK, text)
        return text

    return clean
