"""The border between two nuclei of one side that a calcification reaches over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.grid.geometry import Array, apply
from calcscan.grid.isotropic import sample_at
from calcscan.knowledge.localisation import LocalisationSettings
from calcscan.knowledge.sites import SiteGroup, all_sites
from calcscan.localisation.border import Border, across_mm, by_density, drawn_shifts, weigh
from calcscan.model import Atlas, Site

_BORDER_SAMPLE = 2000
_TYPICAL = 15
"""So many of the shifts that count divide every voxel."""
_MOSTLY = 0.5
_NUCLEI = (SiteGroup.BASAL_GANGLIA, SiteGroup.DEEP)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Substance:
    """Where a lesion's voxels lie in the atlas, (n, 3) in mm, what each holds and how dense it is, (n,)."""

    atlas_mm: Array
    mm3: Array
    density: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NucleiBorder:
    """The border between two columns of the vote, and which voxels (n,) lie beside it."""

    columns: tuple[int, int]
    border: Border
    beside: npt.NDArray[np.bool_]
    spread: float
    """Standard deviation of what it moves from one to the other, as a share of the lesion."""


def are_nuclei(first: Site, second: Site) -> bool:
    """Whether two sites are nuclei of one side."""
    return first.side == second.side and all(all_sites()[site.site].group in _NUCLEI for site in (first, second))


def settle_border(
    columns: tuple[int, int],
    owner: npt.NDArray[np.intp],
    vote: Array,
    substance: Substance,
    atlas: Atlas,
    numbers: npt.NDArray[np.int64],
    settings: LocalisationSettings,
) -> NucleiBorder | None:
    """The border between two sites, with the votes of the voxels beside it changed in place; None where the lesion's
    parts at the two don't meet."""
    of_pair = np.isin(owner, columns)
    own = vote[:, columns]
    unsure = of_pair & (own.sum(axis=1) >= settings.sure) & (own.min(axis=1) >= 1.0 - settings.sure)
    if substance.mm3[unsure].sum() < settings.part_mm3:
        return None
    border, surround = border_between(columns, of_pair, substance, atlas, numbers, settings)
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
    return NucleiBorder(columns=columns, border=border, beside=beside, spread=spread)


_Field = tuple[npt.NDArray[np.float32], Array]


def border_between(
    columns: tuple[int, int],
    of_pair: npt.NDArray[np.bool_],
    substance: Substance,
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
