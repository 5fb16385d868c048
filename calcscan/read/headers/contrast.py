"""Whether contrast medium was given, from all that the headers of a series say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from calcscan.knowledge.reading import ReadingSettings
from calcscan.read.headers.image import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """Whether contrast medium was given, and the words that say so; None where nothing does."""

    given: bool | None = None
    said: str = ""


def contrast_of_series(images: Sequence[Image], settings: ReadingSettings, *, alone: bool = True) -> Contrast:
    """What all headers of a series say, in all fields; contrast in some slices is contrast.

    Names of protocols, procedures and the study refer to all passes of a study. They count only where the series'
    own fields say nothing; and for contrast, only if no other series of the study has it (`alone`).
    """
    by_image = dict.fromkeys(contrast_of_image(image, settings) for image in images)
    for given in (True, False):
        for contrast in by_image:
            if contrast.given is given:
                return contrast
    words = dict.fromkeys(text for image in images for text in image.context)
    said = {text: contrast_in_words(text, settings) for text in words}
    denied = next((text for text, given in said.items() if given is False), "")
    claimed = next((text for text, given in said.items() if given), "")
    if claimed and not denied and alone:
        return Contrast(given=True, said=claimed)
    return Contrast(given=False, said=denied) if denied and not claimed else Contrast()


def contrast_of_image(image: Image, settings: ReadingSettings) -> Contrast:
    """What an image's own fields say: the injection, its comments, the name of its series."""
    if image.contrast_agent:
        return Contrast(given=True, said=image.contrast_agent)
    said = {text: contrast_in_words(text, settings) for text in (image.comments, image.description) if text}
    for text, given in said.items():
        if given:
            return Contrast(given=True, said=text)
    return next((Contrast(given=False, said=text) for text, given in said.items() if given is False), Contrast())


@lru_cache(maxsize=4096)
def contrast_in_words(text: str, settings: ReadingSettings) -> bool | None:
    """What the name of a series, a protocol or a study says; None where it says nothing, or names both passes.

    >>> from calcscan.knowledge.settings import load
    >>> settings = load(ReadingSettings)
    >>> [contrast_in_words(name, settings) for name in ("Kopf mit KM", "平扫", "W/WO", "POSTOP")]
    [True, False, None, None]
    """
    clear = settings.words.not_contrast.removed_from(text)
    if settings.words.either_contrast.match(clear):
        return None
    if settings.words.with_contrast.match(settings.words.without_contrast.removed_from(clear)):
        return True
    return False if settings.words.without_contrast.match(clear) else None
