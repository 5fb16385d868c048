"""An agreement on one screen of text."""

from __future__ import annotations

from textwrap import wrap

from calcscan import __version__
from calcscan.agree.model import Agreement, Figures
from calcscan.agree.places import ANY, words
from calcscan.agree.statistics import Estimate
from calcscan.agree.study_names import how_many
from calcscan.knowledge.agreement import AgreementSettings
from calcscan.knowledge.settings import load

_WIDTH = 100


def summary_text(found: Agreement) -> str:
    """What was compared, the figures overall and where anything was found, and what was left out."""
    lines = [f"calcscan {__version__} agree: research use only, not for diagnosis"]
    count = how_many(len(found.pairs), "study", "studies")
    lines += wrap(
        f"{count} compared: A {found.results.path.name or 'results'} ({found.results.kind.replace('_', ' ')}), "
        f"B {found.reference.path.name or 'reference'} ({found.reference.kind.replace('_', ' ')})",
        _WIDTH,
    )
    lines += [*few_studies(found), ""]
    lines.append(
        f"{'':<28}{'studies':>8}{'found':>8}{'missed':>8}{'false':>7}{'bias, mm3':>11}{'ICC(A,1)':>10}{'Dice':>7}"
    )
    lines.append(_row("all places", found.overall))
    shown = [one for one in (*found.combined, *found.by_site) if one.place not in (None, ANY) and not_empty(one)]
    lines += [_row(words(one.place), one) for one in shown if one.place]
    lines.append("")
    overall = found.overall
    if overall.bias_mm3 is not None and overall.loa_low_mm3 is not None and overall.loa_high_mm3 is not None:
        lines += wrap(
            f"volume of a study: bias {overall.bias_mm3.value:+.1f} mm3, limits of agreement "
            f"{overall.loa_low_mm3.value:+.1f} to {overall.loa_high_mm3.value:+.1f} mm3; ICC(A,1) "
            f"{told(overall.icc)}, Spearman {told(overall.spearman)}",
            _WIDTH,
        )
    lines += [line for one in left_out(found) for line in wrap(one, _WIDTH, subsequent_indent="  ")]
    return "\n".join(lines) + "\n"


def few_studies(found: Agreement) -> list[str]:
    """That there are too few to decide anything, if so."""
    few = load(AgreementSettings).few_studies
    return [f"Fewer than {few} studies: look at the intervals before the figures."] if len(found.pairs) < few else []


def left_out(found: Agreement) -> list[str]:
    """Everything that is not in the figures, and what was assumed; a sentence each."""
    said = []
    one = found.overall
    if one.results_unknown or one.reference_unknown:
        said.append(
            f"Left out as unknown: {one.results_unknown} readings of a place by the results, "
            f"{one.reference_unknown} by the reference."
        )
    for side, other in (("results", "reference"), ("reference", "results")):
        alone = [each for each in found.unmatched if each.side == side]
        if alone:
            names = ", ".join(f"{each.study}" for each in alone[:5]) + (", …" if len(alone) > 5 else "")
            count = how_many(len(alone), "study", "studies")
            said.append(f"Not compared: {count} of the {side} that the {other} does not have ({names}).")
    if found.not_read:
        places = ", ".join(words(place) for place in list(found.not_read)[:6])
        said.append(
            f"Not compared: {sum(found.not_read.values()):.0f} mm3 of the results where the reference says nothing "
            f"({places}{', …' if len(found.not_read) > 6 else ''})."
        )
    return [*said, *found.notes]


def not_empty(one: Figures) -> bool:
    """Whether either side has found anything there."""
    return bool(one.detected_both or one.only_results or one.only_reference)


def _row(name: str, one: Figures) -> str:
    dice = "" if one.dice is None else f"{one.dice:.2f}"
    icc = "" if one.icc is None else digits(one.icc.value, ".2f")
    bias = "" if one.bias_mm3 is None else digits(one.bias_mm3.value, "+.1f")
    counts = f"{one.studies:>8}{one.detected_both:>8}{one.only_reference:>8}{one.only_results:>7}"
    return f"{name:<28}{counts}{bias:>11}{icc:>10}{dice:>7}"


def told(one: Estimate | None, form: str = ".2f", *, missing: str = "not defined") -> str:
    """A figure with its interval.

    >>> told(Estimate(value=-0.001, low=-0.2, high=0.2)), told(None)
    ('0.00 (-0.20 to 0.20)', 'not defined')
    """
    if one is None:
        return missing
    interval = "" if one.low is None or one.high is None else f" ({digits(one.low, form)} to {digits(one.high, form)})"
    return f"{digits(one.value, form)}{interval}"


def digits(value: float, form: str) -> str:
    """A number in a format, without the sign of a zero."""
    text = f"{value:{form}}"
    return text.lstrip("+-") if float(text) == 0 else text
