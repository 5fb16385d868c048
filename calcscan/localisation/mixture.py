"""Which sites a lesion lies at, and how much of it at each: a mixture learnt from the lesion itself."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.grid.geometry import Array, apply
from calcscan.grid.isotropic import sample_at
from calcscan.knowledge.localisation import LocalisationSettings
from calcscan.model import Atlas

_ROUNDS = 200
_CONVERGED = 1e-4
_SAMPLE = 4000


def site_likelihood(
    atlas_mm: Array, atlas: Atlas, weights: Mapping[str, float], spread_mm: float
) -> tuple[npt.NDArray[np.int64], Array]:
    """The sites' numbers, and how likely each of the points (n, 3) is in each of them: (n, sites), up to a factor."""
    index = apply(np.linalg.inv(atlas.affine), atlas_mm)
    spread = spread_mm / np.linalg.norm(atlas.affine[:3, :3], axis=0)
    margin = np.ceil(3.0 * spread).astype(int)
    low = np.clip(np.floor(index.min(axis=0)).astype(int) - margin, 0, np.array(atlas.labels.shape) - 1)
    high = np.clip(np.ceil(index.max(axis=0)).astype(int) + margin + 1, low + 1, atlas.labels.shape)
    labels = atlas.labels[tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))]
    affine = atlas.affine.copy()
    affine[:3, 3] = apply(atlas.affine, low)
    sizes = np.bincount(atlas.labels.ravel(), minlength=256)
    numbers = np.array([n for n in np.unique(labels) if n in atlas.sites], dtype=np.int64)
    columns = [
        sample_at(ndimage.gaussian_filter((labels == n).astype(np.float32), spread), affine, atlas_mm)
        * weights.get(atlas.sites[int(n)].site, 1.0)
        / sizes[n]
        for n in numbers
    ]
    return numbers, np.stack(columns, axis=1).astype(np.float64) if columns else np.zeros((len(atlas_mm), 0))


def site_shares(likelihood: Array, mm3: Array, settings: LocalisationSettings) -> tuple[Array, list[int]]:
    """The share of the lesion at each site; sites that hold no part of it are left out one by one, the smallest first.
    And those left out that would hold enough for a part if all sites were as likely.

    Learnt from some thousand voxels spread over the lesion.
    """
    every = max(1, len(mm3) // _SAMPLE)
    likelihood, mm3 = likelihood[::every], mm3[::every] * every
    share = (likelihood.sum(axis=0) > 0).astype(np.float64)
    vote = votes(likelihood, share)
    first_mm3 = np.bincount(vote.argmax(axis=1), mm3 * vote.any(axis=1), minlength=len(share))
    while True:
        share = _mixture(likelihood, mm3, share)
        vote = votes(likelihood, share)
        held_mm3 = np.bincount(vote.argmax(axis=1), mm3 * vote.any(axis=1), minlength=len(share))
        sure_mm3 = mm3 @ (vote >= settings.sure)
        weak = (share > 0) & ((held_mm3 < settings.part_mm3) | (sure_mm3 < settings.part_sure * held_mm3))
        if not weak.any() or (share > 0).sum() == 1:
            return share, np.flatnonzero((share == 0) & (first_mm3 >= settings.part_mm3)).tolist()
        share[np.flatnonzero(weak)[held_mm3[weak].argmin()]] = 0.0


def _mixture(likelihood: Array, mm3: Array, share: Array) -> Array:
    """The shares that make the lesion likeliest, from those given; what has none gets none."""
    for _ in range(_ROUNDS):
        before, share = share, mm3 @ votes(likelihood, share) / mm3.sum()
        if np.abs(share - before).max() < _CONVERGED:
            break
    return share


def votes(likelihood: Array, share: Array) -> Array:
    """How each voxel votes, (n, sites): rows that sum to 1, or to 0 where no site is near."""
    vote = likelihood * share
    total = vote.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(vote, total, out=np.zeros_like(vote), where=total > 0))
