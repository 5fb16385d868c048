"""Grids of every orientation, tilted and uneven."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np

from support.results import grid

UNEVEN = [
    -60.0,
    -52.0,
    -44.0,
    -40.0,
    -36.0,
    -32.0,
    -28.0,
    -24.0,
    -20.0,
    -13.0,
    -6.0,
    0.0,
    4.0,
    8.0,
    15.0,
    22.0,
    30.0,
    38.0,
    45.0,
    52.0,
]


AXES = [
    (i, j)
    for (a, b), (s, t) in product(permutations(range(3), 2), product((1, -1), repeat=2))
    for i, j in [(s * np.eye(3)[a], t * np.eye(3)[b])]
]


SMALL = {"spacing_mm": (6.0, 4.0, 3.0)}


GRIDS = {f"axes {n}": grid(i, j, **SMALL) for n, (i, j) in enumerate(AXES)} | {
    "tilted": grid(tilt_deg=18.5, **SMALL),
    "tilted the other way": grid(tilt_deg=-12.0, **SMALL),
    "uneven": grid(positions_mm=UNEVEN, **SMALL),
    "uneven and tilted": grid(positions_mm=UNEVEN, tilt_deg=18.0, **SMALL),
    "uneven, feet first": grid((1, 0, 0), (0, -1, 0), positions_mm=UNEVEN, **SMALL),
}
