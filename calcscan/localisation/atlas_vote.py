"""The atlas's vote on where a calcification lies."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np

from calcscan.grid.geometry import Array
from calcscan.grid.isotropic import sample_at
from calcscan.model import Atlas, Registration

Place = tuple[str, str]
Shares = Mapping[Place, float]


def ranked(shares: Shares) -> list[tuple[Place, float]]:
    """Largest share first; ties by name, so that the answer doesn't hang on an order."""
    return sorted(shares.items(), key=lambda item: (-item[1], item[0]))


class AtlasVote:
    """The atlas's votes around a set of points."""

    def __init__(self, atlas: Atlas, registration: Registration, prior: Mapping[str, float], spread_mm: float) -> None:
        self._atlas, self._fit = atlas, registration
        steps = [-1.5, -0.75, 0.0, 0.75, 1.5]
        self._offsets = spread_mm * np.array(list(product(steps, steps, steps)))
        self._weights = np.exp(-0.5 * (self._offsets**2).sum(axis=1) / spread_mm**2)
        self._prior = np.zeros(256)
        for number, site in atlas.sites.items():
            self._prior[number] = prior.get(site.site, 0.0)

    def shares(self, world: Array) -> dict[Place, float]:
        """Share of the vote of every site and side that gets any; `unassigned` where there is none."""
        points = world[:: max(1, len(world) // 400)]
        there = self._fit.to_atlas(points)
        around = (there[:, None] + self._offsets).reshape(-1, 3)
        labels = sample_at(self._atlas.labels, self._atlas.affine, around, nearest=True).astype(np.uint8)
        votes = self._prior[labels].reshape(len(points), -1) * self._weights
        totals = votes.sum(axis=1, keepdims=True)
        share = np.bincount(labels, (votes / np.where(totals > 0, totals, 1.0)).ravel(), minlength=256) / len(points)
        out = {
            (site.site, site.side): float(share[number])
            for number, site in self._atlas.sites.items()
            if share[number] > 0
        }
        left_over = float((totals == 0).mean())
        if left_over > 0:
            out["unassigned", ""] = left_over
        return out
