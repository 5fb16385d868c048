"""Studies before they have their names, and the names that they get."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from calcscan.batch import bids
from calcscan.batch.model import Study
from calcscan.batch.names import digest, shown, study_name
from calcscan.read.files.bids_name import bids_name, label_of

_ENDINGS = (".nii.gz", ".nii", ".zip")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A study before it has its name."""

    key: str
    place: Path
    paths: tuple[Path, ...]
    files: int
    members: tuple[int, ...] = ()
    alone: bool = False
    top: Path | None = None
    """Where `paths` are to be put together: the folder that they all lie below."""


def with_names(root: Path, drafts: Iterable[Draft]) -> tuple[Study, ...]:
    """Where two names would be equal, both get a digest, so that neither depends on their order."""
    dataset = bids.is_dataset(root)
    named = [(study_name(_parts(root, draft, dataset)), draft) for draft in drafts]
    met: dict[str, int] = defaultdict(int)
    for name, _ in named:
        met[name.casefold()] += 1
    studies = [
        Study(
            name=name if met[name.casefold()] == 1 else f"{name}-{digest(_key(root, draft))}",
            paths=draft.paths,
            top=draft.top,
            members=draft.members,
            files=draft.files,
            place=shown(str(draft.place.relative_to(root))),
            label=label_of(draft.place),
        )
        for name, draft in named
    ]
    return tuple(sorted(studies, key=lambda study: study.name))


def _key(root: Path, draft: Draft) -> str:
    return draft.key.replace(str(root), "")


def _parts(root: Path, draft: Draft, dataset: bool) -> tuple[str, ...]:
    place = draft.place
    if place == root:
        return (root.resolve().name or "study",)
    if dataset and draft.alone and bids_name(place.name) is not None:
        return (bare(place),)  # no other file of the dataset has this name
    return (place.with_name(bare(place)) if draft.alone else place).relative_to(root).parts


def bare(path: Path) -> str:
    """A file's name without the ending of an image or an archive."""
    name = path.name
    return next((name[: -len(end)] for end in _ENDINGS if name.lower().endswith(end) and name[: -len(end)]), name)
