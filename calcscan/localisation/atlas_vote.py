"""How the atlas votes on where a calcification lies."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np

from calcscan.grid.geometry import Array
from calcscan.grid.isotropic import sample_at
from calcscan.knowledge.localisation import LocalisationSettings
from calcscan.knowledge.sites import all_sites
from calcscan.localisation.features import Features
from calcscan.model import Atlas, Registration

Place = tuple[str, str]
"""Site and side."""
NOWHERE: Place = ("unassigned", "")
"""What is given to no site."""

_STEPS = (-1.5, -0.75, 0.0, 0.75, 1.5)
"""Offsets at which the atlas is looked at around a point, in standard deviations of the registration's error."""
_POINTS = 400
"""About as many points of a lesion vote; of larger ones an even sample."""


def atlas_vote(
    world_mm: Array, registration: Registration, atlas: Atlas, settings: LocalisationSettings
) -> dict[Place, float]:
    """The share of the vote that each site and side gets from points (n, 3) of the scan, LPS mm.

    Each point votes for the sites around its place in the atlas, spread by the registration's error and weighted by how
    often each site calcifies there, the plexus rather at the trigone than in front of it; `unassigned` gets the points
    around which there is no site.
    """
    error_mm = settings.uncertainty_mm
    offsets = error_mm * np.array(list(product(_STEPS, repeat=3)))
    weights = np.exp(-0.5 * (offsets**2).sum(axis=1) / error_mm**2)
    prior = np.zeros(256)
    for number, site in atlas.sites.items():
        prior[number] = settings.prior.get(site.site, 0.0)
    points = registration.to_atlas(world_mm[:: max(1, len(world_mm) // _POINTS)])
    around = (points[:, None] + offsets).reshape(-1, 3)
    labels = sample_at(atlas.labels, atlas.affine, around, nearest=True).astype(np.uint8)
    often = prior[labels]
    plexus = [number for number, site in atlas.sites.items() if site.site == "choroid_plexus"]
    often[np.isin(labels, plexus) & (around[:, 1] < settings.trigone_y_mm)] = settings.plexus_body_prior
    votes = often.reshape(len(points), -1) * weights
    totals = votes.sum(axis=1, keepdims=True)
    each = (votes / np.where(totals > 0, totals, 1.0)).ravel()
    share = np.bincount(labels, each, minlength=256) / len(points)
    shares = {(site.site, site.side): float(share[number]) for number, site in atlas.sites.items() if share[number] > 0}
    without_site = float((totals == 0).mean())
    return shares if without_site == 0 else shares | {NOWHERE: without_site}


def site_weights(features: Features, settings: LocalisationSettings) -> dict[str, float]:
    """How much a site's vote counts beyond its share, by what this head's anatomy says.

    The plexus counts more where fluid surrounds the lesion; the dura by the lesion's shape: more for a plate, less for
    a lump. A plate whose thin side faces up or back lies in no falx; and the farther the lesion's centre lies from the
    falx the less that counts, for what reaches it only with its near side lies in brain. A large deposit is hardly the
    habenula's. Sites without a prior are
    never voted for: arteries in cisterns are recognised in the scan itself.
    """
    weights: dict[str, float] = {
        name: 0.0 for name, site in all_sites().items() if site.drawn and name not in settings.prior
    }
    if features.fluid_share >= settings.fluid_share:
        weights["choroid_plexus"] = settings.fluid_weight
    if features.shape.flat or features.shape.compact:
        weight = settings.shape_weight if features.shape.flat else 1.0 / settings.shape_weight
        no_falx = features.shape.flat and features.lateral < settings.falx_upright
        weights |= {"tentorium": weight, "falx": 1.0 / weight if no_falx else weight}
    if features.diameter_mm > settings.habenula_mm:
        weights["habenula"] = settings.habenula_large_weight
    beside_mm = max(abs(features.atlas_x_mm) - settings.falx_half_mm, 0.0)
    near_falx = float(np.exp(-0.5 * (beside_mm / settings.uncertainty_mm) ** 2))
    weights["falx"] = weights.get("falx", 1.0) * near_falx
    return weights


def ranked(shares: Mapping[Place, float], weights: Mapping[str, float]) -> list[tuple[Place, float]]:
    """The places by their weighted share, the largest first; ties by name, so that order decides nothing."""
    weighted = {place: share * weights.get(place[0], 1.0) for place, share in shares.items()}
    total = sum(weighted.values())
    return sorted(((place, share / total) for place, share in weighted.items()), key=lambda item: (-item[1], item[0]))
