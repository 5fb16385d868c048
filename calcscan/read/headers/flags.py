"""Flags of a scan that follow from its headers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from calcscan.knowledge.reading import ReadingSettings
from calcscan.model import Flag
from calcscan.read.headers.acquisition import energy_kev, first_sharp, single_energy, slice_kvp
from calcscan.read.headers.contrast import Contrast
from calcscan.read.headers.image import Image
from calcscan.read.headers.study import ages_said
from calcscan.read.wording import counted


def header_flags(
    images: Sequence[Image], positions_said: set[str], contrast: Contrast, settings: ReadingSettings
) -> tuple[Flag, ...]:
    """`contrast`, `sharp_kernel`, `unknown_kvp`, `child`, `laterality_unknown`, `not_hounsfield` and `resampled`, where
    the headers give reason to."""
    first = images[0]
    flags = []
    if contrast.given:
        said = contrast.said
        flags.append(Flag(code="contrast", message=f"Contrast medium was given ({said}).", value=said))
    sharp = first_sharp(images, settings)
    if sharp is not None:
        name = sharp.kernel or sharp.description
        flags.append(Flag(code="sharp_kernel", message=f"Reconstructed with a sharp kernel ({name}).", value=name))
    flags += _voltage_flags(images, settings)
    age = min(ages_said(first.person, settings), default=None)
    flags += child_flag(age, settings)
    doubt = _laterality_doubt(first, positions_said)
    if doubt:
        flags.append(Flag(code="laterality_unknown", message=f"{doubt}; left and right can't be told apart."))
    return (*flags, *_scale_flag(images), *_field_flag(images, settings))


def _scale_flag(images: Sequence[Image]) -> tuple[Flag, ...]:
    """`not_hounsfield` where a slope or intercept is written so that nobody knows what the values mean."""
    odd = next((one.pixels.odd_rescale for one in images if one.pixels.odd_rescale), "")
    return (Flag(code="not_hounsfield", message=f"{odd}: what the values mean is not known."),) if odd else ()


def _field_flag(images: Sequence[Image], settings: ReadingSettings) -> tuple[Flag, ...]:
    """`resampled` where the pixels do not fill the field that the scanner reconstructed: somebody changed the pictures,
    and may have left PixelSpacing as it was. A reformat has a field of its own."""
    for image in images:
        if image.field_mm is None or not image.columns or image.image_type[:1] == ("DERIVED",):
            continue
        wide_mm = max(image.columns * (image.column_spacing_mm or 0.0), image.rows * (image.row_spacing_mm or 0.0))
        if not wide_mm or abs(wide_mm / image.field_mm - 1) <= settings.same_field_share:
            continue
        message = (
            f"The pictures are {wide_mm:.0f} mm wide by PixelSpacing and their size, but were reconstructed "
            f"{image.field_mm:.0f} mm wide (ReconstructionDiameter): they were cut, or resized; if PixelSpacing was "
            "not changed with them, places and volumes are wrong."
        )
        return (Flag(code="resampled", message=message, value=round(wide_mm / image.field_mm, 3), limit=1.0),)
    return ()


def child_flag(age_years: float | None, settings: ReadingSettings) -> tuple[Flag, ...]:
    """`child` below the age of adults; nothing where no age is known."""
    if age_years is None or age_years >= settings.adult_years:
        return ()
    message = f"The patient is {age_years:g} years old; the atlas and the rules are for adults."
    return (Flag(code="child", message=message, value=age_years, limit=settings.adult_years),)


def _voltage_flags(images: Sequence[Image], settings: ReadingSettings) -> tuple[Flag, ...]:
    """`unknown_kvp` where the image was computed for a single energy, or where slices differ in tube voltage: only a
    note then if that of every slice is known."""
    if single_energy(images[0], settings):
        energy = energy_kev(images[0], settings)
        name = "an unspecified energy" if energy is None else f"{energy:g} keV"
        message = f"The image was computed for {name}; it was not acquired at a single tube voltage."
        return (Flag(code="unknown_kvp", message=message, value=energy),)
    each = slice_kvp(images, settings)
    if not each:
        return ()
    counts = Counter(kvp_kv for kvp_kv in each if kvp_kv is not None)
    shown = ", ".join(f"{kvp_kv:g} kV in {counted(count, 'slice')}" for kvp_kv, count in counts.most_common())
    unknown, silent = each.count(None), sum(not image.kvp_kv for image in images)
    parts = [f"The tube voltage differs between slices ({shown}): the threshold is that of each slice's own voltage"]
    if silent > unknown:
        parts.append(f"{counted(silent - unknown, 'slice')} without a stated voltage counted as the slices beside them")
    if unknown:
        parts.append(f"for {counted(unknown, 'slice')} of unknown voltage that for 120 kV is used")
    return (Flag(code="unknown_kvp", message="; ".join(parts) + ".", value=shown, note=not unknown),)


def _laterality_doubt(image: Image, positions_said: set[str]) -> str:
    if image.assumed_axial:
        return "The header lacks position or orientation; standard axial slices are assumed"
    if len(positions_said) > 1:
        return f"Slices of the series state different patient positions ({', '.join(sorted(positions_said))})"
    row = image.row_cosine
    axis = max(range(3), key=lambda index: abs(row[index]))
    letter = ("RL", "AP", "FH")[axis][row[axis] > 0]
    said = image.patient_orientation[0][:1].upper() if image.patient_orientation else ""
    if said and said in "RLAPFH" and said in ("RL", "AP", "FH")[axis] and said != letter:
        return f"Patient orientation ({said}) and image orientation ({letter}) contradict each other"
    return ""
