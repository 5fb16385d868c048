"""What a header says of where its pixels come from: a scanner's reconstruction, or something computed later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from calcscan.read.headers.fields import get, number, positive, text

_MOST_SOURCES = 4
"""A thick slice may name hundreds; a few are enough to know the series."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Header fields about how the pixels were made. Absent text is empty."""

    derivation: str
    """Its description, and the meanings of its codes."""
    technique: str
    """Volume based calculation technique; `DISTORTED` where the sampling is."""
    sources: tuple[str, ...]
    """SOP instance uids of some images that it was made from."""
    energy_kev: float | None
    burned_in: bool
    photometric: str


def origin_of(layers: Sequence[Any]) -> Origin:
    """The fields' values; attributes are looked up in `layers`, in order."""
    found = list(layers)
    codes = [text(item, "CodeMeaning") for item in get(found, "DerivationCodeSequence") or ()]
    distorted = text(found, "VolumetricProperties").upper() == "DISTORTED"
    sources = [
        text(item, "ReferencedSOPInstanceUID") for item in (get(found, "SourceImageSequence") or ())[:_MOST_SOURCES]
    ]
    return Origin(
        derivation=" ".join(part for part in (text(found, "DerivationDescription"), *codes) if part),
        technique="DISTORTED" if distorted else text(found, "VolumeBasedCalculationTechnique").upper(),
        sources=tuple(uid for uid in sources if uid),
        energy_kev=positive(number(found, "MonoenergeticEnergyEquivalent")),
        burned_in=text(found, "BurnedInAnnotation").upper() == "YES",
        photometric=text(found, "PhotometricInterpretation").upper(),
    )
