"""How slices follow each other: gaps, missing slices, and what each slice stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from calcscan.grid.geometry import Array
from calcscan.knowledge.reading import ReadingSettings
from calcscan.read.headers.image import Image
from calcscan.read.series.positions import ascending, positions_of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spacing:
    """How slices follow each other. All in mm, shape (slices - 1,) or (slices,)."""

    gaps_mm: Array
    missing: npt.NDArray[np.bool_]
    """Gaps in which slices are missing."""
    slab_mm: Array
    """What each slice stands for: half of each gap beside it, of the regular gap where slices are missing."""

    def distinct_mm(self, settings: ReadingSettings) -> tuple[float, ...]:
        """The different spacings that occur, missing slices aside, in ascending order."""
        found: list[list[float]] = []
        for gap in np.sort(self.gaps_mm[~self.missing]):
            if found and gap - found[-1][-1] <= tolerance_mm(gap, settings):  # a spread without a step is jitter
                found[-1].append(float(gap))
            else:
                found.append([float(gap)])
        return tuple(float(np.median(group)) for group in found)


def spacing_of(
    positions_mm: Array,
    thickness_mm: Array,
    settings: ReadingSettings,
    *,
    in_turn: npt.NDArray[np.bool_] | None = None,
) -> Spacing:
    """Gaps, missing slices and slabs of slices at ascending positions along their normal.

    A run of equal gaps is part of the protocol (fossa and vertex); a lone gap well above the runs on both its sides,
    and more than the slices' thickness (NaN: unknown) fills, lacks slices. A run of gaps two or more times as wide as
    others lacks slices too, unless instance numbers follow each other across it (`in_turn`, for each gap).

    >>> import numpy as np
    >>> from calcscan.knowledge.settings import load
    >>> spacing = spacing_of(np.array([0.0, 5, 10, 15, 30, 35, 40, 45]), np.full(8, 5.0), load(ReadingSettings))
    >>> spacing.missing.nonzero()[0].tolist(), spacing.slab_mm.tolist()
    ([3], [5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0])
    """
    gaps = np.diff(positions_mm)
    judged = np.full(len(gaps), not np.isnan(thickness_mm).all())
    if in_turn is not None:
        judged &= ~in_turn
    before, after = _regular_beside(gaps, settings, judged)
    beside = np.fmax(before, after)
    fills = np.fmax(np.fmax(thickness_mm[:-1], thickness_mm[1:]) * settings.missing_thickness_ratio, 0.0)
    missing = (gaps > settings.missing_ratio * beside) & (gaps > fills)
    left = np.where(missing, np.where(np.isnan(before), beside, before), gaps)
    right = np.where(missing, np.where(np.isnan(after), beside, after), gaps)
    above = np.append(left, right[-1]) / 2  # the end slice has one neighbour: its slab is as thick on the other side
    below = np.insert(right, 0, left[0]) / 2
    return Spacing(gaps_mm=gaps, missing=missing, slab_mm=above + below)


def tolerance_mm(gap_mm: float, settings: ReadingSettings) -> float:
    """How far two spacings may differ and still be the same."""
    return max(settings.same_spacing_mm, settings.same_spacing_share * float(gap_mm))


def _regular_beside(gaps: Array, settings: ReadingSettings, judged: npt.NDArray[np.bool_]) -> tuple[Array, Array]:
    """Spacing of the nearest run of equal gaps before and after each gap; NaN where there is none. Gaps not `judged`
    are as wide as they were meant to be."""
    runs = _runs(gaps, settings)
    regular = [run for run in runs if run[1] - run[0] >= settings.pattern_run]
    if not regular:
        usual = np.full(len(gaps), _smallest_usual(gaps, settings))
        return usual, usual
    before, after = np.full(len(gaps), np.nan), np.full(len(gaps), np.nan)
    for first, last in runs:
        is_regular = (first, last) in regular and not (
            judged[first:last].any() and _is_every_other(gaps, (first, last), regular, settings)
        )
        if is_regular:
            before[first:last] = after[first:last] = np.median(gaps[first:last])
            continue
        earlier = [run for run in regular if run[1] <= first]
        later = [run for run in regular if run[0] >= last]
        if earlier:
            before[first:last] = np.median(gaps[slice(*earlier[-1])])
        if later:
            after[first:last] = np.median(gaps[slice(*later[0])])
    return before, after


def _smallest_usual(gaps: Array, settings: ReadingSettings) -> float:
    """The smallest gap that is not an exception: others may be its multiples, where slices are missing throughout."""
    for gap in np.sort(gaps):
        if np.count_nonzero(np.abs(gaps - gap) <= tolerance_mm(gap, settings)) >= settings.usual_share * len(gaps):
            return float(gap)
    return float(np.median(gaps))


def _is_every_other(
    gaps: Array, run: tuple[int, int], regular: list[tuple[int, int]], settings: ReadingSettings
) -> bool:
    """Is this run twice, three times … as wide as the narrowest one? Then slices were left out throughout it."""
    narrow = min(float(np.median(gaps[slice(*other)])) for other in regular)
    times = float(np.median(gaps[slice(*run)])) / narrow
    return round(times) >= 2 and abs(times - round(times)) * narrow <= tolerance_mm(narrow, settings)


def _runs(gaps: Array, settings: ReadingSettings) -> list[tuple[int, int]]:
    """(first, last + 1) of each run of equal gaps."""
    edges = [0]
    for index in range(1, len(gaps)):
        if abs(gaps[index] - np.median(gaps[edges[-1] : index])) > tolerance_mm(gaps[index], settings):
            edges.append(index)
    return list(zip(edges, [*edges[1:], len(gaps)], strict=True))


def on_one_grid(images: Sequence[Image], settings: ReadingSettings, *, none_missing: bool = False) -> bool:
    """Are parallel images evenly spaced, each at a position of its own? Missing ones are allowed, unless
    `none_missing`."""
    if any(image.position_mm is None for image in images):
        return False
    at = positions_of(ascending(images))
    return (
        bool((np.diff(at) > settings.same_position_mm).all())
        and unevenness(at, settings, none_missing=none_missing) <= settings.even_share
    )


def unevenness(positions_mm: Array, settings: ReadingSettings, *, none_missing: bool = False) -> float:
    """Share of neighbouring gaps that differ; a gap in which slices may be missing counts as the gap that it repeats,
    unless none can be."""
    gaps = np.diff(positions_mm)
    if len(gaps) < 2:
        return 0.0
    usual = np.inf if none_missing else max(float(np.quantile(gaps, 0.25)), settings.same_position_mm)
    single = gaps / np.maximum(np.rint(gaps / usual), 1.0)
    differ = np.abs(np.diff(single)) > np.array([tolerance_mm(gap, settings) for gap in single[1:]])
    return float(np.count_nonzero(differ)) / len(differ)
