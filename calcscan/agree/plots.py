"""Plots as inline SVG: differences (Bland-Altman), one reading against the other, and sensitivity by size. Text in them
is escaped; every point carries its study's name, and nothing is told by colour alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from calcscan.agree.model import Figures, SizeFigures

WIDTH, HEIGHT = 460, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 14, 14, 44
Point = tuple[float, float, str]


@dataclass(frozen=True, slots=True)
class Axes:
    """Where values lie in the picture."""

    x: tuple[float, float]
    y: tuple[float, float]

    def at(self, x: float, y: float) -> tuple[float, float]:
        """The pixel of a value."""
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return _LEFT + across * (WIDTH - _LEFT - _RIGHT), HEIGHT - _BOTTOM - up * (HEIGHT - _TOP - _BOTTOM)


def differences(points: Sequence[Point], figures: Figures, title: str) -> str:
    """A - B against their mean, with bias and limits of agreement; `points` are (A, B, name)."""
    dots = [((a + b) / 2, a - b, name) for a, b, name in points]
    lines = [
        (one.value, kind, label, (one.low, one.high))
        for one, kind, label in (
            (figures.loa_high_mm3, "limit", "+1.96 SD"),
            (figures.bias_mm3, "bias", "bias"),
            (figures.loa_low_mm3, "limit", "−1.96 SD"),
        )
        if one is not None
    ]
    reach = [y for _, y, _ in dots] + [value for value, *_ in lines] + [0.0]
    axes = Axes(_range([x for x, _, _ in dots] + [0.0]), _range(reach))
    parts = [_frame(axes, "mean of A and B, mm³", "A − B, mm³")]
    parts.append(_line(axes, 0.0, "zero"))
    for value, kind, label, (low, high) in lines:
        if low is not None and high is not None:
            parts.append(_band(axes, max(low, axes.y[0]), min(high, axes.y[1]), kind))
        parts.append(_line(axes, value, kind))
        x, y = axes.at(axes.x[1], value)
        parts.append(f'<text class="note" x="{x - 4:.1f}" y="{y - 4:.1f}" text-anchor="end">{label} {value:.1f}</text>')
    return _svg([*parts, *_dots(axes, dots, "A − B")], title)


def against(points: Sequence[Point], title: str) -> str:
    """A against B, with the line on which both are the same."""
    top = _range([value for a, b, _ in points for value in (a, b)] + [0.0])
    axes = Axes(top, top)
    (x0, y0), (x1, y1) = axes.at(top[0], top[0]), axes.at(top[1], top[1])
    same = f'<line class="same" x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}"/>'
    dots = _dots(axes, [(b, a, name) for a, b, name in points], "A")
    return _svg([_frame(axes, "B (reference), mm³", "A (results), mm³"), same, *dots], title)


def by_size(classes: Sequence[SizeFigures], title: str) -> str:
    """Sensitivity of each class of size with its interval, and how many lesions it rests on."""
    axes = Axes((0.0, float(len(classes))), (0.0, 1.0))
    parts = [_frame(axes, "size of the lesion in the reference, mm³", "found", ticks_x=False)]
    for n, one in enumerate(classes):
        x, base = axes.at(n + 0.5, 0.0)
        name = size_words(one.from_mm3, one.to_mm3)
        parts.append(f'<text x="{x:.1f}" y="{base + 16:.1f}" text-anchor="middle">{escape(name)}</text>')
        if one.sensitivity is None:
            parts.append(f'<text class="note" x="{x:.1f}" y="{base - 6:.1f}" text-anchor="middle">no lesion</text>')
            continue
        y = axes.at(0, one.sensitivity.value)[1]
        parts.append(f'<rect class="bar" x="{x - 18:.1f}" y="{y:.1f}" width="36" height="{base - y:.1f}"/>')
        low, high = (axes.at(0, end or 0.0)[1] for end in (one.sensitivity.low, one.sensitivity.high))
        ends = "".join(f"M{x - 5:.1f} {end:.1f}h10" for end in (low, high))
        parts.append(f'<path class="whisker" d="M{x:.1f} {low:.1f}V{high:.1f}{ends}"/>')
        told = f"{one.found}/{one.reference_lesions}"
        parts.append(f'<text class="count" x="{x:.1f}" y="{base - 6:.1f}" text-anchor="middle">{told}</text>')
    return _svg(parts, title)


def size_words(low: float, high: float | None) -> str:
    """A class of size.

    >>> size_words(10.0, 50.0), size_words(200.0, None), size_words(0.0, None)
    ('10–50', '≥ 200', 'all')
    """
    if high is None:
        return f"≥ {low:g}" if low else "all"
    return f"{low:g}–{high:g}" if low else f"< {high:g}"


def _range(values: Sequence[float]) -> tuple[float, float]:
    """From the least to the largest, with some room, and never empty."""
    low, high = min(values), max(values)
    room = 0.06 * (high - low) or 1.0
    return low - room, high + room


def ticks(low: float, high: float) -> list[float]:
    """Four to eight round numbers within a range.

    >>> ticks(-3.0, 98.0)
    [0.0, 20.0, 40.0, 60.0, 80.0]
    """
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.9)
    first = math.ceil(low / step)
    return [n * step for n in range(first, math.floor(high / step) + 1)]


def _frame(axes: Axes, below: str, beside: str, *, ticks_x: bool = True) -> str:
    left, right, top, bottom = _LEFT, WIDTH - _RIGHT, _TOP, HEIGHT - _BOTTOM
    parts = [f'<path class="axis" d="M{left} {top}V{bottom}H{right}"/>']
    for value in ticks(*axes.x) if ticks_x else []:
        x = axes.at(value, axes.y[0])[0]
        parts.append(f'<path class="axis" d="M{x:.1f} {bottom}v4"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{value:g}</text>')
    for value in ticks(*axes.y):
        y = axes.at(axes.x[0], value)[1]
        parts.append(f'<path class="grid" d="M{left} {y:.1f}H{right}"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    parts.append(f'<text x="{(left + right) / 2:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(below)}</text>')
    middle = (top + bottom) / 2
    turned = f'transform="rotate(-90 13 {middle:.1f})" text-anchor="middle"'
    parts.append(f'<text x="13" y="{middle:.1f}" {turned}>{escape(beside)}</text>')
    return "".join(parts)


def _line(axes: Axes, value: float, kind: str) -> str:
    (left, y), (right, _) = axes.at(axes.x[0], value), axes.at(axes.x[1], value)
    return f'<line class="{kind}" x1="{left:.1f}" y1="{y:.1f}" x2="{right:.1f}" y2="{y:.1f}"/>'


def _band(axes: Axes, low: float, high: float, kind: str) -> str:
    (left, bottom), (right, top) = axes.at(axes.x[0], low), axes.at(axes.x[1], high)
    size = f'width="{right - left:.1f}" height="{max(bottom - top, 0):.1f}"'
    return f'<rect class="band {kind}" x="{left:.1f}" y="{top:.1f}" {size}/>'


def _dots(axes: Axes, dots: Sequence[Point], what: str) -> list[str]:
    found = []
    for x, y, name in dots:
        across, up = axes.at(x, y)
        told = escape(f"{name}: {what} {y:.1f} mm³")
        found.append(f'<circle class="dot" cx="{across:.1f}" cy="{up:.1f}" r="3.5"><title>{told}</title></circle>')
    return found


def _svg(parts: Sequence[str], title: str) -> str:
    label = escape(title, quote=True)
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'
