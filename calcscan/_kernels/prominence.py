"""Which peaks of density stand out from bone, by flooding from the densest voxel down."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from calcscan._kernels import kernel

_LOOSE, _BONE, _KNOT = 0, 1, 2


@kernel
def _root(parent: npt.NDArray[np.int32], at: int) -> int:
    while parent[at] != at:
        parent[at] = parent[parent[at]]
        at = parent[at]
    return at


@kernel
def stands_out(
    hu: npt.NDArray[np.int16],
    order: npt.NDArray[np.int64],
    bone: npt.NDArray[np.bool_],
    brain_hu: float,
    ratio: float,
    floor_hu: float,
    place: npt.NDArray[np.int32],
    out: npt.NDArray[np.int32],
) -> None:
    """Set `out[n]` to 0 for bone and what does not stand out from it, else to the number of its knot from 1 on.

    `order` (n, 3) lists the voxels to look at, densest first; `bone[n]` is known beforehand. `place` (k, j, i) is 0
    everywhere and used up. A piece that meets bone, or a knot, at a density below `ratio` of its own peak, both above
    `brain_hu`, is a knot and never grows into another; one that meets none is a knot if `floor_hu` lies below that.
    Where knots and bone meet, a voxel goes to the densest neighbour.
    """
    count = len(order)
    parent = np.empty(count, np.int32)
    kind = np.empty(count, np.int8)
    peak = np.empty(count, np.int16)
    slices, rows, columns = hu.shape
    first = np.empty(3, np.int64)
    densest = np.empty(3, np.int64)
    for n in range(count):
        k, j, i = order[n, 0], order[n, 1], order[n, 2]
        parent[n], kind[n], peak[n] = n, _BONE if bone[n] else _LOOSE, hu[k, j, i]
        place[k, j, i] = n + 1
        first[:] = -1
        densest[:] = -32769
        for c in range(max(k - 1, 0), min(k + 2, slices)):
            for b in range(max(j - 1, 0), min(j + 2, rows)):
                for a in range(max(i - 1, 0), min(i + 2, columns)):
                    m = place[c, b, a] - 1
                    if m < 0 or m == n:
                        continue
                    root = _root(parent, m)
                    what = kind[root]
                    if first[what] >= 0 and first[what] != root and what != _KNOT:
                        peak[first[what]] = max(peak[first[what]], peak[root])
                        parent[root] = first[what]
                    elif first[what] < 0 or hu[c, b, a] > densest[what]:
                        first[what] = root
                    densest[what] = max(densest[what], np.int64(hu[c, b, a]))
        if bone[n]:
            densest[_BONE] = 32768
            first[_BONE] = n if first[_BONE] < 0 else first[_BONE]
        firm = _BONE if densest[_BONE] >= densest[_KNOT] else _KNOT
        loose = first[_LOOSE]
        if loose >= 0 and first[firm] >= 0:
            if hu[k, j, i] - brain_hu < ratio * (peak[loose] - brain_hu):
                kind[loose] = _KNOT
                if densest[_LOOSE] > densest[firm]:
                    firm = _LOOSE
            else:
                parent[loose] = first[firm]
        into = first[firm] if first[firm] >= 0 else loose
        if into >= 0 and into != n:
            parent[n] = into
    numbers = 0
    out[:] = 0
    for n in range(count):
        root = _root(parent, n)
        if kind[root] == _LOOSE and floor_hu - brain_hu < ratio * (peak[root] - brain_hu):
            kind[root] = _KNOT
        if kind[root] == _KNOT:
            if out[root] == 0:
                numbers += 1
                out[root] = numbers
            out[n] = out[root]
