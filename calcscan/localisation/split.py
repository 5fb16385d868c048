"""Divide a calcification that reaches over several sites along their borders.

Each voxel belongs to the site that explains it best, in a mixture whose shares are learnt from the lesion itself
(expectation maximisation): what is dense over the whole of pallidum and putamen lies in both, while a lesion within one
of them, seen a little beside it through the registration's error, stays whole. Within a site each place is as likely as
any other, so that a thin sheet of dura isn't drowned by the large lobe beside it. Between two nuclei of one side the
border is then moved to where the lesion itself shows it (`border`); what each part holds follows its density
(`filling`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations

import numpy as np
import numpy.typing as npt

from calcscan.grid.geometry import Array
from calcscan.knowledge.localisation import LocalisationSettings
from calcscan.knowledge.thresholds import ThresholdSettings
from calcscan.localisation.filling import Filling, measure_filling
from calcscan.localisation.mixture import site_likelihood, site_shares, votes
from calcscan.localisation.nuclei_border import Substance, are_nuclei, border_between, settle_border
from calcscan.localisation.parts import Z95, Divided, Part, part_at
from calcscan.model import Atlas, LocatedLesion, Registration, Scan

_FAINT = 1e-3
"""So that a logarithm of nothing is finite."""


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
    numbers, likelihood = site_likelihood(atlas_mm, atlas, weights, settings.uncertainty_mm)
    sites = [atlas.sites[int(n)] for n in numbers]
    voxel_mm3 = scan.geometry.voxel_mm3[kji[:, 0]]
    filling = measure_filling(kji, scan, background_hu, settings)
    mm3 = filling.mm3 if filling.mm3.any() else voxel_mm3
    substance = Substance(atlas_mm=atlas_mm, mm3=mm3, density=filling.density)
    share, doubtful = site_shares(likelihood, voxel_mm3, settings)
    for column in doubtful:
        share = _with_site(column, share, likelihood, substance, atlas, numbers, settings)
    vote = votes(likelihood, share)
    owner = vote.argmax(axis=1)
    owner[vote.sum(axis=1) == 0] = np.bincount(owner, voxel_mm3).argmax()
    if len(np.unique(owner)) < 2:
        return [Part(lesion=lesion, kji=kji)]
    between = []
    for first, second in combinations(np.unique(owner).tolist(), 2):
        if are_nuclei(sites[first], sites[second]):
            found = settle_border((first, second), owner, vote, substance, atlas, numbers, settings)
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
    divided = Divided(kji=kji, sites=sites, vote=vote, owner=owner, mm3=mm3, between=between, settled=settled)
    return [part_at(lesion, scan, divided, int(column), settings, thresholds) for column in np.unique(owner)]


def _with_site(
    column: int,
    share: Array,
    likelihood: Array,
    substance: Substance,
    atlas: Atlas,
    numbers: npt.NDArray[np.int64],
    settings: LocalisationSettings,
) -> Array:
    """The shares with a nucleus that the atlas alone leaves out, where the lesion clearly shows a waist or a step
    between it and the nucleus beside it; otherwise the shares as they are."""
    vote = votes(likelihood, share)
    owner = vote.argmax(axis=1)
    sites = [atlas.sites[int(n)] for n in numbers]
    beside = [n for n in np.unique(owner).tolist() if n != column and are_nuclei(sites[n], sites[column])]
    if not beside:
        return share
    other = max(beside, key=lambda n: float(substance.mm3[owner == n].sum()))
    of_pair = owner == other
    border = border_between((column, other), of_pair, substance, atlas, numbers, settings)[0]
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
    wide = np.hypot(np.log(np.maximum(ends, _FAINT)), Z95 * settings.density_error) + between
    return replace(
        lesion,
        volume_mm3=best,
        volume_low_mm3=best * float(np.exp(-wide[0])),
        volume_high_mm3=best * float(np.exp(wide[1])),
        volume_counted=False,
    )
