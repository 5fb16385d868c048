"""Result → `Report`, the typed contents of report.json, section by section (`calcscan.report.sections`).

Nothing in it names the person unless `keep_ids` is asked for: UIDs are hashed, and name, number and date are left out,
also where free text (a series description, a message) repeats them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from calcscan.knowledge.settings import converted
from calcscan.model import Result, StudyLabel
from calcscan.report.json_text import json_text
from calcscan.report.privacy import cleaner
from calcscan.report.quantities import State
from calcscan.report.reviews import reviewed_section
from calcscan.report.schema import (
    AtlasSection,
    FileEntry,
    GuidelineSection,
    QualitySection,
    RegionEntry,
    Report,
    SymmetryEntry,
)
from calcscan.report.sections.fields import same_fields
from calcscan.report.sections.findings import left_out_entry, lesion_entry, pair_entry, site_entries
from calcscan.report.sections.provenance import provenance_section, software_section
from calcscan.report.sections.rounding import rounded
from calcscan.report.sections.scan import flag_entry, grid_section, registration_section
from calcscan.report.sections.study import series_entry, study_section
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
        software=software_section(),
        settings=dict(result.settings),
        atlas=same_fields(AtlasSection, result.atlas),
        study=study_section(result, label or StudyLabel(), clean, keep_ids=keep_ids),
        series=tuple(series_entry(choice, clean, keep_ids=keep_ids) for choice in result.scan.series),
        grid=grid_section(result),
        quality=QualitySection(
            state=State(result.quality.state), flags=tuple(flag_entry(flag, clean) for flag in result.quality.flags)
        ),
        registration=registration_section(result.registration, clean) if result.registration else None,
        intracranial_ml=result.intracranial.intracranial_ml if result.intracranial else None,
        lesions=tuple(lesion_entry(lesion, result.lesions) for lesion in result.lesions.lesions)
        if result.lesions
        else None,
        left_out=tuple(left_out_entry(item, result) for item in result.lesions.left_out) if result.lesions else None,
        sites=site_entries(result),
        site_pairs=tuple(pair_entry(pair) for pair in summary.pairs) if summary else None,
        site_labels=tuple(site_labels().values()),
        regions=None if result.regions is None else tuple(same_fields(RegionEntry, row) for row in result.regions),
        symmetry=tuple(same_fields(SymmetryEntry, pair) for pair in summary.symmetry) if summary else None,
        scores=dict(summary.scores) if summary else None,
        multiple=summary.multiple if summary else None,
        detection_floor_mm3=summary.detection_floor_mm3 if summary else None,
        progression=None,
        facts=dict(result.facts),
        guideline=_guideline(result.guidance),
        files=dict(files or {}),
        timings_s=dict(result.timings_s),
        provenance=provenance_section(result.provenance, keep_ids=keep_ids) if result.provenance else None,
        disclaimer=REVIEWED_DISCLAIMER if result.reviews else DISCLAIMER,
        reviewed=reviewed_section(result.reviews, clean) if result.reviews else UNSET,
    )
    finite: Report = rounded(report)
    return finite


def report_json(report: Report) -> str:
    """The text of report.json."""
    return json_text(msgspec.to_builtins(report))


def _guideline(guidance: Any) -> GuidelineSection | None:
    return None if guidance is None else converted(guidance.to_dict(), GuidelineSection)
