"""Where the numbers of lesions go on a picture: beside what they name, on nothing else that is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from scipy import ndimage

_AWAY_PX = 3
_DIRECTIONS = ((1, -1), (-1, -1), (1, 1), (-1, 1), (1, 0), (-1, 0), (0, -1), (0, 1))
"""Right and up first."""

Mask = npt.NDArray[np.bool_]
Box = tuple[float, float, float, float]
"""left, top, right, bottom, in pixels."""


def place_numbers(
    labels: npt.NDArray[np.int32],
    highest: int,
    size_of: Callable[[int], tuple[float, float]],
    ring_px: Callable[[npt.NDArray[np.bool_]], float],
) -> dict[int, tuple[float, float]]:
    """The middle (x, y) of the number of each label from 1 to `highest` on a picture (rows, columns).

    `size_of` is the width and height of a number's text, `ring_px` the radius of what is drawn around a label, from
    its middle. Where there is no free place, a number stands on its lesion's right shoulder all the same.
    """
    rows, columns = labels.shape
    marked = {label: _around(mask, corner, ring_px) for label, mask, corner in _each(labels)}
    placed: dict[int, tuple[float, float]] = {}
    taken: list[Box] = []
    for label in sorted(label for label in marked if label <= highest):
        width, height = size_of(label)
        spots = [_beside(marked[label], width, height, way) for way in _DIRECTIONS]
        others = [box for other, box in marked.items() if other != label]
        fitting = [spot for spot in spots if spot[0] >= 0 and spot[1] >= 0 and spot[2] <= columns and spot[3] <= rows]
        free = [spot for spot in fitting if not any(_overlap(spot, box) for box in (*taken, *others))]
        apart = [spot for spot in fitting if not any(_overlap(spot, box) for box in taken)]
        chosen = next(iter((*free, *apart, *fitting, *spots)))
        taken.append(chosen)
        placed[label] = ((chosen[0] + chosen[2]) / 2, (chosen[1] + chosen[3]) / 2)
    return placed


def _each(labels: npt.NDArray[np.int32]) -> Iterator[tuple[int, Mask, tuple[int, int]]]:
    """Each label with its mask in its own box, and the corner of that: row and column."""
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is not None:
            yield label, labels[box] == label, (box[0].start, box[1].start)


def _around(mask: Mask, corner: tuple[int, int], ring_px: Callable[[Mask], float]) -> Box:
    rows, columns = (places + first for places, first in zip(np.nonzero(mask), corner, strict=True))
    x, y, radius = float(columns.mean()), float(rows.mean()), ring_px(mask)
    return (
        min(float(columns.min()), x - radius),
        min(float(rows.min()), y - radius),
        max(float(columns.max()) + 1, x + radius),
        max(float(rows.max()) + 1, y + radius),
    )


def _beside(box: Box, width: float, height: float, way: tuple[int, int]) -> Box:
    x = {1: box[2] + _AWAY_PX, -1: box[0] - _AWAY_PX - width, 0: (box[0] + box[2] - width) / 2}[way[0]]
    edge = {1: box[3] + _AWAY_PX, -1: box[1] - _AWAY_PX - height, 0: (box[1] + box[3] - height) / 2}[way[1]]
    if way[0] and way[1]:  # at a shoulder a ring is far from its corner
        x -= way[0] * min(8.0, (box[2] - box[0]) / 4)
        edge -= way[1] * min(8.0, (box[3] - box[1]) / 4)
    return (x, edge, x + width, edge + height)


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
