"""What is known of one person, as the rules see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from calcscan.guideline.facts.labs import LabResult
from calcscan.guideline.facts.values import Value
from calcscan.guideline.facts.vocabulary import Vocabulary, vocabulary

STATED, MEASURED, DERIVED = "stated", "image", "derived"
ASYMPTOMATIC = "symptoms.asymptomatic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """Two facts that can't both hold. Both are shown; neither is dropped silently."""

    id: str
    text: str
    sides: tuple[tuple[str, Value, str], ...]
    """(fact, value, who says so)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A value that can hardly be: it is not judged until it is put right, or given with `confirmed: true`.

    `urgent` says that the value, if it is right, is dangerous.
    """

    id: str
    text: str
    fact: str
    value: str
    urgent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenValue:
    """A value that was given and isn't judged, or whose verdict another fact could change.

    `level` is the verdict meanwhile, None if there is none; `settled_by` names the facts that would settle it.
    """

    fact: str
    given: str
    why: str
    settled_by: tuple[str, ...] = ()
    level: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """A name that nobody knows, left out because `lenient` asked for it."""

    where: str
    what: str
    hint: str


@dataclass(slots=True)
class Case:
    """Facts by address. An address that is missing is unknown. `<finding>.stated` holds only what a person stated."""

    values: dict[str, Value] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)
    disputes: list[Dispute] = field(default_factory=list)
    sites: frozenset[str] = frozenset()
    """The sites that somebody said something about."""
    labs: Mapping[str, LabResult] = field(default_factory=dict)
    """The laboratory results that `values` holds the levels of."""
    given: dict[str, Any] = field(default_factory=dict)
    """Numbers as they were written, where that is more than the number in `values`."""
    questions: list[Question] = field(default_factory=list)
    open_values: list[OpenValue] = field(default_factory=list)
    ignored: tuple[Ignored, ...] = ()
    words: Vocabulary = field(default_factory=vocabulary)
    """Every fact that can be told of a person."""

    def put(self, path: str, value: Value, origin: str, detail: str = "") -> None:
        self.values[path] = value
        self.origins[path] = origin
        if detail:
            self.details[path] = detail

    def withdraw(self, path: str) -> None:
        """Makes a fact unknown; what was given stays in `given`, and in what is said of it."""
        self.values.pop(path, None)
        self.origins.pop(path, None)

    def dispute(self, first: str, second: str, text: str) -> None:
        """Lists two facts of the case as a contradiction, once."""
        sides = tuple((path, self.values[path], self.origins[path]) for path in (first, second))
        self.list_dispute(Dispute(id=f"facts:{first}", text=text, sides=sides))

    def list_dispute(self, dispute: Dispute) -> None:
        """Lists a contradiction, unless there is one between the same facts."""
        paths = {path for path, _, _ in dispute.sides}
        if not any(paths == {path for path, _, _ in known.sides} for known in self.disputes):
            self.disputes.append(dispute)
