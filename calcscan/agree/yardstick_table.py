"""Published figures beside those found here, at the same place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from calcscan.agree.model import Agreement, Figures, SizeFigures
from calcscan.agree.places import words
from calcscan.knowledge.yardsticks import Yardstick, yardsticks

_NAMES = {
    "sensitivity": "sensitivity", "ppv": "PPV", "icc": "ICC(A,1) of volume", "spearman": "Spearman of volume",
    "pearson": "Pearson of volume", "dice": "Dice",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class YardstickRow:
    """One published figure, and what was found here."""

    figure: str
    here: str
    published: float
    between: str
    of: str
    source: str


def yardstick_rows(found: Agreement) -> Iterator[YardstickRow]:
    """Each published figure with the one of this agreement at that site or group; of lesions where there are label
    maps, else of studies."""
    for one in yardsticks().values():
        place = (one.site or one.group, "")
        yield YardstickRow(
            figure=f"{words(place)}: {_NAMES[one.figure]}",
            here=_here(found, one),
            published=one.value,
            between=one.between,
            of=one.of,
            source=one.source,
        )


def _here(found: Agreement, one: Yardstick) -> str:
    place = (one.site or one.group, "")
    figures = next((each for each in (*found.combined, *found.by_site) if each.place == place), None)
    sizes = next((each for each in found.by_size[::-1] if each.place == place), None)
    value = _value(figures, sizes, one.figure)
    return "–" if value is None else value


def _value(figures: Figures | None, sizes: SizeFigures | None, figure: str) -> str | None:
    if figure in ("sensitivity", "ppv") and sizes is not None:
        lesions = getattr(sizes, figure)
        return None if lesions is None else f"{lesions.value:.3g} (lesions)"
    found = getattr(figures, figure) if figures is not None else None
    if found is None:
        return None
    if isinstance(found, float):
        return f"{found:.3g}"
    of = " (studies)" if figure in ("sensitivity", "ppv") else ""
    interval = "" if found.low is None or found.high is None else f", {found.low:.2f} to {found.high:.2f}"
    return f"{found.value:.3g}{interval}{of}"
