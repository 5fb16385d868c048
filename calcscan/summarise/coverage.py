"""Which sites the scan reaches: what was not scanned is unknown, never empty."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from calcscan.geometry import apply
from calcscan.knowledge import table
from calcscan.model import Atlas, AtlasFit, Scan
from calcscan.summarise.burden import Place

_STEP = 2


def coverage(scan: Scan, fit: AtlasFit, atlas: Atlas) -> Mapping[Place, float]:
    """The share of each drawn site that lies within the scan, 0 to 1, judged on every second atlas voxel along each
    axis. A site that is told by depth and not drawn takes the share of the one named in `knowledge/burden.toml`."""
    labels = atlas.labels[::_STEP, ::_STEP, ::_STEP]
    kji = np.argwhere(labels > 0)
    owner = labels[tuple(kji.T)]
    there = apply(atlas.affine, kji * _STEP)
    index = scan.geometry.to_index(fit.to_scan(there))
    within = ((index >= -0.5) & (index <= np.array(scan.geometry.shape) - 0.5)).all(axis=1)
    total = np.bincount(owner, minlength=256)
    seen = np.bincount(owner, weights=within, minlength=256)
    out = {(s.site, s.side): float(seen[n] / total[n]) for n, s in atlas.sites.items() if total[n] > 0}
    for site, stand_in in table("burden")["coverage"]["stand_in"].items():
        out.update({(site, side): share for (name, side), share in list(out.items()) if name == stand_in})
    return out
