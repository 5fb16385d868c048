"""Whose files are whose: two people never make one study, whatever its uid says."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

Person = tuple[str, ...]
"""Identifier, name, birth date, sex; empty where it is not given."""


def told_apart(people: Iterable[Person]) -> Mapping[Person, int | None]:
    """A number for each person: the same for all that may be one, as nothing that both give differs. None for what fits
    several people and tells too little to say which.

    >>> unclear = ("", "", "", "F")
    >>> told_apart([("1", "Ann", "", ""), ("1", "ANN^", "1950", ""), ("2", "Bob", "", ""), unclear])[unclear]
    >>> told_apart([("1", "", "", ""), ("1", "Ann", "", "F"), ("", "", "", "")])
    {('1', '', '', ''): 0, ('1', 'Ann', '', 'F'): 0, ('', '', '', ''): 0}
    """
    plain = {person: tuple(_plain(field) for field in person) for person in people}
    groups: list[list[str]] = []
    number: dict[tuple[str, ...], int | None] = {}
    for who in sorted(set(plain.values()), key=lambda who: (-sum(map(bool, who)), who)):
        fits = [n for n, known in enumerate(groups) if _compatible(known, who)]
        if not fits:
            groups.append(list(who))
            number[who] = len(groups) - 1
        elif len(fits) == 1:
            groups[fits[0]] = [one or other for one, other in zip(groups[fits[0]], who, strict=True)]
            number[who] = fits[0]
        else:
            number[who] = None
    return {person: number[who] for person, who in plain.items()}


def _compatible(one: Iterable[str], other: Iterable[str]) -> bool:
    return all(not a or not b or a == b for a, b in zip(one, other, strict=True))


def _plain(field: str) -> str:
    """Without what differs between two spellings of the same: case, accents, separators, order, other scripts."""
    text = unicodedata.normalize("NFKD", field.partition("=")[0].casefold())
    words = re.findall(r"[^\W_]+", "".join(letter for letter in text if not unicodedata.combining(letter)))
    return " ".join(sorted(words))
