"""Where a header does not tell how a scan was made, what the user states of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from calcscan.errors import InputError
from calcscan.knowledge.reading import ReadingSettings
from calcscan.model import Flag
from calcscan.read.headers.acquisition import single_energy
from calcscan.read.headers.image import Image
from calcscan.read.stated import Stated


def with_stated(
    images: Sequence[Image], stated: Stated, settings: ReadingSettings, where: str
) -> tuple[list[Image], tuple[Flag, ...]]:
    """The slices with what is stated put in where they tell nothing, and a `stated` flag of what was.

    Raises
    ------
    InputError
        A header says otherwise.
    """
    used = []
    if stated.kvp_kv is not None:
        if single_energy(images[0], settings):
            raise _contradiction(f"tube voltage of {stated.kvp_kv:g} kV", "a single energy, computed", where)
        said = {image.kvp_kv for image in images if image.kvp_kv is not None}
        for kvp_kv in said:
            if abs(kvp_kv - stated.kvp_kv) > settings.same_kvp_kv:
                raise _contradiction(f"tube voltage of {stated.kvp_kv:g} kV", f"{kvp_kv:g} kV", where)
        used += [f"tube voltage {stated.kvp_kv:g} kV"] * any(image.kvp_kv is None for image in images)
    if stated.slice_thickness_mm is not None:
        for mm in {image.thickness_mm for image in images if image.thickness_mm is not None}:
            if abs(mm - stated.slice_thickness_mm) > settings.same_thickness_mm:
                raise _contradiction(f"slice thickness of {stated.slice_thickness_mm:g} mm", f"{mm:g} mm", where)
        silent = any(image.thickness_mm is None for image in images)
        used += [f"slice thickness {stated.slice_thickness_mm:g} mm"] * silent
    if stated.kernel is not None:
        for kernel in {image.kernel for image in images if image.kernel}:
            if _key(kernel) != _key(stated.kernel):
                raise _contradiction(f"kernel {stated.kernel}", " ".join(kernel.split())[:40], where)
        used += [f"kernel {stated.kernel}"] * any(not image.kernel for image in images)
    if not used:
        return list(images), ()
    filled = [
        replace(
            image,
            kvp_kv=stated.kvp_kv if image.kvp_kv is None else image.kvp_kv,
            thickness_mm=stated.slice_thickness_mm if image.thickness_mm is None else image.thickness_mm,
            kernel=image.kernel or stated.kernel or "",
        )
        for image in images
    ]
    message = f"Stated by the user, not read from the header: {', '.join(used)}."
    return filled, (Flag(code="stated", message=message),)


def _key(kernel: str) -> str:
    return "".join(kernel.split()).casefold()


def _contradiction(stated: str, said: str, where: str) -> InputError:
    what = f"the {stated} that was stated contradicts the header, which says {said}"
    return InputError(what, where=where, hint="state only what the header does not tell, or correct the header")
