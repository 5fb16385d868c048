"""Lesions made by hand, as they come out of locating."""

from __future__ import annotations

import numpy as np

from calcscan.grid.geometry import Geometry
from calcscan.model import LocatedLesion, LocatedLesionMap, Registration

FLOOR_MM3 = 4.0


GRID = Geometry.regular(shape=(40, 80, 80), spacing_mm=(1.0, 1.0, 1.0), origin_mm=(-39.5, -39.5, -20.0))


def lesion(number, site, side, volume=100.0, diameter=5.0, **more):
    values = {
        "voxels": 90, "volume_low_mm3": 0.9 * volume, "volume_high_mm3": 1.2 * volume, "volume_130_mm3": 1.3 * volume,
        "mean_hu": 250.0, "max_hu": 400, "mass_hu_mm3": 250.0 * 1.3 * volume, "agatston": 50.0,
        "centroid_lps_mm": (0.0, 0.0, 0.0), "centroid_kji": (0.0, 0.0, 0.0), "bbox_kji": ((0, 1), (0, 1), (0, 1)),
        "site_share": 1.0, "deposit": number,
    }  # fmt: skip
    return LocatedLesion(id=number, site=site, side=side, volume_mm3=volume, diameter_mm=diameter, **{**values, **more})


def lesion_map(*lesions, labels=None):
    return LocatedLesionMap(
        labels=np.zeros(GRID.shape, np.int32) if labels is None else labels,
        geometry=GRID,
        lesions=lesions,
        threshold_hu=130.0,
        settings={"detection_floor_mm3": FLOOR_MM3},
    )


def registration(accepted=True, matrix=None):
    matrix = np.eye(4) if matrix is None else matrix
    return Registration(scan_to_atlas=matrix, method="", metric=0.0, overlap=1.0, accepted=accepted, reason="")
