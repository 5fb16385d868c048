"""A BIDS dataset as the input of a batch: which folders hold its scans, whose they are, and which of them are wanted.

CT is not part of BIDS: its names are read as if it were, and nothing is said of whether a dataset is valid.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from calcscan.batch.model import LeftOut, Study
from calcscan.batch.names import shown
from calcscan.batch.participants import PARTICIPANTS, People, with_key
from calcscan.errors import NoCTError
from calcscan.knowledge.bids import BidsNames

DESCRIPTION = "dataset_description.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Participants and sessions asked for, with their keys (`sub-01`, `ses-2`); all where none is named."""

    participants: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()

    @classmethod
    def of(cls, participants: Iterable[str] = (), sessions: Iterable[str] = ()) -> Wanted:
        """From labels with or without their keys.

        >>> Wanted.of(["01", "sub-02"], ["1"])
        Wanted(participants=('sub-01', 'sub-02'), sessions=('ses-1',))
        """
        return cls(
            participants=tuple(dict.fromkeys(with_key(label, "sub") for label in participants)),
            sessions=tuple(dict.fromkeys(with_key(label, "ses") for label in sessions)),
        )

    def why_not(self, study: Study) -> str:
        """Why a study is not wanted; empty for one that is."""
        label = study.label
        if self.participants and label.participant not in self.participants:
            return f"is of {label.participant or 'no participant by its name'}, which --participant-label leaves out"
        if self.sessions and label.session not in self.sessions:
            return f"is of {label.session or 'no session by its name'}, which --session-label leaves out"
        return ""


def is_dataset(root: Path) -> bool:
    """Whether a folder says that it is a BIDS dataset."""
    try:
        content = json.loads((root / DESCRIPTION).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and "BIDSVersion" in content


def outside(root: Path, folder: Path, names: BidsNames) -> str:
    """Why a folder of a dataset holds no scan of it; empty for one that may."""
    first = next(iter(folder.relative_to(root).parts), "")
    return f"lies in {first}/, which holds no scan of the dataset itself" if first in names.outside else ""


def chosen(
    studies: Iterable[Study], wanted: Wanted, people: People, root: Path
) -> tuple[tuple[Study, ...], tuple[LeftOut, ...]]:
    """The studies that are wanted, with what is known of their participants; and the others, with the reason.

    Raises
    ------
    NoCTError
        There is no study of a participant or session that was asked for.
    """
    studies = tuple(studies)
    for what, asked, there in (
        ("participant", wanted.participants, {study.label.participant for study in studies}),
        ("session", wanted.sessions, {study.label.session for study in studies}),
    ):
        missing = [label for label in asked if label not in there]
        if missing:
            known = ", ".join(sorted(filter(None, there))[:8]) or "none"
            raise NoCTError(
                f"no study of {what} {', '.join(missing)} was found", where=str(root), hint=f"there are {known}"
            )
    sessions: dict[str | None, set[str | None]] = defaultdict(set)
    for study in studies:
        sessions[study.label.participant].add(study.label.session)
    kept, left = [], []
    for study in studies:
        label = study.label
        why = wanted.why_not(study)
        if why:
            left.append(LeftOut(path=study.place, reason=why, files=study.files))
        else:
            facts = people.of(label.participant, label.session, len(sessions[label.participant]))
            kept.append(replace(study, context=facts))
    if studies and not kept:
        said = " and ".join(", ".join(labels) for labels in (wanted.participants, wanted.sessions) if labels)
        raise NoCTError(f"no study of {said} was found", where=str(root), hint="ask for other labels")
    _note_ages(people, sessions, root)
    return tuple(kept), tuple(left)


def _note_ages(people: People, sessions: Mapping[str | None, set[str | None]], root: Path) -> None:
    """Ages that are of one time only, where there were several."""
    several = [
        str(participant)
        for participant, found in sorted(sessions.items(), key=lambda item: str(item[0]))
        if len(found) > 1
        and "age_years" in people.facts.get((str(participant), None), {})
        and not all("age_years" in people.facts.get((str(participant), session), {}) for session in found)
    ]
    if several:
        told = f"the age of {', '.join(several[:8])}, who have several sessions: give each session's in sessions.tsv"
        people.notes.setdefault(root / PARTICIPANTS, []).append(told)


def with_notes(rows: Iterable[LeftOut], people: People, root: Path) -> tuple[LeftOut, ...]:
    """The rows of left_out.csv, those of the tables with what of them was not used."""
    told = {shown(str(path.relative_to(root))): text for path, text in people.told().items() if text}
    return tuple(
        replace(row, reason=f"{row.reason}; not used: {told[row.path]}") if row.path in told else row for row in rows
    )
