"""The laboratory results that were given, as Observations: value, unit, verdict, and the laboratory's own range."""

from __future__ import annotations

import math

from calcscan.guideline.export.codes import codes
from calcscan.guideline.export.fhir.parts import Export, Resource, concept, hl7, notes, quantity, tidy
from calcscan.guideline.facts.case import DERIVED, Case
from calcscan.guideline.facts.kidney import EGFR
from calcscan.guideline.facts.labs import LabResult
from calcscan.guideline.facts.quantity import plain_unit
from calcscan.guideline.facts.results import CRITICAL
from calcscan.guideline.facts.vocabulary import LABS

_LABORATORY = hl7("observation-category", "laboratory", "Laboratory")
_LEVELS = {"low": ("L", "Low"), "normal": ("N", "Normal"), "high": ("H", "High")}
_DANGEROUS = {"low": ("LL", "Critical low"), "high": ("HH", "Critical high")}
_CREATININE = "labs.creatinine"


def lab_facts(case: Case) -> list[str]:
    """The laboratory results of a case that go out, by their addresses."""
    given = [f"{LABS}.{name}" for name in case.labs]
    return [*given, EGFR] if EGFR in case.values or EGFR in case.given else given


def laboratory(export: Export, case: Case) -> list[Resource]:
    """One Observation for each result given, and one for the filtration."""
    made = [_result(export, case, name, result) for name, result in case.labs.items()]
    return [*made, _filtration(export, case)] if EGFR in lab_facts(case) else made


def _observation(export: Export, case: Case, path: str, code: Resource, said: str, value: Resource) -> Resource:
    questions = [question.text for question in case.questions if question.fact == path]
    return export.made(
        "Observation",
        path,
        said,
        status="unknown",  # whether the laboratory holds it final is not known here
        category=[_LABORATORY],
        code=code,
        subject=export.person,
        **export.done,
        **value,
        **notes(*questions, case.details.get(path, "")),
    )


def _result(export: Export, case: Case, name: str, result: LabResult) -> Resource:
    path, label = f"{LABS}.{name}", case.words.kinds[f"{LABS}.{name}"].label
    level = case.values.get(path)
    shown = result.written or result.level or "unknown"
    made = _observation(
        export,
        case,
        path,
        concept(label, codes().of_lab(name, result.unit)),
        f"{label}: {shown}" + (f" ({level})" if level and result.written else ""),
        _value(result),
    )
    made |= _interpretation(level, case.values.get(f"{CRITICAL}{name}"))
    return made | _own_range(result)


def _value(result: LabResult) -> Resource:
    if result.number is not None:
        return {"valueQuantity": quantity(result.number, result.unit, plain_unit(result.unit), result.bound)}
    if result.level is not None:
        return {"valueCodeableConcept": concept(f"{result.level}, no number given")}
    return {"dataAbsentReason": hl7("data-absent-reason", "unknown", "Unknown")}


def _interpretation(level: object, critical: object) -> Resource:
    """How the value was judged; nothing where it was not."""
    found = _DANGEROUS.get(str(critical)) or _LEVELS.get(str(level))
    return {"interpretation": [hl7("v3-ObservationInterpretation", *found)]} if found else {}


def _own_range(result: LabResult) -> Resource:
    """The range that came with the result, in the unit of the result."""
    if result.range is None:
        return {}
    unit, plain = result.unit, plain_unit(result.unit)
    low, high = (limit / result.per for limit in result.range)
    limits = {"low": quantity(low, unit, plain)}
    text = f"from {tidy(low)} {unit}"
    if math.isfinite(high):
        limits["high"] = quantity(high, unit, plain)
        text = f"{tidy(low)} to {tidy(high)} {unit}"
    return {"referenceRange": [{**limits, "text": f"as the laboratory gave it: {text}"}]}


def _filtration(export: Export, case: Case) -> Resource:
    """The filtration; a code only where calcscan estimated it, since only then the formula is known."""
    kind = case.words.kinds[EGFR]
    derived = case.origins.get(EGFR) == DERIVED
    value = case.values.get(EGFR)
    given = case.given.get(EGFR)
    found = [codes().code["egfr_ckd_epi_2021"]] if derived else []
    if value is not None and not isinstance(given, str | dict):
        said: Resource = {"valueQuantity": quantity(float(value), kind.unit, plain_unit(kind.unit))}
    elif isinstance(given, int | float):
        said = {"valueQuantity": quantity(float(given), kind.unit, plain_unit(kind.unit))}
    else:
        said = {"valueString": _as_written(given)}
    shown = said.get("valueString") or f"{said['valueQuantity']['value']} {kind.unit}"
    made = _observation(export, case, EGFR, concept(kind.label, found), f"{kind.label}: {shown}", said)
    if derived:
        made["status"] = "preliminary"
        made["device"] = export.device
        if _CREATININE in lab_facts(case):
            made["derivedFrom"] = [export.refer("Observation", _CREATININE)]
    return made


def _as_written(given: object) -> str:
    if isinstance(given, dict):
        return " ".join(str(given[key]) for key in ("value", "unit") if key in given)
    return str(given)
