"""At which site, or next to which, something lies that is not reported as calcification."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from calcscan.grid.geometry import apply
from calcscan.grid.isotropic import sample_at
from calcscan.grid.masks import box_around, corner_of
from calcscan.knowledge.localisation import LocalisationSettings
from calcscan.knowledge.sites import all_sites
from calcscan.model import Atlas, LeftOut, Registration, Scan, SearchRegion

_POINTS = 400
"""About as many voxels of it are looked at."""


def with_nearest_site(
    item: LeftOut,
    scan: Scan,
    region: SearchRegion,
    registration: Registration,
    atlas: Atlas,
    settings: LocalisationSettings,
) -> LeftOut:
    """The same with the site that most of its voxels lie in or nearest to, and how far they stay away from it.

    Unchanged where the registration was not accepted, and where no site lies within `nearest_mm`.
    """
    if not registration.accepted:
        return item
    world_mm = scan.geometry.to_world(item.kji[:: max(1, len(item.kji) // _POINTS)])
    atlas_mm = registration.to_atlas(world_mm)
    spacing_mm = np.linalg.norm(atlas.affine[:3, :3], axis=0)
    index = np.rint(apply(np.linalg.inv(atlas.affine), atlas_mm)).astype(np.int64)
    index = np.clip(index, 0, np.array(atlas.labels.shape) - 1)
    margin = np.ceil(settings.nearest_mm / spacing_mm).astype(np.int64)
    box = box_around(index, margin, atlas.labels.shape)
    labels = atlas.labels[box]
    if not labels.any():
        return item
    away_mm, nearest = ndimage.distance_transform_edt(labels == 0, sampling=spacing_mm, return_indices=True)
    at = tuple((index - corner_of(box)).T)
    numbers = labels[tuple(axis[at] for axis in nearest)]
    number = int(np.bincount(numbers).argmax())
    distance_mm = float(away_mm[at][numbers == number].min())
    if distance_mm > settings.nearest_mm:
        return item
    site, side = atlas.sites[number].site, atlas.sites[number].side
    within = np.bincount(numbers[away_mm[at] == 0.0], minlength=number + 1) >= settings.also_share * len(numbers)
    also = [atlas.sites[int(n)] for n in np.flatnonzero(within) if n not in (0, number)]
    if all_sites()[site].cerebral and _depth_mm(item, scan, region) <= settings.convexity_depth_mm:
        site, side = "convexity_dura", "left" if atlas_mm[:, 0].mean() > 0 else "right"
    return replace(
        item,
        nearest_site=site,
        nearest_side=side,
        distance_mm=distance_mm,
        also=tuple((other.site, other.side) for other in also),
    )


def _depth_mm(item: LeftOut, scan: Scan, region: SearchRegion) -> float:
    """The greatest depth of its voxels under the inner table."""
    return float(sample_at(region.depth_mm, region.isotropic_hu.affine, scan.geometry.to_world(item.kji)).max())
