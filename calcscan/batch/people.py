"""Which files belong to which person: two people never make one study, even with the same study UID."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from calcscan.knowledge.reading import ReadingSettings
from calcscan.read.headers.identity import Identity, identity_of
from calcscan.read.headers.image import Person


def number_persons(people: Iterable[Person], settings: ReadingSettings) -> Mapping[Person, int | None]:
    """A number for each person: the same for descriptions that don't contradict each other. None for one that fits
    several people and is too sparse to decide between them.

    >>> from calcscan.knowledge.settings import load
    >>> settings = load(ReadingSettings)
    >>> def person(number: str, name: str, sex: str = "") -> Person:
    ...     return Person(patient_id=number, name=name, age="", birth_date="", sex=sex, study_date="")
    >>> people = [person("1", "Ann"), person("2", "Bob", "M"), person("1", "ANN^", "F")]
    >>> list(number_persons(people, settings).values())
    [1, 0, 1]
    >>> list(number_persons([person("1", "Ann"), person("2", "Bob"), person("", "")], settings).values())
    [0, 1, None]
    """
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
