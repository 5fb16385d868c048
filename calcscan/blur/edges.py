"""Edges of skin and air: how wide each is within its slice, and how far the surface there slants from slice to slice.

Along rows and columns of pixels that leave the head, the values themselves are read, without interpolation; along a row
that meets the surface at an angle, pixels lie closer together across it. The surface's direction within the slice comes
from the smoothed gradient, its slant from where the same surface is met in the slices below and above, each seen
perpendicular to the slices whatever the tilt of the stack.

Only levels from a sixteenth to most of the height are used: farther out lie hair, cushions and what a scanner cuts off,
farther in the fat behind the skin. Fitted to them is the edge that a Gaussian blurs; the mean over a box gives the same
standard deviation within 5 %.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from calcscan.grid.geometry import Array
from calcscan.knowledge.blur import BlurSettings
from calcscan.model import Scan

Pixels = npt.NDArray[np.int16]
Index = npt.NDArray[np.int64]
_STEPS, _DAMPING = 8, 0.02
"""Gauss-Newton steps, and their damping."""
_FIRST_MM, _LEAST_MM, _MOST_MM = 0.6, 0.05, 6.0
_INSIDE_MM = 1.0
"""An edge's upper limit of level lies no farther inside its middle."""
_PEAK = 1.0 / np.sqrt(2.0 * np.pi)
_TINY = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Edges:
    """Edges met, one number each: shape (edges,).

    `width_mm` is the standard deviation of the edge within the slice; `slant` how far the surface moves within the
    slice, in mm per mm along the normal; `along` is 0 for an edge met on a row, 1 on a column; `air_hu` how dense the
    air beyond it seems.
    """

    k: Index
    along: Index
    width_mm: Array
    slant: Array
    air_hu: Array

    @classmethod
    def none(cls) -> Edges:
        """No edge."""
        few, nothing = np.empty(0, np.int64), np.empty(0)
        return cls(k=few, along=few, width_mm=nothing, slant=nothing, air_hu=nothing)


def find_edges(scan: Scan, settings: BlurSettings, *, overshoot: float = 0.0) -> Edges:
    """Every clean edge of skin and air on rows and columns spread over the scan whose surface is found in the slices
    below and above as well.

    A scan with `overshoot` takes that share of a blur twice as wide off its own.
    """
    spread = np.linspace(0, len(scan.hu) - 1, settings.edge_slices + 2).round().astype(int)[1:-1]
    slices = _from_both_ends(spread, len(scan.hu))
    found: tuple[list[_Crossings], list[_Crossings]] = ([], [])
    for k in slices.tolist():
        for axis, lines in enumerate(_Lines.of_slice(scan, k, settings)):
            found[axis].extend(_edges_on(lines, settings))
    edges = [_measured(parts, along, settings, overshoot) for along, parts in enumerate(found) if parts]
    if not edges:
        return Edges.none()
    return Edges(**{name: np.concatenate([getattr(one, name) for one in edges]) for name in Edges.__dataclass_fields__})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Crossings:
    """Where lines of pixels leave the head: levels (edges, pixels) from 1 in tissue to 0 in air, the `start`-th the
    last in tissue, `apart_mm` (edges,) from one to the next across the surface."""

    k: Index
    level: Array
    apart_mm: Array
    slant: Array
    air_hu: Array
    start: int


def _measured(parts: list[_Crossings], along: int, settings: BlurSettings, overshoot: float) -> Edges:
    """Crossings of one direction, each with the width of its edge, where that can be told."""
    level, apart_mm, k, slant, air_hu = (
        np.concatenate([getattr(one, name) for one in parts]) for name in ("level", "apart_mm", "k", "slant", "air_hu")
    )
    start = parts[0].start
    out_mm = (np.arange(level.shape[1]) - start) * apart_mm[:, None]
    width_mm = _widths_mm(level, out_mm, start, settings, overshoot)
    told = np.isfinite(width_mm)
    return Edges(
        k=k[told],
        along=np.full(int(told.sum()), along),
        width_mm=width_mm[told],
        slant=slant[told],
        air_hu=air_hu[told],
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Lines:
    """A slice as lines of pixels, its rows or its columns, with its neighbours seen the same way."""

    k: int
    pixels: Pixels
    step_mm: float
    """From pixel to pixel on a line."""
    apart_mm: float
    """From line to line."""
    beside: tuple[tuple[Pixels, float, float, float], ...]
    """Slices below and above: their lines, how far they lie along the normal (mm), and how many lines and pixels on
    from its own place a pixel of this slice lies there."""

    @classmethod
    def of_slice(cls, scan: Scan, k: int, settings: BlurSettings) -> Iterator[_Lines]:
        grid, at_mm = scan.geometry, scan.geometry.positions_mm
        _, row_mm, column_mm = grid.spacing_mm
        plane = np.linalg.pinv(np.column_stack([grid.step_j_mm, grid.step_i_mm]))
        last = len(at_mm) - 1
        below = int(np.clip(np.searchsorted(at_mm, at_mm[k] - settings.slant_reach_mm, side="right") - 1, 0, k))
        above = int(np.clip(np.searchsorted(at_mm, at_mm[k] + settings.slant_reach_mm), k, last))
        near = [
            (scan.hu[n], float(at_mm[n] - at_mm[k]), plane @ (grid.origins_mm[k] - grid.origins_mm[n]))
            for n in sorted({below, above} - {k})
        ]
        yield cls(
            k=k,
            pixels=scan.hu[k],
            step_mm=column_mm,
            apart_mm=row_mm,
            beside=tuple((hu, away, float(push[0]), float(push[1])) for hu, away, push in near),
        )
        yield cls(
            k=k,
            pixels=scan.hu[k].T,
            step_mm=row_mm,
            apart_mm=column_mm,
            beside=tuple((hu.T, away, float(push[1]), float(push[0])) for hu, away, push in near),
        )


def _edges_on(lines: _Lines, settings: BlurSettings) -> Iterator[_Crossings]:
    """Edges where the lines leave the head forwards, and where they leave it backwards."""
    first = max(1, int(settings.lines_mm / lines.apart_mm))
    numbers = _from_both_ends(np.arange(first // 2, len(lines.pixels), first), len(lines.pixels))
    tissue = lines.pixels[numbers] > settings.edge_hu
    inwards, outwards = (int(np.ceil(mm / lines.step_mm)) for mm in (settings.inside_mm, settings.outside_mm))
    steps = np.arange(-inwards, outwards + 1)
    beyond = steps * lines.step_mm > settings.outside_mm - settings.air_mm
    reach = max(inwards, outwards)
    seen = slice(inwards - min(inwards, int(np.ceil(_INSIDE_MM / lines.step_mm)) + 1), int(beyond.argmax()) + 2)
    for sign in (1, -1):
        if sign == 1:
            line, at = np.nonzero(tissue[:, :-1] & ~tissue[:, 1:])
        else:
            line, at = np.nonzero(~tissue[:, :-1] & tissue[:, 1:])
            at = at + 1
        line = numbers[line]
        within = (at >= reach) & (at < lines.pixels.shape[1] - reach)
        line, at = line[within], at[within]
        clear = lines.pixels[line, at + sign * outwards] < settings.air_hu
        line, at = line[clear], at[clear]
        if len(at) == 0:
            continue
        hu = lines.pixels[line[:, None], at[:, None] + sign * steps]
        skin_hu = hu[:, : inwards + 1].max(axis=1)
        clean = (hu[:, beyond].max(axis=1) < settings.air_hu) & (skin_hu > settings.skin_low_hu)
        clean &= skin_hu < settings.skin_high_hu
        line, at, hu, skin_hu = (part[clean] for part in (line, at, hu, skin_hu))
        across, along = _direction(lines, line, at, sign, settings)
        facing = across >= settings.facing
        line, at, hu, skin_hu = (part[facing] for part in (line, at, hu, skin_hu))
        across, along = across[facing], along[facing]
        met_mm = (hu[:, inwards] - settings.edge_hu) / (hu[:, inwards] - hu[:, inwards + 1]) * lines.step_mm
        slant = _slants(lines, line, at, sign, met_mm, along, settings) * across
        told = np.isfinite(slant)
        if not told.any():
            continue
        air_hu = np.median(hu[told][:, beyond], axis=1)[:, None]
        yield _Crossings(
            k=np.full(int(told.sum()), lines.k),
            level=(hu[told][:, seen] - air_hu) / (skin_hu[told][:, None] - air_hu),
            apart_mm=lines.step_mm * across[told],
            slant=slant[told],
            air_hu=air_hu[:, 0],
            start=inwards - seen.start,
        )


def _from_both_ends(numbers: Index, count: int) -> Index:
    """Those of the first half, and as many counted from the other end: the same whichever way an axis runs.

    >>> _from_both_ends(np.arange(2, 10, 4), 10).tolist(), _from_both_ends(np.arange(1, 9, 2), 9).tolist()
    ([2, 7], [1, 3, 5, 7])
    """
    half = numbers[numbers <= (count - 1) / 2]
    return np.unique(np.concatenate([half, count - 1 - half]))


def _direction(lines: _Lines, line: Index, at: Index, sign: int, settings: BlurSettings) -> tuple[Array, Array]:
    """Cosine of the angle at which each line meets the surface, and how many mm on along the line the surface lies for
    each mm on from line to line."""
    reach = int(np.ceil(2.0 * settings.smooth_mm / min(lines.step_mm, lines.apart_mm)))
    offsets = np.arange(-reach, reach + 1)
    rows = (line[:, None] + offsets).clip(0, len(lines.pixels) - 1)
    columns = (at[:, None] + sign * offsets).clip(0, lines.pixels.shape[1] - 1)
    near = lines.pixels[rows[:, :, None], columns[:, None, :]].astype(np.float32)
    over_lines, over_steps = offsets * lines.apart_mm, offsets * lines.step_mm
    mean_lines, mean_steps = (np.exp(-0.5 * (mm / settings.smooth_mm) ** 2) for mm in (over_lines, over_steps))
    on = near @ (mean_steps * over_steps).astype(np.float32) @ mean_lines.astype(np.float32)
    beside = near @ mean_steps.astype(np.float32) @ (mean_lines * over_lines).astype(np.float32)
    # each is a slope once divided by what a slope of one would give
    on = on / ((mean_steps * over_steps**2).sum() * mean_lines.sum())
    beside = beside / ((mean_lines * over_lines**2).sum() * mean_steps.sum())
    return -on / np.maximum(np.hypot(on, beside), _TINY), -beside / np.where(np.abs(on) > _TINY, on, _TINY)


def _slants(
    lines: _Lines, line: Index, at: Index, sign: int, met_mm: Array, along: Array, settings: BlurSettings
) -> Array:
    """How far along the line the surface moves for each mm along the normal; NaN where it is not found in the slices
    below and above, or bends too much between them."""
    if len(lines.beside) < 2:
        return np.full(len(at), np.nan)
    moved = []
    for pixels, away_mm, lines_on, pixels_on in lines.beside:
        reach = int(np.ceil((settings.most_slant * abs(away_mm) / settings.facing + 1.0) / lines.step_mm))
        steps = np.arange(-reach, reach + 1)
        whole_lines, whole_pixels = round(lines_on), round(pixels_on)
        rows = (line + whole_lines).clip(0, len(pixels) - 1)
        columns = (at[:, None] + whole_pixels + sign * steps).clip(0, pixels.shape[1] - 1)
        hu = pixels[rows[:, None], columns]
        tissue = hu > settings.edge_hu
        leaves = tissue[:, :-1] & ~tissue[:, 1:]
        away = np.where(leaves, np.abs(steps[:-1] + 0.5), np.inf)
        each, nearest = np.arange(len(at)), away.argmin(axis=1)
        inner, outer = (hu[each, nearest + n].astype(np.float64) for n in (0, 1))
        there = steps[nearest] + (inner - settings.edge_hu) / np.maximum(inner - outer, 1.0)
        there_mm = (there + sign * (whole_pixels - pixels_on)) * lines.step_mm
        there_mm = there_mm + along * (lines_on - whole_lines) * lines.apart_mm
        moved.append(np.where(np.isfinite(away[each, nearest]), there_mm - met_mm, np.nan))
    (_, below_mm, *_), (_, above_mm, *_) = lines.beside
    slant = (moved[1] - moved[0]) / (above_mm - below_mm)
    bend_mm = np.abs(moved[0] - slant * below_mm)
    most_mm = settings.bend_mm + settings.bend_share * np.abs(slant)
    apart = max(1.0, (above_mm - below_mm) / (4.0 * settings.slant_reach_mm))
    return np.where(bend_mm <= most_mm * apart**2, slant, np.nan)


def _widths_mm(level: Array, out_mm: Array, start: int, settings: BlurSettings, overshoot: float) -> Array:
    """The width of each edge that fits its levels best, 1 in tissue to 0 in air, at distances across it; NaN where none
    does. Looked at are the pixels between the limits of the level and the next outside; where a single step leads from
    one limit to the other, the next inside as well."""
    order = np.arange(level.shape[1])
    outer = np.argmax((level < settings.level_low) & (order > start), axis=1)
    inner = len(order) - 1 - np.argmax(((level > settings.level_high) & (order <= start + 1))[:, ::-1], axis=1)
    inner = np.where(outer - inner > 1, inner + 1, inner)
    told = (outer > start) & (level.max(axis=1, where=order <= start + 1, initial=0.0) > settings.level_high)
    used = (order >= inner[:, None]) & (order <= outer[:, None])
    used &= told[:, None]
    each = np.arange(len(level))
    middle = out_mm[each, inner] / 2.0 + out_mm[each, outer] / 2.0
    width = np.full(len(level), _FIRST_MM)
    for _ in range(_STEPS):
        score = (middle[:, None] - out_mm) / width[:, None]
        seen, slope = _edge(score, overshoot)
        misfit = np.where(used, level - seen, 0.0)
        by_middle = np.where(used, slope / width[:, None], 0.0)
        by_width = -by_middle * score
        mm, mw, ww = ((one * other).sum(axis=1) for one, other in
                      ((by_middle, by_middle), (by_middle, by_width), (by_width, by_width)))  # fmt: skip
        m, w = ((one * misfit).sum(axis=1) for one in (by_middle, by_width))
        mm, ww = mm * (1.0 + _DAMPING) + _TINY, ww * (1.0 + _DAMPING) + _TINY
        whole = mm * ww - mw**2
        middle = middle + np.clip((ww * m - mw * w) / whole, -0.5, 0.5)
        width = np.clip(width + np.clip((mm * w - mw * m) / whole, -0.3, 0.3), _LEAST_MM, _MOST_MM)
    rough = np.sqrt((misfit**2).sum(axis=1) / np.maximum(used.sum(axis=1), 1))
    told &= (width > _LEAST_MM) & (width < _MOST_MM) & (rough < settings.most_misfit)
    return np.where(told, width, np.nan)


def _edge(score: Array, overshoot: float) -> tuple[Array, Array]:
    """The level of an edge so many standard deviations inside its middle, and its slope."""
    level, slope = special.ndtr(score), np.exp(-(score**2) / 2.0) * _PEAK
    if overshoot:
        level = (1.0 + overshoot) * level - overshoot * special.ndtr(score / 2.0)
        slope = (1.0 + overshoot) * slope - overshoot * np.exp(-(score**2) / 8.0) * _PEAK / 2.0
    return level, slope
