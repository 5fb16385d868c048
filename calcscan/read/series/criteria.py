"""By what series are compared, in order of weight."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from calcscan.read.headers.acquisition import is_sharp
from calcscan.read.headers.image import Image
from calcscan.read.rules import limit, says
from calcscan.read.series.candidates import Candidate
from calcscan.read.series.derivation import Nature
from calcscan.read.series.positions import normal_of, positions_of, thickness_of, typical_gap_of
from calcscan.read.series.spacing import spacing_of
from calcscan.read.series.stacks import Stack

_PLANES = ("sagittal", "coronal", "axial")


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One thing by which stacks are compared: less is better."""

    of: Callable[[Candidate], float]
    reason: Callable[[Candidate, Candidate], str]
    """Why a stack is worse than the chosen one by this criterion."""


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
IDENTITY_CRITERIA = 5
"""So many of the first criteria say what a series is. Where several are alike in them, their pictures are compared."""


def rank(one: Candidate) -> tuple[float | str, ...]:
    ranks = (float(criterion.of(one)) for criterion in CRITERIA)
    return (*ranks, one.first.series_uid, one.stack.part)


def _day(one: Candidate) -> float:
    digits = one.first.person.study_date.replace("-", "").replace(".", "")
    return float(digits) if digits.isdecimal() else 0.0


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


def same_sharpness(one: Candidate, best: Candidate) -> bool:
    return is_sharp(one.first.kernel, one.first.description) == is_sharp(best.first.kernel, best.first.description)
