"""Pairs of readings → figures at one place, over lesions by size, and tables of confusion."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from calcscan.agree.model import GRADES, REFERENCE, RESULTS, ComparedLesion, Confusion, Figures, SizeFigures, StudyPair
from calcscan.agree.places import ANY, Place, disjoint, parts_of, value_at
from calcscan.agree.statistics import (
    bland_altman,
    intraclass_correlation,
    pearson,
    proportion,
    rate,
    spearman,
    weighted_kappa,
)
from calcscan.knowledge.sites import SiteGroup, all_sites, in_words

Volumes = list[tuple[float, float]]


def at_place(pairs: Sequence[StudyPair], place: Place) -> Figures:
    """How both agree at one place: a study counts where both know it."""
    told = [(value_at(place, one.results), value_at(place, one.reference)) for one in pairs]
    known = [(a, b) for a, b in told if a is not None and b is not None]
    return _figures(
        place,
        volumes=known,
        detection=known,
        studies=len(known),
        results_unknown=sum(a is None for a, _ in told),
        reference_unknown=sum(b is None for _, b in told),
        dices=_dices([one for one, (a, b) in zip(pairs, told, strict=True) if a is not None and b is not None], place),
        grades=_grades(pairs, [place]),
    )


def over_all(pairs: Sequence[StudyPair], places: Sequence[Place]) -> Figures:
    """All places together. Volumes are a study's sums over the places that both know; detection counts each place of
    each study by itself, so that finding one deposit does not stand for another."""
    apart = disjoint(places)
    told = [[(value_at(place, one.results), value_at(place, one.reference)) for place in apart] for one in pairs]
    known = [[(a, b) for a, b in row if a is not None and b is not None] for row in told]
    sums = [(_total(a for a, _ in row), _total(b for _, b in row)) for row in known if row]
    return _figures(
        None,
        volumes=sums,
        detection=[cell for row in known for cell in row],
        studies=len(sums),
        results_unknown=sum(a is None for row in told for a, _ in row),
        reference_unknown=sum(b is None for row in told for _, b in row),
        dices=_dices([one for one, row in zip(pairs, known, strict=True) if row], None),
        grades=_grades(pairs, [place for place in places if len(parts_of(place)) == 1]),
    )


def _total(volumes_mm3: Iterable[float]) -> float:
    """A sum in which the order of its parts does not show: studies with the same parts have the same rank."""
    return round(math.fsum(volumes_mm3), 6)


def _figures(
    place: Place | None,
    *,
    volumes: Volumes,
    detection: Volumes,
    studies: int,
    results_unknown: int,
    reference_unknown: int,
    dices: list[float | None],
    grades: list[tuple[int, int]],
) -> Figures:
    a, b = (np.array([pair[n] for pair in volumes], dtype=float) for n in (0, 1))
    both = sum(x > 0 and y > 0 for x, y in detection)
    only_a, only_b = (sum(x > 0 and y == 0 for x, y in detection), sum(x == 0 and y > 0 for x, y in detection))
    limits = bland_altman(a, b)
    intraclass = intraclass_correlation(np.stack([a, b], axis=1)) if studies else None
    marked = [one for one in dices if one is not None]
    table = np.zeros((len(GRADES), len(GRADES)), dtype=int)
    for one, other in grades:
        table[other, one] += 1
    return Figures(
        place=place,
        studies=studies,
        results_unknown=results_unknown,
        reference_unknown=reference_unknown,
        results_zeros=sum(x == 0 for x, _ in detection),
        reference_zeros=sum(y == 0 for _, y in detection),
        both_zero=sum(x == 0 and y == 0 for x, y in detection),
        detected_both=both,
        only_results=only_a,
        only_reference=only_b,
        sensitivity=proportion(both, both + only_b),
        ppv=proportion(both, both + only_a),
        false_per_study=rate(only_a, studies),
        results_mean_mm3=float(a.mean()) if studies else None,
        reference_mean_mm3=float(b.mean()) if studies else None,
        bias_mm3=limits.bias if limits else None,
        sd_mm3=limits.sd if limits else None,
        loa_low_mm3=limits.loa_low if limits else None,
        loa_high_mm3=limits.loa_high if limits else None,
        icc=intraclass.agreement if intraclass else None,
        icc_consistency=intraclass.consistency if intraclass else None,
        spearman=spearman(a, b),
        pearson=pearson(a, b),
        dice=float(np.mean(marked)) if marked else None,
        dice_studies=len(marked) if dices else None,
        dice_undefined=len(dices) - len(marked) if dices else None,
        graded=len(grades),
        kappa_linear=weighted_kappa(table, "linear"),
        kappa_quadratic=weighted_kappa(table, "quadratic"),
    )


def _dices(pairs: Iterable[StudyPair], place: Place | None) -> list[float | None]:
    """Dice of each study with two label maps; None in it where neither marks anything."""
    of = ANY if place is None else place
    return [one.overlaps[of].dice for one in pairs if one.overlaps is not None and of in one.overlaps]


def _grades(pairs: Iterable[StudyPair], places: Sequence[Place]) -> list[tuple[int, int]]:
    """Steps of the grade, by the results and by the reference, wherever both give one."""
    found = []
    for one in pairs:
        for place in places:
            a, b = one.results_grades.get(place), one.reference_grades.get(place)
            if a is not None and b is not None:
                found.append((GRADES.index(a), GRADES.index(b)))
    return found


def by_size(
    pairs: Sequence[StudyPair], classes: Sequence[tuple[float, float | None]], place: Place | None
) -> tuple[SizeFigures, ...]:
    """Lesions of each class of volume at a place, and of all classes; of studies with two label maps."""
    heads = sum(one.lesions is not None for one in pairs)
    here = [
        lesion
        for one in pairs
        for lesion in one.lesions or ()
        if lesion.state != "not_compared" and (place is None or parts_of(lesion.place) <= parts_of(place))
    ]
    return tuple(_of_size(here, heads, place, low, high) for low, high in (*classes, (0.0, None)))


def _of_size(
    lesions: Iterable[ComparedLesion], heads: int, place: Place | None, low: float, high: float | None
) -> SizeFigures:
    of = [one for one in lesions if low <= one.volume_mm3 and (high is None or one.volume_mm3 < high)]
    reference = [one for one in of if one.side == REFERENCE]
    results = [one for one in of if one.side == RESULTS]
    found = sum(one.state == "matched" for one in reference)
    false = sum(one.state == "false" for one in results)
    return SizeFigures(
        place=place,
        from_mm3=low,
        to_mm3=high,
        reference_lesions=len(reference),
        found=found,
        sensitivity=proportion(found, len(reference)),
        results_lesions=len(results),
        false=false,
        ppv=proportion(len(results) - false, len(results)),
        false_per_study=rate(false, heads),
    )


_NONE = "none"


def confusions(pairs: Sequence[StudyPair], places: Sequence[Place]) -> tuple[Confusion, ...]:
    """Sites and sides of lesions (where there are label maps), sides of paired sites by their volumes, and grades."""
    found = []
    lesions = [lesion for one in pairs for lesion in one.lesions or () if lesion.state != "not_compared"]
    if lesions and places != (ANY,):
        found.append(_counted("sites of lesions", [_names(lesion, words_of=_site) for lesion in lesions]))
        found.append(_counted("sides of lesions", [_names(lesion, words_of=_side) for lesion in lesions]))
    found += [_laterality(pairs, site.site) for site in all_sites().values() if site.paired]
    graded = _grades(pairs, [place for place in places if len(parts_of(place)) == 1])
    if graded:
        steps = [GRADE_WORDS[grade] for grade in GRADES]
        found.append(_counted("grades", [(steps[b], steps[a]) for a, b in graded], steps))
    return tuple(one for one in found if one.rows)


GRADE_WORDS = {grade: in_words(grade) for grade in GRADES}


def _names(lesion: ComparedLesion, words_of: Callable[[Place], str]) -> tuple[str, str]:
    """What the reference says of a lesion, and what the results say. A lesion of the results that is matched is told by
    the reference's own lesion."""
    told = words_of(lesion.place)
    other = words_of(lesion.other_place) if lesion.other_place else _NONE
    if lesion.side == REFERENCE:
        return told, other if lesion.state == "matched" else _NONE
    return (_NONE, told) if lesion.state == "false" else ("", "")


def _site(place: Place) -> str:
    return in_words(place[0])


def _side(place: Place) -> str:
    return place[1] or "no side"


def _counted(what: str, cells: Iterable[tuple[str, str]], order: Sequence[str] = ()) -> Confusion:
    told = [cell for cell in cells if cell != ("", "")]
    names_in_order = [in_words(name) for name in (*all_sites(), *SiteGroup)]
    known = [*order] or [*names_in_order, "left", "right", "both", "midline", "no side"]
    names = sorted({name for cell in told for name in cell} - {_NONE}, key=known.index)
    none = [_NONE] if any(_NONE in cell for cell in told) else []
    axis = tuple(names + none) if not order else tuple(order)
    counts = tuple(tuple(sum(cell == (row, column) for cell in told) for column in axis) for row in axis)
    return Confusion(what=what, rows=axis if told else (), columns=axis if told else (), counts=counts)


def _laterality(pairs: Sequence[StudyPair], site: str) -> Confusion:
    """On which sides of a site something lies, by the volumes of each study: a swap of left and right stands out."""
    found = []
    for one in pairs:
        sides = [[value_at((site, side), told) for side in ("left", "right")] for told in (one.reference, one.results)]
        if all(value is not None for row in sides for value in row):
            found.append(tuple(_sides_with(row) for row in sides))
    if not any(name != _NONE for cell in found for name in cell):
        return Confusion(what=f"sides of {site}", rows=(), columns=(), counts=())
    order = ("left", "right", "both", _NONE)
    counts = tuple(tuple(sum(cell == (row, column) for cell in found) for column in order) for row in order)
    return Confusion(what=f"sides of {site.replace('_', ' ')}, by volume", rows=order, columns=order, counts=counts)


def _sides_with(volumes: Sequence[float | None]) -> str:
    left, right = (bool(value) for value in volumes)
    return "both" if left and right else "left" if left else "right" if right else _NONE
