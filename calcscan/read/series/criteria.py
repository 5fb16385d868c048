"""The criteria by which series are compared, in order of weight."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from calcscan.knowledge.reading import ReadingSettings
from calcscan.read.headers.acquisition import is_sharp
from calcscan.read.headers.image import Image
from calcscan.read.series.candidates import Candidate
from calcscan.read.series.derivation import Nature
from calcscan.read.series.positions import normal_of, positions_of, thickness_of, typical_gap_of
from calcscan.read.series.spacing import spacing_of
from calcscan.read.series.stacks import Stack

_PLANES = ("sagittal", "coronal", "axial")


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """A measure by which stacks are compared: less is better."""

    of: Callable[[Candidate, ReadingSettings], float]
    reason: Callable[[Candidate, Candidate], str]
    """Why a stack is worse than the chosen one by this criterion."""


def _derived_reason(worse: Candidate, best: Candidate) -> str:
    plane = plane_of(worse.first)
    if plane != "axial" and worse.derivation.nature == Nature.REFORMAT:
        return f"{plane} reformat; an original series was chosen"
    return f"{worse.derivation.why}; an original series was chosen"


CRITERIA = (
    Criterion(
        of=lambda one, settings: another_region(one.stack, settings),
        reason=lambda worse, best: "another part of the body",
    ),
    Criterion(of=lambda one, settings: one.derivation.nature >= Nature.DOUBTFUL, reason=_derived_reason),
    Criterion(
        of=lambda one, settings: one.contrast.given is True,
        reason=lambda worse, best: f"contrast medium ({worse.contrast.said}); a series without it was chosen",
    ),
    Criterion(
        of=lambda one, settings: extent_of(one.stack) < settings.covers_mm,
        reason=lambda worse, best: f"covers only {extent_of(worse.stack):.0f} mm",
    ),
    Criterion(of=lambda one, settings: one.derivation.nature, reason=_derived_reason),
    Criterion(
        of=lambda one, settings: one.passes >= settings.dynamic_passes,
        reason=lambda worse, best: f"one of {worse.passes} passes over the same slices; a single one was chosen",
    ),
    Criterion(
        of=lambda one, settings: is_sharp(one.first.kernel, one.first.description, settings),
        reason=lambda worse, best: (
            f"sharp kernel ({worse.first.kernel or worse.first.description}); a softer one was chosen"
        ),
    ),
    Criterion(
        of=lambda one, settings: plane_of(one.first) != "axial",
        reason=lambda worse, best: f"{plane_of(worse.first)} reformat; an axial series was chosen",
    ),
    Criterion(
        of=lambda one, settings: lacks_slices(one.stack, settings),
        reason=lambda worse, best: "slices are missing; a complete series was chosen",
    ),
    Criterion(
        of=lambda one, settings: slab_of(one.stack),
        reason=lambda worse, best: (
            f"slices of {slab_of(worse.stack):g} mm; thinner ones ({slab_of(best.stack):g} mm) were chosen"
        ),
    ),
    Criterion(
        of=lambda one, settings: -len(one.stack.images),
        reason=lambda worse, best: (
            f"fewer slices ({len(worse.stack.images)}; {len(best.stack.images)} in the chosen one)"
        ),
    ),
    Criterion(of=lambda one, settings: -_day(one), reason=lambda worse, best: "as good, but older"),
    Criterion(
        of=lambda one, settings: one.first.series_number or 0.0,
        reason=lambda worse, best: "as good as the chosen one, but later in the study",
    ),
)
"""In order of weight: the first that differs decides, and is the reason given. What a series is comes before how thin
its slices are."""
IDENTITY_CRITERIA = 6
"""The first criteria, which say what a series is. Series alike in all of them are compared by their images."""


def rank(one: Candidate, settings: ReadingSettings) -> tuple[float | str, ...]:
    ranks = (float(criterion.of(one, settings)) for criterion in CRITERIA)
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


def lacks_slices(stack: Stack, settings: ReadingSettings) -> bool:
    return bool(spacing_of(positions_of(stack.images), thickness_of(stack.images), settings).missing.any())


def another_region(stack: Stack, settings: ReadingSettings) -> bool:
    """Do the words name another part of the body, and not the head?"""
    words = f"{stack.first.body_part} {stack.first.description}"
    return settings.words.another_region.match(words) and not settings.words.head_region.match(words)


def same_sharpness(one: Candidate, best: Candidate, settings: ReadingSettings) -> bool:
    return is_sharp(one.first.kernel, one.first.description, settings) == is_sharp(
        best.first.kernel, best.first.description, settings
    )
