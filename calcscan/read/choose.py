"""Which stack to use, and in a human's words why not each of the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from pydicom.uid import UID

from calcscan.errors import GeometryError, InputError, NoCTError
from calcscan.model import Flag, SeriesChoice
from calcscan.read.derived import Derivation, Nature, derivation_of, made_from, odd_rescale_types
from calcscan.read.header import Image
from calcscan.read.picture import odd_beside, slab_likeness, unlike_a_head
from calcscan.read.rules import limit, says
from calcscan.read.series import Stack
from calcscan.read.stack import normal_of, positions_of, spacing_of, thickness_of, typical_gap_of
from calcscan.read.study import Contrast, is_sharp, told_contrast

_DOSE_CLASSES = ("1.2.840.10008.5.1.4.1.1.88.67", "1.2.840.10008.5.1.4.1.1.88.76")
_CAPTURE_CLASS = "1.2.840.10008.5.1.4.1.1.7"
_FIELDS = ("PixelSpacing", "ImagePositionPatient")
_STORAGE = "1.2.840.10008.5.1.4."
_CT_CLASS = "1.2.840.10008.5.1.4.1.1.2"
_PLANES = ("sagittal", "coronal", "axial")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A stack, and what its headers say of it."""

    stack: Stack
    refusal: str
    """Why no volume can be made of it; empty if one can."""
    derivation: Derivation
    contrast: Contrast

    @property
    def first(self) -> Image:
        return self.stack.first

    @property
    def name(self) -> str:
        own = " ".join(self.first.description.split()) or "(no description)"
        return own + (f" ({self.stack.part})" if self.stack.part else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One thing by which stacks are compared: less is better."""

    of: Callable[[Candidate], float]
    reason: Callable[[Candidate, Candidate], str]
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
    if first.sop_class.startswith(_STORAGE) and not first.sop_class.startswith(_CT_CLASS):
        return f"not CT slices ({UID(first.sop_class).name})"
    grey = first.origin.photometric.startswith("MONOCHROME") or not first.origin.photometric
    if not first.rows or not first.columns or first.pixels.samples != 1 or not grey:
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


def plane_of(image: Image) -> str:
    """sagittal, coronal or axial: whichever the slices are nearest to."""
    return _PLANES[int(np.argmax(np.abs(normal_of(image))))]


def slab_of(stack: Stack) -> float:
    """The thickness that a typical slice stands for, in mm: nominal, or the spacing where that is more."""
    thickness = thickness_of(stack.images)
    nominal = 0.0 if np.isnan(thickness).all() else float(np.nanmedian(thickness))
    return round(max(nominal, typical_gap_of(stack.images)), 2)


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


def _derived_reason(worse: Candidate, best: Candidate) -> str:
    plane = plane_of(worse.first)
    if plane != "axial" and worse.derivation.nature == Nature.REFORMAT:
        return f"{plane} reformat; an original series was chosen"
    return f"{worse.derivation.why}; an original series was chosen"


CRITERIA = (
    Criterion(of=lambda one: another_region(one.stack), reason=lambda worse, best: "another part of the body"),
    Criterion(of=lambda one: one.derivation.nature >= Nature.DOUBTFUL, reason=_derived_reason),
    Criterion(
        of=lambda one: one.contrast.given is True,
        reason=lambda worse, best: f"contrast medium ({worse.contrast.said}); a series without it was chosen",
    ),
    Criterion(
        of=lambda one: extent_of(one.stack) < limit("covers_mm"),
        reason=lambda worse, best: f"covers only {extent_of(worse.stack):.0f} mm",
    ),
    Criterion(of=lambda one: one.derivation.nature, reason=_derived_reason),
    Criterion(
        of=lambda one: is_sharp(one.first.kernel, one.first.description),
        reason=lambda worse, best: (
            f"sharp kernel ({worse.first.kernel or worse.first.description}); a softer one was chosen"
        ),
    ),
    Criterion(
        of=lambda one: plane_of(one.first) != "axial",
        reason=lambda worse, best: f"{plane_of(worse.first)} reformat; an axial series was chosen",
    ),
    Criterion(
        of=lambda one: lacks_slices(one.stack),
        reason=lambda worse, best: "slices are missing; a complete series was chosen",
    ),
    Criterion(
        of=lambda one: slab_of(one.stack),
        reason=lambda worse, best: (
            f"slices of {slab_of(worse.stack):g} mm; thinner ones ({slab_of(best.stack):g} mm) were chosen"
        ),
    ),
    Criterion(
        of=lambda one: -len(one.stack.images),
        reason=lambda worse, best: (
            f"fewer slices ({len(worse.stack.images)}; {len(best.stack.images)} in the chosen one)"
        ),
    ),
    Criterion(of=lambda one: -_day(one), reason=lambda worse, best: "as good, but older"),
    Criterion(
        of=lambda one: one.first.series_number or 0.0,
        reason=lambda worse, best: "as good as the chosen one, but later in the study",
    ),
)
"""In order of weight: the first that differs decides, and is the reason given. What a series is comes before how thin
its slices are."""
_WHAT_IT_IS = 5
"""So many of the first criteria say what a series is. Where several are alike in them, their pictures are compared."""
_CONTRAST = "contrast medium"
_COMPARED = 2
"""The best is compared with so many others at most."""


def _day(one: Candidate) -> float:
    digits = one.first.person.study_date.replace("-", "").replace(".", "")
    return float(digits) if digits.isdecimal() else 0.0


def _rank(one: Candidate) -> tuple[float | str, ...]:
    ranks = (float(criterion.of(one)) for criterion in CRITERIA)
    return (*ranks, one.first.series_uid, one.stack.part)


def choose(
    stacks: Sequence[Stack], *, series_uid: str | None = None, where: str = ""
) -> tuple[Candidate, tuple[SeriesChoice, ...]]:
    """The stack to read, and what was decided about each. With `series_uid`, the best of that series.

    Headers decide first. Where they leave several series that differ only in thickness and the like, a few slices of
    each are compared (`calcscan.read.picture`); a derived series that stands alone must look like a head.

    Raises
    ------
    InputError
        There is no series of that uid, or it can't be read as a volume.
    NoCTError
        Nothing is a CT, or all that there is was computed (a projection, a map …).
    GeometryError
        There is CT, but no stack of enough slices.
    """
    everything = candidates_of(stacks)
    aside: dict[str, str] = {}
    if series_uid is not None:
        best: Candidate | None = min(_asked_for(everything, series_uid, where), key=_rank)
    else:
        pool = [one for one in everything if not one.refusal and one.derivation.nature < Nature.COMPUTED]
        best = _best(pool, aside)
    if best is None:
        raise _nothing(everything, aside, where)
    best = _accounted(best, everything, aside)
    everything = [best if one.stack is best.stack else one for one in everything]
    choices = [_choice(one, best, everything, aside, asked=series_uid is not None) for one in everything]
    return best, tuple(choices)


def candidates_of(stacks: Sequence[Stack]) -> list[Candidate]:
    """Each stack with what its own headers tell of it, and those of the others in its study."""
    refusals = [unusable(stack) for stack in stacks]
    usable = [stack for stack, no in zip(stacks, refusals, strict=True) if not no]
    with_contrast = [
        (stack, stack.first.study_uid) for stack in usable if told_contrast(stack.images, alone=False).given
    ]
    found = []
    for stack, refusal in zip(stacks, refusals, strict=True):
        study = stack.first.study_uid
        alone = not any(uid == study for other, uid in with_contrast if other is not stack)
        found.append(
            Candidate(
                stack=stack,
                refusal=refusal,
                derivation=Derivation() if refusal else _derivation(stack, usable),
                contrast=Contrast() if refusal else told_contrast(stack.images, alone=alone),
            )
        )
    return found


def _derivation(stack: Stack, usable: Sequence[Stack]) -> Derivation:
    own = derivation_of(stack.images)
    if own.nature >= Nature.DOUBTFUL:
        return own
    others = [image for one in usable if one.first.series_uid != stack.first.series_uid for image in one.images]
    if made_from(stack.images, others):
        return Derivation(nature=Nature.DOUBTFUL, why="derived from another series, as its source images tell")
    return own


def _best(pool: Sequence[Candidate], aside: dict[str, str]) -> Candidate | None:
    """The best by its header, unless its picture speaks against it; what is passed over is put `aside`, with why."""
    ranked = sorted(((_rank(one), one) for one in pool), key=lambda pair: pair[0])
    while ranked:
        rank, best = ranked.pop(0)
        alike = [one for its, one in ranked if its[:_WHAT_IT_IS] == rank[:_WHAT_IT_IS] and _as_soft(one, best)]
        rivals = alike[:_COMPARED]
        why = next((why for rival in rivals if (why := odd_beside(best.stack.images, rival.stack.images))), "")
        if not why and rivals and slab_likeness(best.stack.images) > limit("slab_likeness_beside"):
            why = "its slices repeat each other, as those of a slab do"
        if why:
            aside[_key(best)] = f"by its picture not a plain native series: {why}"
            continue
        if best.derivation.nature >= Nature.REFORMAT:
            why = unlike_a_head(best.stack.images)
            if (
                not why
                and best.derivation.nature >= Nature.DOUBTFUL
                and slab_likeness(best.stack.images) > limit("slab_likeness")
            ):
                why = "its slices repeat each other, as those of a projection or slab do"
            if why:
                aside[_key(best)] = f"{best.derivation.why}, and {why}"
                continue
        return best
    return None


def _accounted(best: Candidate, everything: Sequence[Candidate], aside: dict[str, str]) -> Candidate:
    """The chosen one; that its study speaks of contrast is put down to a series in which the picture showed it."""
    study = best.first.study_uid
    seen = any(_CONTRAST in aside.get(_key(one), "") for one in everything if one.first.study_uid == study)
    return replace(best, contrast=told_contrast(best.stack.images, alone=False)) if seen else best


def _as_soft(one: Candidate, best: Candidate) -> bool:
    return is_sharp(one.first.kernel, one.first.description) == is_sharp(best.first.kernel, best.first.description)


def _key(one: Candidate) -> str:
    return f"{one.first.study_uid} {one.first.series_uid} {one.stack.part}"


def _asked_for(everything: Sequence[Candidate], series_uid: str, where: str) -> list[Candidate]:
    own = [one for one in everything if any(image.series_uid == series_uid for image in one.stack.images)]
    if not own:
        usable = {one.first.series_uid: None for one in everything if not one.refusal}
        known = ", ".join(usable) or "no series that can be read"
        raise InputError(f"no series has the uid {series_uid}", where=where, hint=f"there is {known}")
    usable_own = [one for one in own if not one.refusal]
    if not usable_own:
        what = f"series {series_uid} can't be read: {own[0].refusal}"
        raise InputError(what, where=where, hint="choose another series")
    return usable_own


def _why_never(one: Candidate, aside: dict[str, str]) -> str:
    """Why a stack that could be read is never chosen unless asked for; empty if it may be."""
    return one.derivation.why if one.derivation.nature >= Nature.COMPUTED else aside.get(_key(one), "")


def _nothing(everything: Sequence[Candidate], aside: dict[str, str], where: str) -> InputError:
    reasons = [one.refusal or _why_never(one, aside) for one in everything]
    distinct = list(dict.fromkeys(reasons))
    found = "; ".join(distinct[:5]) + (" …" if len(distinct) > 5 else "")
    if any(one.stack.fault for one in everything) or any(field in reason for reason in reasons for field in _FIELDS):
        hint = "export the series again with these fields as the scanner wrote them"
        return GeometryError(f"no series makes a volume (found: {found})", where=where, hint=hint)
    if any(reason.startswith("too few") for reason in reasons):
        hint = "give the folder of the whole series"
        return GeometryError(f"no series has enough slices (found: {found})", where=where, hint=hint)
    computed = any(not one.refusal for one in everything)
    hint = "give a folder with axial head CT slices"
    if computed:
        hint = "give the scanner's own slices; --series UID reads what was computed nonetheless, and flags it"
    return NoCTError(f"no CT series to read (found: {found})", where=where, hint=hint)


def _choice(
    one: Candidate, best: Candidate, everything: Sequence[Candidate], aside: dict[str, str], *, asked: bool
) -> SeriesChoice:
    if one is best:
        reason = "asked for by its uid" if asked else _praise(best, everything)
    else:
        never = _why_never(one, aside)
        reason = one.refusal or ("another series was asked for" if asked else never or _worse(one, best))
        if one.first.study_uid != best.first.study_uid:
            reason = f"another study; {reason}"
    return SeriesChoice(
        uid=one.first.series_uid,
        description=one.name,
        images=len(one.stack.images),
        chosen=one is best,
        reason=reason,
    )


def _worse(one: Candidate, best: Candidate) -> str:
    for criterion in CRITERIA:
        if criterion.of(one) > criterion.of(best):
            return criterion.reason(one, best)
        if criterion.of(one) < criterion.of(best):
            break
    return "as good as the chosen one"


def _praise(best: Candidate, everything: Sequence[Candidate]) -> str:
    kernel = best.first.kernel
    sharp = is_sharp(kernel, best.first.description)
    words = [
        plane_of(best.first),
        "with contrast medium" if best.contrast.given else "",
        ("sharp kernel" if sharp else "kernel") + f" {kernel}" if kernel else "",
        f"{slab_of(best.stack):g} mm slices",
        f"{best.derivation.why}, but no plainer series is there" if best.derivation.why else "",
    ]
    studies = len({one.first.study_uid for one in everything})
    of = f"; best of {studies} studies in the input" if studies > 1 else ""
    return f"best for calcification: {', '.join(word for word in words if word)}{of}"


def derived_flag(chosen: Candidate) -> tuple[Flag, ...]:
    """`not_hounsfield` for what is measured only because it was asked for, and for slices that say other values."""
    odd = odd_rescale_types(chosen.stack.images)
    if odd:
        types = ", ".join(f"{kind} in {count}" for kind, count in odd.items())
        message = f"Of {len(chosen.stack.images)} slices some say that their values are no Hounsfield units ({types})."
        return (Flag(code="not_hounsfield", message=message, value=", ".join(odd), limit="HU"),)
    if chosen.derivation.nature >= Nature.COMPUTED:
        message = f"The series is no plain CT: {chosen.derivation.why}."
        return (Flag(code="not_hounsfield", message=message, value=chosen.derivation.why),)
    first = chosen.first
    if says("cone_beam", f"{first.description} {first.model} {first.kernel}"):
        message = "A cone-beam CT: its values are not calibrated as Hounsfield units."
        return (Flag(code="not_hounsfield", message=message, value=first.model or first.description),)
    return ()
