"""The laboratory results of a case: judged, put on it, and what is open or in question listed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache

from calcscan.guideline.facts.case import DERIVED, MEASURED, STATED, Case
from calcscan.guideline.facts.labs import LabResult, analytes
from calcscan.guideline.facts.ranges import adjustments
from calcscan.guideline.facts.verdict import NONE, Person, Verdict, judge, question_about
from calcscan.guideline.facts.vocabulary import NUMBER

_TOTAL, _IONISED = "labs.calcium", "labs.ionised_calcium"
CRITICAL = "critical."


def put_results(case: Case, stated: Iterable[str]) -> None:
    """Judges every laboratory result. `stated` are the names of those that a person gave."""
    if not case.labs:
        return
    person = _person(case)
    verdicts = {name: judge(name, result, person) for name, result in case.labs.items()}
    said = frozenset(stated)
    for name, verdict in verdicts.items():
        path = f"labs.{name}"
        if verdict.level is not None:
            case.put(path, verdict.level, STATED if name in said else MEASURED, verdict.detail)
        elif verdict.detail:
            case.details[path] = verdict.detail
        if verdict.question is not None:
            case.questions.append(verdict.question)
    decided_by_ionised = _put_calcium(case, verdicts)
    for name, verdict in verdicts.items():
        if verdict.open_value is not None and not (name == "calcium" and decided_by_ionised):
            case.open_values.append(verdict.open_value)
        deciding = verdicts["ionised_calcium"] if name == "calcium" and decided_by_ionised else verdict
        _put_critical(case, name, deciding.critical)
    for name in case.words.lab_limits.keys() & verdicts.keys():
        number = _number(case.labs[name], case.words.lab_limits[name])
        if number is not None and verdicts[name].question is None:
            case.values[f"labs.{name}{NUMBER}"] = number
    if "calcium" not in verdicts and "ionised_calcium" in verdicts:
        _put_critical(case, "calcium", verdicts["ionised_calcium"].critical)


def _number(result: LabResult, limits: Iterable[float]) -> float | None:
    """What is compared with limits: of a bound the next number beyond it, if that decides all of them."""
    if result.value is None or not result.bound:
        return result.value
    beyond = result.value
    if result.bound in ("<", ">"):
        beyond = math.nextafter(beyond, math.inf if result.bound == ">" else -math.inf)
    decides = beyond > max(limits) if result.bound[0] == ">" else beyond < min(limits)
    return beyond if decides else None


def _person(case: Case) -> Person:
    age, sex = case.values.get("age_years"), case.values.get("sex")
    by = {rule.by: case.labs.get(rule.by) for rule in adjustments().values()}
    albumin = by.get("albumin")
    usable = albumin is not None and question_about("albumin", albumin, case.values) is None
    number = albumin.exact if albumin is not None and usable else None
    return Person(
        age=None if age is None else float(age),
        sex=None if sex is None else str(sex),
        albumin=number,
        albumin_without_number=albumin is not None and number is None and albumin.level != "normal",
        facts=case.values,
    )


def _put_calcium(case: Case, verdicts: dict[str, Verdict]) -> bool:
    """Ionised calcium decides where total calcium is missing or not adjusted; else the two must agree."""
    total, ionised = case.values.get(_TOTAL), case.values.get(_IONISED)
    if ionised is None:
        return False
    if total is None:
        case.put(_TOTAL, ionised, DERIVED, "from ionised calcium")
        return True
    verdict = verdicts["calcium"]
    if case.labs["calcium"].value is not None and not verdict.adjusted:
        if total != ionised:
            detail = f"{total} as total calcium without albumin, so ionised calcium decides"
            case.put(_TOTAL, ionised, DERIVED, detail)
        return True
    if total != ionised:
        text = "Total and ionised calcium disagree; total calcium is used."
        case.dispute(_TOTAL, _IONISED, text)
    return False


def _put_critical(case: Case, name: str, critical: str | None) -> None:
    """Puts a dangerous value on the case; what a person said of it holds, and a difference is listed."""
    path = CRITICAL + name
    if critical is None:
        return
    limits = analytes()[name].critical
    if path not in case.values and limits is not None:
        result = case.labs.get(name)
        given = f"{result.written}, " if result is not None and result.written else ""
        unit = analytes()[name].unit
        detail = f"{given}to be acted on below {limits.low:g} and above {limits.high:g} {unit} ({limits.source})"
        case.put(path, critical, DERIVED, detail)


@cache
def _critical_paths() -> tuple[tuple[str, str], ...]:
    return tuple((CRITICAL + name, f"labs.{name}") for name, analyte in analytes().items() if analyte.critical)


def put_stated_critical(case: Case) -> None:
    """A value that was said to be dangerously low is low."""
    for path, lab in _critical_paths():
        value = case.values.get(path, NONE)
        if value == NONE or case.origins[path] == DERIVED:
            continue
        if lab not in case.values:
            case.put(lab, value, DERIVED, f"said to be dangerously {value}")
        elif case.values[lab] != value:
            text = f"Said to be dangerously {value}, and the laboratory value is {case.values[lab]}."
            case.dispute(path, lab, text)
