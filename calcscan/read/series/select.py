"""Which series to read, and why not each of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from calcscan.errors import GeometryError, InputError, NoCTError
from calcscan.knowledge.reading import ReadingSettings
from calcscan.model import Flag, SeriesChoice
from calcscan.read.headers.acquisition import is_sharp, single_energy
from calcscan.read.headers.contrast import contrast_of_series
from calcscan.read.series.candidates import Candidate, candidates_of
from calcscan.read.series.criteria import CRITERIA, IDENTITY_CRITERIA, plane_of, rank, same_sharpness, slab_of
from calcscan.read.series.derivation import Nature, derivation_of_image, is_cone_beam, odd_rescale_types
from calcscan.read.series.image_comparison import enhanced_of, neighbour_correlation, unlike_a_head, why_not_native
from calcscan.read.series.stacks import Stack
from calcscan.read.wording import first_few

_FIELDS = ("PixelSpacing", "ImagePositionPatient")
_CONTRAST = "contrast medium"
_COMPARED = 2
"""The most other series that the best one is compared with."""


def select_series(
    stacks: Sequence[Stack], settings: ReadingSettings, *, series_uid: str | None = None, where: str = ""
) -> tuple[Candidate, tuple[SeriesChoice, ...]]:
    """The stack to read, and what was decided about each. With `series_uid`, the best of that series.

    Headers decide first. Where they leave several series that differ only in thickness and the like, a few slices of
    each are compared (`image_comparison`); a derived series that has no rival must look like a head.

    Raises
    ------
    InputError
        There is no series of that uid, or it can't be read as a volume.
    NoCTError
        Nothing is a CT, or all that there is was computed (a projection, a map …).
    GeometryError
        There is CT, but no stack of enough slices.
    """
    everything = candidates_of(stacks, settings)
    aside: dict[str, str] = {}
    if series_uid is not None:
        best: Candidate | None = min(_asked_for(everything, series_uid, where), key=lambda one: rank(one, settings))
    else:
        pool = [one for one in everything if not one.refusal and one.derivation.nature < Nature.COMPUTED]
        best = _best(pool, aside, settings)
    if best is None:
        raise _nothing(everything, aside, where)
    best = _accounted(best, everything, aside, settings)
    everything = [best if one.stack is best.stack else one for one in everything]
    choices = [_choice(one, best, everything, aside, settings, asked=series_uid is not None) for one in everything]
    return best, tuple(choices)


def _best(pool: Sequence[Candidate], aside: dict[str, str], settings: ReadingSettings) -> Candidate | None:
    """The best by its headers, unless its images contradict them; those passed over go into `aside`, with reasons."""
    ranked = sorted(((rank(one, settings), one) for one in pool), key=lambda pair: pair[0])
    while ranked:
        best_rank, best = ranked.pop(0)
        alike = [
            one
            for other_rank, one in ranked
            if other_rank[:IDENTITY_CRITERIA] == best_rank[:IDENTITY_CRITERIA] and same_sharpness(one, best, settings)
        ]
        rivals = alike[:_COMPARED]
        why = next((why for rival in rivals if (why := _why_not_native(best, rival, settings))), "")
        if (
            not why
            and rivals
            and neighbour_correlation(best.stack.images, settings) > settings.neighbour_correlation_beside
        ):
            why = "its slices repeat each other, as those of a slab do"
        if why:
            aside[_key(best)] = f"not a plain native series, judging by its images: {why}"
            continue
        if best.derivation.nature >= Nature.REFORMAT:
            why = unlike_a_head(best.stack.images, settings)
            if (
                not why
                and best.derivation.nature >= Nature.DOUBTFUL
                and neighbour_correlation(best.stack.images, settings) > settings.neighbour_correlation
            ):
                why = "its slices repeat each other, as those of a projection or slab do"
            if why:
                aside[_key(best)] = f"{best.derivation.why}, and {why}"
                continue
        return best
    return None


def _why_not_native(best: Candidate, rival: Candidate, settings: ReadingSettings) -> str:
    """As the images of the two show it; passes of one series may lie between each other."""
    one, other = best.stack.images, rival.stack.images
    why = why_not_native(one, other, settings)
    if not why and best.first.series_uid == rival.first.series_uid and enhanced_of(one, other, settings) is one:
        why = f"it shows bright vessels that the other pass doesn't: {_CONTRAST}"
    return why


def _accounted(
    best: Candidate, everything: Sequence[Candidate], aside: dict[str, str], settings: ReadingSettings
) -> Candidate:
    """The chosen one; where another series shows the contrast that the study mentions, it is that one's."""
    study = best.first.study_uid
    of_study = [one for one in everything if one.first.study_uid == study]
    shown_by_another = any(_CONTRAST in aside.get(_key(one), "") for one in of_study)
    return (
        replace(best, contrast=contrast_of_series(best.stack.images, settings, alone=False))
        if shown_by_another
        else best
    )


def _key(one: Candidate) -> str:
    return f"{one.first.study_uid} {one.first.series_uid} {one.stack.part}"


def _asked_for(everything: Sequence[Candidate], series_uid: str, where: str) -> list[Candidate]:
    of_series = [one for one in everything if any(image.series_uid == series_uid for image in one.stack.images)]
    if not of_series:
        usable = {one.first.series_uid: None for one in everything if not one.refusal}
        known = ", ".join(usable) or "no series that can be read"
        raise InputError(f"no series has the UID {series_uid}", where=where, hint=f"available: {known}")
    usable_of_series = [one for one in of_series if not one.refusal]
    if not usable_of_series:
        what = f"series {series_uid} can't be read: {of_series[0].refusal}"
        raise InputError(what, where=where, hint="choose another series")
    return usable_of_series


def _nothing(everything: Sequence[Candidate], aside: dict[str, str], where: str) -> InputError:
    reasons = [one.refusal or _why_never(one, aside) for one in everything]
    distinct = list(dict.fromkeys(reasons))
    found = first_few(distinct, between="; ")
    if any(one.stack.fault for one in everything) or any(field in reason for reason in reasons for field in _FIELDS):
        hint = "export the series again with these fields as the scanner wrote them"
        return GeometryError(f"no series forms a volume (found: {found})", where=where, hint=hint)
    if any(reason.startswith("too few") for reason in reasons):
        hint = "give the folder of the whole series"
        return GeometryError(f"no series has enough slices (found: {found})", where=where, hint=hint)
    computed = any(not one.refusal for one in everything)
    hint = "give a folder with axial head CT slices"
    if computed:
        hint = "give the scanner's own slices; --series UID reads a computed series anyway, and flags it"
    return NoCTError(f"no CT series to read (found: {found})", where=where, hint=hint)


def _choice(
    one: Candidate,
    best: Candidate,
    everything: Sequence[Candidate],
    aside: dict[str, str],
    settings: ReadingSettings,
    *,
    asked: bool,
) -> SeriesChoice:
    if one is best:
        reason = "requested by its UID" if asked else _praise(best, everything, settings)
    else:
        never = _why_never(one, aside)
        reason = one.refusal or ("another series was requested" if asked else never or _worse(one, best, settings))
        if one.first.study_uid != best.first.study_uid:
            reason = f"another study; {reason}"
    return SeriesChoice(
        uid=one.first.series_uid,
        description=one.name,
        images=len(one.stack.images),
        chosen=one is best,
        reason=reason,
    )


def _why_never(one: Candidate, aside: dict[str, str]) -> str:
    """Why a stack that could be read is never chosen unless requested; empty if it may be."""
    return one.derivation.why if one.derivation.nature >= Nature.COMPUTED else aside.get(_key(one), "")


def _worse(one: Candidate, best: Candidate, settings: ReadingSettings) -> str:
    for criterion in CRITERIA:
        if criterion.of(one, settings) > criterion.of(best, settings):
            return criterion.reason(one, best)
        if criterion.of(one, settings) < criterion.of(best, settings):
            break
    return "as good as the chosen one"


def _praise(best: Candidate, everything: Sequence[Candidate], settings: ReadingSettings) -> str:
    kernel = best.first.kernel
    sharp = is_sharp(kernel, best.first.description, settings)
    words = [
        plane_of(best.first),
        "with contrast medium" if best.contrast.given else "",
        ("sharp kernel" if sharp else "kernel") + f" {kernel}" if kernel else "",
        f"{slab_of(best.stack):g} mm slices",
        f"{best.derivation.why}, but there is no plainer series" if best.derivation.why else "",
        f"the first of {best.passes} passes over the same slices" if best.passes >= settings.dynamic_passes else "",
    ]
    studies = len({one.first.study_uid for one in everything})
    of = f"; best of {studies} studies in the input" if studies > 1 else ""
    return f"best for calcification: {', '.join(word for word in words if word)}{of}"


def derived_flag(chosen: Candidate, settings: ReadingSettings) -> tuple[Flag, ...]:
    """`not_hounsfield` for a series read only because it was requested, and for slices that state other values;
    a note `resampled` for one that is no original, for want of a plainer one."""
    odd = odd_rescale_types(chosen.stack.images, settings)
    if odd:
        types = ", ".join(f"{kind} in {count}" for kind, count in odd.items())
        message = (
            f"Some of the {len(chosen.stack.images)} slices say that their values are not Hounsfield units ({types})."
        )
        return (Flag(code="not_hounsfield", message=message, value=", ".join(odd), limit="HU"),)
    if chosen.derivation.nature >= Nature.COMPUTED:
        message = f"The series is not a plain CT: {chosen.derivation.why}."
        return (Flag(code="not_hounsfield", message=message, value=chosen.derivation.why),)
    first = chosen.first
    if is_cone_beam(first, settings):
        message = "A cone-beam CT: its values are not calibrated as Hounsfield units."
        return (Flag(code="not_hounsfield", message=message, value=first.model or first.description),)
    kinds = {(one.image_type, one.description, one.origin.derivation): one for one in chosen.stack.images}.values()
    derived = all(derivation_of_image(one, settings).nature >= Nature.REFORMAT for one in kinds)
    if derived and not single_energy(first, settings):
        message = f"The series is not the scanner's first one ({chosen.derivation.why}): what is small may be changed."
        return (Flag(code="resampled", message=message, note=True),)
    return ()
