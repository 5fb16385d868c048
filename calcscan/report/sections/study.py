"""Whose scan it is, and which series it was: without what identifies the person, unless that was asked for."""

from __future__ import annotations

from dataclasses import asdict

from calcscan.model import Result, SeriesChoice, StudyLabel
from calcscan.report.privacy import Clean, cleaner
from calcscan.report.schema import SeriesEntry, StudySection
from calcscan.report.sections.fields import same_fields
from calcscan.report.sections.identifiers import UID_SALT, hashed

_NAME_DIGITS = 12
_MACHINE = ("manufacturer", "model", "kernel")


def study_section(result: Result, label: StudyLabel, clean: Clean, *, keep_ids: bool) -> StudySection:
    """The person, the machine, and what the study is called."""
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
    return same_fields(
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


def series_entry(choice: SeriesChoice, clean: Clean, *, keep_ids: bool) -> SeriesEntry:
    """A series of the input, and why it was chosen or not."""
    return SeriesEntry(
        uid_sha256=hashed(choice.uid),
        uid=(choice.uid or None) if keep_ids else None,
        description=clean(choice.description) or None,
        images=choice.images,
        chosen=choice.chosen,
        reason=clean(choice.reason),
    )
