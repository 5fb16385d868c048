"""Filtration: questioned where the number is another quantity, and estimated from creatinine where it isn't given."""

from __future__ import annotations

from calcscan.guideline.facts.case import DERIVED, Case, Dispute, OpenValue, Question
from calcscan.guideline.facts.labs import analytes
from calcscan.guideline.facts.values import NumberGiven
from calcscan.guideline.facts.verdict import question_about
from calcscan.knowledge.egfr import EgfrSettings
from calcscan.knowledge.settings import load

EGFR = "egfr"
_CREATININE = "creatinine"
_ON_TREATMENT = ("conditions.dialysis", "conditions.chronic_kidney_disease")


def filtration(creatinine_umol_l: float, age_years: float, sex: str) -> float:
    """CKD-EPI 2021, in mL/min/1.73 m2, for adults.

    Examples
    --------
    >>> round(filtration(0.9 * 88.4, 55, "F"))
    75
    """
    numbers = load(EgfrSettings)
    share = creatinine_umol_l / analytes()[_CREATININE].per["mg/dl"] / numbers.kappa[sex]
    below, above = min(share, 1.0) ** numbers.alpha[sex], max(share, 1.0) ** numbers.above
    return float(numbers.scale * below * above * numbers.yearly**age_years * numbers.of_sex[sex])


def put_filtration(case: Case, given: NumberGiven | None) -> None:
    """Puts the filtration on the case, or says why it can't be judged. A stated one goes first."""
    if given is not None and given.value is None:
        why = "a bound that does not decide"
        case.details[EGFR] = f"{given.written}: {why}"
        case.open_values.append(OpenValue(fact=EGFR, given=given.written, why=why, settled_by=(EGFR,)))
    confirmed = given is not None and given.confirmed
    if EGFR in case.values and not confirmed:
        _question(case)
    estimate = _estimate(case)
    if estimate is None:
        return
    value, detail = estimate
    stated = case.values.get(EGFR)
    if stated is None:
        if not any(question.fact == EGFR for question in case.questions):
            case.put(EGFR, value, DERIVED, detail)
        return
    larger, smaller = max(float(stated), value), min(float(stated), value)
    if larger > smaller * load(EgfrSettings).differ_factor:
        text = f"The filtration given and the one from creatinine ({value:.0f}) differ by far; the one given is used."
        sides = ((EGFR, stated, case.origins[EGFR]), (f"labs.{_CREATININE}", case.labs[_CREATININE].written, DERIVED))
        case.list_dispute(Dispute(id=f"facts:{EGFR}", text=text, sides=sides))


def _question(case: Case) -> None:
    value, ordinary = float(case.values[EGFR]), load(EgfrSettings).ordinary
    too_low = value < ordinary["from"] and not any(case.values.get(fact) is True for fact in _ON_TREATMENT)
    if not too_low and value <= ordinary["to"]:
        return
    written = f"{value:g} mL/min/1.73 m2"
    text = f"Is a filtration of {written} right? It could be a creatinine: give labs.creatinine with its unit."
    case.questions.append(Question(id="question:egfr", text=text, fact=EGFR, value=written, urgent=too_low))
    why = "it can hardly be right: confirm it or put it right"
    case.details[EGFR] = f"{written}: {why}"
    case.open_values.append(OpenValue(fact=EGFR, given=written, why=why, settled_by=(EGFR,)))
    case.given.setdefault(EGFR, value)
    case.withdraw(EGFR)


def _estimate(case: Case) -> tuple[float, str] | None:
    result = case.labs.get(_CREATININE)
    if result is None or result.exact is None or question_about(_CREATININE, result, case.values) is not None:
        return None
    age, sex = case.values.get("age_years"), case.values.get("sex")
    missing = [name for name, known in (("age_years", age), ("sex", sex)) if known is None]
    numbers = load(EgfrSettings)
    if missing or (age is not None and float(age) < numbers.from_years) or str(sex) not in numbers.kappa:
        if EGFR not in case.values and not any(value.fact == EGFR for value in case.open_values):
            why = "a filtration follows from it in adults whose age and sex (F or M) are known"
            fact = f"labs.{_CREATININE}"
            open_value = OpenValue(
                fact=fact, given=result.written, why=why, settled_by=(*missing, EGFR), level=_level(case, fact)
            )
            case.open_values.append(open_value)
        return None
    assert age is not None
    value = round(filtration(result.exact, float(age), str(sex)), 1)
    return value, f"from creatinine {result.written}, age and sex by CKD-EPI 2021"


def _level(case: Case, fact: str) -> str | None:
    level = case.values.get(fact)
    return str(level) if level is not None else None
