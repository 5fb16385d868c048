"""Rows of dots, alike and evenly spaced on a straight line: contacts, or a wire that slices cut into pieces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from calcscan.grid.geometry import Array
from calcscan.knowledge.foreign_body import ForeignBodySettings
from calcscan.model import LesionMap, Scan

_MOST_PITCHES = 3.4
"""From one dot to the next: some contacts are hidden by others, or too faint."""
_MOST_DOTS = 120
"""Pairs of more dots would take seconds; so many dots are no electrode."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Row:
    """The numbers of the lesions in a row, where its dots lie (n, 3), LPS mm, and its figures."""

    lesions: tuple[int, ...]
    places: Array
    line: Array
    """Points (n, 3) along the row, and as far beyond its ends as its widest gap."""
    evidence: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Dots:
    """All dots: lesions, and metal that was left out, whose number is 0.

    `places` (n, 3) are the centres, mm, with heights across the slices shrunk by how badly they are known.
    """

    numbers: npt.NDArray[np.int64]
    centres: Array
    places: Array
    peaks: Array


def rows_of_dots(lesions: LesionMap, scan: Scan, settings: ForeignBodySettings) -> Iterator[Row]:
    """Every row of at least `row_least` dots, the longest first."""
    dots = _dots(lesions, scan, settings)
    taken = np.zeros(len(dots.numbers), dtype=np.bool_)
    rows = sorted(_candidates(dots, scan, settings), key=lambda row: -len(row[0]))
    for members, evidence in rows:
        if taken[members].any():
            continue
        taken[members] = True
        numbers = tuple(int(n) for n in dots.numbers[members] if n > 0)
        if numbers:
            yield Row(
                lesions=numbers, places=dots.centres[members], line=_line(dots.centres[members]), evidence=evidence
            )


def _line(centres: Array) -> Array:
    """Points on the straight line through dots (n, 3), with its ends prolonged."""
    middle = centres.mean(axis=0)
    way = np.linalg.svd(centres - middle, full_matrices=False)[2][0]
    along = np.sort((centres - middle) @ way)
    beyond = float(np.diff(along).max())
    at = np.arange(along[0] - beyond, along[-1] + beyond, 0.5)
    return np.asarray(middle + at[:, None] * way)


def on_its_line(body: int, lesions: LesionMap, scan: Scan, settings: ForeignBodySettings) -> tuple[int, ...]:
    """The numbers of the dots that continue a straight body, as the last contacts of a lead do of which the others hang
    together: on its line, no farther on than contacts lie apart, and about as dense."""
    kji = lesions.voxels_kji(body)
    world = scan.geometry.to_world(kji)
    middle = world.mean(axis=0)
    way = np.linalg.svd(world - middle, full_matrices=False)[2][0]
    ahead_mm = (world - middle) @ way
    aside = (world - middle) - ahead_mm[:, None] * way
    low, high = float(ahead_mm.min()), float(ahead_mm.max())
    slab_mm = float(scan.slice_reach_mm[kji[:, 0]].max())
    error_mm = settings.row_height_error * slab_mm * float(np.sqrt(1.0 - (way @ scan.geometry.normal) ** 2))
    off_mm = float(np.hypot(settings.row_off_line_mm, error_mm))
    part = ((ahead_mm - low) / settings.row_pitch_least_mm).astype(np.int64)
    held = np.bincount(part)
    centres = np.stack([np.bincount(part, aside[:, n]) for n in range(3)], axis=1)[held > 0] / held[held > 0, None]
    if high - low < settings.very_even_mm or float(np.sqrt((centres**2).sum(axis=1).mean())) > off_mm:
        return ()
    least_hu = (1.0 - 2.0 * settings.row_alike) * float(scan.hu[tuple(kji.T)].max())
    dots = _dots(lesions, scan, settings)
    from_middle = dots.centres - middle
    along = from_middle @ way
    aside_mm = np.linalg.norm(from_middle - along[:, None] * way, axis=1)
    fit = (aside_mm <= 2.0 * off_mm) & (dots.peaks >= least_hu) & (dots.numbers > 0) & (dots.numbers != body)
    out: list[int] = []
    for sign, end in ((1.0, high), (-1.0, -low)):
        for at, number in sorted(zip(sign * along[fit], dots.numbers[fit].tolist(), strict=True)):
            if 0.0 <= at - end <= settings.row_pitch_most_mm:
                out.append(number)
                end = float(at)
    return tuple(out)


def _dots(lesions: LesionMap, scan: Scan, settings: ForeignBodySettings) -> _Dots:
    rows: list[tuple[int, Array, float, float]] = []
    things = [(n.id, lesions.voxels_kji(n.id)) for n in lesions.lesions]
    things += [(0, item.kji) for item in lesions.left_out if item.reason == "metal"]
    for number, kji in things:
        world, hu = scan.geometry.to_world(kji), scan.hu[tuple(kji.T)].astype(np.float64)
        slab_mm = float(scan.slice_reach_mm[kji[:, 0]].max())
        extent = world.max(axis=0) - world.min(axis=0)
        flat = np.linalg.norm(extent - (extent @ scan.geometry.normal) * scan.geometry.normal)
        if flat <= settings.row_bead_mm and abs(extent @ scan.geometry.normal) <= settings.row_bead_mm + slab_mm:
            rows.append((number, hu @ world / hu.sum(), float(hu.max()), slab_mm))
    rows = rows if len(rows) <= _MOST_DOTS else []
    centres = np.array([row[1] for row in rows]).reshape(-1, 3)
    error_mm = settings.row_height_error * max((row[3] for row in rows), default=0.0)
    shrink = min(1.0, settings.row_off_line_mm / 2 / max(error_mm, 1e-6))
    height = centres @ scan.geometry.normal
    return _Dots(
        numbers=np.array([row[0] for row in rows], dtype=np.int64),
        centres=centres,
        places=centres - (1.0 - shrink) * height[:, None] * scan.geometry.normal,
        peaks=np.array([row[2] for row in rows]),
    )


def _candidates(
    dots: _Dots, scan: Scan, settings: ForeignBodySettings
) -> Iterator[tuple[npt.NDArray[np.int64], dict[str, float]]]:
    """(which dots, figures) of every row through two neighbours."""
    for one, two in combinations(range(len(dots.numbers)), 2):
        apart_mm = float(np.linalg.norm(dots.centres[two] - dots.centres[one]))
        between = dots.places[two] - dots.places[one]
        pitch_mm = float(np.linalg.norm(between))
        if not (settings.row_pitch_least_mm <= apart_mm <= settings.row_pitch_most_mm and pitch_mm > 0):
            continue
        members = _in_line(dots, one, between / pitch_mm, pitch_mm, settings)
        if len(members) < settings.row_least:
            continue
        figures = _judged(dots, members, settings)
        if figures is not None:
            yield members, figures


def _in_line(
    dots: _Dots, first: int, way: Array, pitch_mm: float, settings: ForeignBodySettings
) -> npt.NDArray[np.int64]:
    """The dots near the line through `first`, at most some pitches from one to the next."""
    offset = dots.places - dots.places[first]
    along = offset @ way
    off_mm = np.linalg.norm(offset - along[:, None] * way, axis=1)
    loose_mm = 2.0 * settings.row_off_line_mm + 0.03 * np.abs(along)
    near = np.flatnonzero(off_mm <= loose_mm)
    near = near[np.argsort(along[near])]
    gaps = np.diff(along[near])
    start = int(np.flatnonzero(near == first)[0])
    low = high = start
    while low > 0 and gaps[low - 1] <= _MOST_PITCHES * pitch_mm:
        low -= 1
    while high < len(near) - 1 and gaps[high] <= _MOST_PITCHES * pitch_mm:
        high += 1
    return np.asarray(near[low : high + 1])


def _judged(dots: _Dots, members: npt.NDArray[np.int64], settings: ForeignBodySettings) -> dict[str, float] | None:
    """The figures of dots that make a row; None where they are not even, alike or alone enough."""
    centres, peaks = dots.places[members], dots.peaks[members]
    middle = centres.mean(axis=0)
    way = np.linalg.svd(centres - middle, full_matrices=False)[2][0]
    along = (centres - middle) @ way
    order = np.argsort(along)
    along = along[order]
    off_mm = float(np.sqrt((((centres - middle) - ((centres - middle) @ way)[:, None] * way) ** 2).sum(axis=1).mean()))
    gaps = np.diff(along)
    pitch_mm = float(np.median(gaps))
    apart_mm = float(np.median(np.linalg.norm(np.diff(dots.centres[members][order], axis=0), axis=1)))
    if pitch_mm <= 0 or apart_mm < settings.row_pitch_least_mm:
        return None
    places = np.concatenate([[0], np.cumsum(np.maximum(np.rint(gaps / pitch_mm), 1.0))])
    slope, start = np.polyfit(places, along, 1)
    error = float(np.sqrt(((along - start - slope * places) ** 2).mean()) / slope)
    alike = float(peaks.std() / peaks.mean())
    offset = dots.places - middle
    t = offset @ way
    away = np.linalg.norm(offset - t[:, None] * way, axis=1)
    around = (away <= settings.row_around_mm) & (t >= along[0] - settings.row_around_mm)
    around &= t <= along[-1] + settings.row_around_mm
    others = int(around.sum()) - len(members)
    enough = settings.row_pitch_error * (1.0 if len(members) > settings.row_least else settings.row_few)
    even = error <= enough and off_mm <= settings.row_off_line_mm
    full = len(members) >= 0.6 * (places[-1] + 1)
    if not (even and full and alike <= settings.row_alike and others < len(members)):
        return None
    return {
        "dots": float(len(members)),
        "pitch_mm": apart_mm,
        "pitch_error": error,
        "off_line_mm": off_mm,
        "length_mm_of_row": float(along[-1] - along[0]),
        "max_hu": float(peaks.max()),
    }
