"""Header → `Study` and `Acquisition`; and what the words of a header say about contrast and kernel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache

from calcscan.model import Acquisition, Flag, Study
from calcscan.read.header import Image, Person
from calcscan.read.identity import age_written, date_of, years_between
from calcscan.read.rules import found, limit, says, without


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


def acquisition_of(images: Sequence[Image], thickness_mm: float | None, contrast: Contrast) -> Acquisition:
    """How a series was made; `thickness_mm` is that of its thickest slice.

    The tube voltage is None where it differs between slices, and in a picture computed for a single energy.
    """
    first = images[0]
    return Acquisition(
        manufacturer=first.manufacturer or None,
        model=first.model or None,
        kernel=next((image.kernel for image in images if image.kernel), None),
        kvp_kv=None if single_energy(first) else kvp_of(images),
        slice_thickness_mm=thickness_mm,
        contrast=contrast.given,
    )


def kvp_of(images: Sequence[Image]) -> float | None:
    """The tube voltage in kV; None where no slice tells it, or slices differ."""
    known = [image.kvp_kv for image in images if image.kvp_kv]
    if not known or max(known) - min(known) > limit("same_kvp"):
        return None
    return known[0]


def single_energy(image: Image) -> bool:
    """Was the picture computed for a single energy (virtual monoenergetic)?"""
    return image.origin.energy_kev is not None or says(
        "energy_single", f"{' '.join(image.image_type)} {image.description} {image.origin.derivation}"
    )


def energy_kev(image: Image) -> float | None:
    """The energy of a picture computed for a single one, in keV, from its own field or the words; None if not told."""
    if image.origin.energy_kev is not None:
        return image.origin.energy_kev
    match = found("energy_kev", f"{image.description} {' '.join(image.image_type)} {image.origin.derivation}")
    return None if match is None else float(next(group for group in match.groups() if group))


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """Whether contrast medium was given, and the words that tell it; None where nothing does."""

    given: bool | None = None
    said: str = ""


def contrast_of(agent: str, description: str, study_description: str = "") -> bool | None:
    """True if an agent is named or the words say so; False if they say that there was none; None if nothing tells.

    The study's words count where the series' own tell nothing.

    >>> contrast_of("", "HEAD W/O CONTRAST"), contrast_of("Omnipaque 350", ""), contrast_of("", "Head 5.0")
    (False, True, None)
    """
    if agent and not says("no_agent", agent):
        return True
    own = contrast_said(description)
    return contrast_said(study_description) if own is None else own


@lru_cache(maxsize=4096)
def contrast_said(text: str) -> bool | None:
    """What the name of a series, a protocol or a study tells; None where it tells nothing, or of both passes.

    >>> contrast_said("Kopf mit KM"), contrast_said("平扫"), contrast_said("W/WO"), contrast_said("POSTOP")
    (True, False, None, None)
    """
    clear = without("not_contrast", text)
    if says("either_contrast", clear):
        return None
    if says("with_contrast", without("without_contrast", clear)):
        return True
    return False if says("without_contrast", clear) else None


def own_contrast(image: Image) -> Contrast:
    """What an image's own fields tell: the injection, its comments, the name of its series."""
    if image.injected:
        return Contrast(given=True, said=image.injected)
    said = {text: contrast_said(text) for text in (image.comments, image.description) if text}
    for text, given in said.items():
        if given:
            return Contrast(given=True, said=text)
    return next((Contrast(given=False, said=text) for text, given in said.items() if given is False), Contrast())


def told_contrast(images: Sequence[Image], *, alone: bool = True) -> Contrast:
    """What the headers of a series tell, all slices of it and all fields; contrast in some slices is contrast.

    Names of protocols, procedures and the study stand for all passes of a study. They count only where the series'
    own fields tell nothing; that they tell of contrast, only if no other series of the study has it (`alone`).
    """
    own = dict.fromkeys(own_contrast(image) for image in images)
    for given in (True, False):
        for contrast in own:
            if contrast.given is given:
                return contrast
    words = dict.fromkeys(text for image in images for text in image.context)
    said = {text: contrast_said(text) for text in words}
    denied = next((text for text, tells in said.items() if tells is False), "")
    claimed = next((text for text, tells in said.items() if tells), "")
    if claimed and not denied and alone:
        return Contrast(given=True, said=claimed)
    return Contrast(given=False, said=denied) if denied and not claimed else Contrast()


def is_sharp(kernel: str, description: str) -> bool:
    """By the kernel's name; by the series' description only where the name is not a known soft one.

    >>> is_sharp("FC30", "Brain Bone 5.0"), is_sharp("FC63", "Brain Head 5.0"), is_sharp("", "HEAD BONE")
    (True, False, True)
    """
    if says("sharp_kernel", kernel):
        return True
    return not says("soft_kernel", kernel) and says("sharp_description", description)


def header_flags(images: Sequence[Image], positions_said: set[str], contrast: Contrast) -> tuple[Flag, ...]:
    """`contrast`, `sharp_kernel`, `unknown_kvp`, `child` and `laterality_unknown`, as far as the headers tell."""
    first = images[0]
    flags = []
    if contrast.given:
        said = contrast.said
        flags.append(Flag(code="contrast", message=f"Contrast medium was given ({said}).", value=said))
    sharp = next((image for image in images if is_sharp(image.kernel, image.description)), None)
    if sharp is not None:
        name = sharp.kernel or sharp.description
        flags.append(Flag(code="sharp_kernel", message=f"Reconstructed with a sharp kernel ({name}).", value=name))
    flags += _voltage_flags(images)
    age = min(ages_said(first.person), default=None)
    if age is not None and age < limit("adult_years"):
        message = f"The person is {age:g} years old; the atlas and the rules are made for adults."
        flags.append(Flag(code="child", message=message, value=age, limit=limit("adult_years")))
    doubt = _laterality_doubt(first, positions_said)
    if doubt:
        flags.append(Flag(code="laterality_unknown", message=f"{doubt}; left and right can't be told."))
    return tuple(flags)


def _voltage_flags(images: Sequence[Image]) -> tuple[Flag, ...]:
    """`unknown_kvp` where slices differ in tube voltage, or the picture was computed for a single energy."""
    if single_energy(images[0]):
        energy = energy_kev(images[0])
        name = "an energy that is not told" if energy is None else f"{energy:g} keV"
        message = f"The picture was computed for {name}, not taken with one tube voltage."
        return (Flag(code="unknown_kvp", message=message, value=energy),)
    counts = Counter(image.kvp_kv for image in images if image.kvp_kv)
    if kvp_of(images) is not None or not counts:
        return ()
    shown = ", ".join(f"{kvp:g} kV in {count} slices" for kvp, count in counts.most_common())
    message = f"The tube voltage differs between slices ({shown}): no threshold suits all, that of 120 kV is used."
    return (Flag(code="unknown_kvp", message=message, value=shown),)


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
