"""Which sites the scan shows: what was not scanned, or can't be told from bone there, is unknown, never empty."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from calcscan.grid.geometry import apply
from calcscan.grid.isotropic import sample_at
from calcscan.grid.masks import places
from calcscan.knowledge.burden import BurdenSettings
from calcscan.knowledge.sites import all_sites
from calcscan.model import Atlas, Edge, Registration, Scan, SearchRegion
from calcscan.summary.burden import Place

_STEP = 3


def coverage(
    scan: Scan, registration: Registration, atlas: Atlas, region: SearchRegion | None, settings: BurdenSettings
) -> Mapping[Place, float]:
    """The share of each drawn site that lies within the scan, 0 to 1, judged on every third atlas voxel along each
    axis. What lies between bones counts only in slices thin enough to separate it from them. The dura of the convexity
    is not drawn: it takes the share of the vault in which a plaque would have been detected, or where that is not known
    (no `region`), the share of the site named as `extent_of` in `knowledge/sites.toml`. 0 for a site that streaks of
    metal cross, and for one that this atlas does not have."""
    kji, owner = _sampled(atlas)
    atlas_mm = apply(atlas.affine, kji)
    index = scan.geometry.to_index(registration.to_scan(atlas_mm))
    within = ((index >= -0.5) & (index <= np.array(scan.geometry.shape) - 0.5)).all(axis=1)
    if region is not None and Edge.FIELD_OF_VIEW in region.cut_at:
        coarse = region.isotropic_hu
        within &= sample_at(~coarse.covered, coarse.affine, registration.to_scan(atlas_mm), nearest=True) < 0.5
    between = np.isin(owner, [n for n, s in atlas.sites.items() if all_sites()[s.site].between_bones])
    nearest = np.clip(np.rint(index[:, 0]).astype(np.int64), 0, scan.geometry.shape[0] - 1)
    within &= ~(between & (scan.slice_thickness_mm[nearest] > settings.between_bones_thickest_mm))
    total = np.bincount(owner, minlength=256)
    seen = np.bincount(owner, weights=within, minlength=256)
    out: dict[Place, float] = {
        (site.site, side): 0.0 for site in all_sites().values() if site.drawn for side in site.sides
    }
    out |= {(s.site, s.side): float(seen[n] / total[n]) for n, s in atlas.sites.items() if total[n] > 0}
    if region is not None and region.streaked_slices:
        crossed = np.bincount(owner, weights=np.isin(nearest, region.streaked_slices), minlength=256)
        for n, s in atlas.sites.items():
            if total[n] > 0 and crossed[n] > settings.streaked_share * total[n]:
                out[s.site, s.side] = 0.0
    for site in all_sites().values():
        if site.extent_of:
            shares: dict[str, float] = {side: out[site.extent_of, side] for side in all_sites()[site.extent_of].sides}
            out.update({(site.site, side): shares.get(side, min(shares.values())) for side in site.sides})
    if region is not None:
        vault = {("convexity_dura", side): share for side, share in region.vault_assessable.items()}
        out.update({place: share for place, share in vault.items() if out.get(place) != 0.0})
    return out


def _sampled(atlas: Atlas) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """Voxels of the atlas (n, 3) and their labels: every third along each axis; all of a site too small to have one."""
    labels = atlas.labels[::_STEP, ::_STEP, ::_STEP]
    kji = places(labels > 0)
    met = set(np.unique(labels).tolist())
    small = [n for n in atlas.sites if n not in met]
    kji = np.concatenate([kji * _STEP, *(places(atlas.labels == n) for n in small)])
    return kji, np.asarray(atlas.labels[tuple(kji.T)])
