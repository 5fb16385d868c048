"""Where the atlas has each site, as a label map on the scan: what the sites of the lesions rest on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan._kernels.atlas_labels import nearest_labels
from calcscan._kernels.threads import in_parts
from calcscan.grid.geometry import Geometry, apply
from calcscan.model import Atlas, Registration
from calcscan.values import freeze

_BLOCK_MM = 4.0
"""Blocks of about this size are looked at whole, where the atlas may have a site in or beside them."""
_COARSE = 4
"""The atlas in blocks of so many voxels: their neighbours reach farther than a block of the scan."""


def atlas_sites(geometry: Geometry, registration: Registration, atlas: Atlas) -> npt.NDArray[np.uint8]:
    """The number of the site that the atlas has at each voxel of the scan (k, j, i), by its nearest voxel; 0 where it
    has none. The numbers are those of sites.nii.gz."""
    out = np.zeros(geometry.shape, dtype=np.uint8)
    to_voxel, bend = np.linalg.inv(atlas.affine), registration.displacement
    numbers = np.zeros(256, dtype=np.uint8)
    numbers[list(atlas.sites)] = [site.label for site in atlas.sites.values()]
    labels = numbers[atlas.labels]
    near = _near_a_site(labels)
    shift = freeze(np.ascontiguousarray(bend.shift_mm @ to_voxel[:3, :3].T, dtype=np.float32))
    frames = [matrix @ registration.scan_to_atlas for matrix in (np.linalg.inv(bend.affine), to_voxel)]
    origins = np.hstack([apply(frame, geometry.origins_mm) for frame in frames])
    ways = np.stack([geometry.step_j_mm, geometry.step_i_mm])
    steps = np.hstack([ways @ frame[:3, :3].T for frame in frames])
    block = max(1, int(_BLOCK_MM / max(geometry.spacing_mm[1:])))

    def some(first: int, last: int) -> None:
        nearest_labels(freeze(labels), freeze(near), _COARSE, shift, origins, steps, block, first, last, out)

    in_parts(len(out), some)
    return out


def _near_a_site(labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Blocks of the atlas that hold a site, or touch one that does."""
    room = [(0, -size % _COARSE) for size in labels.shape]
    some = np.pad(labels > 0, room)
    k, j, i = (size // _COARSE for size in some.shape)
    blocks = some.reshape(k, _COARSE, j, _COARSE, i, _COARSE).any(axis=(1, 3, 5))
    return np.asarray(ndimage.maximum_filter(blocks, 3))
