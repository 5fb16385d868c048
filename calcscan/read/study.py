"""Header → `Study` and `Acquisition`; and what the words of a header say about contrast and kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from calcscan.model import Acquisition, Flag, Study
from calcscan.read.header import Image, Person
from calcscan.read.identity import age_written, date_of, years_between
from calcscan.read.rules import limit, says, without


def study_of(image: Image) -> Study:
    """Whose scan it is, as far as the header says."""
    person = image.person
    return Study(
        study_uid=image.study_uid,
        series_uid=image.series_uid,
        frame_of_reference_uid=image.frame_of_reference_uid,
        patient_id=person.patient_id,
        patient_name=person.name,
        study_date=person.study_date,
        age_years=age_years(person),
        sex=person.sex.upper() if person.sex.upper() in ("M", "F", "O") else None,
    )


def person_of(images: Sequence[Image]) -> Person:
    """Whose images they are: of each field what the first image says that says anything."""
    told = {
        field.name: next((text for image in images if (text := getattr(image.person, field.name))), "")
        for field in fields(Person)
    }
    return Person(**told)


def age_years(person: Person) -> float | None:
    """Age at the scan, as written (`052Y`, `018M`, `003W`, `010D`) or from birth and study date.

    None where neither tells, where nobody is that old (`999Y` and `000Y` are ways to leave it open), and where the two
    contradict each other.
    """
    ages = ages_said(person)
    if len(ages) == 2 and abs(ages[0] - ages[1]) > limit("same_age_years"):
        return None
    return ages[0] if ages else None


def ages_said(person: Person) -> tuple[float, ...]:
    """The ages that a header gives, the written one first; without placeholders."""
    written = age_written(person.age)
    born, day = date_of(person.birth_date), date_of(person.study_date)
    told = [] if written is None or written == 0 else [written]
    if born is not None and day is not None:
        told.append(years_between(born, day))
    return tuple(age for age in told if 0 <= age <= limit("oldest_years"))


def age_note(person: Person) -> str:
    """What is to be said of an age that was not used; empty if nothing."""
    ages, written = ages_said(person), person.age.strip()
    if age_years(person) is None and len(ages) == 2:
        told = f"PatientAge ({ages[0]:g} years) and PatientBirthDate ({ages[1]:g} years)"
        return f"{told} contradict each other: neither was used"
    if written and len(ages) < 2 and age_years(person) != age_written(written):
        tells = "the birth date tells" if ages else "the age is unknown"
        return f"PatientAge ({written[:8]}) is no age of a person and was not used; {tells}"
    return ""


def acquisition_of(image: Image, thickness_mm: float | None) -> Acquisition:
    """How the series was made; `thickness_mm` is that of its thickest slice."""
    return Acquisition(
        manufacturer=image.manufacturer or None,
        model=image.model or None,
        kernel=image.kernel or None,
        kvp_kv=image.kvp_kv,
        slice_thickness_mm=thickness_mm,
        contrast=contrast_of(image.agent, image.description, image.study_description),
    )


def contrast_of(agent: str, description: str, study_description: str = "") -> bool | None:
    """True if an agent is named or the series says so; False if the words say there was none; None if nothing tells.

    >>> contrast_of("", "HEAD W/O CONTRAST"), contrast_of("Omnipaque 350", ""), contrast_of("", "Head 5.0")
    (False, True, None)
    """
    if agent and not says("no_agent", agent):
        return True
    if not says("either_contrast", description):
        if says("with_contrast", without("without_contrast", description)):
            return True
        if says("without_contrast", description):
            return False
    if says("either_contrast", study_description):
        return None
    return False if says("without_contrast", study_description) else None


def is_sharp(kernel: str, description: str) -> bool:
    """By the kernel's name; by the series' description only where the name is not a known soft one.

    >>> is_sharp("FC30", "Brain Bone 5.0"), is_sharp("FC63", "Brain Head 5.0"), is_sharp("", "HEAD BONE")
    (True, False, True)
    """
    if says("sharp_kernel", kernel):
        return True
    return not says("soft_kernel", kernel) and says("sharp_description", description)


def header_flags(image: Image, positions_said: set[str]) -> tuple[Flag, ...]:
    """`contrast`, `sharp_kernel`, `child` and `laterality_unknown`, as far as the header tells."""
    flags = []
    if contrast_of(image.agent, image.description, image.study_description):
        seen = image.agent or image.description
        flags.append(Flag(code="contrast", message=f"Contrast medium was given ({seen}).", value=seen))
    if is_sharp(image.kernel, image.description):
        name = image.kernel or image.description
        flags.append(Flag(code="sharp_kernel", message=f"Reconstructed with a sharp kernel ({name}).", value=name))
    age = min(ages_said(image.person), default=None)
    if age is not None and age < limit("adult_years"):
        message = f"The person is {age:g} years old; the atlas and the rules are made for adults."
        flags.append(Flag(code="child", message=message, value=age, limit=limit("adult_years")))
    doubt = _laterality_doubt(image, positions_said)
    if doubt:
        flags.append(Flag(code="laterality_unknown", message=f"{doubt}; left and right can't be told."))
    return tuple(flags)


def _laterality_doubt(image: Image, positions_said: set[str]) -> str:
    if image.assumed_axial:
        return "The header gives no position or no orientation, standard axial slices are assumed"
    if len(positions_said) > 1:
        return f"Slices of the series claim different patient positions ({', '.join(sorted(positions_said))})"
    row = image.row_cosine
    axis = max(range(3), key=lambda index: abs(row[index]))
    letter = ("RL", "AP", "FH")[axis][row[axis] > 0]
    said = image.patient_orientation[0][:1].upper() if image.patient_orientation else ""
    if said and said in "RLAPFH" and said in ("RL", "AP", "FH")[axis] and said != letter:
        return f"Patient orientation ({said}) and image orientation ({letter}) contradict each other"
    return ""
