"""The whole job: the stages in order.

read → segment → register → recover → detect → locate → summarise → judge → facts → advise
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from calcscan.atlas import load_atlas
from calcscan.bone_contact import recover_bone_contact
from calcscan.detection import detect_lesions
from calcscan.errors import RefusedError
from calcscan.facts import image_facts
from calcscan.guideline import merged_facts, plain_facts, recommend
from calcscan.intracranial import segment_intracranial
from calcscan.knowledge import asked_threshold
from calcscan.localisation import locate_lesions
from calcscan.model import Atlas, Flag, Intracranial, LesionMap, Registration, Result, Scan, Summary
from calcscan.quality import judge_quality
from calcscan.read import read_scan
from calcscan.registration import register_atlas
from calcscan.summary import summarise_lesions

Progress = Callable[[str], None]


def analyse(
    path: str | Path,
    *,
    context: Mapping[str, Any] | None = None,
    series_uid: str | None = None,
    threshold_hu: float | None = None,
    progress: Progress | None = None,
) -> Result:
    """One study, from its files to recommendations.

    Parameters
    ----------
    path
        A DICOM folder, a ZIP of one, or a NIfTI file.
    context
        Facts about the person (contract section 5), for the rules: a mapping; `calcscan.guideline.load_facts` reads a
        file of them. Where they contradict the scan (another age or sex), `guidance.conflicts` says so.
    series_uid
        The series to take; else the one that suits best.
    threshold_hu
        Instead of the threshold that suits the scan; below what blood may have (100 HU) flagged `uncertain_material`.
    progress
        Called with the name of each stage as it begins.

    Returns
    -------
    Result
        `quality.state` is `abstain` where nothing could be attributed to a site; `head` and what follows is None where
        the scan is no head that calcscan can judge.

    Raises
    ------
    InputError, AtlasError, FactsError
        There is nothing to report on.
    ValueError, TypeError
        `threshold_hu` is no number or out of range, or `context` no mapping.
    """
    stated, threshold_hu = _asked(context, threshold_hu)
    stage = _Stages(progress)
    with stage("read"):
        scan = read_scan(Path(path), series_uid=series_uid)
        atlas = load_atlas()
    return _analysed(scan, atlas, stated, threshold_hu, stage)


def analyse_scan(
    scan: Scan,
    *,
    context: Mapping[str, Any] | None = None,
    threshold_hu: float | None = None,
    progress: Progress | None = None,
) -> Result:
    """As `analyse`, of a scan that has been read or made."""
    stated, threshold_hu = _asked(context, threshold_hu)
    return _analysed(scan, load_atlas(), stated, threshold_hu, _Stages(progress))


def _asked(context: Mapping[str, Any] | None, threshold_hu: float | None) -> tuple[dict[str, Any], float | None]:
    """The arguments as they are used from here on: what is wrong with them is found out before the work."""
    threshold = asked_threshold(threshold_hu)
    if context is None:
        return {}, threshold
    if not isinstance(context, Mapping):
        kind = type(context).__name__
        advice = "for a file, calcscan.guideline.load_facts(path)"
        raise TypeError(f"context must be a mapping of facts such as {{'age_years': 52}}, not {kind}; {advice}")
    stated: dict[str, Any] = plain_facts(context)
    recommend(stated)
    return stated, threshold


def _analysed(
    scan: Scan, atlas: Atlas, stated: Mapping[str, Any], threshold_hu: float | None, stage: _Stages
) -> Result:
    found = _Found()
    try:
        _examine(scan, atlas, threshold_hu, found, stage)
    except RefusedError as refused:
        found.refusal = (Flag(code=refused.code, message=str(refused)),)
    quality = judge_quality(_flags(scan, found))
    with stage("advise"):
        seen = image_facts(scan, found.summary, quality)
        guidance = recommend(stated, image=seen)
    lesions = found.lesions
    return Result(
        scan=scan,
        intracranial=found.intracranial,
        lesions=_withheld(lesions) if lesions and quality.state == "abstain" else lesions,
        atlas=atlas,
        registration=found.registration,
        summary=found.summary,
        quality=quality,
        facts=merged_facts(stated, seen),
        guidance=guidance,
        settings={"threshold_asked_hu": threshold_hu, **(lesions.settings if lesions else {})},
        timings_s=stage.timings_s,
    )


@dataclass(slots=True, kw_only=True)
class _Found:
    """What has been found so far; a refusal leaves the rest None."""

    intracranial: Intracranial | None = None
    lesions: LesionMap | None = None
    registration: Registration | None = None
    summary: Summary | None = None
    refusal: tuple[Flag, ...] = ()


def _examine(scan: Scan, atlas: Atlas, threshold_hu: float | None, found: _Found, stage: _Stages) -> None:
    """The stages that look at the image; each leaves what it found in `found`."""
    with stage("segment"):
        found.intracranial = intracranial = segment_intracranial(scan)
    with stage("register"):
        found.registration = registration = register_atlas(intracranial, atlas)
    with stage("recover"):
        found.intracranial = intracranial = recover_bone_contact(scan, intracranial, registration, atlas)
    with stage("detect"):
        found.lesions = lesions = detect_lesions(scan, intracranial, threshold_hu=threshold_hu)
    with stage("locate"):
        found.lesions = lesions = locate_lesions(lesions, scan, intracranial, registration, atlas)
    with stage("summarise"):
        located = judge_quality(_flags(scan, found)).state != "abstain"
        lesions = lesions if located else _withheld(lesions)
        found.summary = summarise_lesions(
            lesions, scan, registration, atlas, intracranial=intracranial, located=located
        )


def _flags(scan: Scan, found: _Found) -> tuple[Flag, ...]:
    """Every flag so far. A registration that was not accepted is always among them."""
    parts = (scan, found.intracranial, found.lesions, found.registration, found.summary)
    flags = tuple(flag for part in parts if part is not None for flag in part.flags) + found.refusal
    registration = found.registration
    if (
        registration is not None
        and not registration.accepted
        and all(flag.code != "registration_poor" for flag in flags)
    ):
        flags += (Flag(code="registration_poor", message=registration.reason, value=registration.overlap),)
    return flags


def _withheld(lesions: LesionMap) -> LesionMap:
    """The lesions without their sites: what abstaining means."""
    bare = (replace(lesion, site="unassigned", side="", site_share=None, also=()) for lesion in lesions.lesions)
    return replace(lesions, lesions=tuple(bare))


@dataclass(slots=True)
class _Stages:
    """Tells each stage's name as it begins, and keeps how long it took."""

    progress: Progress | None
    timings_s: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        if self.progress is not None:
            self.progress(name)
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.timings_s[name] = round(time.perf_counter() - begin, 3)
