"""Which stack to use, and in a human's words why not each of the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from calcscan.errors import GeometryError, InputError, NoCTError
from calcscan.model import SeriesChoice
from calcscan.read.header import Image
from calcscan.read.rules import limit, says
from calcscan.read.series import Stack
from calcscan.read.stack import normal_of, positions_of, spacing_of, thickness_of
from calcscan.read.study import contrast_of, is_sharp

_DOSE_CLASSES = ("1.2.840.10008.5.1.4.1.1.88.67", "1.2.840.10008.5.1.4.1.1.88.76")
_CAPTURE_CLASS = "1.2.840.10008.5.1.4.1.1.7"
_FIELDS = ("PixelSpacing", "ImagePositionPatient")
_PLANES = ("sagittal", "coronal", "axial")


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One thing by which stacks are compared: less is better."""

    of: Callable[[Stack], float]
    reason: Callable[[Stack, Stack], str]
    """Why a stack is worse than the chosen one by this criterion."""


def unusable(stack: Stack) -> str:
    """Why no volume can be made of a stack at all; empty if one can."""
    first = stack.first
    if first.sop_class in _DOSE_CLASSES or (says("dose_report", first.description) and not stack.placed):
        return "dose report"
    if first.modality != "CT":
        return f"not CT ({first.modality or 'no modality'})"
    if first.sop_class == _CAPTURE_CLASS or first.sop_class.startswith(_CAPTURE_CLASS + "."):
        return "secondary capture"
    if not first.rows or not first.columns or first.pixels.samples != 1:
        return "not a grey image"
    if max(first.rows, first.columns) > limit("largest_side"):
        return f"not a CT slice ({first.rows} × {first.columns} pixels)"
    if "LOCALIZER" in first.image_type or "SCOUT" in first.image_type:
        return "localizer"
    if not stack.placed:
        return unplaced(first)
    if len(stack.images) < limit("min_slices"):
        return stack.fault or f"too few slices ({len(stack.images)}; at least {limit('min_slices'):g})"
    return ""


def unplaced(image: Image) -> str:
    """Which field is to blame that a slice has no place, and what stands in it."""
    if image.position_mm is None and not image.position_text and not image.spacing_text:
        return "no positions: screen capture, report or localizer"
    if image.row_spacing_mm is None or image.column_spacing_mm is None:
        if image.spacing_text:
            return f"PixelSpacing is {image.spacing_text[:40]!r}, not two numbers above 0"
        return "PixelSpacing is absent (ImagerPixelSpacing does not stand for it)"
    if image.position_text:
        return f"no positions: ImagePositionPatient is {image.position_text[:60]!r}, not three numbers"
    return "no positions: ImagePositionPatient is absent"


def unwanted(stack: Stack) -> str:
    """Why a stack that could be read is never chosen unless asked for; empty if it may be."""
    first = stack.first
    words = f"{' '.join(first.image_type)} {first.description}"
    if says("projection", words):
        return "projection or rendering (MIP, VR), not slices"
    if says("energy_map", words) or first.pixels.rescale_type not in ("", "HU", "US", "HU_MOD"):
        return "dual-energy map, not Hounsfield units"
    return ""


def plane_of(image: Image) -> str:
    """sagittal, coronal or axial: whichever the slices are nearest to."""
    return _PLANES[int(np.argmax(np.abs(normal_of(image))))]


def slab_of(stack: Stack) -> float:
    """The thickness that a typical slice stands for, in mm: nominal, or the spacing where that is more."""
    gaps = np.diff(positions_of(stack.images))
    thickness = thickness_of(stack.images)
    nominal = 0.0 if np.isnan(thickness).all() else float(np.nanmedian(thickness))
    return round(max(nominal, float(np.median(gaps))), 2)


def extent_of(stack: Stack) -> float:
    """From the first to the last slice, in mm."""
    at = positions_of(stack.images)
    return float(at[-1] - at[0])


def lacks_slices(stack: Stack) -> bool:
    return bool(spacing_of(positions_of(stack.images), thickness_of(stack.images)).missing.any())


def another_region(stack: Stack) -> bool:
    """Do the words name another part of the body, and not the head?"""
    words = f"{stack.first.body_part} {stack.first.description}"
    return says("another_region", words) and not says("head_region", words)


def _has_contrast(stack: Stack) -> bool:
    first = stack.first
    return contrast_of(first.agent, first.description, first.study_description) is True


CRITERIA = (
    Criterion(of=another_region, reason=lambda worse, best: "another part of the body"),
    Criterion(of=_has_contrast, reason=lambda worse, best: "contrast medium; a series without it was chosen"),
    Criterion(
        of=lambda stack: extent_of(stack) < limit("covers_mm"),
        reason=lambda worse, best: f"covers only {extent_of(worse):.0f} mm",
    ),
    Criterion(
        of=lambda stack: is_sharp(stack.first.kernel, stack.first.description),
        reason=lambda worse, best: (
            f"sharp kernel ({worse.first.kernel or worse.first.description}); a softer one was chosen"
        ),
    ),
    Criterion(
        of=lambda stack: plane_of(stack.first) != "axial",
        reason=lambda worse, best: f"{plane_of(worse.first)} reformat; an axial series was chosen",
    ),
    Criterion(
        of=lambda stack: says("energy_single", f"{' '.join(stack.first.image_type)} {stack.first.description}"),
        reason=lambda worse, best: "computed for a single energy; a plain series was chosen",
    ),
    Criterion(of=lacks_slices, reason=lambda worse, best: "slices are missing; a complete series was chosen"),
    Criterion(
        of=slab_of,
        reason=lambda worse, best: f"slices of {slab_of(worse):g} mm; thinner ones ({slab_of(best):g} mm) were chosen",
    ),
    Criterion(
        of=lambda stack: "DERIVED" in stack.first.image_type,
        reason=lambda worse, best: "derived; an original series was chosen",
    ),
    Criterion(
        of=lambda stack: -len(stack.images),
        reason=lambda worse, best: f"fewer slices ({len(worse.images)}; {len(best.images)} in the chosen one)",
    ),
    Criterion(of=lambda stack: -_day(stack), reason=lambda worse, best: "as good, but older"),
    Criterion(
        of=lambda stack: stack.first.series_number or 0.0,
        reason=lambda worse, best: "as good as the chosen one, but later in the study",
    ),
)
"""In order of weight: the first that differs decides, and is the reason given."""


def _day(stack: Stack) -> float:
    digits = stack.first.person.study_date.replace("-", "").replace(".", "")
    return float(digits) if digits.isdecimal() else 0.0


def _rank(stack: Stack) -> tuple[float | str, ...]:
    return (*(float(criterion.of(stack)) for criterion in CRITERIA), stack.first.series_uid, stack.part)


def choose(
    stacks: Sequence[Stack], *, series_uid: str | None = None, where: str = ""
) -> tuple[Stack, tuple[SeriesChoice, ...]]:
    """The stack to read, and what was decided about each. With `series_uid`, the best of that series.

    Raises
    ------
    InputError
        There is no series of that uid, or it can't be read as a volume.
    NoCTError
        Nothing is a CT.
    GeometryError
        There is CT, but no stack of enough slices.
    """
    refusals = [unusable(stack) for stack in stacks]
    if series_uid is not None:
        candidates = _asked_for(stacks, refusals, series_uid, where)
    else:
        candidates = [stack for stack, no in zip(stacks, refusals, strict=True) if not no and not unwanted(stack)]
        if not candidates:
            raise _nothing(stacks, refusals, where)
    best = min(candidates, key=_rank)
    asked = series_uid is not None
    choices = [_choice(stack, no, best, stacks, asked) for stack, no in zip(stacks, refusals, strict=True)]
    return best, tuple(choices)


def _asked_for(stacks: Sequence[Stack], refusals: Sequence[str], series_uid: str, where: str) -> list[Stack]:
    own = [
        (stack, no)
        for stack, no in zip(stacks, refusals, strict=True)
        if any(image.series_uid == series_uid for image in stack.images)
    ]
    if not own:
        usable = {s.first.series_uid: None for s, no in zip(stacks, refusals, strict=True) if not no}
        known = ", ".join(usable) or "no series that can be read"
        raise InputError(f"no series has the uid {series_uid}", where=where, hint=f"there is {known}")
    usable_own = [stack for stack, no in own if not no]
    if not usable_own:
        raise InputError(f"series {series_uid} can't be read: {own[0][1]}", where=where, hint="choose another series")
    return usable_own


def _nothing(stacks: Sequence[Stack], refusals: Sequence[str], where: str) -> InputError:
    reasons = [no or unwanted(stack) for stack, no in zip(stacks, refusals, strict=True)]
    distinct = list(dict.fromkeys(reasons))
    found = "; ".join(distinct[:5]) + (" …" if len(distinct) > 5 else "")
    if any(stack.fault for stack in stacks) or any(field in reason for reason in reasons for field in _FIELDS):
        hint = "export the series again with these fields as the scanner wrote them"
        return GeometryError(f"no series makes a volume (found: {found})", where=where, hint=hint)
    if any(reason.startswith("too few") for reason in reasons):
        hint = "give the folder of the whole series"
        return GeometryError(f"no series has enough slices (found: {found})", where=where, hint=hint)
    return NoCTError(
        f"no CT series to read (found: {found})", where=where, hint="give a folder with axial head CT slices"
    )


def _choice(stack: Stack, no: str, best: Stack, stacks: Sequence[Stack], asked: bool) -> SeriesChoice:
    first = stack.first
    description = " ".join(first.description.split()) or "(no description)"
    if stack is best:
        reason = "asked for by its uid" if asked else _praise(best, stacks)
    else:
        reason = no or ("another series was asked for" if asked else unwanted(stack) or _worse(stack, best))
        if first.study_uid != best.first.study_uid:
            reason = f"another study; {reason}"
    return SeriesChoice(
        uid=first.series_uid,
        description=description + (f" ({stack.part})" if stack.part else ""),
        images=len(stack.images),
        chosen=stack is best,
        reason=reason,
    )


def _worse(stack: Stack, best: Stack) -> str:
    for criterion in CRITERIA:
        if criterion.of(stack) > criterion.of(best):
            return criterion.reason(stack, best)
        if criterion.of(stack) < criterion.of(best):
            break
    return "as good as the chosen one"


def _praise(best: Stack, stacks: Sequence[Stack]) -> str:
    kernel = best.first.kernel
    sharp = is_sharp(kernel, best.first.description)
    words = [
        plane_of(best.first),
        "with contrast medium" if _has_contrast(best) else "",
        ("sharp kernel" if sharp else "kernel") + f" {kernel}" if kernel else "",
        f"{slab_of(best):g} mm slices",
    ]
    studies = len({stack.first.study_uid for stack in stacks})
    of = f"; best of {studies} studies in the input" if studies > 1 else ""
    return f"best for calcification: {', '.join(word for word in words if word)}{of}"
