"""Was a series reconstructed by a scanner, or computed from one? By several signs in the headers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from calcscan.knowledge.reading import ReadingSettings
from calcscan.read.headers.acquisition import energy_kev, single_energy
from calcscan.read.headers.image import Image

_GREY_BITS = 8


class Nature(IntEnum):
    """How far a series is from a native one; more is worse."""

    NATIVE = 0
    """A reconstruction by the scanner, as far as the header says."""
    NAMED = 1
    """Original by its image type, but with a name that computed images have, too."""
    REFORMAT = 2
    """Derived, its values still Hounsfield units: slices reformatted, averaged, filtered or corrected."""
    DOUBTFUL = 3
    """Derived in an unspecified way, or with signs that it is not a plain image."""
    COMPUTED = 4
    """A projection, map, subtraction, overlay or the like: its values mean something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivation:
    """What a series is, and how it was recognised; `why` is empty for a native one."""

    nature: Nature = Nature.NATIVE
    why: str = ""


def derivation_of(images: Sequence[Image], settings: ReadingSettings) -> Derivation:
    """The most severe that any slice of a series has."""
    kinds = {
        (image.image_type, image.description, image.origin.derivation, image.origin.technique): image
        for image in images
    }
    odd = [image for image in images if image.origin.burned_in or image.origin.energy_kev is not None]
    judged = [derivation_of_image(image, settings) for image in (*kinds.values(), *odd[:1])]
    judged.append(_of_values(images, settings))
    return max(judged, key=lambda one: one.nature)


def made_from(images: Sequence[Image], others: Iterable[Image]) -> bool:
    """Do the images name slices of other series as their sources?"""
    sources = {uid for image in images for uid in image.origin.sources}
    return bool(sources) and any(image.sop_uid in sources for image in others)


def derivation_of_image(image: Image, settings: ReadingSettings) -> Derivation:
    """What a single slice's header says."""
    origin = image.origin
    mixed = any(word in settings.words.computed_contrasts.values for word in image.image_type[3:4])
    if mixed or origin.technique in settings.words.computed_techniques.values or origin.technique == "DISTORTED":
        return Derivation(nature=Nature.COMPUTED, why=settings.words.projection.what)
    types, derivation = _later_types(image), _meaningful(origin.derivation, settings)
    words = " ; ".join((*types, image.description, derivation))
    for phrases in settings.words.computed:
        match = phrases.search(words)
        if match is not None:
            return Derivation(nature=Nature.COMPUTED, why=f"{phrases.what} ({match.group().strip()!r} in the header)")
    if single_energy(image, settings):
        return _of_energy(image, settings)
    derived = image.image_type[:1] == ("DERIVED",)
    suspect = settings.words.suspect.search(words)
    if suspect is not None and not (derived and settings.words.reformat.match(words)):
        nature = Nature.DOUBTFUL if derived else Nature.NAMED
        why = f"{'derived, and ' if derived else ''}{settings.words.suspect.what} ({suspect.group().strip()!r})"
        return Derivation(nature=nature, why=why)
    return _of_type(image, types, derivation, derived, settings)


def _of_type(
    image: Image, types: Sequence[str], derivation: str, derived: bool, settings: ReadingSettings
) -> Derivation:
    if image.origin.burned_in:
        return Derivation(nature=Nature.DOUBTFUL, why="derived: text is burned into the image")
    words = f"{image.description} ; {derivation}"
    if derived:
        unknown = next((word for word in types if not settings.words.plain_types.match(word)), "")
        if unknown or (derivation and not settings.words.reformat.match(derivation)):
            why = f"derived in an unknown way ({unknown or derivation!r})"
            return Derivation(nature=Nature.DOUBTFUL, why=why)
        if not types and not derivation and not settings.words.kept_values.match(words):
            return Derivation(nature=Nature.DOUBTFUL, why="derived in an unspecified way")
        return Derivation(nature=Nature.REFORMAT, why="derived: " + settings.words.kept_values.what)
    if derivation or settings.words.kept_values.match(words) or image.image_type[1:2] == ("SECONDARY",):
        return Derivation(nature=Nature.REFORMAT, why="derived: " + settings.words.kept_values.what)
    if is_cone_beam(image, settings):
        return Derivation(nature=Nature.NAMED, why="a cone-beam CT")
    return Derivation()


def _later_types(image: Image) -> tuple[str, ...]:
    """What an image type says beyond original and primary, in words."""
    return tuple(word.replace("_", " ") for word in image.image_type[2:])


def _meaningful(derivation: str, settings: ReadingSettings) -> str:
    return "" if settings.words.harmless_derivation.match(derivation) else derivation


def _of_energy(image: Image, settings: ReadingSettings) -> Derivation:
    energy = energy_kev(image, settings)
    if energy is not None and settings.like_120_low_kev <= energy <= settings.like_120_high_kev:
        return Derivation(nature=Nature.DOUBTFUL, why=f"computed for a single energy ({energy:g} keV)")
    shown = "not specified" if energy is None else f"{energy:g} keV"
    why = f"computed for a single energy ({shown}), at which calcium does not measure as it does at 120 kV"
    return Derivation(nature=Nature.COMPUTED, why=why)


def _of_values(images: Sequence[Image], settings: ReadingSettings) -> Derivation:
    """By what the headers say of the stored values."""
    odd = odd_rescale_types(images, settings)
    if odd:
        types = ", ".join(odd)
        if sum(odd.values()) == len(images):
            return Derivation(nature=Nature.COMPUTED, why=f"{settings.words.energy_map.what} ({types})")
        why = f"derived in part: {sum(odd.values())} of {len(images)} slices hold {types}, not Hounsfield units"
        return Derivation(nature=Nature.DOUBTFUL, why=why)
    if all(image.pixels.bits_stored <= _GREY_BITS for image in images):
        return Derivation(nature=Nature.DOUBTFUL, why="derived: an 8-bit greyscale copy")
    return Derivation()


def odd_rescale_types(images: Sequence[Image], settings: ReadingSettings) -> dict[str, int]:
    """Rescale types other than Hounsfield units, and in how many slices.

    "Unspecified" does not count as one: a slice on another scale than the rest is found by its values.
    """
    counts = Counter(image.pixels.rescale_type for image in images)
    return {kind: count for kind, count in counts.items() if kind not in settings.words.hounsfield_types}


def is_cone_beam(image: Image, settings: ReadingSettings) -> bool:
    """By its description, maker, model and kernel."""
    said = f"{image.description} {image.manufacturer} {image.model} {image.kernel}"
    return bool(settings.words.cone_beam.match(said))
