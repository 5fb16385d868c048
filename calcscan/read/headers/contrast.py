"""Whether contrast medium was given, from all that the headers of a series say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from calcscan.read.headers.image import Image
from calcscan.read.rules import says, without


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """Whether contrast medium was given, and the words that tell it; None where nothing does."""

    given: bool | None = None
    said: str = ""


def contrast_of_series(images: Sequence[Image], *, alone: bool = True) -> Contrast:
    """What the headers of a series tell, all slices of it and all fields; contrast in some slices is contrast.

    Names of protocols, procedures and the study stand for all passes of a study. They count only where the series'
    own fields tell nothing; that they tell of contrast, only if no other series of the study has it (`alone`).
    """
    own = dict.fromkeys(contrast_of_image(image) for image in images)
    for given in (True, False):
        for contrast in own:
            if contrast.given is given:
                return contrast
    words = dict.fromkeys(text for image in images for text in image.context)
    said = {text: contrast_in_words(text) for text in words}
    denied = next((text for text, tells in said.items() if tells is False), "")
    claimed = next((text for text, tells in said.items() if tells), "")
    if claimed and not denied and alone:
        return Contrast(given=True, said=claimed)
    return Contrast(given=False, said=denied) if denied and not claimed else Contrast()


def contrast_of_image(image: Image) -> Contrast:
    """What an image's own fields tell: the injection, its comments, the name of its series."""
    if image.contrast_agent:
        return Contrast(given=True, said=image.contrast_agent)
    said = {text: contrast_in_words(text) for text in (image.comments, image.description) if text}
    for text, given in said.items():
        if given:
            return Contrast(given=True, said=text)
    return next((Contrast(given=False, said=text) for text, given in said.items() if given is False), Contrast())


@lru_cache(maxsize=4096)
def contrast_in_words(text: str) -> bool | None:
    """What the name of a series, a protocol or a study tells; None where it tells nothing, or of both passes.

    >>> [contrast_in_words(name) for name in ("Kopf mit KM", "平扫", "W/WO", "POSTOP")]
    [True, False, None, None]
    """
    clear = without("not_contrast", text)
    if says("either_contrast", clear):
        return None
    if says("with_contrast", without("without_contrast", clear)):
        return True
    return False if says("without_contrast", clear) else None


def contrast_of(agent: str, description: str, study_description: str = "") -> bool | None:
    """True if an agent is named or the words say so; False if they say that there was none; None if nothing tells.

    The study's words count where the series' own tell nothing.

    >>> contrast_of("", "HEAD W/O CONTRAST"), contrast_of("Omnipaque 350", ""), contrast_of("", "Head 5.0")
    (False, True, None)
    """
    if agent and not says("no_agent", agent):
        return True
    own = contrast_in_words(description)
    return contrast_in_words(study_description) if own is None else own
