"""The values of a batch. All can be pickled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from calcscan.guideline import SHIPPED_RULES, RulesChoice
from calcscan.model import StudyLabel

DONE, ABSTAINED, FAILED = "done", "abstained", "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """One study: `name` is its folder in OUT; `paths` one folder, ZIP or NIfTI file, or each of its files."""

    name: str
    paths: tuple[Path, ...]
    top: Path | None = None
    """Where `paths` are several files: the folder that they all lie below."""
    members: tuple[int, ...] = ()
    """Of a ZIP that holds several studies: which of its entries, in the order of `source_files`."""
    files: int = 0
    """How many files belong to it."""
    place: str = ""
    """Where it lies below ROOT."""
    label: StudyLabel = field(default_factory=StudyLabel)
    """Participant, session and run, as far as BIDS names give them."""
    context: Mapping[str, Any] | None = None
    """Facts about the person that stand beside the scans, in participants.tsv."""
    own: Mapping[str, Path] = field(default_factory=dict)
    """Label maps of the user's own, by the argument of `analyse` that they are for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A file below ROOT that belongs to no study, or several of one kind: `path` may be `folder/*.ending` then."""

    path: str
    reason: str
    files: int | None = 1
    """How many; None for a folder that can't be looked into."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is below ROOT: every file is part of one study, or left out once."""

    studies: tuple[Study, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options, the same for every study."""

    threshold_hu: float | None = None
    kvp_kv: float | None = None
    slice_thickness_mm: float | None = None
    kernel: str | None = None
    keep_ids: bool = False
    resample: bool = False
    """Whether label maps on another grid are taken, by nearest neighbour."""
    atlas: str | None = None
    """The folder of an atlas; the shipped one if None."""
    html: bool = True
    """Whether each study gets a report.html."""
    discard_review: bool = False
    """Whether studies that a person has reviewed are analysed again, and the reviews lost."""
    rules: RulesChoice = SHIPPED_RULES


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A study to be done, and where its results go."""

    study: Study
    out: Path
    settings: Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How it went: `state` done, abstained or failed; `error` one line, empty unless something went wrong; which
    report.json was written, if one was; whether a person has reviewed it."""

    state: str
    error: str = ""
    seconds: float = 0.0
    report_sha256: str = ""
    reviewed: bool = False


Work = Callable[[Task], Outcome]


class Runner(Protocol):
    """Runs tasks and yields each with its outcome as it ends. A failing task must not raise."""

    def __call__(self, tasks: Iterable[Task], work: Work) -> Iterator[tuple[Task, Outcome]]: ...
