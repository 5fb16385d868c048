"""A ZIP that holds several studies: which of its entries belong to which."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from calcscan.batch.people import number_persons
from calcscan.knowledge.reading import ReadingSettings
from calcscan.read.headers.image import Person
from calcscan.read.headers.probe import probe_archive


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """Study → the numbers of its entries, unreadable ones included; and the entries of an unclear person."""

    studies: dict[str, tuple[int, ...]]
    unclear: tuple[str, ...] = ()


def studies_in(path: Path, settings: ReadingSettings) -> Archive:
    """The studies in a ZIP; none where it holds fewer than two or can't be opened: the reader then takes it whole."""
    entries = probe_archive(path)
    people: dict[str, dict[Person, None]] = defaultdict(dict)
    uids = {seen.study_uid for _, seen in entries if seen.study_uid}
    usual = next(iter(uids)) if len(uids) == 1 else ""  # for entries that give none
    for _, seen in entries:
        if seen.dicom and seen.person is not None:
            people[seen.study_uid or usual][seen.person] = None
    numbers = {uid: number_persons(persons, settings) for uid, persons in people.items()}
    found: dict[str, list[int]] = defaultdict(list)
    unclear: list[str] = []
    doubtful: list[int] = []
    for place, (name, seen) in enumerate(entries):
        if seen.doubtful:
            doubtful.append(place)
        elif seen.dicom and seen.person is not None:
            uid = seen.study_uid or usual
            number = numbers[uid][seen.person]
            if number is None:
                unclear.append(name)
            else:
                found[f"{uid} person {number}"].append(place)
    if len(found) < 2:
        return Archive(studies={})
    studies = {key: tuple(sorted([*places, *doubtful])) for key, places in found.items()}
    return Archive(studies=studies, unclear=tuple(unclear))
