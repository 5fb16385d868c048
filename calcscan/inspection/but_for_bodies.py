"""Is contrast medium still seen when what was put into the head is taken out of the picture?

Catheters and rows of contacts are tubes of one density, as enhanced vessels are; only once they are known for what they
are can the rest be judged.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from calcscan.grid.geometry import apply
from calcscan.grid.masks import reached
from calcscan.inspection.contrast import contrast_flags
from calcscan.knowledge.arteries import ArterySettings
from calcscan.knowledge.inspection import InspectionSettings
from calcscan.knowledge.settings import load
from calcscan.model import Atlas, Flag, Registration, Scan, SearchRegion


def contrast_but_for_bodies(
    scan: Scan,
    region: SearchRegion,
    registration: Registration,
    atlas: Atlas,
    bodies_kji: npt.NDArray[np.int64],
    *,
    settings: InspectionSettings | None = None,
    arteries: ArterySettings | None = None,
) -> tuple[Flag, ...]:
    """The flag `contrast`, if it is seen beside the voxels (n, 3) of foreign bodies and their blur."""
    settings = settings or load(InspectionSettings)
    coarse, brain_hu = region.isotropic_hu, region.brain_hu
    if brain_hu is not None and len(bodies_kji):
        index = np.rint(apply(np.linalg.inv(coarse.affine), scan.geometry.to_world(bodies_kji))).astype(np.int64)
        body = np.zeros(coarse.values.shape, dtype=np.bool_)
        body[tuple(np.clip(index, 0, np.array(body.shape) - 1).T)] = True
        reach_mm = settings.body_blur_mm + float(np.max(scan.slice_reach_mm)) / 2.0
        near = reached(body, coarse.spacing_mm, reach_mm)
        values = np.where(near, np.float32(brain_hu), coarse.values)
        region = replace(region, isotropic_hu=replace(coarse, values=values))
    return contrast_flags(scan, region, registration, atlas, settings, arteries or load(ArterySettings))
