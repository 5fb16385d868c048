"""What a person stated and what was measured, put together, with what follows from it."""

from __future__ import annotations

from typing import Any

from calcscan.guideline.facts.case import (
    ASYMPTOMATIC,
    DERIVED,
    MEASURED,
    STATED,
    Case,
    Dispute,
    Ignored,
    OpenValue,
    Question,
)
from calcscan.guideline.facts.contradictions import put_contradictions
from calcscan.guideline.facts.isolated import put_isolated
from calcscan.guideline.facts.kidney import put_filtration
from calcscan.guideline.facts.labs import analytes
from calcscan.guideline.facts.results import put_results, put_stated_critical
from calcscan.guideline.facts.statements import Statements
from calcscan.guideline.facts.values import Value
from calcscan.guideline.facts.vocabulary import FINDINGS, LABS, Vocabulary, vocabulary

__all__ = [
    "DERIVED",
    "MEASURED",
    "STATED",
    "Case",
    "Dispute",
    "Ignored",
    "OpenValue",
    "Question",
    "build",
    "given_facts",
]

_PERSON = ("age_years", "sex")
"""What shows whose scan and whose facts they are."""
_AGE_SLACK_YEARS = 1.0
"""Two ages this close are one age, a birthday apart."""


def build(stated: Statements, measured: Statements | None = None, words: Vocabulary | None = None) -> Case:
    """Puts both together. What a person stated holds; where the image says otherwise, the difference is listed. `words`
    are the facts that can be told, else those that calcscan ships."""
    image = measured or Statements()
    labs = {**image.labs, **stated.labs}
    case = Case(
        sites=stated.sites | image.sites,
        labs={name: labs[name] for name in analytes() if name in labs},  # in one order, however they were given
        ignored=(*image.ignored, *stated.ignored),
        words=words or vocabulary(),
    )
    for path, value in image.values.items():
        case.put(path, value, MEASURED)
    for path, value in stated.values.items():
        _state(case, path, value, image.values.get(path))
    for site in stated.sites:
        presence = stated.values.get(f"{FINDINGS}.{site}.present")
        if presence is not None:
            case.values[f"{FINDINGS}.{site}.stated"] = presence
    numbers = {**{path: n for path, n in image.numbers.items() if path not in stated.values}, **stated.numbers}
    case.given = {path: number.given for path, number in numbers.items()}
    for path in [path for path, number in numbers.items() if number.value is None]:
        case.withdraw(path)
    _put_inferred(case)
    put_results(case, stated.labs)
    put_stated_critical(case)
    put_filtration(case, numbers.get("egfr"))
    _put_implied(case)
    _put_symptoms(case)
    put_isolated(case)
    put_contradictions(case, [*image.clashes, *stated.clashes])
    case.disputes.sort(key=lambda dispute: (dispute.id, str(dispute.sides)))
    case.questions.sort(key=lambda question: (not question.urgent, question.id))
    case.open_values.sort(key=lambda value: (value.fact, value.given))
    return case


def given_facts(case: Case) -> dict[str, Any]:
    """The facts of a case in the words of `knowledge/facts.toml`, without what was concluded from them.

    One entry for each site and none for what is unknown. A case built of them holds the same values.
    """
    facts: dict[str, Any] = {}
    findings: dict[str, dict[str, Any]] = {}
    for path, value in case.values.items():
        section, _, name = path.rpartition(".")
        if case.origins.get(path) not in (STATED, MEASURED) or section == LABS or path in case.given:
            continue
        if section.startswith(f"{FINDINGS}."):
            site = section.removeprefix(f"{FINDINGS}.")
            findings.setdefault(site, {"site": site})[name] = value
        elif section:
            facts.setdefault(section, {})[name] = value
        else:
            facts[name] = value
    facts |= case.given
    for site in sorted(case.sites - findings.keys()):
        findings[site] = {"site": site}
    if case.labs:
        facts[LABS] = {name: result.given for name, result in case.labs.items()}
    return {**facts, FINDINGS: list(findings.values())}


def _state(case: Case, path: str, value: Value, measured: Value | None) -> None:
    case.put(path, value, STATED)
    if measured is None or measured == value:
        return
    numbers = isinstance(value, float) and isinstance(measured, float)
    if numbers and (path.startswith(FINDINGS) or abs(float(value) - float(measured)) <= _AGE_SLACK_YEARS):
        return
    label = case.words.kinds[path].label
    sides = ((path, value, STATED), (path, measured, MEASURED))
    differ = "what was stated and what the scan says differ"
    if path in _PERSON:
        text = f"{label}: {differ}; they may be two people. The statement is used."
    else:
        text = f"{label}: {differ}; the statement is used."
    case.disputes.append(Dispute(id=f"facts:{path}", text=text, sides=sides))


def _put_inferred(case: Case) -> None:
    for inference in case.words.inferences:
        if inference.then not in case.values and all(case.values.get(path) is True for path in inference.all):
            case.put(inference.then, True, DERIVED, inference.why)


def _put_implied(case: Case) -> None:
    kinds, values = case.words.kinds, case.values
    for first, second in case.words.implies:
        if values.get(first) is True:
            if values.get(second) is False:
                text = f"{kinds[first].label} without {kinds[second].label}: one of the two can't be right."
                case.dispute(first, second, text)
            elif second not in values:
                case.put(second, True, DERIVED, f"follows from {kinds[first].label}")
        elif values.get(second) is False and first not in values:
            case.put(first, False, DERIVED, f"no {kinds[second].label}")


def _put_symptoms(case: Case) -> None:
    """No symptoms at all means none of them; one symptom means not none."""
    values, kinds = case.values, case.words.kinds
    shown = [path for path in case.words.symptoms if values.get(path) is True]
    if values.get(ASYMPTOMATIC) is True:
        for path in shown:
            label = kinds[path].label
            case.dispute(ASYMPTOMATIC, path, f"No symptoms at all, and {label}: one of the two can't be right.")
        for path in case.words.symptoms:
            if path not in values:
                case.put(path, False, DERIVED, "no symptoms at all")
    elif shown and ASYMPTOMATIC not in values:
        case.put(ASYMPTOMATIC, False, DERIVED, f"follows from {kinds[shown[0]].label}")
