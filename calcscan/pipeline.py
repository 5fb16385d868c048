"""The whole job: the stages in order.

analyse    read → examine (`calcscan.examination`) → judge → summarise → advise
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calcscan.atlas import load_atlas
from calcscan.begun import Begun
from calcscan.decisions import log_decisions
from calcscan.errors import RefusedError
from calcscan.examination import examine
from calcscan.facts import image_facts
from calcscan.guideline import Ruleset, as_ruleset, merged_facts, plain_facts, recommend
from calcscan.knowledge import asked_threshold
from calcscan.knowledge.stage_settings import StageSettings
from calcscan.model import (
    Atlas,
    Flag,
    Provenance,
    Result,
    Scan,
)
from calcscan.own_data import OwnData, read_own
from calcscan.processors import both
from calcscan.progress import Progress, Stages, progress_of
from calcscan.quality import judge_quality
from calcscan.read import Stated, picture_sha256, with_stated_age
from calcscan.read.read_input import read_input
from calcscan.summary import divide_by_regions, summarise_lesions

if TYPE_CHECKING:
    from calcscan.early import Early

STAGES = (
    "read", "segment", "blur", "register", "recover", "inspect", "detect", "material", "locate", "summarise", "advise",
)  # fmt: skip
"""The names of all stages, in order."""


def analyse(
    path: str | Path,
    context: Mapping[str, Any] | None = None,
    *,
    series_uid: str | None = None,
    threshold_hu: float | None = None,
    kvp_kv: float | None = None,
    slice_thickness_mm: float | None = None,
    kernel: str | None = None,
    atlas: Atlas | str | Path | None = None,
    rules: Ruleset | Iterable[str | Path] = (),
    without: Iterable[str] = (),
    literature: bool = False,
    mask: Any = None,
    brain_mask: Any = None,
    regions: Any = None,
    region_names: Mapping[int, str] | None = None,
    resample: bool = False,
    progress: bool | Progress | None = None,
    early: Early | None = None,
) -> Result:
    """One study, from its files to recommendations.

    Parameters
    ----------
    path
        A DICOM folder, a ZIP of one, or a NIfTI file.
    context
        Facts about the person, for the rules: a mapping in the words of `calcscan/knowledge/facts.toml`;
        `calcscan.guideline.load_facts` reads a file of them. Where they contradict the scan (another age or sex),
        `guidance.conflicts` says so.
    series_uid
        The series to take; else the one that suits best.
    threshold_hu
        Instead of the threshold that suits the scan; below what blood may have (100 HU) flagged `uncertain_material`.
    kvp_kv, slice_thickness_mm, kernel
        How the scan was made, where its header does not tell (a NIfTI's, mostly). Flagged `stated`.
    atlas
        One of your own, or its folder (`calcscan.atlas` says how to make one), instead of the shipped one.
    rules
        Rules files to use beside the shipped ones, or a `calcscan.guideline.Ruleset`.
    without
        Ids of rules to leave out.
    literature
        Also use rules from the literature beyond the documents.
    mask
        One's own segmentation of the lesions, instead of detection: on the scan's grid, as an array like `scan.hu`, a
        SimpleITK or nibabel image, or a file. Of one label each connected piece is a lesion, of several each label.
    brain_mask
        One's own mask of the inside of the skull, instead of segmentation.
    regions, region_names
        A label map of regions of one's own, and their names by label: what lies in each is measured, too.
    resample
        Take these by nearest neighbour where they are images on another grid; else they are refused.
    progress
        True shows a bar on stderr; a function is called with the name of each stage as it begins.
    early
        Where the scan may be read already, and the report may be begun: for the command, which gives it to
        `write_report` too.

    Returns
    -------
    Result
        `quality.state` is `abstain` where nothing could be attributed to a site; `intracranial` and what rests on it is
        None where the scan is no head that calcscan can judge.

    Raises
    ------
    InputError, AtlasError, FactsError, RulesetError
        There is nothing to report on, or the header contradicts what is stated.
    ValueError, TypeError
        `threshold_hu`, `kvp_kv` or `slice_thickness_mm` is no number or out of range, or `context` no mapping.
    """
    ruleset = as_ruleset(rules, without=without, literature=literature)
    facts, threshold_hu = _checked(context, threshold_hu, ruleset)
    settings = StageSettings.load()
    stated = Stated(kvp_kv=kvp_kv, slice_thickness_mm=slice_thickness_mm, kernel=kernel)
    with progress_of(progress, len(STAGES)) as tell:
        stage = Stages(tell)
        with stage("read"):
            read, chosen = both(
                partial((early or Begun()).answer, read_input, Path(path), series_uid, stated, settings.reading),
                partial(_atlas, atlas, early),
            )
            scan = read.scan
            own = read_own(scan, mask, brain_mask, regions, region_names, resample=resample, settings=settings.reading)
        result = _analysed(scan, chosen, facts, ruleset, threshold_hu, settings, stage, own, early)
    said = {f"stated_{name}": value for name, value in asdict(stated).items()}
    options = {"series_uid": series_uid, **_options(threshold_hu, ruleset, own, chosen if atlas else None)}
    return replace(
        result,
        settings={**said, **result.settings},
        provenance=Provenance(
            date=_today(),
            options={**options, **asdict(stated)},
            context=None if context is None else facts,
            input=read.files,
            place=str(path),
            picture_sha256=read.picture_sha256,
        ),
    )


def analyse_scan(
    scan: Scan,
    context: Mapping[str, Any] | None = None,
    *,
    threshold_hu: float | None = None,
    atlas: Atlas | str | Path | None = None,
    rules: Ruleset | Iterable[str | Path] = (),
    without: Iterable[str] = (),
    literature: bool = False,
    mask: Any = None,
    brain_mask: Any = None,
    regions: Any = None,
    region_names: Mapping[int, str] | None = None,
    resample: bool = False,
    progress: bool | Progress | None = None,
) -> Result:
    """As `analyse`, of a scan that has been read or made (`Scan.from_array`, `Scan.from_image`)."""
    ruleset = as_ruleset(rules, without=without, literature=literature)
    stated, threshold_hu = _checked(context, threshold_hu, ruleset)
    settings = StageSettings.load()
    own = read_own(scan, mask, brain_mask, regions, region_names, resample=resample, settings=settings.reading)
    with progress_of(progress, len(STAGES) - 1) as tell:
        chosen = _atlas(atlas)
        result = _analysed(scan, chosen, stated, ruleset, threshold_hu, settings, Stages(tell), own)
    return replace(
        result,
        provenance=Provenance(
            date=_today(),
            options=_options(threshold_hu, ruleset, own, chosen if atlas else None),
            context=None if context is None else stated,
            input=None,
            place="",
            picture_sha256=picture_sha256(scan),
        ),
    )


def _options(threshold_hu: float | None, ruleset: Ruleset, own: OwnData, atlas: Atlas | None) -> dict[str, Any]:
    """The options that a report was made with; a file that was given is known by its contents, wherever it lies."""
    choice = ruleset.choice
    return {
        "threshold_hu": threshold_hu,
        "rules_sha256": [sha256(file.text.encode()).hexdigest() for file in choice.files],
        "without": list(choice.without),
        "literature": choice.literature,
        **own.options,
        **({"atlas_sha256": atlas.sha256} if atlas is not None else {}),
    }


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _checked(
    context: Mapping[str, Any] | None, threshold_hu: float | None, ruleset: Ruleset
) -> tuple[dict[str, Any], float | None]:
    """The arguments as they are used from here on: what is wrong with them is found out before the work."""
    threshold = asked_threshold(threshold_hu)
    if context is None:
        return {}, threshold
    if not isinstance(context, Mapping):
        kind = type(context).__name__
        advice = "for a file, calcscan.guideline.load_facts(path)"
        raise TypeError(f"context must be a mapping of facts such as {{'age_years': 52}}, not {kind}; {advice}")
    stated: dict[str, Any] = plain_facts(context)
    merged_facts(stated, words=ruleset.vocabulary)
    return stated, threshold


def _atlas(asked: Atlas | str | Path | None, early: Early | None = None) -> Atlas:
    atlas = asked if isinstance(asked, Atlas) else load_atlas() if asked is None else load_atlas(asked)
    if early is not None:
        early.loaded(atlas)
    return atlas


def _analysed(
    scan: Scan,
    atlas: Atlas,
    stated: Mapping[str, Any],
    ruleset: Ruleset,
    threshold_hu: float | None,
    settings: StageSettings,
    stage: Stages,
    own: OwnData,
    early: Early | None = None,
) -> Result:
    scan = with_stated_age(scan, merged_facts(stated, words=ruleset.vocabulary).get("age_years"), settings.reading)
    examination = None
    try:
        examination = examine(
            scan, atlas, threshold_hu=threshold_hu, own=own, settings=settings, stage=stage, early=early
        )
        quality = judge_quality(scan.flags + own.flags + examination.flags)
    except RefusedError as refused:
        quality = judge_quality((*scan.flags, *own.flags, Flag(code=refused.code, message=str(refused))))
    if examination is not None:
        located = quality.state != "abstain"
        examination = examination if located else examination.without_sites()
    result = Result(
        scan=scan,
        intracranial=examination.intracranial if examination else None,
        lesions=examination.lesions if examination else None,
        atlas=atlas,
        registration=examination.registration if examination else None,
        summary=None,
        quality=quality,
        facts={},
        guidance=None,
        settings={
            "threshold_asked_hu": threshold_hu,
            **own.settings,
            **(dict(examination.lesions.settings) if examination else {}),
            **({"blur": examination.blur.as_settings()} if examination else {}),
        },
        timings_s=stage.timings_s,
        region_labels=own.regions,
        searched=examination.scan if examination else None,
    )
    result = concluded(result, stated, ruleset, settings, stage)
    log_decisions(result)
    return result


def concluded(
    result: Result, stated: Mapping[str, Any], ruleset: Ruleset, settings: StageSettings, stage: Stages
) -> Result:
    """The same with all that follows from its lesions and its quality: summary, regions, facts and guidance."""
    summary, regions = None, None
    if result.lesions is not None:
        with stage("summarise"):
            summary = summarise_lesions(
                result.lesions,
                result.scan,
                result.registration,
                result.atlas,
                region=result.intracranial,
                located=result.quality.state != "abstain",
                settings=settings.burden,
            )
            if result.region_labels is not None:
                regions = divide_by_regions(result.lesions, result.scan, result.region_labels)
    with stage("advise"):
        measured = image_facts(result.scan, summary, result.quality, settings=settings.burden)
        guidance = recommend(stated, image=measured, rulesets=ruleset)
    return replace(
        result,
        summary=summary,
        regions=regions,
        facts=merged_facts(stated, measured, words=ruleset.vocabulary),
        guidance=guidance,
        timings_s=stage.timings_s,
    )
