"""What is known of one person: what a person stated and what was measured, put together, with what follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from calcscan.guideline.facts.labs import LabResult, classify
from calcscan.guideline.facts.statements import Statements, Value
from calcscan.guideline.facts.vocabulary import FINDINGS, vocabulary

STATED, MEASURED, DERIVED = "stated", "image", "derived"
_ASYMPTOMATIC = "symptoms.asymptomatic"
_ABNORMAL = tuple(
    f"imaging.{name}" for name in ("white_matter_lesions", "atrophy", "venous_abnormality", "other_abnormality")
)
_PERSON = ("age_years", "sex")
"""What shows whose scan and whose facts they are."""
_AGE_SLACK_YEARS = 1.0
"""Two ages this close are one age, a birthday apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """Two facts that can't both hold. Both are shown; neither is dropped silently."""

    id: str
    text: str
    sides: tuple[tuple[str, Value, str], ...]
    """(fact, value, who says so)"""


@dataclass(slots=True)
class Case:
    """Facts by address. An address that is missing is unknown. `<finding>.stated` holds only what a person stated."""

    values: dict[str, Value] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)
    disputes: list[Dispute] = field(default_factory=list)
    questions: list[Any] = field(default_factory=list)
    sites: frozenset[str] = frozenset()
    """The sites that somebody said something about."""
    labs: Mapping[str, LabResult] = field(default_factory=dict)
    """The laboratory results that `values` holds the levels of."""

    def put(self, path: str, value: Value, origin: str, detail: str = "") -> None:
        self.values[path] = value
        self.origins[path] = origin
        if detail:
            self.details[path] = detail

    def dispute(self, first: str, second: str, text: str) -> None:
        sides = tuple((path, self.values[path], self.origins[path]) for path in (first, second))
        self.disputes.append(Dispute(id=f"facts:{first}", text=text, sides=sides))


def build(stated: Statements, measured: Statements | None = None) -> Case:
    """Puts both together. What a person stated holds; where the image says otherwise, the difference is listed."""
    image = measured or Statements()
    case = Case(sites=stated.sites | image.sites, labs={**image.labs, **stated.labs})
    for path, value in image.values.items():
        case.put(path, value, MEASURED)
    for path, value in stated.values.items():
        _state(case, path, value, image.values.get(path))
    for site in stated.sites:
        presence = stated.values.get(f"{FINDINGS}.{site}.present")
        if presence is not None:
            case.values[f"{FINDINGS}.{site}.stated"] = presence
    _put_labs(case, stated.labs)
    _put_implied(case)
    _put_symptoms(case)
    abnormal = _abnormal(case)
    for site in sorted(case.sites):
        _put_isolated(case, site, abnormal)
    case.disputes.sort(key=lambda dispute: (dispute.id, dispute.sides))
    return case


def given_facts(case: Case) -> dict[str, Any]:
    """The facts of a case in the words of `knowledge/facts.toml`, without what was concluded from them.

    One entry for each site and none for what is unknown. A case built of them holds the same values.
    """
    facts: dict[str, Any] = {}
    findings: dict[str, dict[str, Any]] = {}
    for path, value in case.values.items():
        section, _, name = path.rpartition(".")
        if case.origins.get(path) not in (STATED, MEASURED) or section == "labs":
            continue
        if section.startswith(f"{FINDINGS}."):
            site = section.removeprefix(f"{FINDINGS}.")
            findings.setdefault(site, {"site": site})[name] = value
        elif section:
            facts.setdefault(section, {})[name] = value
        else:
            facts[name] = value
    for site in sorted(case.sites - findings.keys()):
        findings[site] = {"site": site}
    if case.labs:
        facts["labs"] = {name: result.given for name, result in case.labs.items()}
    return {**facts, FINDINGS: list(findings.values())}


def _state(case: Case, path: str, value: Value, measured: Value | None) -> None:
    case.put(path, value, STATED)
    if measured is None or measured == value:
        return
    numbers = isinstance(value, float) and isinstance(measured, float)
    if numbers and (path.startswith(FINDINGS) or abs(float(value) - float(measured)) <= _AGE_SLACK_YEARS):
        return
    label = vocabulary().kinds[path].label
    sides = ((path, value, STATED), (path, measured, MEASURED))
    differ = "what was stated and what the scan says differ"
    if path in _PERSON:
        text = f"{label}: {differ}; they may be two people. The statement is used."
    else:
        text = f"{label}: {differ}; the statement is used."
    case.disputes.append(Dispute(id=f"facts:{path}", text=text, sides=sides))


def _put_labs(case: Case, stated: Iterable[str]) -> None:
    if not case.labs:
        return
    age = case.values.get("age_years")
    for name, (level, detail) in classify(case.labs, float(age) if age is not None else None).items():
        path = f"labs.{name}"
        if level is not None:
            case.put(path, level, STATED if name in stated else MEASURED, detail)
        elif detail:
            case.details[path] = detail
    total, ionised = case.values.get("labs.calcium"), case.values.get("labs.ionised_calcium")
    if total is None and ionised is not None:
        case.put("labs.calcium", ionised, DERIVED, "from ionised calcium")
    elif total is not None and ionised is not None and total != ionised:
        text = "Total and ionised calcium disagree; total calcium is used."
        case.dispute("labs.calcium", "labs.ionised_calcium", text)


def _put_implied(case: Case) -> None:
    kinds, values = vocabulary().kinds, case.values
    for first, second in vocabulary().implies:
        if values.get(first) is True:
            if values.get(second) is False:
                text = f"{kinds[first].label} without {kinds[second].label}: one of the two can't be right."
                case.dispute(first, second, text)
            elif second not in values:
                case.put(second, True, DERIVED, f"follows from {kinds[first].label}")
        elif values.get(second) is False and first not in values:
            case.put(first, False, DERIVED, f"no {kinds[second].label}")


@cache
def _symptoms() -> tuple[str, ...]:
    return tuple(path for path in vocabulary().kinds if path.startswith("symptoms.") and path != _ASYMPTOMATIC)


def _put_symptoms(case: Case) -> None:
    """No symptoms at all means none of them; one symptom means not none."""
    values = case.values
    shown = [path for path in _symptoms() if values.get(path) is True]
    if values.get(_ASYMPTOMATIC) is True:
        for path in shown:
            label = vocabulary().kinds[path].label
            case.dispute(_ASYMPTOMATIC, path, f"No symptoms at all, and {label}: one of the two can't be right.")
        for path in _symptoms():
            if path not in values:
                case.put(path, False, DERIVED, "no symptoms at all")
    elif shown and _ASYMPTOMATIC not in values:
        case.put(_ASYMPTOMATIC, False, DERIVED, f"follows from {vocabulary().kinds[shown[0]].label}")


def _abnormal(case: Case) -> list[str]:
    """What is known to be abnormal, physiological calcification left out."""
    values = case.values
    present = (f"{FINDINGS}.{site}.present" for site in vocabulary().groups["ectopic"] if site in case.sites)
    marks = (f"{FINDINGS}.dura.dural_{mark}" for mark in ("thickening", "enhancement"))
    return [path for path in (*_ABNORMAL, *present, *marks) if values.get(path) is True]


def _put_isolated(case: Case, site: str, abnormal: Iterable[str]) -> None:
    """The image can't know that nothing else is abnormal; a person can, and then a contradiction is listed."""
    path = f"{FINDINGS}.{site}.isolated"
    others = [other for other in abnormal if other != f"{FINDINGS}.{site}.present"]
    if not others or case.values.get(path) is False:
        return
    label = vocabulary().kinds[others[0]].label
    if case.origins.get(path) == STATED:
        where = vocabulary().sites[site].label
        text = f"Nothing abnormal beside the {where} calcification, and {label}: one of the two can't be right."
        case.dispute(path, others[0], text)
    else:
        case.put(path, False, DERIVED, f"there is also {label}")
