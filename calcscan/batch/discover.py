"""Folder → studies, and what is left out. A study is a StudyInstanceUID of one person, a ZIP file or a NIfTI file.

Every file is examined once and files are grouped afterwards: time is linear in the number of files.
"""

from __future__ import annotations

import os
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from calcscan.batch import bids
from calcscan.batch.archives import Archive, studies_in
from calcscan.batch.drafts import Draft, bare, with_names
from calcscan.batch.joins import Member, joined
from calcscan.batch.lists import LeftOuts
from calcscan.batch.model import Found
from calcscan.batch.names import shown
from calcscan.batch.participants import tables_of
from calcscan.batch.people import number_persons
from calcscan.knowledge.bids import BidsNames
from calcscan.knowledge.reading import ReadingSettings
from calcscan.knowledge.settings import load
from calcscan.read.files.source import SourceFile
from calcscan.read.files.tree import Entry, walk
from calcscan.read.headers.probe import Probe
from calcscan.read.nifti.not_ct import why_not_ct
from calcscan.report.outputs import OURS, REPORT, is_report

Look = Callable[[Path], Probe]
Looking = Callable[[int], None]
"""Called with the number of files examined so far."""

_MANY = "\0many"
_NOBODYS = "does not say whose it is, and its study is of several people"


def find_studies(
    root: Path,
    out: Path,
    look: Look,
    looking: Looking | None = None,
    *,
    settings: ReadingSettings | None = None,
) -> Found:
    """Every study under `root`, by name, and every file that belongs to none, with the reason.

    Nothing in `out` is examined, nor results of calcscan elsewhere. NIfTI files that are no head CT by their name,
    their JSON, their header or their values are left out, and so is what lies in a BIDS dataset's other folders.

    Raises
    ------
    OSError
        The root can't be listed.
    """
    settings = settings or load(ReadingSettings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom quotes the values it warns about, which may be names
        if root.is_dir():
            tree = _looked_at(root, out, look, looking)
            for table in tables_of(root):
                tree.left_out.explain(table, "is no image; age and sex are read from it")
            drafts = _studies(root, tree, settings)
        else:
            root, file = root.parent, root
            tree = _Tree(left_out=LeftOuts(root))
            drafts = list(_alone_drafts(root, file, tree, settings))
    return Found(studies=with_names(root, drafts), left_out=tree.left_out.rows())


@dataclass(slots=True, kw_only=True)
class _Tree:
    """What was found, before it is grouped."""

    left_out: LeftOuts
    dicom: list[Member] = field(default_factory=list)
    alone: list[Path] = field(default_factory=list)
    unread: dict[Path, list[tuple[Path, bool]]] = field(default_factory=lambda: defaultdict(list))
    """Folder → files in it that may belong to a study, and whether they claim to be DICOM."""
    locked: list[Path] = field(default_factory=list)
    """Folders that can't be opened."""
    without_scan: list[Path] = field(default_factory=list)
    """NIfTI files that are left out."""
    apart: set[Path] = field(default_factory=set)
    """Folders that hold something else, so that they must not be read as a whole."""
    directories: dict[Path, Path] = field(default_factory=dict)
    """Folder → the DICOMDIR in it."""


def _looked_at(root: Path, out: Path, look: Look, looking: Looking | None) -> _Tree:
    tree = _Tree(left_out=LeftOuts(root))
    names = load(BidsNames) if bids.is_dataset(root) else None
    count = 0
    for folder in walk(root, without=out):
        elsewhere = bids.outside(root, folder.path, names) if names is not None else ""
        ours = _results_in(folder.path, folder.entries)
        tree.left_out.enter(folder.path, folder.entries)
        for entry in folder.entries:
            count += 1
            if looking is not None:
                looking(count)
            if entry.problem:
                _problem(tree, entry)
            elif elsewhere:
                tree.left_out.add(entry.path, elsewhere)
            elif entry.path.name in ours:
                tree.left_out.add(entry.path, "is a result of calcscan")
                tree.apart.add(folder.path)
            else:
                _file(tree, folder.path, entry.path, look(entry.path))
    return tree


def _results_in(folder: Path, entries: Iterable[Entry]) -> frozenset[str]:
    """The names that calcscan uses, where the folder holds a report of calcscan's."""
    for entry in entries:
        if entry.path.name == REPORT and not entry.problem:
            try:
                return OURS if is_report(folder / REPORT) else frozenset()
            except RecursionError:
                return frozenset()
    return frozenset()


def _problem(tree: _Tree, entry: Entry) -> None:
    folder = entry.path.parent
    if entry.again:
        tree.apart.add(folder)
        tree.left_out.add(entry.path, entry.problem, files=0 if entry.folder else 1)
    elif entry.folder and not entry.doubtful:
        tree.apart.add(folder)
        tree.left_out.add(entry.path, entry.problem, files=_count(entry.path))
    else:
        tree.left_out.add(entry.path, entry.problem, files=None if entry.folder else 1)
        if entry.folder:
            tree.locked.append(entry.path)
        elif entry.doubtful:
            tree.unread[folder].append((entry.path, SourceFile(entry.path.name).claims_dicom))


def _count(folder: Path) -> int | None:
    """How many files are below a folder that is skipped; 0 for a link, whose files are counted elsewhere."""
    if folder.is_symlink():
        return 0
    return sum(len(names) for _, _, names in os.walk(folder))


def _file(tree: _Tree, folder: Path, path: Path, seen: Probe) -> None:
    if seen.dicom and seen.person is not None:
        tree.dicom.append(Member(path, seen.study_uid, seen.series_uid, seen.slice_number, seen.person))
    elif seen.alone:
        tree.apart.add(folder)
        why = "" if path.name.lower().endswith(".zip") else why_not_ct(path)
        if why:
            tree.left_out.add(path, why)
            tree.without_scan.append(path)
        else:
            tree.alone.append(path)
    else:
        tree.left_out.add(path, seen.reason)
        if seen.doubtful:
            tree.unread[folder].append((path, seen.claims))
        if seen.directory:
            tree.directories[folder] = path


def _studies(root: Path, tree: _Tree, settings: ReadingSettings) -> list[Draft]:
    """Studies that can be read, single files, and folders in which nothing can."""
    for path in tree.without_scan:
        tree.left_out.explain(path.with_name(f"{bare(path)}.json"), f"is no image; it describes {shown(path.name)}")
    parts = dict(_by_person(tree, settings))
    owner = _owners(root, parts, tree.apart)
    drafts = [_draft(root, key, files, owner, tree) for key, files in parts.items()]
    whole = {path for draft in drafts if draft.top is None for path in draft.paths}
    with_study = {path.parent for files in parts.values() for path in files}
    drafts += [draft for path in tree.alone for draft in _alone_drafts(root, path, tree, settings)]
    for folder, unread in tree.unread.items():
        if folder not in with_study and not _within(folder, whole, root) and _is_study(unread, settings):
            paths = tuple(path for path, _ in unread)
            tree.left_out.take(paths)
            key = f"unread in {folder.relative_to(root)}"
            drafts.append(Draft(key=key, place=folder, paths=paths, files=len(paths), top=folder))
    for folder in tree.locked:
        if folder.parent not in with_study and not _within(folder, whole, root):
            drafts.append(Draft(key=str(folder.relative_to(root)), place=folder, paths=(folder,), files=0))
    return drafts


def _is_study(unread: Iterable[tuple[Path, bool]], settings: ReadingSettings) -> bool:
    """Whether unreadable files are a failed study rather than stray files."""
    claims = [claim for _, claim in unread]
    return any(claims) or len(claims) >= settings.min_slices


def _within(folder: Path, places: set[Path], root: Path) -> bool:
    return any(place in places for place in (folder, *folder.parents) if place.is_relative_to(root))


def _alone_drafts(root: Path, path: Path, tree: _Tree, settings: ReadingSettings) -> Iterator[Draft]:
    """One study, or those of a ZIP that holds several, of which the first counts the file."""
    key = str(path.relative_to(root))
    archive = studies_in(path, settings) if path.name.lower().endswith(".zip") else Archive(studies={})
    for name in archive.unclear:
        tree.left_out.add(path / name, _NOBODYS, files=0)
    if not archive.studies:
        tree.left_out.explain(path.with_name(f"{bare(path)}.json"), f"is no image; it is read with {shown(path.name)}")
        yield Draft(key=key, place=path, paths=(path,), files=1, alone=True)
    for count, (study, members) in enumerate(archive.studies.items()):
        files = 1 if count == 0 else 0
        yield Draft(key=f"{key} {study}", place=path, paths=(path,), files=files, members=members, alone=True)


def _by_person(tree: _Tree, settings: ReadingSettings) -> Iterator[tuple[str, list[Path]]]:
    for uid, members in joined(tree.dicom, settings).items():
        numbers = number_persons(dict.fromkeys(member.person for member in members), settings)
        several = len(set(numbers.values())) > 1
        together: dict[str, list[Path]] = defaultdict(list)
        for member in members:
            number = numbers[member.person]
            if number is not None:
                together[f"{uid} person {number}" if several else uid].append(member.path)
                continue
            tree.left_out.add(member.path, _NOBODYS)
            tree.apart.add(member.path.parent)
        yield from together.items()


def _owners(root: Path, parts: dict[str, list[Path]], apart: set[Path]) -> dict[Path, str]:
    """Folder → the one study with files in or below it; `_MANY` where several have, or it must not be read whole."""
    owner: dict[Path, str] = {}
    marks: dict[Path, set[str]] = defaultdict(set)
    for key, files in parts.items():
        for path in files:
            marks[path.parent].add(key)
    for folder in apart:
        marks[folder].add(_MANY)
    for folder, keys in marks.items():
        place, mark = folder, next(iter(keys)) if len(keys) == 1 else _MANY
        while True:
            known = owner.get(place)
            mark = mark if known in (None, mark) else _MANY
            if known == mark:
                break
            owner[place] = mark
            if place == root:
                break
            place = place.parent
    return owner


def _draft(root: Path, key: str, files: list[Path], owner: dict[Path, str], tree: _Tree) -> Draft:
    """As one folder where all below it is of this study; else as its files and those beside them that may be of it.
    Either way with the DICOMDIR above it, if there is one, which lists the expected files."""
    folders = {path.parent for path in files}
    place = Path(os.path.commonpath(folders)) if len(folders) > 1 else next(iter(folders))
    above = (up for up in (place, *place.parents) if up in tree.directories and up.is_relative_to(root))
    listed = next(above, None)
    if owner.get(place) == key:
        whole = listed if listed is not None and owner.get(listed) == key else place
        if listed in (None, whole):
            return Draft(key=key, place=place, paths=(whole,), files=len(files))
        paths = [place]
    else:
        doubtful = [path for folder in folders for path, _ in tree.unread.get(folder, ())]
        paths = sorted([*files, *doubtful, *(path for path in tree.locked if path.parent in folders)])
    paths += [tree.directories[listed]] if listed is not None else []
    return Draft(key=key, place=place, paths=tuple(paths), files=len(files), top=listed or place)
