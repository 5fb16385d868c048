"""A head that is the atlas itself, so that the right site is known."""

from __future__ import annotations

import numpy as np

from calcscan.atlas import load_atlas
from calcscan.components import lesion_table
from calcscan.grid.geometry import Geometry
from calcscan.grid.isotropic import IsotropicVolume
from calcscan.model import Intracranial, Lesion, LesionMap, Registration, Scan, SearchRegion

FIT = Registration(scan_to_atlas=np.eye(4), method="", metric=1.0, overlap=1.0, accepted=True, reason="")


def grid() -> Geometry:
    """The atlas's own grid, right way round: columns to the left, rows to the back."""
    atlas = load_atlas()
    k, j, i = atlas.labels.shape
    corner = atlas.affine @ [0, j - 1, i - 1, 1]
    return Geometry.regular(shape=(k, j, i), spacing_mm=(1.0, 1.0, 1.0), origin_mm=tuple(corner[:3]))


def intracranial(*, depth_mm: float = 30.0, mask: np.ndarray | None = None) -> SearchRegion:
    """A head in which everything is inside, `depth_mm` deep."""
    geometry = grid()
    mask = np.ones(geometry.shape, np.bool_) if mask is None else mask
    small = (2, 2, 2)
    affine = np.zeros((4, 4))
    affine[0, 2] = affine[1, 1] = affine[2, 0] = 400.0
    affine[:3, 3], affine[3, 3] = -200.0, 1.0
    ones = np.ones(small, np.bool_)
    coarse = IsotropicVolume(values=np.full(small, 35, np.float32), covered=ones, affine=affine, spacing_mm=400.0)
    bare = Intracranial(
        mask=mask,
        isotropic_hu=coarse,
        isotropic_mask=ones,
        depth_mm=np.full(small, depth_mm, np.float32),
        intracranial_ml=1500.0,
        noise_hu=4.0,
        brain_hu=30.0,
    )
    return SearchRegion.of(bare)


def with_deposits(*centres_mm: np.ndarray, radius: int = 2) -> tuple[LesionMap, Scan]:
    geometry = grid()
    hu = np.full(geometry.shape, 35, np.int16)
    offsets = np.argwhere(sum(g**2 for g in np.indices((9, 9, 9)) - 4) <= radius**2) - 4
    for centre in centres_mm:
        kji = np.rint(geometry.to_index(centre)).astype(int) + offsets
        hu[tuple(kji.T)] = 400
    labels, table = lesion_table(hu, 130)
    lesions = tuple(
        Lesion(
            id=n,
            voxels=int(row["voxels"]),
            volume_mm3=float(row["voxels"]),
            volume_low_mm3=0.0,
            volume_high_mm3=0.0,
            volume_130_mm3=float(row["voxels"]),
            mean_hu=400.0,
            max_hu=400,
            mass_hu_mm3=0.0,
            agatston=0.0,
            diameter_mm=4.0,
            centroid_lps_mm=(0.0, 0.0, 0.0),
            centroid_kji=(0.0, 0.0, 0.0),
            bbox_kji=tuple((int(a), int(b)) for a, b in row["bbox"]),
        )
        for n, row in enumerate(table, start=1)
    )
    scan = Scan(hu=hu, geometry=geometry)
    return LesionMap(labels=labels, geometry=geometry, lesions=lesions, threshold_hu=130, settings={}), scan
