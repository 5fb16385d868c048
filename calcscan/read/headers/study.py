"""Headers → `Study`: whose scan it is, and how old they were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from calcscan.knowledge.reading import ReadingSettings
from calcscan.model import Study
from calcscan.read.headers.identity import age_written, date_of, years_between
from calcscan.read.headers.image import Image, Person

_SEXES = {"M": "M", "MALE": "M", "F": "F", "FEMALE": "F", "O": "O", "OTHER": "O"}


def study_of(image: Image, settings: ReadingSettings) -> Study:
    """Whose scan it is, as far as the header says."""
    person = image.person
    return Study(
        study_uid=image.study_uid,
        series_uid=image.series_uid,
        frame_of_reference_uid=image.frame_of_reference_uid,
        patient_id=person.patient_id,
        patient_name=person.name,
        study_date=person.study_date,
        also=person.also,
        age_years=age_years(person, settings),
        sex=_SEXES.get(person.sex.upper()),
    )


def person_of(images: Sequence[Image]) -> Person:
    """Whose images they are: each field from the first image that has it."""
    stated = {
        field.name: next((text for image in images if (text := getattr(image.person, field.name))), "")
        for field in fields(Person)
    }
    return Person(**stated)


def age_years(person: Person, settings: ReadingSettings) -> float | None:
    """Age at the scan, as written (`052Y`, `018M`, `003W`, `010D`) or from birth and study date.

    None where neither is given, where it is no real age (`999Y` and `000Y` are placeholders), and where the two
    contradict each other.
    """
    ages = ages_said(person, settings)
    if len(ages) == 2 and abs(ages[0] - ages[1]) > settings.same_age_years:
        return None
    return ages[0] if ages else None


def ages_said(person: Person, settings: ReadingSettings) -> tuple[float, ...]:
    """The ages that a header gives, the written one first; without placeholders."""
    written = age_written(person.age)
    born, day = date_of(person.birth_date), date_of(person.study_date)
    ages = [] if written is None or written == 0 else [written]
    if born is not None and day is not None:
        ages.append(years_between(born, day))
    return tuple(age for age in ages if 0 <= age <= settings.max_age_years)


def age_note(person: Person, settings: ReadingSettings) -> str:
    """What to say of an age that was not used; empty if there is nothing to say."""
    ages, written = ages_said(person, settings), person.age.strip()
    if age_years(person, settings) is None and len(ages) == 2:
        both = f"PatientAge ({ages[0]:g} years) and PatientBirthDate ({ages[1]:g} years)"
        return f"{both} contradict each other: neither was used"
    if written and age_written(written) is None and len(ages) < 2:
        instead = "the age was taken from the birth date" if ages else "the age is unknown"
        return f"PatientAge ({written[:8]}) has no form that DICOM knows (052Y) and was not used; {instead}"
    if written and len(ages) < 2 and age_years(person, settings) != age_written(written):
        instead = "the age was taken from the birth date" if ages else "the age is unknown"
        return f"PatientAge ({written[:8]}) is not a plausible age and was not used; {instead}"
    return ""
