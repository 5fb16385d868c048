"""Which components touch dense voxels that lie outside a mask."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from calcscan._kernels import kernel


@kernel
def touches_outside(
    hu: npt.NDArray[np.int16],
    inside: npt.NDArray[np.bool_],
    labels: npt.NDArray[np.int32],
    dense_hu: int,
    out: npt.NDArray[np.bool_],
) -> None:
    """Set `out[label]` for every component with a voxel among whose 26 neighbours one is dense and not inside."""
    slices, rows, columns = hu.shape
    for k in range(slices):
        for j in range(rows):
            for i in range(columns):
                label = labels[k, j, i]
                if label == 0 or out[label]:
                    continue
                for c in range(max(k - 1, 0), min(k + 2, slices)):
                    for b in range(max(j - 1, 0), min(j + 2, rows)):
                        for a in range(max(i - 1, 0), min(i + 2, columns)):
                            if not inside[c, b, a] and hu[c, b, a] >= dense_hu:
                                out[label] = True
