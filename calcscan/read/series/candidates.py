"""Stacks that could be read, with what their headers say of each, and why others can't."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from pydicom.uid import UID

from calcscan.knowledge.reading import ReadingSettings
from calcscan.read.headers.contrast import Contrast, contrast_of_series
from calcscan.read.headers.image import CAPTURE_CLASS, CT_CLASS, Image, is_scout
from calcscan.read.series.derivation import Derivation, Nature, derivation_of, made_from
from calcscan.read.series.split import kernel_key
from calcscan.read.series.stacks import Stack

_DOSE_CLASSES = ("1.2.840.10008.5.1.4.1.1.88.67", "1.2.840.10008.5.1.4.1.1.88.76")
_STORAGE = "1.2.840.10008.5.1.4."


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A stack, and what its headers say of it."""

    stack: Stack
    refusal: str
    """Why no volume can be made of it; empty if one can."""
    derivation: Derivation
    contrast: Contrast
    passes: int = 1
    """How many stacks of the study show the same slices, reconstructed alike: many are a dynamic series."""

    @property
    def first(self) -> Image:
        return self.stack.first

    @property
    def name(self) -> str:
        description = " ".join(self.first.description.split()) or "(no description)"
        return description + (f" ({self.stack.part})" if self.stack.part else "")


def candidates_of(stacks: Sequence[Stack], settings: ReadingSettings) -> list[Candidate]:
    """Each stack with what its own headers, and those of the other stacks of its study, say of it."""
    refusals = [unusable(stack, settings) for stack in stacks]
    usable = [stack for stack, no in zip(stacks, refusals, strict=True) if not no]
    with_contrast = [
        (stack, stack.first.study_uid)
        for stack in usable
        if contrast_of_series(stack.images, settings, alone=False).given
    ]
    found = []
    alike = Counter(_as_reconstructed(stack) for stack in usable)
    for stack, refusal in zip(stacks, refusals, strict=True):
        study = stack.first.study_uid
        alone = not any(uid == study for other, uid in with_contrast if other is not stack)
        found.append(
            Candidate(
                stack=stack,
                refusal=refusal,
                derivation=Derivation() if refusal else _derivation(stack, usable, settings),
                contrast=Contrast() if refusal else contrast_of_series(stack.images, settings, alone=alone),
                passes=1 if refusal else alike[_as_reconstructed(stack)],
            )
        )
    return found


def _as_reconstructed(stack: Stack) -> Hashable:
    """What the passes of a dynamic series have in common, and hardly any two other series."""
    first, last = stack.images[0], stack.images[-1]
    ends = tuple(round(value) for image in (first, last) for value in image.position_mm or ())
    shape = (len(stack.images), first.rows, first.columns, first.thickness_mm)
    return (first.study_uid, kernel_key(first), first.image_type, *shape, *ends)


def _derivation(stack: Stack, usable: Sequence[Stack], settings: ReadingSettings) -> Derivation:
    by_headers = derivation_of(stack.images, settings)
    if by_headers.nature >= Nature.DOUBTFUL:
        return by_headers
    others = [image for one in usable if one.first.series_uid != stack.first.series_uid for image in one.images]
    if made_from(stack.images, others):
        return Derivation(nature=Nature.DOUBTFUL, why="derived from another series, according to its source images")
    return by_headers


def unusable(stack: Stack, settings: ReadingSettings) -> str:
    """Why no volume can be made of a stack at all; empty if one can."""
    first = stack.first
    if first.sop_class in _DOSE_CLASSES or (settings.words.dose_report.match(first.description) and not stack.placed):
        return "dose report"
    if first.modality != "CT":
        return f"not CT ({first.modality or 'no modality'})"
    if first.sop_class == CAPTURE_CLASS or first.sop_class.startswith(f"{CAPTURE_CLASS}."):
        return "secondary capture"
    if first.sop_class.startswith(_STORAGE) and not first.sop_class.startswith(CT_CLASS):
        return f"not CT slices ({UID(first.sop_class).name})"
    grey = first.origin.photometric.startswith("MONOCHROME") or not first.origin.photometric
    if not first.rows or not first.columns or first.pixels.samples != 1 or not grey:
        return "not a greyscale image"
    if max(first.rows, first.columns) > settings.max_side_pixels:
        return f"not a CT slice ({first.rows} × {first.columns} pixels)"
    if is_scout(first):
        return "localizer"
    if not stack.placed:
        return unplaced(first)
    if len(stack.images) < settings.min_slices:
        return stack.fault or f"too few slices ({len(stack.images)}; at least {settings.min_slices:g})"
    return ""


def unplaced(image: Image) -> str:
    """The field because of which a slice has no position, and its value."""
    if image.position_mm is None and not image.position_text and not image.spacing_text:
        return "no positions: screen capture, report or localizer"
    if image.row_spacing_mm is None or image.column_spacing_mm is None:
        if image.spacing_text:
            return f"PixelSpacing is {image.spacing_text[:40]!r}, not two numbers above 0"
        return "PixelSpacing is absent (ImagerPixelSpacing is no substitute)"
    if image.position_text:
        return f"no positions: ImagePositionPatient is {image.position_text[:60]!r}, not three numbers"
    return "no positions: ImagePositionPatient is absent"
