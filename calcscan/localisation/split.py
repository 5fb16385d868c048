"""Divide a calcification that reaches over several sites along their borders.

Each voxel belongs to the site that explains it best, in a mixture whose shares are learnt from the lesion itself
(expectation maximisation): what is dense over the whole of pallidum and putamen lies in both, while a lesion within one
of them, seen a little beside it through the registration's error, stays whole. Within a site each place is as likely as
any other, so that a thin sheet of dura isn't drowned by the large lobe beside it. Between two nuclei of one side the
border is then moved to where the lesion itself shows it (`border`); what each part holds follows its density
(`filling`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.grid.geometry import Array, apply
from calcscan.grid.isotropic import sample_at
from calcscan.knowledge.localisation import LocalisationSettings
from calcscan.knowledge.sites import SiteGroup, all_sites
from calcscan.knowledge.thresholds import ThresholdSettings
from calcscan.localisation.border import Border, across_mm, by_density, drawn_shifts, weigh
from calcscan.localisation.filling import Filling, measure_filling
from calcscan.measurement.statistics import plain_measures
from calcscan.model import Atlas, LocatedLesion, Registration, Scan, Site, TouchingPair

_ROUNDS = 200
_CONVERGED = 1e-4
_SAMPLE = 4000
_BORDER_SAMPLE = 2000
_TYPICAL = 15
"""So many of the shifts that count divide every voxel."""
_MOSTLY = 0.5
_Z95 = 1.96
_FAINT = 1e-3
_NUCLEI = (SiteGroup.BASAL_GANGLIA, SiteGroup.DEEP)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """A part of a lesion and its voxels (n, 3); with the first of two nuclei that touch, what both hold together."""

    lesion: LocatedLesion
    kji: npt.NDArray[np.int64]
    pairs: tuple[TouchingPair, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Between:
    """The border between two columns of the vote, and which voxels (n,) lie beside it."""

    columns: tuple[int, int]
    border: Border
    beside: npt.NDArray[np.bool_]
    spread: float
    """Standard deviation of what it moves from one to the other, as a share of the lesion."""


def split_lesion(
    lesion: LocatedLesion,
    kji: npt.NDArray[np.int64],
    scan: Scan,
    registration: Registration,
    atlas: Atlas,
    weights: Mapping[str, float],
    settings: LocalisationSettings,
    thresholds: ThresholdSettings,
    *,
    background_hu: float = 0.0,
) -> list[Part]:
    """The parts of a lesion with voxels (n, 3), each a lesion of its own; the lesion alone where one site holds it.

    `weights` is how much each site's likelihood counts for this lesion's shape and surround, `background_hu` the
    density of brain. The best volume of a part is its share of the lesion's substance; its interval also allows for
    where the border may lie.
    """
    atlas_mm = registration.to_atlas(scan.geometry.to_world(kji))
    numbers, likelihood = _likelihood(atlas_mm, atlas, weights, settings.uncertainty_mm)
    sites = [atlas.sites[int(n)] for n in numbers]
    voxel_mm3 = scan.geometry.voxel_mm3[kji[:, 0]]
    filling = measure_filling(kji, scan, background_hu, settings)
    mm3 = filling.mm3 if filling.mm3.any() else voxel_mm3
    substance = _Substance(atlas_mm=atlas_mm, mm3=mm3, density=filling.density)
    share, doubtful = _site_shares(likelihood, voxel_mm3, settings)
    for column in doubtful:
        share = _with_site(column, share, likelihood, substance, atlas, numbers, settings)
    vote = _vote(likelihood, share)
    owner = vote.argmax(axis=1)
    owner[vote.sum(axis=1) == 0] = np.bincount(owner, voxel_mm3).argmax()
    if len(np.unique(owner)) < 2:
        return [Part(lesion=lesion, kji=kji)]
    between = []
    for first, second in combinations(np.unique(owner).tolist(), 2):
        if _are_nuclei(sites[first], sites[second]):
            found = _between((first, second), owner, vote, substance, atlas, numbers, settings)
            if found is not None:
                between.append(found)
    settled = np.zeros(len(kji), np.bool_)
    for item in between:
        settled |= item.beside
        first, second = item.columns
        to_first = vote[item.beside, first] >= vote[item.beside, second]
        owner[item.beside] = np.where(to_first, first, second)
    if any(item.border.step for item in between):
        slab_mm = float(scan.geometry.slab_mm[kji[:, 0]].max())
        lesion = _by_own_density(lesion, owner, filling, slab_mm, settings)
    divided = _Divided(kji=kji, sites=sites, vote=vote, owner=owner, mm3=mm3, between=between, settled=settled)
    return [_part(lesion, scan, divided, int(column), settings, thresholds) for column in np.unique(owner)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Substance:
    """Where a lesion's voxels lie in the atlas, (n, 3) in mm, what each holds and how dense it is, (n,)."""

    atlas_mm: Array
    mm3: Array
    density: Array


def _with_site(
    column: int,
    share: Array,
    likelihood: Array,
    substance: _Substance,
    atlas: Atlas,
    numbers: npt.NDArray[np.int64],
    settings: LocalisationSettings,
) -> Array:
    """The shares with a nucleus that the atlas alone leaves out, where the lesion clearly shows a waist or a step
    between it and the nucleus beside it; otherwise the shares as they are."""
    vote = _vote(likelihood, share)
    owner = vote.argmax(axis=1)
    sites = [atlas.sites[int(n)] for n in numbers]
    beside = [n for n in np.unique(owner).tolist() if n != column and _are_nuclei(sites[n], sites[column])]
    if not beside:
        return share
    other = max(beside, key=lambda n: float(substance.mm3[owner == n].sum()))
    of_pair = owner == other
    border = _border((column, other), of_pair, substance, atlas, numbers, settings)[0]
    part = float(border.weight @ border.share)
    held_mm3 = float(substance.mm3[of_pair].sum())
    if border.gain < settings.border_sure or min(part, 1.0 - part) * held_mm3 < settings.part_mm3:
        return share
    out = share.copy()
    out[column], out[other] = part * share[other], (1.0 - part) * share[other]
    return out


def _by_own_density(
    lesion: LocatedLesion,
    owner: npt.NDArray[np.intp],
    filling: Filling,
    slab_mm: float,
    settings: LocalisationSettings,
) -> LocatedLesion:
    """The lesion with a volume that allows for parts of different density: measured as of one, the faint part would
    count as little as if it were a partly filled dense one. In thick slices a faint part can't be told from one that
    fills its slices in part: there the volume lies between both measures, and the interval holds both."""
    held = np.bincount(owner, filling.mm3)
    some = held > 0
    density = np.bincount(owner, filling.mm3 * np.log(filling.density))[some] / held[some]
    if lesion.volume_mm3 <= 0 or not some.any() or float(np.ptp(density)) < settings.density_step:
        return lesion
    own_mm3 = float(filling.mm3.sum())
    between = abs(float(np.log(own_mm3 / lesion.volume_mm3))) / 2 if slab_mm > settings.thick_mm else 0.0
    best = float(np.sqrt(own_mm3 * lesion.volume_mm3)) if slab_mm > settings.thick_mm else own_mm3
    ends = np.array([lesion.volume_low_mm3, lesion.volume_high_mm3]) / lesion.volume_mm3
    wide = np.hypot(np.log(np.maximum(ends, _FAINT)), _Z95 * settings.density_error) + between
    return replace(
        lesion,
        volume_mm3=best,
        volume_low_mm3=best * float(np.exp(-wide[0])),
        volume_high_mm3=best * float(np.exp(wide[1])),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Divided:
    """A lesion's voxels (n, 3), how they vote (n, sites), whose they are (n,), and what they hold (n,); `settled` are
    those beside a border that was moved to its place."""

    kji: npt.NDArray[np.int64]
    sites: Sequence[Site]
    vote: Array
    owner: npt.NDArray[np.intp]
    mm3: Array
    between: Sequence[_Between]
    settled: npt.NDArray[np.bool_]

    def share(self, which: npt.NDArray[np.bool_]) -> float:
        return float(self.mm3[which].sum() / self.mm3.sum())

    def range(self, column: int, settings: LocalisationSettings) -> tuple[float, float, float]:
        """The share of a site, and how much less and more it may be where the atlas alone decides."""
        part_of = self.owner == column
        sure = part_of & (self.settled | (self.vote[:, column] >= settings.sure))
        possible = part_of | (~self.settled & (self.vote[:, column] >= 1.0 - settings.sure))
        share = self.share(part_of)
        return share, share - self.share(sure), self.share(possible) - share


def _are_nuclei(first: Site, second: Site) -> bool:
    """Whether two sites are nuclei of one side."""
    return first.side == second.side and all(all_sites()[site.site].group in _NUCLEI for site in (first, second))


def _between(
    columns: tuple[int, int],
    owner: npt.NDArray[np.intp],
    vote: Array,
    substance: _Substance,
    atlas: Atlas,
    numbers: npt.NDArray[np.int64],
    settings: LocalisationSettings,
) -> _Between | None:
    """The border between two sites, with the votes of the voxels beside it changed in place; None where the lesion's
    parts at the two don't meet."""
    of_pair = np.isin(owner, columns)
    own = vote[:, columns]
    unsure = of_pair & (own.sum(axis=1) >= settings.sure) & (own.min(axis=1) >= 1.0 - settings.sure)
    if substance.mm3[unsure].sum() < settings.part_mm3:
        return None
    border, surround = _border(columns, of_pair, substance, atlas, numbers, settings)
    beside = of_pair & (own.sum(axis=1) >= _MOSTLY)
    first_share = np.zeros(int(beside.sum()))
    for shift in border.typical_mm(_TYPICAL):
        near = [sample_at(field, affine, substance.atlas_mm[beside] - shift) for field, affine in surround]
        first_share += (across_mm(near[0], near[1], settings.border_spread_mm) > 0) / _TYPICAL
    if border.step:
        first_share = by_density(first_share, substance.density[beside], substance.mm3[beside], settings)
    of_both = own[beside].sum(axis=1)
    vote[beside, columns[0]], vote[beside, columns[1]] = first_share * of_both, (1.0 - first_share) * of_both
    spread = border.spread * float(substance.mm3[of_pair].sum() / substance.mm3.sum())
    return _Between(columns=columns, border=border, beside=beside, spread=spread)


_Field = tuple[npt.NDArray[np.float32], Array]


def _border(
    columns: tuple[int, int],
    of_pair: npt.NDArray[np.bool_],
    substance: _Substance,
    atlas: Atlas,
    numbers: npt.NDArray[np.int64],
    settings: LocalisationSettings,
) -> tuple[Border, list[_Field]]:
    """The border between two sites in these voxels (n,), and how much of each place's surround either site has."""
    surround = [_surround(atlas, int(numbers[column]), settings.border_spread_mm) for column in columns]
    chosen = np.flatnonzero(of_pair)
    every = max(1, len(chosen) // _BORDER_SAMPLE)
    chosen = chosen[::every]
    shifts = drawn_shifts(settings.uncertainty_mm)
    moved = (substance.atlas_mm[chosen] - shifts[:, None]).reshape(-1, 3)
    near = [sample_at(field, affine, moved).reshape(len(shifts), -1) for field, affine in surround]
    mm3, density = substance.mm3[chosen] * every, substance.density[chosen]
    return weigh(near[0], near[1], shifts, mm3, density, settings), surround


def _surround(atlas: Atlas, number: int, spread_mm: float) -> _Field:
    """How much of the surround of each place a site has, cut out of the atlas, with the affine of the cut."""
    spread = spread_mm / np.linalg.norm(atlas.affine[:3, :3], axis=0)
    margin = np.ceil(4.0 * spread).astype(int)
    where = np.argwhere(atlas.labels == number)
    low = np.maximum(where.min(axis=0) - margin, 0)
    high = np.minimum(where.max(axis=0) + margin + 1, atlas.labels.shape)
    own = atlas.labels[tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))] == number
    affine = atlas.affine.copy()
    affine[:3, 3] = apply(atlas.affine, low)
    return np.asarray(ndimage.gaussian_filter(own.astype(np.float32), spread)), affine


def _part(
    lesion: LocatedLesion,
    scan: Scan,
    divided: _Divided,
    column: int,
    settings: LocalisationSettings,
    thresholds: ThresholdSettings,
) -> Part:
    """What falls to the site `column` of the vote."""
    kji, sites, vote = divided.kji, divided.sites, divided.vote
    voxel_mm3, part_of = scan.geometry.voxel_mm3[kji[:, 0]], divided.owner == column
    mean = voxel_mm3[part_of] @ vote[part_of] / voxel_mm3[part_of].sum()
    others = [n for n in np.argsort(-mean, kind="stable") if n != column and mean[n] >= settings.also_share]
    own = [item for item in divided.between if column in item.columns]
    share, less, more = divided.range(column, settings)
    volume = _interval(lesion, share, less, more, [item.spread for item in own])
    part = replace(
        lesion,
        site=sites[column].site,
        side=sites[column].side,
        site_share=round(float(mean[column]), 3),
        also=tuple((sites[n].site, sites[n].side, round(float(mean[n]), 3)) for n in others),
        volume_mm3=volume[0],
        volume_low_mm3=volume[1],
        volume_high_mm3=volume[2],
        division=_division(share, less, more, own, settings),
        **plain_measures(kji[part_of], scan.hu[tuple(kji[part_of].T)], scan.geometry, thresholds),
    )
    pairs = [_pair(lesion, divided, item, settings) for item in own if item.columns[0] == column]
    return Part(lesion=part, kji=kji[part_of], pairs=tuple(pairs))


def _place(site: Site) -> tuple[str, str]:
    return site.site, site.side


def _pair(lesion: LocatedLesion, divided: _Divided, item: _Between, settings: LocalisationSettings) -> TouchingPair:
    """Two nuclei that touch, and what both hold: the border between them makes no difference to that."""
    first, second = item.columns
    ranges = [divided.range(column, settings) for column in item.columns]
    share, less, more = (sum(values) for values in zip(*ranges, strict=True))
    others = [n.spread for n in divided.between if n is not item and set(n.columns) & set(item.columns)]
    best, low, high = _interval(lesion, share, less, more, others)
    doubtful = any(_is_uncertain(part, 0.0, 0.0, [item.spread], settings) for part, *_ in ranges)
    return TouchingPair(
        deposit=lesion.deposit,
        sites=(_place(divided.sites[first]), _place(divided.sites[second])),
        volume_mm3=best,
        volume_low_mm3=low,
        volume_high_mm3=high,
        division="uncertain" if doubtful else item.border.evidence,
    )


def _interval(
    lesion: LocatedLesion, share: float, less: float, more: float, spreads: Sequence[float]
) -> tuple[float, float, float]:
    """Volume of a share of a lesion, with an interval that allows for its measure and for where its borders lie."""
    best = lesion.volume_mm3 * share
    borders = _Z95 * float(np.linalg.norm(spreads)) if spreads else 0.0
    low = best - float(np.linalg.norm([share * (lesion.volume_mm3 - lesion.volume_low_mm3),
                                       lesion.volume_mm3 * less, lesion.volume_mm3 * borders]))  # fmt: skip
    high = best + float(np.linalg.norm([share * (lesion.volume_high_mm3 - lesion.volume_mm3),
                                        lesion.volume_mm3 * more, lesion.volume_mm3 * borders]))  # fmt: skip
    return best, max(low, 0.0), max(best, min(high, lesion.volume_high_mm3))


def _is_uncertain(
    share: float, less: float, more: float, spreads: Sequence[float], settings: LocalisationSettings
) -> bool:
    borders = _Z95 * float(np.linalg.norm(spreads)) if spreads else 0.0
    low, high = share - float(np.hypot(less, borders)), share + float(np.hypot(more, borders))
    return high > settings.uncertain_ratio * max(low, 0.0)


def _division(share: float, less: float, more: float, own: Sequence[_Between], settings: LocalisationSettings) -> str:
    """What a part's borders rest on: `uncertain` where they may lie so that it is several times as large."""
    if _is_uncertain(share, less, more, [item.spread for item in own], settings):
        return "uncertain"
    return max(own, key=lambda item: item.spread).border.evidence if own else "atlas"


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


def _site_shares(likelihood: Array, mm3: Array, settings: LocalisationSettings) -> tuple[Array, list[int]]:
    """The share of the lesion at each site; sites that hold no part of it are left out one by one, the smallest first.
    And those left out that would hold enough for a part if all sites were as likely.

    Learnt from some thousand voxels spread over the lesion.
    """
    every = max(1, len(mm3) // _SAMPLE)
    likelihood, mm3 = likelihood[::every], mm3[::every] * every
    share = (likelihood.sum(axis=0) > 0).astype(np.float64)
    vote = _vote(likelihood, share)
    first_mm3 = np.bincount(vote.argmax(axis=1), mm3 * vote.any(axis=1), minlength=len(share))
    while True:
        share = _mixture(likelihood, mm3, share)
        vote = _vote(likelihood, share)
        held_mm3 = np.bincount(vote.argmax(axis=1), mm3 * vote.any(axis=1), minlength=len(share))
        sure_mm3 = mm3 @ (vote >= settings.sure)
        weak = (share > 0) & ((held_mm3 < settings.part_mm3) | (sure_mm3 < settings.part_sure * held_mm3))
        if not weak.any() or (share > 0).sum() == 1:
            return share, np.flatnonzero((share == 0) & (first_mm3 >= settings.part_mm3)).tolist()
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
