"""What each quality code means for trust, as declared in `knowledge/quality.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Any

from calcscan.knowledge.entries import read_toml, typed_entries
from calcscan.knowledge.settings import Table

FILE = "quality.toml"


class FlagCode(StrEnum):
    """Every quality code; the codes of `quality.toml` are these and no others."""

    NOT_CT = "not_ct"
    NOT_HEAD = "not_head"
    NO_BRAIN = "no_brain"
    CROPPED = "cropped"
    CONTRAST = "contrast"
    THICK_SLICES = "thick_slices"
    RESAMPLED = "resampled"
    REFORMATTED = "reformatted"
    BLUR_UNMEASURED = "blur_unmeasured"
    MISSING_SLICES = "missing_slices"
    IRREGULAR_SPACING = "irregular_spacing"
    GANTRY_TILT = "gantry_tilt"
    DUPLICATE_SLICES = "duplicate_slices"
    SHARP_KERNEL = "sharp_kernel"
    NOISY = "noisy"
    METAL = "metal"
    FOREIGN_BODY = "foreign_body"
    NOT_HOUNSFIELD = "not_hounsfield"
    SATURATED = "saturated"
    POSSIBLE_HAEMORRHAGE = "possible_haemorrhage"
    REGISTRATION_POOR = "registration_poor"
    LATERALITY_UNKNOWN = "laterality_unknown"
    DEFAULT_ORIENTATION = "default_orientation"
    CHILD = "child"
    UNKNOWN_KVP = "unknown_kvp"
    UNKNOWN_THICKNESS = "unknown_thickness"
    STATED = "stated"
    OWN_LESIONS = "own_lesions"
    OUTLINE_FAINT = "outline_faint"
    OWN_BRAIN_MASK = "own_brain_mask"
    OWN_REGIONS = "own_regions"
    UNKNOWN_AGE = "unknown_age"
    MASS_EFFECT = "mass_effect"
    BRAIN_DEFECT = "brain_defect"
    MOTION = "motion"
    REVIEWED = "reviewed"
    LEFT_OUT = "left_out"
    UNCERTAIN_MATERIAL = "uncertain_material"


class Severity(StrEnum):
    """How grave a flag is, from the least."""

    NOTE = "note"
    CAUTION = "caution"
    ABSTAIN = "abstain"


class QualityState(StrEnum):
    """How far a report may be trusted: the gravest severity among its flags."""

    OK = "ok"
    CAUTION = "caution"
    ABSTAIN = "abstain"


class FindingKey(StrEnum):
    """What the image analysis, or a person, can say of a finding, and a flag can make unknown."""

    PRESENT = "present"
    BILATERAL = "bilateral"
    SYMMETRIC = "symmetric"
    MULTIPLE = "multiple"
    ISOLATED = "isolated"
    VOLUME_MM3 = "volume_mm3"
    DIAMETER_MM = "diameter_mm"
    PROGRESSION = "progression"


class QualityCode(Table, frozen=True, kw_only=True):
    """One entry of `quality.toml`."""

    code: FlagCode
    severity: Severity
    meaning: str
    """One sentence for people."""
    drops: tuple[FindingKey, ...]
    """What becomes unknown, whatever the image says."""
    drops_false: tuple[FindingKey, ...] = ()
    """What becomes unknown where the image would say false."""
    abstain_above: float | None = None
    """A flag with a value above this abstains, whatever `severity` is."""


@cache
def quality_codes() -> Mapping[str, QualityCode]:
    """Every quality code, by name.

    Raises
    ------
    KnowledgeError
        A code lacks an entry, or has one that is unknown or of another type; or a code is missing or unknown.

    >>> quality_codes()["gantry_tilt"].severity
    <Severity.NOTE: 'note'>
    """
    return parse_quality_codes(read_toml(FILE))


def parse_quality_codes(entries: Mapping[str, Mapping[str, Any]]) -> Mapping[str, QualityCode]:
    """Quality codes from the entries of the data file; errors as of `quality_codes`."""
    return typed_entries(QualityCode, entries, name_as="code", where=FILE, names=FlagCode)
