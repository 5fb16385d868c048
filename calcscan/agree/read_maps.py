"""The label maps of a pair of readings, with the places of their labels, on one grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from calcscan.agree.label_maps import PlacedMap, placed
from calcscan.agree.label_numbers import mask_numbers, names_in_map, own_numbers, places_in
from calcscan.agree.model import Reader, Reading
from calcscan.agree.places import ANY, Place, cells
from calcscan.processors import at_once
from calcscan.progress import Progress
from calcscan.read.label_map import LabelMap, on_grid_of, read_label_map
from calcscan.read.segmentation import is_dicom, read_segmentation


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What the labels of one side mean: `of` by number, where all its maps share one meaning; the places it read."""

    reads: tuple[Place, ...]
    of: Mapping[int, Place | None] | None
    as_mask: bool = False
    note: str = ""


def load_maps(readings: Sequence[Reading], progress: Progress | None = None) -> tuple[LabelMap | None, ...]:
    """The label map of each reading, None where it has none; several at a time. Raises as `read_label_map`."""
    paths = [one.label_map for one in readings]
    count = 0

    def load(path: Path | None) -> LabelMap | None:
        nonlocal count
        found = None if path is None else read_segmentation(path) if is_dicom(path) else read_label_map(path)
        count += 1
        if progress is not None and path is not None:
            progress(f"label maps {count}/{len(paths)}")
        return found

    return tuple(at_once(partial(load, path) for path in paths))


def meaning_of(reader: Reader, maps: Sequence[LabelMap | None], readings: Sequence[Reading]) -> Meaning:
    """What the labels of a side mean, and which places it has read.

    A table of labels goes before names in the files, and these before calcscan's own numbers, under which what has no
    label was read and found empty. Maps of which every label is 1, without a name, are masks that say no sites.
    """
    if reader.kind == "table":
        return Meaning(reads=(), of=None)
    if reader.kind in ("run", "batch"):
        return Meaning(reads=cells(), of=own_numbers())
    if reader.as_mask:
        return Meaning(reads=(ANY,), of=None, as_mask=True)
    if reader.labels is not None:
        return Meaning(reads=_places(reader.labels), of=reader.labels)
    some = [(one, reading.where) for one, reading in zip(maps, readings, strict=True) if one is not None]
    if any(one.names for one, _ in some):
        named = (place for one, where in some for place in names_in_map(one, where).values())
        return Meaning(reads=_places(dict(enumerate(named))), of=None)
    numbers = {number for one, _ in some for number in one.numbers}
    if numbers == {1}:
        note = (
            f"{reader.side}: every label is 1, and nothing names it: compared as masks, without sites (--labels FILE "
            "says what a label means)."
        )
        return Meaning(reads=(ANY,), of=None, as_mask=True, note=note)
    note = (
        f"{reader.side}: the labels are taken as calcscan's own numbers (sites_dseg.tsv), and a site without a label "
        "as read and empty."
    )
    return Meaning(reads=cells(), of=own_numbers(), note=note)


def _places(meaning: Mapping[int, Place | None]) -> tuple[Place, ...]:
    return tuple(dict.fromkeys(place for place in meaning.values() if place is not None))


def with_places(labels: LabelMap, meaning: Meaning, where: str) -> PlacedMap:
    """A label map with the places of its labels. Raises `InputError` for a label without a meaning."""
    if meaning.as_mask:
        return placed(labels, mask_numbers(labels.numbers))
    if meaning.of is not None:
        return placed(labels, places_in(labels, meaning.of, where))
    return placed(labels, places_in(labels, names_in_map(labels, where), where))


def on_one_grid(results: LabelMap, reference: LabelMap, *, resample: bool, where: str) -> LabelMap:
    """The reference's labels on the grid of the results. Raises `GeometryError` as `on_grid_of`."""
    return replace(on_grid_of(reference, results, resample=resample, where=where), names=reference.names)
