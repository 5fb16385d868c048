"""Whose files are whose: two people never make one study, whatever its uid says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from calcscan.knowledge.reading import ReadingSettings
from calcscan.knowledge.settings import load
from calcscan.read.headers.identity import Identity, identity_of
from calcscan.read.headers.image import Person


def told_apart(people: Iterable[Person]) -> Mapping[Person, int | None]:
    """A number for each person: the same for all that may be one, as nothing that both give differs. None for what fits
    several people and tells too little to say which.

    >>> def person(number: str, name: str, sex: str = "") -> Person:
    ...     return Person(patient_id=number, name=name, age="", birth_date="", sex=sex, study_date="")
    >>> one, two, three = told_apart([person("1", "Ann"), person("2", "Bob", "M"), person("1", "ANN^", "F")]).values()
    >>> one == three != two
    True
    >>> list(told_apart([person("1", "Ann"), person("2", "Bob"), person("", "")]).values())
    [0, 1, None]
    """
    settings = load(ReadingSettings)
    who = {person: identity_of(person, settings) for person in people}
    groups: list[Identity] = []
    number: dict[Person, int | None] = {}
    for person in sorted(who, key=lambda person: -who[person].fields_given):
        fits = [place for place, known in enumerate(groups) if not known.conflict(who[person], settings)]
        if not fits:
            groups.append(who[person])
            number[person] = len(groups) - 1
        elif len(fits) == 1:
            groups[fits[0]] = groups[fits[0]].joined(who[person])
            number[person] = fits[0]
        else:
            number[person] = None
    return {person: number[person] for person in who}
