"""`Agreement` → the rows of its tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from calcscan.agree.model import Agreement, Figures
from calcscan.agree.places import ANY, Place, parts_of, value_at
from calcscan.agree.schema import FigureRow, LesionRow, SizeRow, StudyRow
from calcscan.agree.statistics import Estimate
from calcscan.report.quantities import Grade


def figure_rows(found: Agreement) -> Iterator[FigureRow]:
    """All figures: overall, by site and side, and of what is taken together."""
    yield figure_row(found.overall, "overall")
    yield from (figure_row(one, "site") for one in found.by_site)
    yield from (figure_row(one, "combined") for one in found.combined)


def figure_row(one: Figures, scope: Any) -> FigureRow:
    """The row of one place."""
    site, side = site_and_side(one.place)
    return FigureRow(
        scope=scope,
        site=site,
        side=side,
        studies=one.studies,
        detected_both=one.detected_both,
        only_a=one.only_results,
        only_b=one.only_reference,
        zeros_a=one.results_zeros,
        zeros_b=one.reference_zeros,
        zeros_both=one.both_zero,
        unknown_a=one.results_unknown,
        unknown_b=one.reference_unknown,
        mean_a_mm3=_rounded(one.results_mean_mm3),
        mean_b_mm3=_rounded(one.reference_mean_mm3),
        sd_mm3=_rounded(one.sd_mm3),
        bias_mm3=_value(one.bias_mm3),
        bias_low_mm3=_low(one.bias_mm3),
        bias_high_mm3=_high(one.bias_mm3),
        loa_low_mm3=_value(one.loa_low_mm3),
        loa_low_from_mm3=_low(one.loa_low_mm3),
        loa_low_to_mm3=_high(one.loa_low_mm3),
        loa_high_mm3=_value(one.loa_high_mm3),
        loa_high_from_mm3=_low(one.loa_high_mm3),
        loa_high_to_mm3=_high(one.loa_high_mm3),
        dice=_rounded(one.dice),
        dice_studies=one.dice_studies,
        dice_undefined=one.dice_undefined,
        graded=one.graded,
        **_with_interval("sensitivity", one.sensitivity),
        **_with_interval("ppv", one.ppv),
        **_with_interval("false_per_study", one.false_per_study),
        **_with_interval("icc", one.icc),
        **_with_interval("icc_consistency", one.icc_consistency),
        **_with_interval("spearman", one.spearman),
        **_with_interval("pearson", one.pearson),
        **_with_interval("kappa_linear", one.kappa_linear),
        **_with_interval("kappa_quadratic", one.kappa_quadratic),
    )


def study_rows(found: Agreement) -> Iterator[StudyRow]:
    """Each study at each place that is compared."""
    for pair in found.pairs:
        for figures in found.by_site:
            place = figures.place or ANY
            a, b = value_at(place, pair.results), value_at(place, pair.reference)
            site, side = site_and_side(place)
            overlap = (pair.overlaps or {}).get(place)
            grades = [told.get(place) for told in (pair.results_grades, pair.reference_grades)]
            yield StudyRow(
                study=pair.name,
                reference_study=pair.reference_name,
                site=site,
                side=side,
                volume_a_mm3=_rounded(a),
                volume_b_mm3=_rounded(b),
                difference_mm3=None if a is None or b is None else _rounded(a - b),
                dice=_rounded(overlap.dice) if overlap else None,
                grade_a=Grade(grades[0]) if grades[0] else None,
                grade_b=Grade(grades[1]) if grades[1] else None,
            )


def lesion_rows(found: Agreement) -> Iterator[LesionRow]:
    """Each lesion of the studies with a label map on both sides."""
    for pair in found.pairs:
        for one in pair.lesions or ():
            left, posterior, superior = one.centroid_lps_mm
            other = one.other_place
            yield LesionRow(
                study=pair.name,
                lesion_of=one.side,
                state=one.state,
                site=one.place[0],
                side=one.place[1],
                volume_mm3=_rounded(one.volume_mm3) or 0.0,
                other_site=other and other[0],
                other_side=other and other[1],
                other_mm3=_rounded(one.other_mm3),
                overlap_mm3=_rounded(one.overlap_mm3) or 0.0,
                centroid_l_mm=round(left, 2),
                centroid_p_mm=round(posterior, 2),
                centroid_s_mm=round(superior, 2),
            )


def size_rows(found: Agreement) -> Iterator[SizeRow]:
    """Each class of size, overall and at each place with a lesion."""
    for one in found.by_size:
        site, side = site_and_side(one.place)
        yield SizeRow(
            site=site,
            side=side,
            from_mm3=one.from_mm3,
            to_mm3=one.to_mm3,
            reference_lesions=one.reference_lesions,
            found=one.found,
            results_lesions=one.results_lesions,
            false=one.false,
            **_with_interval("sensitivity", one.sensitivity),
            **_with_interval("false_per_study", one.false_per_study),
            **_with_interval("ppv", one.ppv),
        )


def site_and_side(place: Place | None) -> tuple[str | None, str | None]:
    """Site and side as they stand in a table: no side for several taken together."""
    if place is None:
        return None, None
    return place[0], place[1] if place[1] or len(parts_of(place)) == 1 else None


def _with_interval(name: str, one: Estimate | None) -> dict[str, Any]:
    return {
        name: _value(one),
        f"{name}_low": _low(one),
        f"{name}_high": _high(one),
    }


def _value(one: Estimate | None) -> float | None:
    return None if one is None else _rounded(one.value)


def _low(one: Estimate | None) -> float | None:
    return None if one is None else _rounded(one.low)


def _high(one: Estimate | None) -> float | None:
    return None if one is None else _rounded(one.high)


def _rounded(value: float | None) -> float | None:
    """To six digits, as in the report."""
    return None if value is None else float(f"{value:.6g}")
