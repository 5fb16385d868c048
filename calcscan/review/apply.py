"""A review, done: what the reader decided, and all that follows from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from calcscan.errors import InputError
from calcscan.examination import without_sites
from calcscan.guideline import Ruleset, as_ruleset
from calcscan.knowledge.stage_settings import StageSettings
from calcscan.model import DecisionKind, Flag, Result, Review
from calcscan.pipeline import concluded
from calcscan.progress import Progress, Stages
from calcscan.quality import FlagCode, QualityState, judge_quality
from calcscan.review.check import check_decisions
from calcscan.review.decide import decide
from calcscan.review.draft import Draft
from calcscan.review.edited_map import read_edited_map
from calcscan.review.read import is_json, now, read_review
from calcscan.review.redraw import redraw

_LONGEST_NAME = 60
_DONE: Mapping[DecisionKind, str] = {
    "accept": "accepted", "reject": "rejected", "move": "moved", "split": "split", "redraw": "redrawn", "add": "added",
    "merge": "merged into another",
}  # fmt: skip


def apply_review(
    result: Result,
    review: Review | str | Path | Mapping[str, Any] | Any,
    *,
    reader: str | None = None,
    rules: Ruleset | Iterable[str | Path] = (),
    without: Iterable[str] = (),
    literature: bool = False,
    progress: Progress | None = None,
) -> Result:
    """A result as a person corrects it: lesions measured again where they were changed, and everything that follows
    from them anew, by the same functions as in a run. What nobody touched stays the same, to the bit.

    Parameters
    ----------
    result
        From `analyse`, `analyse_scan` or an earlier review.
    review
        A review.json, its file or what it holds; or an edited label map (lesions.nii.gz, sites.nii.gz or
        sites.seg.nrrd) as a file, an array (k, j, i) or a SimpleITK or nibabel image.
    reader
        Who, where the review itself does not say so.
    rules, without, literature
        As for `analyse`: the rules that were used then.
    progress
        Called with the name of each stage as it begins.

    Returns
    -------
    Result
        With `reviews`, and with what the program had said as `program`; lesions keep their numbers, and those that were
        split or added get new ones. A rejected one is in `lesions.left_out`. Where calcscan abstains, only what the
        reader placed has a site.

    Raises
    ------
    InputError
        The review is none, or does not fit the result; the message says where.
    GeometryError
        The edited map lies on another grid.

    Examples
    --------
    >>> import calcscan
    >>> result = calcscan.analyse_scan(scan)  # doctest: +SKIP
    >>> reviewed = calcscan.apply_review(result, "review.json")  # doctest: +SKIP
    >>> calcscan.write_report(reviewed, "reviewed/")  # doctest: +SKIP
    """
    ruleset = as_ruleset(rules, without=without, literature=literature)
    where = str(review) if isinstance(review, str | Path) else ""
    made = review if isinstance(review, Review) else _read(review, result)
    made = replace(made, reader=made.reader or reader)
    lesions, region = result.lesions, result.intracranial
    if lesions is None or region is None:
        what = "the scan was not analysed, so there is nothing to review"
        raise InputError(what, where=where, hint="for a segmentation of your own: calcscan run INPUT --mask FILE")
    check_decisions(made, {lesion.id for lesion in lesions.lesions}, where=where)
    settings, stage = StageSettings.load(), Stages(progress, dict(result.timings_s))
    with stage("review"):
        draft = Draft.of(result, lesions, settings)
        if made.edited is not None:
            asked = result.settings.get("threshold_asked_hu")
            redraw(draft, made.edited, region, float(asked) if isinstance(asked, int | float) else None)
        for number, one in enumerate(made.decisions if made.edited is None else ()):
            decide(draft, one, where=f"{where} decisions[{number}]".strip())
        changed = draft.finished()
        made = replace(made, decisions=tuple(draft.decisions))
        quality = judge_quality((*result.quality.flags, *_flags(made, abstained=_abstains(result))))
        if quality.state == QualityState.ABSTAIN:
            changed = without_sites(changed)
    program = result if result.program is None else result.program
    reviewed = replace(result, lesions=changed, quality=quality, reviews=(*result.reviews, made), program=program)
    stated = result.provenance.context if result.provenance is not None else None
    return concluded(reviewed, dict(stated or {}), ruleset, settings, stage)


def _read(review: Any, result: Result) -> Review:
    if isinstance(review, Mapping) or (isinstance(review, str | Path) and is_json(Path(review))):
        return read_review(review)
    return Review(reader=None, at=now(), edited=read_edited_map(review, result))


def _abstains(result: Result) -> bool:
    return result.quality.state == QualityState.ABSTAIN


def _flags(review: Review, *, abstained: bool) -> tuple[Flag, ...]:
    """That it was reviewed, and blood where the reader saw some."""
    counts = Counter(one.decision for one in review.decisions)
    done = ", ".join(f"{counts[name]} {words}" for name, words in _DONE.items() if counts[name])
    name = "".join(letter if letter.isprintable() else "?" for letter in review.reader or "")[:_LONGEST_NAME]
    who = f"A reader ({name})" if name else "A reader who gave no name"
    # no date: free text is searched for dates, and this one stands with the review
    message = f"{who} reviewed this report: {f'{done}.' if done else 'nothing was changed.'}"
    if abstained:
        message += " calcscan abstains: only what the reader placed has a site."
    flags = [Flag(code=FlagCode.REVIEWED, message=message, value=float(len(review.decisions)))]
    blood = [str(one.lesion) for one in review.decisions if one.reason == "haemorrhage"]
    if blood:
        words = f"A reader took lesion {', '.join(blood)} for blood."
        flags.append(Flag(code=FlagCode.POSSIBLE_HAEMORRHAGE, message=words, value=float(len(blood))))
    return tuple(flags)
