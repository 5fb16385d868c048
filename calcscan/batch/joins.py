"""Files that are one study although their study UIDs differ or are missing, so that a head is never split for lack of a
UID. The reader decides whether they make a series; `people` separates persons afterwards.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from calcscan.knowledge.reading import ReadingSettings
from calcscan.read.headers.image import Person

Place = tuple[Path, str]
"""Folder and day: files are never joined across either."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a study. `uid` is the study UID in its header; empty where it has none."""

    path: Path
    uid: str
    series_uid: str
    slice_number: str
    person: Person

    @property
    def place(self) -> Place:
        return self.path.parent, self.person.study_date


def joined(members: Iterable[Member], settings: ReadingSettings) -> dict[str, list[Member]]:
    """Study → its files.

    Files of one uid are one study. So are studies that share a series in one folder, on one day, and slices of one
    folder and day with a uid each, where no two slices have the same number; and files without a uid beside a study.
    Files without a uid are one study for each folder and day.
    """
    studies: dict[str, list[Member]] = defaultdict(list)
    nameless: dict[Path, list[Member]] = defaultdict(list)
    for member in members:
        (studies[member.uid] if member.uid else nameless[member.path.parent]).append(member)
    keys = {uid: uid for uid in studies}
    _by_series(studies, keys)
    _by_slices(studies, keys, settings)
    found: dict[str, list[Member]] = defaultdict(list)
    beside: dict[Path, set[str]] = defaultdict(set)
    for uid, group in studies.items():
        found[keys[uid]] += group
        for member in group if nameless else ():
            beside[member.path.parent].add(keys[uid])
    for folder, group in nameless.items():
        days = dict.fromkeys(member.person.study_date for member in group if member.person.study_date)
        usual = next(iter(days)) if len(days) == 1 else ""
        for member in group:
            alone = f"no uid in {folder} {member.person.study_date or usual}"
            found[next(iter(beside[folder])) if len(beside[folder]) == 1 else alone].append(member)
    return found


def _by_series(studies: dict[str, list[Member]], keys: dict[str, str]) -> None:
    """A series is of one study: what shares it is joined, unless slices then had one number (copies of a study)."""
    shared: dict[tuple[Place, str], list[Member]] = defaultdict(list)
    for group in studies.values():
        for member in group:
            shared[member.place, member.series_uid].append(member)
    for (_, series), members in shared.items():
        uids = dict.fromkeys(member.uid for member in members)
        if series and len(uids) > 1 and _numbers_differ(members):
            first, *others = (_root(keys, uid) for uid in uids)
            keys |= dict.fromkeys(others, first)
    for uid in keys:
        keys[uid] = _root(keys, uid)


def _numbers_differ(members: list[Member]) -> bool:
    numbers = {member.slice_number for member in members}
    return len(numbers) == len(members) and "" not in numbers


def _root(keys: dict[str, str], uid: str) -> str:
    while keys[uid] != uid:
        uid = keys[uid]
    return uid


def _by_slices(studies: dict[str, list[Member]], keys: dict[str, str], settings: ReadingSettings) -> None:
    singles: dict[Place, list[Member]] = defaultdict(list)
    for group in studies.values():
        if len(group) == 1 and group[0].slice_number:
            singles[group[0].place].append(group[0])
    for (folder, day), group in singles.items():
        if len(group) >= settings.min_slices and _numbers_differ(group):
            keys |= {member.uid: f"uids that differ in {folder} {day}" for member in group}
