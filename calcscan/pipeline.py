"""The whole job: the stages in order.

analyse    read → examine → judge → summarise → advise
examine    segment → blur → register → recover → inspect → search       (the stages that look at the image; a sharp
           one is made an ordinary one first)
search     detect → material → locate
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from calcscan.atlas import load_atlas
from calcscan.blur import measure_blur
from calcscan.bone_contact import recover_bone_contact
from calcscan.decisions import LOG, log_decisions
from calcscan.detection import detect_lesions, measure_labels
from calcscan.errors import RefusedError
from calcscan.facts import image_facts
from calcscan.guideline import Ruleset, as_ruleset, merged_facts, plain_facts, recommend
from calcscan.inspection import inspect_scan, moved_slices, sharpness_flags, streaked_slices
from calcscan.intracranial import segment_intracranial
from calcscan.knowledge import asked_threshold
from calcscan.knowledge.air_contact import AirContactSettings
from calcscan.knowledge.arteries import ArterySettings
from calcscan.knowledge.blur import BlurSettings
from calcscan.knowledge.bone_contact import BoneContactSettings
from calcscan.knowledge.burden import BurdenSettings
from calcscan.knowledge.foreign_body import ForeignBodySettings
from calcscan.knowledge.inspection import InspectionSettings
from calcscan.knowledge.intracranial import IntracranialSettings
from calcscan.knowledge.localisation import LocalisationSettings
from calcscan.knowledge.reading import ReadingSettings
from calcscan.knowledge.registration import RegistrationSettings
from calcscan.knowledge.settings import load
from calcscan.knowledge.thresholds import ThresholdSettings
from calcscan.knowledge.volume import VolumeSettings
from calcscan.localisation import locate_lesions
from calcscan.material import judge_material
from calcscan.measurement.blur import as_ordinary, blur_of
from calcscan.model import (
    Atlas,
    Blur,
    Flag,
    Intracranial,
    LesionMap,
    LocatedLesionMap,
    Provenance,
    Registration,
    Result,
    Scan,
    SearchRegion,
)
from calcscan.own_data import OwnData, read_own
from calcscan.progress import Progress, progress_of
from calcscan.quality import FlagCode, judge_quality
from calcscan.read import Stated, input_files, picture_sha256, read_scan, with_stated_age
from calcscan.registration import register_atlas
from calcscan.summary import divide_by_regions, summarise_lesions

STAGES = (
    "read", "segment", "blur", "register", "recover", "inspect", "detect", "material", "locate", "summarise", "advise",
)  # fmt: skip
"""The names of all stages, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSettings:
    """The settings of every stage, read and checked before the work begins, and handed down."""

    reading: ReadingSettings
    intracranial: IntracranialSettings
    blur: BlurSettings
    registration: RegistrationSettings
    bone_contact: BoneContactSettings
    air_contact: AirContactSettings
    inspection: InspectionSettings
    thresholds: ThresholdSettings
    volume: VolumeSettings
    foreign_body: ForeignBodySettings
    localisation: LocalisationSettings
    arteries: ArterySettings
    burden: BurdenSettings

    @classmethod
    def load(cls) -> StageSettings:
        """Those of `calcscan/knowledge`. Raises `KnowledgeError`."""
        return cls(
            reading=load(ReadingSettings),
            intracranial=load(IntracranialSettings),
            blur=load(BlurSettings),
            registration=load(RegistrationSettings),
            bone_contact=load(BoneContactSettings),
            air_contact=load(AirContactSettings),
            inspection=load(InspectionSettings),
            thresholds=load(ThresholdSettings),
            volume=load(VolumeSettings),
            foreign_body=load(ForeignBodySettings),
            localisation=load(LocalisationSettings),
            arteries=load(ArterySettings),
            burden=load(BurdenSettings),
        )


def analyse(
    path: str | Path,
    *,
    context: Mapping[str, Any] | None = None,
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
            scan = read_scan(Path(path), series_uid=series_uid, stated=stated, settings=settings.reading)
            files = input_files(path, settings.reading)
            own = read_own(scan, mask, brain_mask, regions, region_names, resample=resample, settings=settings.reading)
            chosen = _atlas(atlas)
        result = _analysed(scan, chosen, facts, ruleset, threshold_hu, settings, stage, own)
    said = {f"stated_{name}": value for name, value in asdict(stated).items()}
    options = {"series_uid": series_uid, **_options(threshold_hu, ruleset, own, chosen if atlas else None)}
    return replace(
        result,
        settings={**said, **result.settings},
        provenance=Provenance(
            date=_today(),
            options={**options, **asdict(stated)},
            context=None if context is None else facts,
            input=files,
            place=str(path),
            picture_sha256=picture_sha256(scan),
        ),
    )


def analyse_scan(
    scan: Scan,
    *,
    context: Mapping[str, Any] | None = None,
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Examination:
    """What the stages that look at the image made of a scan."""

    intracranial: SearchRegion
    registration: Registration
    lesions: LocatedLesionMap
    scan: Scan
    """The picture that was searched: a sharp one as an ordinary one would show it, with its blur."""
    blur: Blur
    """Its blur."""
    inspection_flags: tuple[Flag, ...] = ()
    """What the picture as a whole shows."""

    @property
    def flags(self) -> tuple[Flag, ...]:
        """Every flag of these stages. A registration that was not accepted is always among them."""
        flags = self.inspection_flags + self.intracranial.flags + self.lesions.flags + self.registration.flags
        if not self.registration.accepted and all(flag.code != "registration_poor" for flag in flags):
            poor = Flag(code="registration_poor", message=self.registration.reason, value=self.registration.overlap)
            return (*flags, poor)
        return flags

    def without_sites(self) -> Examination:
        """The same with every lesion unassigned: what abstaining means."""
        return replace(self, lesions=without_sites(self.lesions))


def without_sites(lesions: LocatedLesionMap) -> LocatedLesionMap:
    """The same with every lesion unassigned, but for those that a reader placed."""
    unassigned = tuple(
        lesion if lesion.by_reader else replace(lesion, site="unassigned", side="", site_share=None, also=())
        for lesion in lesions.lesions
    )
    return replace(lesions, lesions=unassigned, pairs=())


def examine(
    scan: Scan,
    atlas: Atlas,
    *,
    threshold_hu: float | None = None,
    own: OwnData | None = None,
    settings: StageSettings | None = None,
    stage: Stages | None = None,
) -> Examination:
    """Every calcification of a scan, or of the user's `own` segmentation of it, measured and located.

    Raises
    ------
    RefusedError
        The scan is no head that calcscan can judge.
    """
    settings, stage, own = settings or StageSettings.load(), stage or Stages(), own or OwnData()
    with stage("segment"):
        scan, intracranial, sharp = segment_as_ordinary(scan, settings, own.brain_mask)
    with stage("blur"):
        scan, intracranial, resampled = blur_known(scan, intracranial, settings, own.brain_mask)
    with stage("register"):
        registration = register_atlas(intracranial, atlas, settings=settings.registration)
    with stage("recover"):
        region = recover_bone_contact(
            scan,
            intracranial,
            registration,
            atlas,
            settings=settings.bone_contact,
            space=settings.intracranial,
            air=settings.air_contact,
        )
    with stage("inspect"):
        seen = inspect_scan(scan, region, registration, atlas, settings=settings.inspection, arteries=settings.arteries)
        flags = (*sharp, *resampled, *seen)
        if any(flag.code == FlagCode.MOTION for flag in flags):
            region = replace(region, moved_slices=moved_slices(scan, region, settings.inspection))
        if any(flag.code == FlagCode.METAL for flag in flags):
            region = replace(region, streaked_slices=streaked_slices(scan, region, settings.inspection))
    lesions = search(
        scan,
        region,
        registration,
        atlas,
        threshold_hu=threshold_hu,
        contrast=any(flag.code == FlagCode.CONTRAST for flag in (*scan.flags, *flags)),
        own=own,
        settings=settings,
        stage=stage,
    )
    return Examination(
        intracranial=region,
        registration=registration,
        lesions=lesions,
        scan=scan,
        blur=blur_of(scan, settings.blur),
        inspection_flags=flags,
    )


def segment_as_ordinary(
    scan: Scan, settings: StageSettings, brain_mask: npt.NDArray[np.bool_] | None = None
) -> tuple[Scan, Intracranial, tuple[Flag, ...]]:
    """The scan, a sharp one as an ordinary one would show it, the inside of its skull, and the flags of sharpness that
    no header tells. Raises `RefusedError`."""
    intracranial = segment_intracranial(scan, mask=brain_mask, settings=settings.intracranial)
    sharp = sharpness_flags(scan, intracranial, settings.inspection)
    ordinary = as_ordinary(marked_sharp(scan) if sharp else scan, settings.volume)
    if ordinary is not scan:
        intracranial = segment_intracranial(ordinary, mask=brain_mask, settings=settings.intracranial)
    return ordinary, intracranial, sharp


def blur_known(
    scan: Scan,
    intracranial: Intracranial,
    settings: StageSettings,
    brain_mask: npt.NDArray[np.bool_] | None = None,
) -> tuple[Scan, Intracranial, tuple[Flag, ...]]:
    """The scan with its blur measured, unless that is known, the inside of its skull, and the flag of a copy whose
    slices are thicker than they seem: there the skull is segmented anew."""
    if scan.blur is not None:
        return scan, intracranial, ()
    measured = measure_blur(scan, intracranial, settings=settings.blur)
    scan = replace(scan, blur=measured.blur)
    if measured.flags:
        intracranial = segment_intracranial(scan, mask=brain_mask, settings=settings.intracranial)
    return scan, intracranial, measured.flags


def search(
    scan: Scan,
    region: SearchRegion,
    registration: Registration,
    atlas: Atlas,
    *,
    threshold_hu: float | None = None,
    contrast: bool = False,
    own: OwnData | None = None,
    settings: StageSettings | None = None,
    stage: Stages | None = None,
) -> LocatedLesionMap:
    """Every calcification of a region that is known already, measured and located; of a sharp picture as an ordinary
    one would show it.

    Where `contrast` medium is known or seen, nothing that it may have enhanced is counted. The user's `own` lesions are
    all kept, whatever they may be made of.
    """
    settings, stage, own = settings or StageSettings.load(), stage or Stages(), own or OwnData()
    scan = as_ordinary(scan, settings.volume)
    if own.lesions is not None:
        with stage("measure"):
            lesions = measure_labels(
                scan,
                region,
                own.lesions,
                threshold_hu=threshold_hu,
                thresholds=settings.thresholds,
                volume=settings.volume,
            )
        return _located(lesions, scan, region, registration, atlas, own, settings, stage)
    with stage("detect"):
        lesions = detect_lesions(
            scan, region, threshold_hu=threshold_hu, thresholds=settings.thresholds, volume=settings.volume
        )
    with stage("material"):
        lesions = judge_material(
            lesions,
            scan,
            region,
            registration,
            atlas,
            foreign_body=settings.foreign_body,
            intracranial=settings.intracranial,
            enhanced_high_hu=settings.inspection.enhanced_high_hu if contrast else None,
        )
    return _located(lesions, scan, region, registration, atlas, own, settings, stage)


def _located(
    lesions: LesionMap,
    scan: Scan,
    region: SearchRegion,
    registration: Registration,
    atlas: Atlas,
    own: OwnData,
    settings: StageSettings,
    stage: Stages,
) -> LocatedLesionMap:
    with stage("locate"):
        return locate_lesions(
            lesions,
            scan,
            region,
            registration,
            atlas,
            keep_all=own.lesions is not None,
            keep_whole=own.keep_whole,
            settings=settings.localisation,
            intracranial=settings.intracranial,
            air=settings.air_contact,
            thresholds=settings.thresholds,
            arteries=settings.arteries,
        )


def marked_sharp(scan: Scan) -> Scan:
    """The scan, known to be sharp though its header names no such kernel."""
    return replace(scan, acquisition=replace(scan.acquisition, sharp_kernel=True))


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


def _atlas(asked: Atlas | str | Path | None) -> Atlas:
    if asked is None:
        return load_atlas()
    return asked if isinstance(asked, Atlas) else load_atlas(asked)


def _analysed(
    scan: Scan,
    atlas: Atlas,
    stated: Mapping[str, Any],
    ruleset: Ruleset,
    threshold_hu: float | None,
    settings: StageSettings,
    stage: Stages,
    own: OwnData,
) -> Result:
    scan = with_stated_age(scan, merged_facts(stated, words=ruleset.vocabulary).get("age_years"), settings.reading)
    examination = None
    try:
        examination = examine(scan, atlas, threshold_hu=threshold_hu, own=own, settings=settings, stage=stage)
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
            **(_blur_settings(examination.blur) if examination else {}),
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


def _blur_settings(blur: Blur) -> dict[str, object]:
    """How blurred the picture is that was searched, for the report."""
    thickness_mm = [round(float(part), 2) for part in np.percentile(blur.thickness_mm, [50, 0, 100])]
    return {
        "blur_in_plane_mm": round(blur.in_plane_mm, 3),
        "blur_in_plane_error": round(blur.in_plane_error, 3),
        "blur_in_plane_measured": blur.in_plane_measured,
        "blur_across_mm": round(float(np.median(blur.across_mm)), 3),
        "blur_across_error": round(blur.across_error, 3),
        "blur_across_measured": blur.across_measured,
        "effective_thickness_mm": thickness_mm[0],
        "effective_thickness_least_mm": thickness_mm[1],
        "effective_thickness_most_mm": thickness_mm[2],
        "blur_why": blur.why,
    }


@dataclass(slots=True)
class Stages:
    """Reports each stage's name as it begins, and keeps how long it took."""

    progress: Progress | None = None
    timings_s: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        LOG.info("%s", name)
        if self.progress is not None:
            self.progress(name)
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.timings_s[name] = round(time.perf_counter() - begin, 3)
            LOG.debug("%s: %.3f s", name, self.timings_s[name])
