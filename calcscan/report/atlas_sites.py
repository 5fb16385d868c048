"""Where the atlas has each site, as a label map on the scan: what the sites of the lesions rest on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan._kernels.threads import in_parts
from calcscan.grid.geometry import Geometry, apply
from calcscan.model import Atlas, Registration

_BLOCK_MM = 4.0
"""Blocks of about this size are looked at whole, where the atlas may have a site in or beside them."""
_COARSE = 4
"""The atlas in blocks of so many voxels: their neighbours reach farther than a block of the scan."""


def atlas_sites(geometry: Geometry, registration: Registration, atlas: Atlas) -> npt.NDArray[np.uint8]:
    """The number of the site that the atlas has at each voxel of the scan (k, j, i), by its nearest voxel; 0 where it
    has none. The numbers are those of sites.nii.gz."""
    out = np.zeros(geometry.shape, dtype=np.uint8)
    to_atlas_index = np.linalg.inv(atlas.affine)
    numbers = np.zeros(256, dtype=np.uint8)
    numbers[list(atlas.sites)] = [site.label for site in atlas.sites.values()]
    labels = numbers[atlas.labels]
    coarse = _near_a_site(labels)
    step = max(1, int(_BLOCK_MM / max(geometry.spacing_mm[1:])))
    rows, columns = (-(-size // step) for size in geometry.shape[1:])
    middle_j, middle_i = (np.arange(count) * step + (step - 1) / 2 for count in (rows, columns))

    def some(first: int, last: int) -> None:
        for k in range(first, last):
            centres = np.stack(np.broadcast_arrays(float(k), middle_j[:, None], middle_i), axis=-1)
            index = apply(to_atlas_index, registration.to_atlas(geometry.to_world(centres)))
            wanted = _at(coarse, np.floor((index + 0.5) / _COARSE).astype(np.int64))
            if not wanted.any():
                continue
            fine = np.repeat(np.repeat(wanted, step, axis=0), step, axis=1)[: geometry.rows, : geometry.columns]
            j, i = np.nonzero(fine)
            where = geometry.to_world(np.column_stack([np.full(len(j), k), j, i]))
            at = apply(to_atlas_index, registration.to_atlas(where))
            out[k, j, i] = _at(labels, np.rint(at).astype(np.int64))

    in_parts(len(out), some)
    return out


def _near_a_site(labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Blocks of the atlas that hold a site, or touch one that does."""
    room = [(0, -size % _COARSE) for size in labels.shape]
    some = np.pad(labels > 0, room)
    k, j, i = (size // _COARSE for size in some.shape)
    blocks = some.reshape(k, _COARSE, j, _COARSE, i, _COARSE).any(axis=(1, 3, 5))
    return np.asarray(ndimage.maximum_filter(blocks, 3))


def _at(values: npt.NDArray[np.generic], index: npt.NDArray[np.int64]) -> npt.NDArray[np.generic]:
    """Values at whole indices (…, 3); 0 beyond the array."""
    inside = ((index >= 0) & (index < np.array(values.shape))).all(axis=-1)
    out = np.zeros(index.shape[:-1], dtype=values.dtype)
    out[inside] = values[tuple(index[inside].T)]
    return out
