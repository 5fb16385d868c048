"""What a file's name and its folders say in the way of BIDS: participant, session, run and what kind of image it is.

`sub-01_ses-2_run-1_ct.nii.gz` has the entities sub, ses and run, and the suffix ct.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from calcscan.model import StudyLabel

_ENTITY = re.compile(r"([a-zA-Z]+)-([0-9A-Za-z+]+)")
_SUFFIX = re.compile(r"[0-9A-Za-z]+")
_ENDINGS = re.compile(r"\.(?:nii|hdr|img|json|tsv|zip|mgz|nrrd|mha)(?:\.gz)?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class BidsName:
    """The parts of a name: entities by their keys, in order, and the suffix."""

    entities: Mapping[str, str] = field(default_factory=dict)
    suffix: str = ""


def bids_name(name: str) -> BidsName | None:
    """A file's name in its parts; None where it is not made as BIDS asks for (`sub-` first, then key-value pairs).

    >>> bids_name("sub-01_ses-2_ct.nii.gz")
    BidsName(entities={'sub': '01', 'ses': '2'}, suffix='ct')
    >>> bids_name("Mueller_Hans_ct.nii.gz") is None, bids_name("sub-01.nii") is None
    (True, True)
    """
    *pairs, suffix = stem_of(name).split("_")
    matches = [_ENTITY.fullmatch(pair) for pair in pairs]
    if not matches or not _SUFFIX.fullmatch(suffix) or not all(matches):
        return None
    entities = {match[1]: match[2] for match in matches if match}
    if next(iter(entities)) != "sub" or len(entities) < len(matches):
        return None
    return BidsName(entities=entities, suffix=suffix)


def stem_of(name: str) -> str:
    """A file's name without the endings of an image or a table."""
    return _ENDINGS.sub("", name)


def label_of(path: Path) -> StudyLabel:
    """Participant, session and run that the name of a file, and else the folders that it lies in, give by `sub-…`,
    `ses-…` and `run-…`; None where they give none.

    >>> label_of(Path("data/sub-01/ses-2/ct/sub-01_ses-2_run-1_ct.nii.gz"))
    StudyLabel(study=None, participant='sub-01', session='ses-2', run='run-1')
    >>> label_of(Path("data/sub-01_ses-2/dicom/"))
    StudyLabel(study=None, participant='sub-01', session='ses-2', run=None)
    >>> label_of(Path("Mueller_Hans/sub-x y.nii"))
    StudyLabel(study=None, participant=None, session=None, run=None)
    """
    named = bids_name(path.name)
    found: dict[str, str] = {}
    for entities in ({} if named is None else named.entities, *map(_of_folder, reversed(path.parts))):
        found = {**entities, **found}
    labels = {key: f"{key}-{found[key]}" if key in found else None for key in ("sub", "ses", "run")}
    return StudyLabel(participant=labels["sub"], session=labels["ses"], run=labels["run"])


def _of_folder(name: str) -> Mapping[str, str]:
    """`sub-01`, `ses-2` or `sub-01_ses-2`; nothing for any other name."""
    matches = [_ENTITY.fullmatch(part) for part in name.split("_")]
    entities = {match[1]: match[2] for match in matches if match}
    return entities if len(entities) == len(matches) and next(iter(entities)) in ("sub", "ses") else {}
