"""Two label maps of one study → what they share at each place, and every lesion of both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from calcscan.agree.model import REFERENCE, RESULTS, ComparedLesion, Overlap, SideName
from calcscan.agree.places import ANY, Place, parts_of
from calcscan.agree.statistics import dice
from calcscan.read.label_map import LabelMap

Knows = Callable[[Place], bool]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlacedMap:
    """A label map whose labels say where they lie; voxels of labels without a place are not in it."""

    labels: LabelMap
    index: npt.NDArray[np.int64]
    place: npt.NDArray[np.intp]
    """Number of the place of each voxel, in `places`."""
    places: tuple[Place, ...]

    def mm3_by_place(self) -> Mapping[Place, float]:
        """Volume at each place that it has voxels of."""
        counts = np.bincount(self.place, minlength=len(self.places))
        return {place: float(n) * self.labels.voxel_mm3 for place, n in zip(self.places, counts, strict=True) if n}


def placed(labels: LabelMap, meaning: Mapping[int, Place]) -> PlacedMap:
    """A label map with the places of its labels; several labels may mean the same place."""
    places = tuple(dict.fromkeys(meaning.values()))
    numbers = np.array(sorted(meaning), dtype=np.int64)
    of_number = np.array([places.index(meaning[int(number)]) for number in numbers], dtype=np.intp)
    if not len(numbers) or not len(labels.label):
        empty = np.zeros(0, dtype=np.int64)
        return PlacedMap(labels=labels, index=empty, place=empty.astype(np.intp), places=places)
    at = np.minimum(np.searchsorted(numbers, labels.label), len(numbers) - 1)
    kept = numbers[at] == labels.label
    return PlacedMap(labels=labels, index=labels.index[kept], place=of_number[at[kept]], places=places)


def lesions_of(one: PlacedMap) -> npt.NDArray[np.int64]:
    """The lesion of each voxel, shape (n,), numbered from 0: voxels of one place that touch (26 neighbours)."""
    n = len(one.index)
    if n == 0:
        return np.zeros(0, dtype=np.int64)
    _, rows, columns = (size + 2 for size in one.labels.shape)  # a margin, so that no neighbour is beyond an edge
    k, j, i = np.unravel_index(one.index, one.labels.shape)
    flat = ((k + 1) * rows + (j + 1)) * columns + (i + 1)  # ascending, as the index is
    ways = [(a * rows + b) * columns + c for a, b, c in product((-1, 0, 1), repeat=3)]
    first, second = [], []
    for way in (way for way in ways if way > 0):
        at = np.minimum(np.searchsorted(flat, flat + way), n - 1)
        touch = np.flatnonzero((flat[at] == flat + way) & (one.place[at] == one.place))
        first.append(touch)
        second.append(at[touch])
    pairs = np.concatenate(first), np.concatenate(second)
    graph = coo_array((np.ones(len(pairs[0]), dtype=np.int8), pairs), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def overlaps(
    results: PlacedMap, reference: PlacedMap, places: Iterable[Place], within: frozenset[Place]
) -> dict[Place, Overlap]:
    """What both mark at each place, on one grid; and anywhere (`ANY`) within the cells that both know."""
    voxel_mm3 = reference.labels.voxel_mm3
    found = {}
    for place in places:
        a, b = (_at(side, within if place == ANY else parts_of(place)) for side in (results, reference))
        both = len(np.intersect1d(a, b, assume_unique=True)) if len(a) and len(b) else 0
        found[place] = Overlap(
            results_mm3=len(a) * voxel_mm3,
            reference_mm3=len(b) * voxel_mm3,
            both_mm3=both * voxel_mm3,
            dice=dice(len(a), len(b), both),
        )
    return found


def _at(one: PlacedMap, wanted: frozenset[Place]) -> npt.NDArray[np.int64]:
    numbers = [n for n, each in enumerate(one.places) if parts_of(each) <= wanted]
    return one.index[np.isin(one.place, numbers)] if numbers else one.index[:0]


def compared_lesions(
    results: PlacedMap, reference: PlacedMap, *, results_know: Knows, reference_knows: Knows, overlap_voxels: int
) -> tuple[ComparedLesion, ...]:
    """Every lesion of the reference, then every lesion of the results, on one grid."""
    numbered = {RESULTS: lesions_of(results), REFERENCE: lesions_of(reference)}
    shared, in_results, in_reference = np.intersect1d(
        results.index, reference.index, assume_unique=True, return_indices=True
    )
    pairs = np.stack([numbered[RESULTS][in_results], numbered[REFERENCE][in_reference]], axis=1)
    touching, counts = np.unique(pairs, axis=0, return_counts=True) if len(shared) else (pairs, np.zeros(0, dtype=int))
    both = [(int(a), int(b), int(n)) for (a, b), n in zip(touching, counts, strict=True) if n >= overlap_voxels]
    of = {RESULTS: _Lesions(results, numbered[RESULTS]), REFERENCE: _Lesions(reference, numbered[REFERENCE])}
    return (
        *_rows(REFERENCE, of[REFERENCE], of[RESULTS], [(b, a, n) for a, b, n in both], results_know, "missed"),
        *_rows(RESULTS, of[RESULTS], of[REFERENCE], both, reference_knows, "false"),
    )


class _Lesions:
    """Volume, place and centroid of each lesion of a map."""

    def __init__(self, one: PlacedMap, number: npt.NDArray[np.int64]) -> None:
        count = int(number.max(initial=-1)) + 1
        voxels = np.bincount(number, minlength=count)
        world = one.labels.world_mm(one.index)
        self.volume_mm3 = voxels * one.labels.voxel_mm3
        self.voxel_mm3 = one.labels.voxel_mm3
        place = np.zeros(count, dtype=np.intp)
        place[number] = one.place
        self.places = [one.places[n] for n in place]
        self.centroid = (
            np.stack([np.bincount(number, world[:, n], count) for n in range(3)], axis=1)
            / np.maximum(voxels, 1)[:, None]
        )


def _rows(
    side: SideName, own: _Lesions, other: _Lesions, both: list[tuple[int, int, int]], knows: Knows, alone: str
) -> list[ComparedLesion]:
    met: dict[int, list[tuple[int, int]]] = {}
    for mine, theirs, voxels in both:
        met.setdefault(mine, []).append((voxels, theirs))
    rows = []
    for n, place in enumerate(own.places):
        there = met.get(n, [])
        nearest = max(there, key=lambda each: (each[0], -each[1]))[1] if there else None
        state = "matched" if there and (knows(place) or side == RESULTS) else alone if knows(place) else "not_compared"
        left, posterior, superior = own.centroid[n].tolist()
        rows.append(
            ComparedLesion(
                side=side,
                state=state,  # type: ignore[arg-type]
                place=place,
                volume_mm3=float(own.volume_mm3[n]),
                other_place=None if nearest is None else other.places[nearest],
                other_mm3=float(sum(other.volume_mm3[theirs] for _, theirs in there)) if there else None,
                overlap_mm3=sum(voxels for voxels, _ in there) * own.voxel_mm3,
                centroid_lps_mm=(left, posterior, superior),
            )
        )
    return rows
