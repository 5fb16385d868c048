"""Does a fit take fluid for brain? Where ventricles are wider than a fit has followed, the atlas's caudates, which form
their walls, lie in fluid."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from calcscan.grid.displacement import Displacement
from calcscan.grid.geometry import Array, apply
from calcscan.grid.isotropic import sample_at
from calcscan.grid.masks import places
from calcscan.knowledge.registration import RegistrationSettings
from calcscan.model import Atlas
from calcscan.registration.preprocess import RegistrationImage

_WALL = "caudate"
_THIN = 3
"""Every so many voxels of it are looked at."""


def fluid_in_caudate(
    head: RegistrationImage,
    scan_to_atlas: Array,
    displacement: Displacement,
    atlas: Atlas,
    settings: RegistrationSettings,
) -> Mapping[str, float]:
    """The share of the atlas's caudate, `left` and `right`, that is fluid in the head; 0 where it was not scanned."""
    out = {}
    for number, site in atlas.sites.items():
        if site.site != _WALL:
            continue
        target = apply(atlas.affine, places(atlas.labels == number)[::_THIN])
        points = apply(np.linalg.inv(scan_to_atlas), displacement.inverse(target))
        inside = sample_at(head.mask & head.covered, head.affine, points, nearest=True) > 0
        hu = sample_at(head.brain_hu, head.affine, points[inside])
        out[site.side] = float((hu < settings.wall_fluid_hu).mean()) if inside.any() else 0.0
    return out
