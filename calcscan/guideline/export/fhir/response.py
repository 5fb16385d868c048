"""The answer of the rules as a GuidanceResponse: which rules, what they wait for, and what goes with the page."""

from __future__ import annotations

from collections.abc import Iterator

from calcscan.guideline.export.codes import codes
from calcscan.guideline.export.fhir.parts import Export, Resource, coding, notes
from calcscan.guideline.facts.case import Case
from calcscan.guideline.facts.vocabulary import LABS
from calcscan.guideline.model import DISCLAIMER, ConflictKind, Group, Guidance, NeedsInput, State

MODULE = "urn:calcscan:guideline:{name}|{version}"
FACTS = "urn:calcscan:facts"
"""The system of calcscan's own names of facts (`calcscan guide --facts`)."""


def response(export: Export, case: Case, guidance: Guidance, group: bool) -> Resource:
    """What the rules of one version say; `group` tells whether anything is proposed."""
    made = export.made(
        "GuidanceResponse",
        "guidance",
        *(line.text for line in guidance.page),
        DISCLAIMER,
        moduleCanonical=MODULE.format(name=guidance.ruleset, version=guidance.version),
        status="data-requested" if guidance.needs_input else "success",
        subject=export.person,
        occurrenceDateTime=export.now,
        performer=export.device,
        **notes(*_told(guidance), *(f"Left out: {name.what} ({name.where})." for name in case.ignored)),
    )
    if guidance.needs_input:
        made["dataRequirement"] = [_asked(export, need) for need in guidance.needs_input]
    return {**made, "result": export.refer("RequestGroup", "page")} if group else made


def _told(guidance: Guidance) -> Iterator[str]:
    """What a reader must know beside the proposals: rules in use, lines that ask for nothing, and what disagrees."""
    yield f"Rules {guidance.ruleset} {guidance.version}, sha256 {guidance.sha256}. {DISCLAIMER}"
    if guidance.rules_added:
        yield f"With rules from {', '.join(guidance.rules_added)}."
    if guidance.rules_left_out:
        yield f"Without the rules {', '.join(guidance.rules_left_out)}."
    for line in guidance.page:
        if line.group in (Group.ANSWER, Group.KEEP_IN_MIND):
            yield f"{line.text}."
    for item in guidance.recommendations:
        if item.state is State.DONE:
            yield f"Done: {item.text} {item.result}"
        if item.state is State.HELD_BACK:
            yield f"Held back: {item.text} {item.held_back_because}"
    for conflict in guidance.conflicts:
        if conflict.kind is ConflictKind.SOURCES:
            yield f"{conflict.text} {' / '.join(side.text for side in conflict.sides)}. {conflict.handling}"


def _asked(export: Export, need: NeedsInput) -> Resource:
    """A fact that is unknown: calcscan's name for it, and the codes of a laboratory test."""
    own = {"system": FACTS, "code": need.fact, "display": export.full_name(need.fact)}
    others = codes().for_order(need.fact.removeprefix(f"{LABS}.")) if need.fact.startswith(f"{LABS}.") else []
    return {
        "type": "Observation",
        "codeFilter": [{"path": "code", "code": [own, *(coding(code) for code in others)]}],
    }
