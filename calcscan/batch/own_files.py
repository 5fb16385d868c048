"""Label maps of the user's own for a whole batch: which file belongs to which study, by a pattern; never guessed."""

from __future__ import annotations

import glob
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from calcscan.batch.model import LeftOut, Study
from calcscan.batch.names import shown
from calcscan.errors import NoCTError

_PLACE = re.compile(r"\{([^{}]*)\}")
_PLACES = ("study", "participant", "session", "run")
_OPTIONS = {"mask": "--mask", "brain_mask": "--brain-mask", "regions": "--regions"}
_ONE_EACH = ("mask", "brain_mask")
"""Regions may be the same for all, as in scans on one template; a segmentation is of one scan."""


def checked_pattern(pattern: str) -> str:
    """The pattern as it is.

    Raises
    ------
    ValueError
        It names something else than study, participant, session or run in braces, or has a lone brace.

    >>> checked_pattern("derivatives/manual/{participant}_*_mask.nii.gz")
    'derivatives/manual/{participant}_*_mask.nii.gz'
    """
    known = ", ".join(f"{{{place}}}" for place in _PLACES)
    for place in _PLACE.findall(pattern):
        if place not in _PLACES:
            raise ValueError(f"{{{place}}} is not known: a pattern may hold {known}, and * for any letters")
    if set("{}") & set(_PLACE.sub("", pattern)):
        raise ValueError(f"a brace stands alone: a pattern may hold {known}, and * for any letters")
    return pattern


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPatterns:
    """Where the label maps lie, from ROOT on unless absolute: paths with `{study}`, `{participant}`, `{session}` and
    `{run}`, which stand for those of each study with their keys (`sub-01`), and `*` for any letters."""

    mask: str | None = None
    brain_mask: str | None = None
    regions: str | None = None

    @property
    def used(self) -> Mapping[str, str]:
        """Those that are given, by the argument of `analyse` that they are for."""
        patterns = {name: getattr(self, name) for name in _OPTIONS}
        return {name: checked_pattern(pattern) for name, pattern in patterns.items() if pattern}


def with_own_files(
    studies: Iterable[Study], patterns: OwnPatterns, root: Path
) -> tuple[tuple[Study, ...], tuple[LeftOut, ...]]:
    """The studies with their label maps; and those that lack one, or have more than one, with the reason: they would
    else be searched like no other.

    Raises
    ------
    NoCTError
        No study has what the patterns ask for.
    """
    kept, left = [], []
    for study in studies:
        own: dict[str, Path] = {}
        whys = []
        for name, pattern in patterns.used.items():
            file, why = _file_of(study, pattern, root)
            if file is not None:
                own[name] = file
            else:
                whys.append(f"{why} ({_OPTIONS[name]})")
        if whys:
            left.append(LeftOut(path=study.place, reason="; ".join(whys), files=study.files))
        else:
            kept.append(replace(study, own=own))
    kept, shared = _each_its_own(kept)
    left += shared
    if left and not kept:
        what = f"no study has the label maps that were asked for ({left[0].path} {left[0].reason})"
        raise NoCTError(what, where=str(root), hint="check the pattern: it begins in ROOT unless it is a whole path")
    return tuple(kept), tuple(left)


def _file_of(study: Study, pattern: str, root: Path) -> tuple[Path | None, str]:
    """The one file that a pattern means for a study; or why there is none, worded to follow the study's place."""
    known = {"study": study.name} | {place: getattr(study.label, place) for place in _PLACES[1:]}
    lacks = [place for place in _PLACE.findall(pattern) if not known[place]]
    if lacks:
        return None, f"has no {lacks[0]} by its name"
    filled = _PLACE.sub(lambda place: glob.escape(str(known[place[1]])), pattern)
    found = glob.iglob(str(Path(glob.escape(str(root))) / filled))  # noqa: PTH207 (Path.glob knows no "..")
    files = sorted(path for path in map(Path, found) if path.is_file())
    told = _PLACE.sub(lambda place: str(known[place[1]]), pattern)
    if not files:
        return None, f"has no {told}"
    if len(files) > 1:
        names = ", ".join(path.name for path in files[:3])
        return None, f"has {len(files)} files {told} ({shown(names)}{' …' if len(files) > 3 else ''})"
    if files[0].resolve() in {path.resolve() for path in study.paths}:
        return None, f"is itself the file that {told} means"
    return files[0], ""


def _each_its_own(studies: list[Study]) -> tuple[list[Study], list[LeftOut]]:
    """Those whose segmentation is theirs alone; and the others: of two sessions, one would get that of the other."""
    of: dict[tuple[str, Path], list[str]] = defaultdict(list)
    for study in studies:
        for name in _ONE_EACH:
            if name in study.own:
                of[name, study.own[name].resolve()].append(study.name)
    kept, left = [], []
    for study in studies:
        shared = [
            f"shares {shown(study.own[name].name)} with {', '.join(other for other in names if other != study.name)}: "
            f"name session or run in the pattern ({_OPTIONS[name]})"
            for name in _ONE_EACH
            if name in study.own and len(names := of[name, study.own[name].resolve()]) > 1
        ]
        if shared:
            left.append(LeftOut(path=study.place, reason="; ".join(shared), files=study.files))
        else:
            kept.append(study)
    return kept, left


def as_used(rows: Iterable[LeftOut], studies: Iterable[Study], root: Path) -> tuple[LeftOut, ...]:
    """The rows of left_out.csv, those of label maps that are used with whose they are."""
    whose = {
        shown(str(path.relative_to(root))): f"is used with {study.name} ({_OPTIONS[name]})"
        for study in studies
        for name, path in study.own.items()
        if path.is_relative_to(root)
    }
    return tuple(replace(row, reason=whose[row.path]) if row.path in whose else row for row in rows)
