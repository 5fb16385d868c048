"""What a thing that is not reported as calcification was taken for, as declared in `knowledge/left_out.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Any

from calcscan.knowledge.entries import read_toml, typed_entries
from calcscan.knowledge.settings import Table

FILE = "left_out.toml"


class LeftOutReason(StrEnum):
    """Every reason; the entries of `left_out.toml` are these and no others."""

    BONE = "bone"
    VESSEL_WALL = "vessel_wall"
    FOREIGN_BODY = "foreign_body"
    METAL = "metal"
    NOISE = "noise"
    BELOW_LIMIT = "below_limit"
    HAEMORRHAGE = "haemorrhage"
    CONTRAST = "contrast"
    UNCERTAIN_MATERIAL = "uncertain_material"
    MOTION = "motion"
    IMAGE_EDGE = "image_edge"
    REJECTED_BY_READER = "rejected_by_reader"


class LeftOutMeaning(Table, frozen=True, kw_only=True):
    """One entry of `left_out.toml`."""

    reason: LeftOutReason
    meaning: str
    """One sentence for people."""
    hides: bool
    """Whether a site in which it lies is unknown, where nothing was counted there."""


@cache
def left_out_meanings() -> Mapping[str, LeftOutMeaning]:
    """What each reason means, by name.

    Raises
    ------
    KnowledgeError
        A reason lacks an entry, or has one that is unknown or of another type; or a reason is missing or unknown.

    >>> left_out_meanings()["noise"].hides
    False
    """
    return parse_left_out(read_toml(FILE))


def parse_left_out(entries: Mapping[str, Mapping[str, Any]]) -> Mapping[str, LeftOutMeaning]:
    """The meanings from the entries of the data file; errors as of `left_out_meanings`."""
    return typed_entries(LeftOutMeaning, entries, name_as="reason", where=FILE, names=LeftOutReason)
