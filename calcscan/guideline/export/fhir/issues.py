"""What does not fit together: a DetectedIssue for each contradiction and each value that can hardly be."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from calcscan.guideline.export.fhir.parts import Export, Resource, concept
from calcscan.guideline.facts.case import Case
from calcscan.guideline.facts.vocabulary import FINDINGS
from calcscan.guideline.model import Conflict, ConflictKind, Guidance


def observed(fact: str, exported: Collection[str]) -> str:
    """The Observation that holds a fact, by its key; "" if there is none.

    >>> observed("findings.dura.bilateral", ["findings.dura"])
    'findings.dura'
    """
    key = fact.rpartition(".")[0] if fact.startswith(f"{FINDINGS}.") else fact
    return key if key in exported else ""


def observations_of(export: Export, facts: Sequence[str], exported: Collection[str]) -> list[Resource]:
    """References to the Observations of some facts, each once."""
    keys = dict.fromkeys(observed(fact, exported) for fact in facts)
    return [export.refer("Observation", key) for key in keys if key]


def issues(export: Export, case: Case, guidance: Guidance, exported: Collection[str]) -> list[Resource]:
    """Contradictions first, then the values in question."""
    made = [
        _issue(export, "contradiction", conflict.id, _told(conflict), [s.fact for s in conflict.sides], exported)
        for conflict in guidance.conflicts
        if conflict.kind is ConflictKind.FACTS
    ]
    for question in case.questions:
        issue = _issue(export, "value in question", question.id, question.text, [question.fact], exported)
        made.append({**issue, "severity": "high"} if question.urgent else issue)
    # Two contradictions may begin with the same fact.
    return [{**issue, "id": export.id_of("DetectedIssue", f"{n}/{issue['id']}")} for n, issue in enumerate(made)]


def _told(conflict: Conflict) -> str:
    sides = "; ".join(f"{side.text} ({side.origin})" for side in conflict.sides)
    return f"{conflict.text} {sides}. {conflict.handling}"


def _issue(
    export: Export, what: str, key: str, detail: str, facts: Sequence[str], exported: Collection[str]
) -> Resource:
    made = export.made(
        "DetectedIssue",
        key,
        detail,
        status="preliminary",
        code=concept(what),
        patient=export.person,
        identifiedDateTime=export.now,
        author=export.device,
        detail=detail,
    )
    implicated = observations_of(export, facts, exported)
    return {**made, "implicated": implicated} if implicated else made
