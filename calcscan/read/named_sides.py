"""Names of regions that say left and right, against where the regions lie."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import numpy as np

from calcscan.errors import GeometryError
from calcscan.model import OwnLabels, Scan

_LEFT, _RIGHT = ("left", "l", "lh"), ("right", "r", "rh")
_MOST_VOXELS = 200_000


def refuse_swapped(labels: OwnLabels, scan: Scan, *, name: str = "regions") -> None:
    """Raises `GeometryError` where a region named as left lies to the right of its counterpart, as in a map that a
    program has mirrored. Where no two names differ by the side alone, nothing can be told."""
    pairs = list(_pairs({label: labels.names[label] for label in labels.numbers if label in labels.names}))
    if not pairs:
        return
    left_mm = _left_mm(labels, scan)
    swapped = [(one, other) for one, other in pairs if left_mm[one] < left_mm[other]]
    if swapped:
        one, other = (labels.names[label] for label in swapped[0])
        more = f", and {len(swapped) - 1} more pairs" if len(swapped) > 1 else ""
        raise GeometryError(
            f"{name}: {one!r} lies to the right of {other!r}{more}: the map is mirrored, the scan is, or the names are "
            "swapped",
            hint="check on which scan it was drawn, and what its labels mean",
        )


def _pairs(names: Mapping[int, str]) -> Iterator[tuple[int, int]]:
    """Labels whose names differ by the side alone, the left one first.

    >>> list(_pairs({1: "Left-Caudate", 2: "Right-Caudate", 3: "pineal", 7: "thalamus_R", 8: "thalamus_L"}))
    [(1, 2), (8, 7)]
    """
    sides: tuple[dict[str, int], dict[str, int]] = ({}, {})
    for label, name in names.items():
        words = re.split(r"[\W_]+", name.casefold().strip())
        for side, spellings in zip(sides, (_LEFT, _RIGHT), strict=True):
            if any(word in spellings for word in words):
                side[" ".join(word for word in words if word not in spellings)] = label
    yield from ((label, sides[1][rest]) for rest, label in sides[0].items() if rest in sides[1])


def _left_mm(labels: OwnLabels, scan: Scan) -> dict[int, float]:
    """How far to the person's left the middle of each label lies, mm."""
    out = {}
    for label in labels.numbers:
        kji = np.argwhere(labels.values == label)
        out[label] = float(scan.geometry.to_world(kji[:: 1 + len(kji) // _MOST_VOXELS])[:, 0].mean())
    return out
