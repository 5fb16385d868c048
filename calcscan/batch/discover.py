"""Folder → studies. A study is a StudyInstanceUID, a ZIP file or a NIfTI file.

One file of each folder tells the study of all that are directly in it, unless the last one of the folder says
otherwise: then every file of that folder is asked.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

from calcscan.batch.model import Study
from calcscan.report.folder import REPORT, is_report

PeekStudy = Callable[[Path], str | None]
"""File → its StudyInstanceUID; None if it is no DICOM image."""

_TRIES = 24
"""So many files of a folder are asked before it counts as holding no DICOM."""
_ALONE = (".zip", ".nii", ".nii.gz")
_NEVER = (".json", ".csv", ".png", ".txt", ".html", ".md", ".pdf", ".jpg", ".jpeg", ".xml", ".yaml", ".toml")


def find_studies(root: Path, out: Path, peek: PeekStudy) -> tuple[Study, ...]:
    """Every study under `root`, by name, except under `out` and in folders that hold a report of calcscan's."""
    if root.is_file():
        return (Study(name=_bare(root), paths=(root,)),)
    parts: dict[str, list[Path]] = {}
    alone: list[Path] = []
    for folder, files in _folders(root, out):
        alone += [path for path in files if path.name.lower().endswith(_ALONE)]
        rest = [path for path in files if not path.name.lower().endswith(_ALONE + _NEVER)]
        for uid, paths in _by_study(folder, rest, peek).items():
            parts.setdefault(uid, []).extend(paths)
    return _named(root, parts, alone)


def _folders(root: Path, out: Path) -> Iterator[tuple[Path, list[Path]]]:
    for place, folders, names in os.walk(root):
        folder = Path(place)
        visible = sorted(name for name in folders if not name.startswith("."))
        folders[:] = [
            name for name in visible if not _same(folder / name, out) and not is_report(folder / name / REPORT)
        ]
        yield folder, [folder / name for name in sorted(names) if not name.startswith(".")]


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def _by_study(folder: Path, files: list[Path], peek: PeekStudy) -> dict[str, list[Path]]:
    """UID → the folder, where it holds one study, else UID → its files."""
    first = next((uid for path in files[:_TRIES] if (uid := peek(path))), None)
    if first is None:
        return {}
    last = next((uid for path in reversed(files[-_TRIES:]) if (uid := peek(path))), first)
    if last == first:
        return {first: [folder]}
    found: dict[str, list[Path]] = {}
    for path in files:
        if uid := peek(path):
            found.setdefault(uid, []).append(path)
    return found


def _named(root: Path, parts: dict[str, list[Path]], alone: list[Path]) -> tuple[Study, ...]:
    """Names are paths below `root`; where two would be the same, both carry a digest, so that names never depend on
    what else is there."""
    raw = [(_name(root, _common(paths)), uid, _whole(paths, parts)) for uid, paths in parts.items()]
    raw += [(_name(root, path.with_name(_bare(path))), str(path.relative_to(root)), (path,)) for path in alone]
    names = [name for name, _, _ in raw]
    studies = [
        Study(name=name if names.count(name) == 1 else f"{name}-{sha256(key.encode()).hexdigest()[:8]}", paths=paths)
        for name, key, paths in raw
    ]
    return tuple(sorted(studies, key=lambda study: study.name))


def _whole(paths: list[Path], parts: dict[str, list[Path]]) -> tuple[Path, ...]:
    """One folder, where all below it is of this study; else the files themselves."""
    common = _common(paths)
    others = [path for other in parts.values() if other is not paths for path in other]
    if common.is_dir() and not any(path == common or common in path.parents for path in others):
        return (common,)
    inside = [sorted(path.iterdir()) if path.is_dir() else [path] for path in paths]
    return tuple(path for folder in inside for path in folder if path.is_file() and not path.name.startswith("."))


def _common(paths: list[Path]) -> Path:
    if len(paths) == 1:
        return paths[0]
    return Path(os.path.commonpath(paths))


def _bare(path: Path) -> str:
    name = path.name
    return next((name[: -len(end)] for end in (".nii.gz", ".nii", ".zip") if name.lower().endswith(end)), name)


def _name(root: Path, path: Path) -> str:
    below = path.relative_to(root).parts
    return "__".join(below) if below else (root.resolve().name or "study")
