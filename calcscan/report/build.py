"""Result → `Report`, the typed contents of report.json.

Nothing in it names the person unless `keep_ids` is asked for: UIDs are hashed, and name, number and date are left out,
also where free text (a series description, a message) repeats them.
"""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict
from enum import StrEnum
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET

from calcscan import __version__
from calcscan.knowledge.left_out import left_out_meanings
from calcscan.knowledge.settings import converted
from calcscan.model import (
    Flag,
    LeftOut,
    LocatedLesion,
    LocatedLesionMap,
    PairBurden,
    Provenance,
    Registration,
    Result,
    SeriesChoice,
    SiteBurden,
    StoredGrid,
    StudyLabel,
)
from calcscan.quality import quality_codes, severity
from calcscan.report.command import command_line
from calcscan.report.json_text import json_text
from calcscan.report.privacy import cleaner
from calcscan.report.quantities import Division, Grade, Severity, Side, State
from calcscan.report.reviews import reviewed_section
from calcscan.report.schema import (
    AlsoEntry,
    AtlasSection,
    FileAxis,
    FileEntry,
    FlagEntry,
    GridSection,
    GuidelineSection,
    InputSection,
    LeftOutEntry,
    LesionEntry,
    PairEntry,
    PlaceEntry,
    ProvenanceSection,
    QualitySection,
    RegionEntry,
    RegistrationSection,
    Report,
    SeriesEntry,
    SiteEntry,
    SiteLabelEntry,
    SoftwareSection,
    StudySection,
    SymmetryEntry,
)
from calcscan.report.sitelabels import site_labels

DISCLAIMER = (
    "Research use only: not a medical device, not for diagnosis or treatment. Made by a program, reviewed by nobody. "
    "What is not listed was not detected, which does not mean that it is not there."
)
REVIEWED_DISCLAIMER = (
    "Research use only: not a medical device, not for diagnosis or treatment. Made by a program; a person has changed "
    "or confirmed what `reviewed` lists, and nothing else. What is not listed was not detected, which does not mean "
    "that it is not there."
)
UID_SALT = "calcscan/1:"
"""The same for every user: the same series has the same hash everywhere, and a known UID can be recognised by it."""

_NAME_DIGITS = 12
_MACHINE = ("manufacturer", "model", "kernel")
_LIBRARIES = ("numpy", "scipy", "scikit-image", "numba", "SimpleITK", "pydicom", "nibabel", "pillow")

Clean = Callable[[str], str]
"""Free text without what identifies the person."""
PartT = TypeVar("PartT", bound=msgspec.Struct)


def build_report(
    result: Result,
    *,
    keep_ids: bool = False,
    files: Mapping[str, FileEntry] | None = None,
    label: StudyLabel | None = None,
) -> Report:
    """The whole report. `files` are those that stand beside report.json, by name; `label` is what the study is called.

    Floats are rounded to six significant digits; what is not finite becomes None.
    """
    clean = str if keep_ids else cleaner(result.scan.study)
    summary = result.summary
    report = Report(
        schema="calcscan-report/1",
        software=_software(),
        settings=dict(result.settings),
        atlas=_shared(AtlasSection, result.atlas),
        study=_study(result, label or StudyLabel(), clean, keep_ids=keep_ids),
        series=tuple(_series(choice, clean, keep_ids=keep_ids) for choice in result.scan.series),
        grid=_grid(result),
        quality=QualitySection(
            state=State(result.quality.state), flags=tuple(_flag(flag, clean) for flag in result.quality.flags)
        ),
        registration=_registration(result.registration, clean) if result.registration else None,
        intracranial_ml=result.intracranial.intracranial_ml if result.intracranial else None,
        lesions=tuple(lesion_entry(lesion, result.lesions) for lesion in result.lesions.lesions)
        if result.lesions
        else None,
        left_out=tuple(_left_out(item, result) for item in result.lesions.left_out) if result.lesions else None,
        sites=_sites(result),
        site_pairs=tuple(_pair(pair) for pair in summary.pairs) if summary else None,
        site_labels=tuple(site_labels().values()),
        regions=None if result.regions is None else tuple(_shared(RegionEntry, row) for row in result.regions),
        symmetry=tuple(_shared(SymmetryEntry, pair) for pair in summary.symmetry) if summary else None,
        scores=dict(summary.scores) if summary else None,
        multiple=summary.multiple if summary else None,
        detection_floor_mm3=summary.detection_floor_mm3 if summary else None,
        progression=None,
        facts=dict(result.facts),
        guideline=_guideline(result.guidance),
        files=dict(files or {}),
        timings_s=dict(result.timings_s),
        provenance=_provenance(result.provenance, keep_ids=keep_ids) if result.provenance else None,
        disclaimer=REVIEWED_DISCLAIMER if result.reviews else DISCLAIMER,
        reviewed=reviewed_section(result.reviews, clean) if result.reviews else UNSET,
    )
    rounded: Report = _rounded(report)
    return rounded


def report_json(report: Report) -> str:
    """The text of report.json."""
    return json_text(msgspec.to_builtins(report))


def hashed(uid: str) -> str | None:
    """The salted hash that stands for a UID; None for an empty one."""
    return sha256((UID_SALT + uid).encode()).hexdigest() if uid else None


def _shared(kind: type[PartT], source: object, **others: Any) -> PartT:
    """A part whose fields are those of `source` by the same names, and `others`."""
    names = [name for name in kind.__struct_fields__ if name not in others]
    return kind(**{name: getattr(source, name) for name in names}, **others)


def _software() -> SoftwareSection:
    libraries = {name.replace("-", "_"): _version(name) for name in _LIBRARIES}
    return SoftwareSection(name="calcscan", version=__version__, python=platform.python_version(), **libraries)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _study(result: Result, label: StudyLabel, clean: Clean, *, keep_ids: bool) -> StudySection:
    study = result.scan.study
    of_label = str if keep_ids else cleaner(study, dates=False)  # a day may be what tells two studies apart
    names = {name: None if text is None else of_label(text) for name, text in asdict(label).items()}
    made = result.scan.acquisition
    machine = {name: None if (text := getattr(made, name)) is None else clean(text) for name in _MACHINE}
    if label.participant is not None and study.patient_id == label.participant:
        names["participant"] = label.participant  # a label of BIDS in the header too: a pseudonym by its making
    if names["study"] is None:
        names["study"] = _own_name(result)
    identifiers = (
        "study_uid", "series_uid", "frame_of_reference_uid", "patient_id", "patient_name", "study_date",
    )  # fmt: skip
    return _shared(
        StudySection,
        made,
        **machine,
        uid_hash=f"sha256 of {UID_SALT!r} followed by the UID",
        study_uid_sha256=hashed(study.study_uid),
        series_uid_sha256=hashed(study.series_uid),
        frame_of_reference_uid_sha256=hashed(study.frame_of_reference_uid),
        **{name: (getattr(study, name) or None) if keep_ids else None for name in identifiers},
        age_years=study.age_years,
        sex=study.sex,
        **names,
    )


def _own_name(result: Result) -> str | None:
    """What a study is called that nobody named: by its UID, else by the contents of its files, else by its picture."""
    made = result.provenance
    known = hashed(result.scan.study.study_uid)
    if known is None and made is not None:
        known = (made.input and made.input.sha256) or made.picture_sha256
    return None if known is None else known[:_NAME_DIGITS]


def _provenance(made: Provenance, *, keep_ids: bool) -> ProvenanceSection:
    options: dict[str, Any] = {**made.options, "keep_ids": keep_ids}
    uid = options.pop("series_uid", None)
    options |= {"series_uid": uid if keep_ids else None, "series_uid_sha256": hashed(uid or "")}
    place = made.place if keep_ids else None
    return ProvenanceSection(
        command=command_line(options, context=made.context is not None),
        date=made.date,
        options=options,
        context=None if made.context is None else dict(made.context),
        input=None if made.input is None else _shared(InputSection, made.input, place=place),
        picture_sha256=made.picture_sha256,
    )


def _series(choice: SeriesChoice, clean: Clean, *, keep_ids: bool) -> SeriesEntry:
    return SeriesEntry(
        uid_sha256=hashed(choice.uid),
        uid=(choice.uid or None) if keep_ids else None,
        description=clean(choice.description) or None,
        images=choice.images,
        chosen=choice.chosen,
        reason=clean(choice.reason),
    )


def _grid(result: Result) -> GridSection:
    geometry, stored = result.scan.geometry, result.scan.stored
    slice_mm, row_mm, column_mm = geometry.spacing_mm
    return GridSection(
        slices=geometry.shape[0],
        rows=geometry.rows,
        columns=geometry.columns,
        slice_spacing_mm=slice_mm,
        row_spacing_mm=row_mm,
        column_spacing_mm=column_mm,
        tilt_deg=geometry.tilt_deg,
        irregularity_mm=geometry.irregularity_mm(),
        counted_along=UNSET if stored is None else _file_axes(stored),
    )


def _file_axes(stored: StoredGrid) -> tuple[FileAxis, FileAxis, FileAxis]:
    """The axes of the file's array along which slices, rows and columns are counted."""
    names: tuple[FileAxis, ...] = ("k", "j", "i")
    slices, rows, columns = (names[axis] for axis in stored.axes)
    return slices, rows, columns


def _flag(flag: Flag, clean: Clean) -> FlagEntry:
    return FlagEntry(
        code=flag.code,
        severity=Severity(severity(flag)),
        message=clean(flag.message),
        value=clean(flag.value) if isinstance(flag.value, str) else flag.value,
        limit=clean(flag.limit) if isinstance(flag.limit, str) else flag.limit,
        meaning=quality_codes()[flag.code].meaning,
    )


def _registration(registration: Registration, clean: Clean) -> RegistrationSection:
    return RegistrationSection(
        method=registration.method,
        metric=registration.metric,
        overlap=registration.overlap,
        accepted=bool(registration.accepted),
        reason=clean(registration.reason) or None,
        scan_to_atlas=registration.scan_to_atlas.tolist(),
        bend_rms_mm=registration.displacement.rms_mm,
    )


def lesion_entry(lesion: LocatedLesion, lesions: LocatedLesionMap) -> LesionEntry:
    """A lesion as the report has it."""
    k, j, i = lesion.centroid_kji
    (first, last), *in_slice = lesion.bbox_kji
    if lesions.counted_from_last:
        slices = lesions.geometry.shape[0]
        k, first, last = slices - 1 - k, slices - last, slices - first
    return _shared(
        LesionEntry,
        lesion,
        side=Side(lesion.side),
        also=tuple(AlsoEntry(site=site, side=Side(side), share=share) for site, side, share in lesion.also),
        centroid_kji=(k, j, i),
        bbox_kji=((first, last), *in_slice),
        slice=round(k) + 1,
        division=None if lesion.division is None else Division(lesion.division),
        review=lesion.review or UNSET,
        program_site=lesion.program_site or UNSET,
        program_side=UNSET if lesion.program_side is None else Side(lesion.program_side),
        from_lesion=lesion.from_lesion or UNSET,
    )


def _pair(pair: PairBurden) -> PairEntry:
    first, second = (PlaceEntry(site=site, side=Side(side)) for site, side in pair.sites)
    return _shared(PairEntry, pair, sites=(first, second), division=Division(pair.division))


def _left_out(item: LeftOut, result: Result) -> LeftOutEntry:
    """Where calcscan abstains, nothing is said of the site."""
    located = result.quality.state != State.ABSTAIN
    return _shared(
        LeftOutEntry,
        item,
        meaning=left_out_meanings()[item.reason].meaning,
        slice=result.scan.slice_number(round(float(item.kji[:, 0].mean()))),
        nearest_site=(item.nearest_site or None) if located else None,
        nearest_side=Side(item.nearest_side) if located else Side.NONE,
        distance_mm=item.distance_mm if located else None,
        evidence=dict(item.evidence),
        lesion=item.lesion or UNSET,
    )


def _sites(result: Result) -> tuple[SiteEntry, ...]:
    """One row for every site and side. Where calcscan abstains, only `unassigned` has numbers, and what a reader
    placed: the rest is unknown."""
    rows = {(row.site, row.side): row for row in result.summary.sites} if result.summary else {}
    if result.summary and result.quality.state == State.ABSTAIN:
        known = result.summary.by_reader
        rows = {key: row for key, row in rows.items() if key[0] == "unassigned" or key in known}
    return tuple(_site(rows[key]) if key in rows else _unknown_site(label) for key, label in site_labels().items())


def _site(row: SiteBurden) -> SiteEntry:
    return _shared(SiteEntry, row, side=Side(row.side), grade=None if row.grade is None else Grade(row.grade))


def _unknown_site(label: SiteLabelEntry) -> SiteEntry:
    return SiteEntry(
        site=label.site,
        side=label.side,
        group=label.group,
        volume_mm3=None,
        volume_low_mm3=None,
        volume_high_mm3=None,
        volume_130_mm3=None,
        count=None,
        max_hu=None,
        mean_hu=None,
        grade=None,
    )


def _guideline(guidance: Any) -> GuidelineSection | None:
    return None if guidance is None else converted(guidance.to_dict(), GuidelineSection)


def _rounded(value: Any) -> Any:
    """The same with floats of six significant digits, None for NaN and infinity, Python's own types for numpy's, and
    text for anything that JSON has no type for."""
    if isinstance(value, msgspec.Struct):
        return type(value)(**{name: _rounded(getattr(value, name)) for name in value.__struct_fields__})
    if isinstance(value, Mapping):
        return {str(key): _rounded(item) for key, item in value.items()}
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, str) and not isinstance(value, StrEnum):
        return value.encode("utf-8", "replace").decode()  # a file's name may hold bytes that are no text
    if isinstance(value, list | tuple | set | frozenset):
        return tuple(_rounded(item) for item in value)
    if value is None or value is msgspec.UNSET or isinstance(value, int | StrEnum):
        return value
    return str(value)
