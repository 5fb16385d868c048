"""How sure a site is: the atlas's vote as a probability, and no site where the vote is too close.

The vote assumes that the fit errs alike everywhere; in heads whose anatomy is known it is right a little less often
than it says where it is nearly sure. Sites of one group, such as pallidum and putamen, differ little in what they mean:
among them the first is named. Between groups, or sides, a close vote names none.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from calcscan.knowledge.localisation import LocalisationSettings
from calcscan.knowledge.sites import all_sites
from calcscan.localisation.atlas_vote import Place
from calcscan.model import LocatedLesion


def as_sure_as_known(lesion: LocatedLesion, settings: LocalisationSettings) -> LocatedLesion:
    """The lesion with shares that are probabilities; `unassigned` where no group and side is likelier than
    `settings.told_from`. What has no share is left as it is."""
    if lesion.site_share is None:
        return lesion
    place = (lesion.site, lesion.side)
    first = probability(lesion.site_share, settings)
    rest = sum(share for *_, share in lesion.also)
    left = (1.0 - first) * rest / max(1.0 - lesion.site_share, rest, 1e-9)
    also = tuple((site, side, round(share * left / rest, 3)) for site, side, share in lesion.also)
    likely = first + sum(share for site, side, share in also if _alike(place, (site, side)))
    if likely >= settings.told_from:
        return replace(lesion, site_share=round(first, 3), also=also)
    return replace(lesion, site="unassigned", side="", site_share=None, also=((*place, round(first, 3)), *also))


def probability(share: float, settings: LocalisationSettings) -> float:
    """How often a site with this share of the vote is the right one.

    >>> from calcscan.knowledge.settings import load
    >>> 0.85 < probability(0.95, load(LocalisationSettings)) < 0.95
    True
    """
    return float(np.interp(share, settings.calibration.share, settings.calibration.right))


def _alike(one: Place, other: Place) -> bool:
    """Whether two places are of one group, and not on opposite sides."""
    sites = all_sites()
    return sites[one[0]].group is sites[other[0]].group and {one[1], other[1]} != {"left", "right"}
