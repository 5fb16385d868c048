"""Whose images they are: two people must never end up in one volume."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from calcscan.errors import InputError
from calcscan.knowledge.reading import ReadingSettings
from calcscan.read.headers.image import Image, Person
from calcscan.read.wording import first_few

FIELDS = {
    "patient_id": "PatientID",
    "name": "PatientName",
    "birth_date": "PatientBirthDate",
    "sex": "PatientSex",
    "age": "PatientAge",
}
"""The DICOM fields by which people are told apart. An absent field fits everybody."""
_SEXES = ("M", "F")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A person as a header describes them, in forms that can be compared; empty or None where it says nothing."""

    patient_id: str = ""
    name: frozenset[str] = frozenset()
    birth_date: str = ""
    sex: str = ""
    age: float | None = None

    @property
    def fields_given(self) -> int:
        """How many fields are given."""
        return sum(map(bool, (self.patient_id, self.name, self.birth_date, self.sex, self.age)))

    def conflict(self, other: Identity, settings: ReadingSettings) -> str:
        """The DICOM keyword by which the two differ; empty if they may be one person."""
        for field in ("patient_id", "name", "birth_date", "sex"):
            value, other_value = getattr(self, field), getattr(other, field)
            if value and other_value and value != other_value and not (field == "name" and self._fuller_name(other)):
                return FIELDS[field]
        if self.age is not None and other.age is not None and abs(self.age - other.age) > settings.same_age_years:
            return FIELDS["age"]
        return ""

    def _fuller_name(self, other: Identity) -> bool:
        """Is one name the other plus a middle name, a title or the like? One word is too little to say so,
        unless their numbers agree."""
        shorter, longer = sorted((self.name, other.name), key=len)
        same_number = bool(self.patient_id) and self.patient_id == other.patient_id
        return shorter < longer and (len(shorter) > 1 or same_number)

    def joined(self, other: Identity) -> Identity:
        """What both together say; `self` where both say something."""
        return Identity(
            patient_id=self.patient_id or other.patient_id,
            name=self.name or other.name,
            birth_date=self.birth_date or other.birth_date,
            sex=self.sex or other.sex,
            age=other.age if self.age is None else self.age,
        )


def identity_of(person: Person, settings: ReadingSettings) -> Identity:
    """Identity without differences of writing only: case, accents as combined letters, order and padding of a name,
    leading zeros and dashes of a number, umlauts, placeholders.

    >>> one = Person(patient_id="007", name="Doe^John", age="", birth_date="19700102", sex="M", study_date="")
    >>> other = Person(patient_id="7 ", name="JOHN DOE^^^", age="", birth_date="1970.01.02", sex="O", study_date="")
    >>> from calcscan.knowledge.settings import load
    >>> settings = load(ReadingSettings)
    >>> identity_of(one, settings).conflict(identity_of(other, settings), settings)
    ''
    """
    number = re.sub(r"[\s./-]", "", _folded(person.patient_id)) or _folded(person.patient_id)
    alphabetic = _folded(person.name.split("=")[0])
    if settings.words.nobody.match(person.patient_id):
        number = ""
    if settings.words.nobody.match(alphabetic):
        alphabetic = ""
    sex = person.sex.strip().upper()[:1]
    born = date_of(person.birth_date)
    written = age_written(person.age)
    return Identity(
        patient_id=number.lstrip("0") or number,
        name=frozenset(map(_spelled, re.sub(r"[\^,;._-]", " ", alphabetic).split())),
        birth_date=born.isoformat() if born is not None and not _placeholder(born, person, settings) else "",
        sex=sex if sex in _SEXES else "",
        age=written if written is not None and 0 < written <= settings.max_age_years else None,
    )


def people_in(images: Sequence[Image], settings: ReadingSettings) -> list[list[Image]]:
    """The images of each person. An image that says less than the others goes to the first whom it fits."""
    groups: list[tuple[Identity, list[Image]]] = []
    known: dict[Person, int] = {}
    order = sorted({image.person for image in images}, key=lambda person: -identity_of(person, settings).fields_given)
    for person in order:
        described = identity_of(person, settings)
        place = next(
            (n for n, (identity, _) in enumerate(groups) if not identity.conflict(described, settings)), len(groups)
        )
        if place == len(groups):
            groups.append((described, []))
        else:
            groups[place] = (groups[place][0].joined(described), groups[place][1])
        known[person] = place
    for image in images:
        groups[known[image.person]][1].append(image)
    return [group for _, group in groups]


def refuse_several_people(images: Sequence[Image], what: str, where: str, settings: ReadingSettings) -> None:
    """Raise unless all images of a study or series (`what`) may be of one person.

    Raises
    ------
    InputError
        With the field that differs and how many images each has; never with anybody's name or number.
    """
    people = people_in(images, settings)
    if len(people) < 2:
        return
    first, second = (identity_of(group[0].person, settings) for group in people[:2])
    field = first.conflict(second, settings) or _any_conflict(people[0], people[1], settings)
    counts = sorted((len(group) for group in people), reverse=True)
    shown = first_few(counts)
    raise InputError(
        f"{what} holds images of {len(people)} people: {field} differs (in {shown} images)",
        where=where,
        hint="give the images of one person, or name a series of one person (--series UID)",
    )


def refuse_animal(images: Sequence[Image], where: str, settings: ReadingSettings) -> None:
    """Raises `InputError` where a header names a species or a breed that is not human."""
    said = next((one.species for one in images if one.species and not settings.words.human.match(one.species)), "")
    if said:
        raise InputError(
            f"the header says that this is an animal ({' '.join(said.split())[:40]})",
            where=where,
            hint="calcscan's atlas and rules are made for people; if it is one, correct PatientSpeciesDescription",
        )


def _any_conflict(one: Sequence[Image], other: Sequence[Image], settings: ReadingSettings) -> str:
    pairs = ((identity_of(a.person, settings), identity_of(b.person, settings)) for a in one for b in other)
    return next(field for a, b in pairs if (field := a.conflict(b, settings)))


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _spelled(word: str) -> str:
    """A word of a name without accents, and without the e by which an umlaut is written.

    >>> _spelled("müller"), _spelled("mueller"), _spelled("weiß")
    ('muller', 'muller', 'weiss')
    """
    bare = "".join(letter for letter in unicodedata.normalize("NFD", word) if not unicodedata.combining(letter))
    return re.sub("(?<=[aou])e", "", bare.casefold())


_YEARS = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}


def age_written(text: str) -> float | None:
    """Years of a PatientAge (`052Y`, `018M`, `003W`, `010D`); None if it says nothing.

    >>> age_written("018M"), age_written("052 Y"), age_written("52")
    (1.5, 52.0, None)
    """
    letters = "".join(text.upper().split())
    if len(letters) >= 2 and letters[-1] in _YEARS and letters[:-1].isdecimal():
        return round(int(letters[:-1]) * _YEARS[letters[-1]], 2)
    return None


def date_of(text: str) -> date | None:
    """A DICOM date, of the old and the new form; None if there is no such day.

    >>> date_of("20240229"), date_of("2024.02.30")
    (datetime.date(2024, 2, 29), None)
    """
    digits = text.strip().replace("-", "").replace(".", "")[:8]
    if len(digits) < 8 or not digits.isdecimal():
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None


def years_between(born: date, day: date) -> float:
    """Whole years that somebody has lived on a day."""
    return float(day.year - born.year - ((day.month, day.day) < (born.month, born.day)))


def _placeholder(born: date, person: Person, settings: ReadingSettings) -> bool:
    """A birth date that nobody can have: after the scan, or longer ago than a human life."""
    day = date_of(person.study_date)
    return day is not None and not 0 <= years_between(born, day) <= settings.max_age_years
