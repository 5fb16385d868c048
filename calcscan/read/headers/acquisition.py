"""Headers → `Acquisition`: kernel, tube voltage, the energy of a computed image."""

from __future__ import annotations

from collections.abc import Sequence

from calcscan.knowledge.reading import ReadingSettings
from calcscan.model import Acquisition
from calcscan.read.headers.contrast import Contrast
from calcscan.read.headers.image import Image


def acquisition_of(
    images: Sequence[Image], thickness_mm: float | None, contrast: Contrast, settings: ReadingSettings
) -> Acquisition:
    """How a series was made; `thickness_mm` is that of its thickest slice.

    The tube voltage is None where it differs between slices, and in an image computed for a single energy.
    """
    first = images[0]
    return Acquisition(
        manufacturer=first.manufacturer or None,
        model=first.model or None,
        kernel=kernel_of(images) or None,
        kvp_kv=None if single_energy(first, settings) else kvp_of(images, settings),
        slice_thickness_mm=thickness_mm,
        contrast=contrast.given,
        sharp_kernel=first_sharp(images, settings) is not None,
    )


def kernel_of(images: Sequence[Image]) -> str:
    """The kernel, of the first slice that names one; empty where none does."""
    return next((image.kernel for image in images if image.kernel), "")


def first_sharp(images: Sequence[Image], settings: ReadingSettings) -> Image | None:
    """The first slice that was reconstructed with a sharp kernel; None where none was."""
    return next((image for image in images if is_sharp(image.kernel, image.description, settings)), None)


def kvp_of(images: Sequence[Image], settings: ReadingSettings) -> float | None:
    """The tube voltage in kV; None where no slice states it, or slices differ."""
    known = [image.kvp_kv for image in images if image.kvp_kv]
    if not known or max(known) - min(known) > settings.same_kvp_kv:
        return None
    return known[0]


def slice_kvp(images: Sequence[Image], settings: ReadingSettings) -> tuple[float | None, ...]:
    """The tube voltage of each slice in kV, where slices differ; empty where one voltage holds for all.

    A slice that states none has that of the nearest ones on both sides, if those agree; else it is None.
    """
    if single_energy(images[0], settings) or kvp_of(images, settings) is not None:
        return ()
    said = _as_set([image.kvp_kv or None for image in images], settings)
    known = [k for k, kvp_kv in enumerate(said) if kvp_kv is not None]
    if not known:
        return ()
    each = list(said)
    for k in (k for k, kvp_kv in enumerate(said) if kvp_kv is None):
        before = max((n for n in known if n < k), default=None)
        after = min((n for n in known if n > k), default=None)
        if before is not None and after is not None and said[before] == said[after]:
            each[k] = said[before]
    return tuple(each)


def _as_set(kvp_kv: Sequence[float | None], settings: ReadingSettings) -> list[float | None]:
    """Voltages as they were set: one that a generator reports a little off is the first that was like it."""
    found: list[float] = []
    out: list[float | None] = []
    for one in kvp_kv:
        like = None if one is None else next((f for f in found if abs(f - one) <= settings.same_kvp_kv), one)
        if like is not None and like not in found:
            found.append(like)
        out.append(like)
    return out


def single_energy(image: Image, settings: ReadingSettings) -> bool:
    """Was the image computed for a single energy (virtual monoenergetic)?"""
    return image.origin.energy_kev is not None or settings.words.energy_single.match(
        f"{' '.join(image.image_type)} {image.description} {image.origin.derivation}"
    )


def energy_kev(image: Image, settings: ReadingSettings) -> float | None:
    """The energy in keV that an image was computed for, from its own field or the words; None if not stated."""
    if image.origin.energy_kev is not None:
        return image.origin.energy_kev
    match = settings.words.energy_kev.search(
        f"{image.description} {' '.join(image.image_type)} {image.origin.derivation}"
    )
    return None if match is None else float(next(group for group in match.groups() if group))


def is_sharp(kernel: str, description: str, settings: ReadingSettings) -> bool:
    """By the kernel's name; by the series' description only where the name is not a known soft one.

    >>> from calcscan.knowledge.settings import load
    >>> settings = load(ReadingSettings)
    >>> pairs = [("FC30", "Brain Bone 5.0"), ("FC63", "Brain Head 5.0"), ("", "HEAD BONE")]
    >>> [is_sharp(kernel, description, settings) for kernel, description in pairs]
    [True, False, True]
    """
    if settings.words.sharp_kernel.match(kernel):
        return True
    return not settings.words.soft_kernel.match(kernel) and settings.words.sharp_description.match(description)
