"""A lesion that is several, divided between points that a reader set: each voxel goes to the nearest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from calcscan.errors import InputError
from calcscan.measurement.statistics import plain_measures
from calcscan.model import OwnLabels, ReviewDecision
from calcscan.review.draft import Draft
from calcscan.summary import divide_by_regions

_FARTHEST_MM = 10.0
"""A point that lies farther from every voxel of the lesion is not meant for it."""


def split_at_seeds(draft: Draft, one: ReviewDecision, *, where: str = "") -> None:
    """In place of a lesion, a part for each seed, in their order, with new numbers.

    The parts share the lesion's volume as they share its signal above brain, so that together they hold what it held;
    the interval of each also allows for the border between them (`summary.divide_by_regions`).

    Raises
    ------
    InputError
        A seed lies far from the lesion, or is the nearest to none of its voxels.
    """
    whole, geometry = draft.lesions[one.lesion], draft.before.geometry
    kji = draft.before.voxels_kji(one.lesion)
    seeds = np.array(one.seeds_lps_mm)
    world_mm = geometry.to_world(kji)
    away_mm, _ = cKDTree(world_mm).query(seeds)
    nearest = cKDTree(seeds).query(world_mm)[1]
    for number, (away, count) in enumerate(zip(away_mm, np.bincount(nearest, minlength=len(seeds)), strict=True)):
        address = f"{where} seeds_lps_mm[{number}]".strip()
        if away > _FARTHEST_MM:
            what = f"the seed lies {away:.0f} mm from lesion {one.lesion}"
            raise InputError(what, where=address, hint="give points in LPS mm, one in each part of the lesion")
        if count == 0:
            what = f"no voxel of lesion {one.lesion} is nearest to this seed"
            raise InputError(what, where=address, hint="leave it out, or set the seeds farther apart")
    parts = np.zeros(draft.labels.shape, dtype=np.int32)
    parts[tuple(kji.T)] = nearest + 1
    alone = replace(draft.before, lesions=(whole,))
    shares = divide_by_regions(alone, draft.scan, OwnLabels(values=parts))
    draft.touched.add(whole.deposit)
    del draft.lesions[one.lesion]
    for part, share in zip(range(1, len(seeds) + 1), shares, strict=False):  # the last row is what lies in no part
        own = kji[nearest == part - 1]
        number = draft.number()
        measured = plain_measures(own, draft.scan.hu[tuple(own.T)], geometry, draft.settings.thresholds)
        draft.lesions[number] = replace(
            whole,
            id=number,
            deposit=draft.deposit(),
            division=None,
            volume_mm3=share.volume_mm3,
            volume_low_mm3=share.volume_low_mm3,
            volume_high_mm3=share.volume_high_mm3,
            review="split",
            from_lesion=whole.id,
            by_reader=False,
            program_site=whole.program_site or whole.site,
            program_side=whole.side if whole.program_side is None else whole.program_side,
            **measured,
        )
        draft.labels[tuple(own.T)] = number
        draft.unplaced.add(number)
