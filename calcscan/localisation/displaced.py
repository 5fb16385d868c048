"""Where the brain itself has moved: which sides and deep sites the picture doesn't bear out.

The registration follows a shifted midline and wide ventricles, but not everywhere and not to the millimetre. What lies
by the atlas on one side and by the midline that is seen on the other, or close to that midline, has no sure side; and
beside a ventricle that the fit has not followed no deep site is sure.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from calcscan.grid.geometry import Array
from calcscan.knowledge.localisation import LocalisationSettings
from calcscan.knowledge.sites import SiteGroup, all_sites
from calcscan.model import Registration

_DEEP = (SiteGroup.BASAL_GANGLIA, SiteGroup.DEEP, SiteGroup.PHYSIOLOGICAL)


def is_displaced(registration: Registration, settings: LocalisationSettings) -> bool:
    """Whether the midline is shifted, or a ventricle so wide that the fit has not followed."""
    shift_mm = registration.midline_shift_mm or 0.0
    return abs(shift_mm) > settings.displaced_mm or any(
        share > settings.displaced_fluid for share in registration.fluid_in_caudate.values()
    )


def site_unsure(
    site: str, share: float, world_mm: Array, registration: Registration, settings: LocalisationSettings
) -> bool:
    """Whether a site with this share of the vote is unsure for points (n, 3) of the scan, LPS mm, as the brain is
    displaced: a deep one with a small share, or beside a ventricle that the fit has not followed."""
    if not is_displaced(registration, settings) or not _is_deep(site, world_mm, registration, settings):
        return False
    left = registration.to_atlas(world_mm)[:, 0].mean() > 0
    fluid = registration.fluid_in_caudate.get("left" if left else "right", 0.0)
    return share < settings.displaced_share or fluid > settings.displaced_fluid


def side_unsure(side: str, world_mm: Array, registration: Registration, settings: LocalisationSettings) -> bool:
    """Whether most of the points lie beyond the midline that is seen, or, as the brain is displaced, close to it. What
    lies in the midline has no side to be unsure of."""
    if side not in ("left", "right"):
        return False
    displaced = is_displaced(registration, settings)
    beside_mm = registration.beside_midline_mm(world_mm)
    if beside_mm is None:
        return displaced
    to_side_mm = float(np.median(beside_mm)) * (1.0 if side == "left" else -1.0)
    return to_side_mm <= (settings.displaced_clear_mm if displaced else -settings.displaced_beyond_mm)


def both_sides(also: Sequence[tuple[str, str, float]]) -> tuple[tuple[str, str, float], ...]:
    """The places that an unsure lesion may lie in: each also on the other side, with a share of 0 if it had none.

    >>> both_sides([("caudate", "left", 0.9), ("falx", "midline", 0.1)])
    (('caudate', 'left', 0.9), ('falx', 'midline', 0.1), ('caudate', 'right', 0.0))
    """
    named = {(site, side) for site, side, _ in also}
    other = {"left": "right", "right": "left"}
    added = [(site, other[side], 0.0) for site, side, _ in also if side in other and (site, other[side]) not in named]
    return (*also, *added)


def _is_deep(site: str, world_mm: Array, registration: Registration, settings: LocalisationSettings) -> bool:
    """At a deep site, or in brain no farther out than the deep sites."""
    if all_sites()[site].group in _DEEP:
        return True
    low, high = settings.displaced_deep.low_mm, settings.displaced_deep.high_mm
    centre = registration.to_atlas(world_mm).mean(axis=0)
    return bool(all_sites()[site].group is SiteGroup.PARENCHYMA and np.all((centre > low) & (centre < high)))
