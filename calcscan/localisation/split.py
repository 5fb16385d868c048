"""Divide a calcification that reaches over several sites along their borders.

Each voxel belongs to the site that explains it best, in a mixture whose shares are learnt from the lesion itself
(expectation maximisation): what is dense over the whole of pallidum and putamen lies in both, while a lesion within one
of them, seen a little beside it through the registration's error, stays whole. Within a site each place is as likely as
any other, so that a thin sheet of dura isn't drowned by the large lobe beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.grid.geometry import Array, apply
from calcscan.grid.isotropic import sample_at
from calcscan.knowledge.localisation import LocalisationSettings
from calcscan.knowledge.thresholds import ThresholdSettings
from calcscan.measurement.statistics import plain_measures
from calcscan.model import Atlas, LocatedLesion, Registration, Scan, Site

_ROUNDS = 200
_CONVERGED = 1e-4
_SAMPLE = 4000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """A part of a lesion and its voxels (n, 3)."""

    lesion: LocatedLesion
    kji: npt.NDArray[np.int64]


def split_lesion(
    lesion: LocatedLesion,
    kji: npt.NDArray[np.int64],
    scan: Scan,
    registration: Registration,
    atlas: Atlas,
    weights: Mapping[str, float],
    settings: LocalisationSettings,
    thresholds: ThresholdSettings,
) -> list[Part]:
    """The parts of a lesion with voxels (n, 3), each a lesion of its own; the lesion alone where one site holds it.

    `weights` is how much each site's likelihood counts for this lesion's shape and surround. The best volume of a part
    is its share of the lesion's by voxels; its interval also allows for where the border may lie: from what belongs to
    it for certain to what may belong to it.
    """
    atlas_mm = registration.to_atlas(scan.geometry.to_world(kji))
    numbers, likelihood = _likelihood(atlas_mm, atlas, weights, settings.uncertainty_mm)
    mm3 = scan.geometry.voxel_mm3[kji[:, 0]]
    vote = _vote(likelihood, _site_shares(likelihood, mm3, settings))
    owner = vote.argmax(axis=1)
    owner[vote.sum(axis=1) == 0] = np.bincount(owner, mm3).argmax()
    present = np.unique(owner)
    if len(present) < 2:
        return [Part(lesion=lesion, kji=kji)]
    sites = [atlas.sites[int(n)] for n in numbers]
    return [_part(lesion, kji, scan, sites, vote, owner, int(column), settings, thresholds) for column in present]


def _part(
    lesion: LocatedLesion,
    kji: npt.NDArray[np.int64],
    scan: Scan,
    sites: Sequence[Site],
    vote: Array,
    owner: npt.NDArray[np.intp],
    column: int,
    settings: LocalisationSettings,
    thresholds: ThresholdSettings,
) -> Part:
    """What falls to the site `column` of `vote` (voxels, sites)."""
    mm3, part_of = scan.geometry.voxel_mm3[kji[:, 0]], owner == column
    sure, possible = part_of & (vote[:, column] >= settings.sure), part_of | (vote[:, column] >= 1.0 - settings.sure)
    share, least, most = (float(mm3[which].sum() / mm3.sum()) for which in (part_of, sure, possible))
    mean = mm3[part_of] @ vote[part_of] / mm3[part_of].sum()
    others = [n for n in np.argsort(-mean, kind="stable") if n != column and mean[n] >= settings.also_share]
    part = replace(
        lesion,
        site=sites[column].site,
        side=sites[column].side,
        site_share=round(float(mean[column]), 3),
        also=tuple((sites[n].site, sites[n].side, round(float(mean[n]), 3)) for n in others),
        volume_mm3=lesion.volume_mm3 * share,
        volume_low_mm3=lesion.volume_low_mm3 * least,
        volume_high_mm3=lesion.volume_high_mm3 * most,
        **plain_measures(kji[part_of], scan.hu[tuple(kji[part_of].T)], scan.geometry, thresholds),
    )
    return Part(lesion=part, kji=kji[part_of])


def _likelihood(
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


def _site_shares(likelihood: Array, mm3: Array, settings: LocalisationSettings) -> Array:
    """The share of the lesion at each site; sites that hold no part of it are left out one by one, the smallest first.

    Learnt from some thousand voxels spread over the lesion.
    """
    every = max(1, len(mm3) // _SAMPLE)
    likelihood, mm3 = likelihood[::every], mm3[::every] * every
    share = (likelihood.sum(axis=0) > 0).astype(np.float64)
    while True:
        share = _mixture(likelihood, mm3, share)
        vote = _vote(likelihood, share)
        held_mm3 = np.bincount(vote.argmax(axis=1), mm3 * vote.any(axis=1), minlength=len(share))
        sure_mm3 = mm3 @ (vote >= settings.sure)
        weak = (share > 0) & ((held_mm3 < settings.part_mm3) | (sure_mm3 < settings.part_sure * held_mm3))
        if not weak.any() or (share > 0).sum() == 1:
            return share
        share[np.flatnonzero(weak)[held_mm3[weak].argmin()]] = 0.0


def _mixture(likelihood: Array, mm3: Array, share: Array) -> Array:
    """The shares that make the lesion likeliest, from those given; what has none gets none."""
    for _ in range(_ROUNDS):
        before, share = share, mm3 @ _vote(likelihood, share) / mm3.sum()
        if np.abs(share - before).max() < _CONVERGED:
            break
    return share


def _vote(likelihood: Array, share: Array) -> Array:
    """How each voxel votes, (n, sites): rows that sum to 1, or to 0 where no site is near."""
    vote = likelihood * share
    total = vote.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(vote, total, out=np.zeros_like(vote), where=total > 0))
