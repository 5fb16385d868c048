"""One laboratory value judged: its level, if it is dangerous, and what is to be asked of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from calcscan.guideline.facts.case import OpenValue, Question
from calcscan.guideline.facts.labs import Analyte, LabResult, analytes, ordinary_as
from calcscan.guideline.facts.ranges import Fit, adjustments, adult_fit, adult_from_years, fits, level_in
from calcscan.guideline.facts.values import Value

NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What decides which range fits. `albumin` is in g/L; `albumin_without_number` says
    that it was given, but as a word other than normal, as a bound, or in question."""

    age: float | None = None
    sex: str | None = None
    albumin: float | None = None
    albumin_without_number: bool = False
    facts: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a value comes out as. `critical` is low, high, none or unknown; `adjusted` if albumin was reckoned in."""

    level: str | None = None
    critical: str | None = None
    detail: str = ""
    adjusted: bool = False
    open_value: OpenValue | None = None
    question: Question | None = None


def question_about(name: str, result: LabResult, facts: Mapping[str, Value]) -> Question | None:
    """What to ask of a value that can hardly be, or that another unit or quantity would make ordinary."""
    value, number = result.value, result.number
    if value is None or number is None or result.confirmed:
        return None
    analyte = analytes()[name]
    beyond = value if result.bound == "" else None
    low = value < analyte.plausible[0] if result.bound[:1] != "<" else False
    high = value > analyte.plausible[1]
    instead = ordinary_as(analyte, number, result.unit)
    if not (low or high):
        if beyond is None or not instead or analyte.usual[0] <= beyond <= analyte.usual[1]:
            return None
        if result.range is not None and result.range[0] < analyte.high and result.range[1] > analyte.low:
            return None  # the laboratory's range shows that unit and quantity are meant
        explained = analyte.explained_low if beyond < analyte.usual[0] else analyte.explained_high
        if any(facts.get(fact) is True for fact in explained):
            return None
    limits = analyte.critical
    urgent = limits is not None and not limits.low <= value <= limits.high
    label = f"{analyte.label[0].upper()}{analyte.label[1:]}"
    danger = " If it is, it is dangerous." if urgent else ""
    other = f" But {', and '.join(instead)}." if instead else ""
    text = f"{label} of {result.written}: is that right?{danger}{other}"
    fact = f"labs.{name}"
    return Question(id=f"question:{fact}", text=text, fact=fact, value=result.written, urgent=urgent)


def judge(name: str, result: LabResult, person: Person) -> Verdict:
    """Low, normal or high by the range that fits this person, and what would be needed to say more.

    >>> judge("calcium", LabResult(value=1.8, unit="mmol/L", written="1.8 mmol/L"), Person(age=52)).critical
    'low'
    """
    if result.value is None:
        has_limits = analytes()[name].critical is not None
        critical = result.critical or (NONE if result.level == "normal" else None)
        return Verdict(level=result.level, critical=critical if has_limits else None)
    fact, analyte = f"labs.{name}", analytes()[name]
    fitting = fits(analyte, result, person.age, person.sex, person.albumin)
    levels = {level_in(result, *_as_shown(result, fit), fit.shift) for fit in fitting}
    question = question_about(name, result, person.facts)
    if question is not None and not (levels == {"normal"} and _plausible(analyte, result)):
        why = "it can hardly be right: confirm it or put it right"
        return Verdict(
            detail=f"{result.written}: {why}",
            question=question,
            open_value=OpenValue(fact=fact, given=result.written, why=why, settled_by=(fact,)),
        )
    level = levels.pop() if len(levels) == 1 else None
    if level is None:
        return _undecided(analyte, result, person, fitting)
    fit = fitting[-1]
    open_value = None
    if not any(fit.label for fit in fitting):
        open_value = _albumin_would_decide(analyte, result, person, level)
    return Verdict(
        level=level,
        critical=_critical(analyte, result, level, fit.shift),
        detail=_detail(analyte, result, fitting) + (f"; {open_value.why}" if open_value else ""),
        adjusted=any(fit.label for fit in fitting),
        open_value=open_value,
    )


def _plausible(analyte: Analyte, result: LabResult) -> bool:
    return result.value is not None and analyte.plausible[0] <= result.value <= analyte.plausible[1]


def _as_shown(result: LabResult, fit: Fit) -> tuple[float, float]:
    """The limits as they are printed, in three digits of the unit of the value: 1.7 mg/dL isn't below 1.7 to 2.43."""
    return float(f"{fit.low / result.per:.3g}") * result.per, float(f"{fit.high / result.per:.3g}") * result.per


def _critical(analyte: Analyte, result: LabResult, level: str, shift: float) -> str | None:
    if analyte.critical is None:
        return None
    if level == "normal":
        return NONE
    beyond = level_in(result, analyte.critical.low, analyte.critical.high, shift)
    return level if beyond == level else NONE if beyond == "normal" else None


def _undecided(analyte: Analyte, result: LabResult, person: Person, fitting: tuple[Fit, ...]) -> Verdict:
    fact = f"labs.{analyte.name}"
    beyond = level_in(result, analyte.critical.low, analyte.critical.high) if analyte.critical else None
    if not fitting and beyond in ("low", "high"):
        assert analyte.critical is not None
        detail = f"{result.written}: beyond the limits that call for action at once ({analyte.critical.source})"
        return Verdict(level=beyond, critical=beyond, detail=detail)
    settled_by: tuple[str, ...] = (fact,)
    if person.age is None and (not fitting or len(fitting) > 1):
        why = "the age is unknown, and the range depends on it"
        settled_by = ("age_years",)
    elif not fitting:
        why = f"no range for an age of {person.age:.3g} years is known here; give the laboratory's own range or a level"
    elif result.bound:
        why = "a bound that does not decide"
    else:
        why = "the sex is unknown, and the range depends on it"
        settled_by = ("sex",)
    return Verdict(
        detail=f"{result.written}: {why}",
        open_value=OpenValue(fact=fact, given=result.written, why=why, settled_by=settled_by),
    )


def _albumin_would_decide(analyte: Analyte, result: LabResult, person: Person, level: str) -> OpenValue | None:
    """If an albumin anywhere in its normal range could change the verdict on calcium; of a normal calcium, if it is
    abnormal by the range that is meant for adjusted calcium."""
    rule = adjustments().get(analyte.name)
    if rule is None or (person.age is not None and person.age < adult_from_years()):
        return None
    albumin = analytes()[rule.by]
    by = (f"labs.{rule.by}", "labs.ionised_calcium")
    if person.albumin_without_number:
        why = f"not adjusted: {albumin.label} was not given as a number that can be used"
        return OpenValue(fact=f"labs.{analyte.name}", given=result.written, why=why, settled_by=by, level=level)
    for value in (rule.reference,) if level == "normal" else (albumin.low, albumin.high):
        fit = adult_fit(analyte, value)
        if result.range is not None:
            fit = Fit(*result.range, "the laboratory's range", "", fit.shift)
        if level_in(result, *_as_shown(result, fit), fit.shift) != level:
            why = f"not adjusted: a normal {albumin.label} could change the verdict"
            return OpenValue(fact=f"labs.{analyte.name}", given=result.written, why=why, settled_by=by, level=level)
    return None


def _detail(analyte: Analyte, result: LabResult, fitting: tuple[Fit, ...]) -> str:
    fit, unit = fitting[-1], result.unit or analyte.unit
    shown = result.written
    if fit.label and result.value is not None:
        shown += f", {fit.label} {(result.value + fit.shift) / result.per:.3g} {unit}"
    source = f" ({fit.source})" if fit.source else ""
    whichever = ", and the same by the other ranges for ages and sexes" if len(fitting) > 1 else ""
    return f"{shown}, {fit.whose} {fit.low / result.per:.3g} to {fit.high / result.per:.3g} {unit}{source}{whichever}"
