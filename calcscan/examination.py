"""The stages that look at the image.

examine    segment → blur → register → recover → inspect → search       (a sharp picture is made an ordinary one first)
search     detect → material → locate
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from calcscan.blur import measure_blur
from calcscan.bone_contact import recover_bone_contact
from calcscan.detection import detect_lesions, measure_labels
from calcscan.inspection import contrast_but_for_bodies, inspect_scan, moved_slices, sharpness_flags, streaked_slices
from calcscan.intracranial import segment_intracranial
from calcscan.knowledge.stage_settings import StageSettings
from calcscan.localisation import locate_lesions
from calcscan.material import judge_material, surely_put_in
from calcscan.measurement.blur import as_ordinary, blur_of
from calcscan.model import (
    Atlas,
    Blur,
    Flag,
    Intracranial,
    LesionMap,
    LocatedLesionMap,
    Registration,
    Scan,
    SearchRegion,
)
from calcscan.own_data import OwnData
from calcscan.progress import Stages
from calcscan.quality import FlagCode
from calcscan.registration import register_atlas

if TYPE_CHECKING:
    from calcscan.early import Early


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
    early: Early | None = None,
) -> Examination:
    """Every calcification of a scan, or of the user's `own` segmentation of it, measured and located. `early` is told
    what its report may begin with.

    Raises
    ------
    RefusedError
        The scan is no head that calcscan can judge.
    """
    settings, stage, own = settings or StageSettings.load(), stage or Stages(), own or OwnData()
    given = scan
    with stage("segment"):
        scan, intracranial, sharp = segment_as_ordinary(scan, settings, own.brain_mask)
    with stage("blur"):
        scan, intracranial, blurred = blur_known(scan, intracranial, settings, own.brain_mask)
    with stage("register"):
        registration = register_atlas(intracranial, atlas, settings=settings.registration, begun=early)
    if early is not None:
        early.registered(given, registration, atlas)
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
        flags = (*sharp, *blurred, *seen)
        if any(flag.code == FlagCode.MOTION for flag in flags):
            region = replace(region, moved_slices=moved_slices(scan, region, settings.inspection))
        if any(flag.code == FlagCode.METAL for flag in flags):
            region = replace(region, streaked_slices=streaked_slices(scan, region, settings.inspection))
    if early is not None:
        early.bounded(given, region)
    look = partial(search, scan, region, registration, atlas, threshold_hu=threshold_hu, own=own, settings=settings)
    seen = tuple(flag for flag in flags if flag.code == FlagCode.CONTRAST)
    told = any(flag.code == FlagCode.CONTRAST for flag in scan.flags)
    lesions = look(contrast=told or bool(seen), stage=stage)
    bodies_kji = surely_put_in(lesions.left_out, settings=settings.foreign_body)
    if seen and len(bodies_kji):
        rest = contrast_but_for_bodies(
            scan, region, registration, atlas, bodies_kji, settings=settings.inspection, arteries=settings.arteries
        )
        flags = (*rest, *(flag for flag in flags if flag not in seen))
        if not (rest or told):
            lesions = look(contrast=False)
    if early is not None:
        early.found(lesions)
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
    """The scan with its blur measured, unless that is known, the inside of its skull, and the flags of the blur. Where
    slices are thicker than they seem, as a copy's are, the skull is segmented anew."""
    if scan.blur is not None:
        return scan, intracranial, ()
    measured = measure_blur(scan, intracranial, settings=settings.blur)
    scan = replace(scan, blur=measured.blur)
    if any(flag.code != FlagCode.BLUR_UNMEASURED for flag in measured.flags):
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
