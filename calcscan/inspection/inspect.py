"""The picture judged as a whole: Scan, SearchRegion, Registration → flags."""

from __future__ import annotations

from functools import partial
from itertools import chain

from calcscan.inspection.air_inside import air_inside_flags
from calcscan.inspection.brain_defect import brain_defect_flags
from calcscan.inspection.contrast import contrast_flags
from calcscan.inspection.mass_effect import mass_effect_flags
from calcscan.inspection.motion import motion_flags
from calcscan.inspection.streaks import streak_flags
from calcscan.inspection.unknown import unknown_flags
from calcscan.knowledge.arteries import ArterySettings
from calcscan.knowledge.inspection import InspectionSettings
from calcscan.knowledge.settings import load
from calcscan.model import Atlas, Flag, Registration, Scan, SearchRegion
from calcscan.processors import at_once


def inspect_scan(
    scan: Scan,
    region: SearchRegion,
    registration: Registration,
    atlas: Atlas,
    *,
    settings: InspectionSettings | None = None,
    arteries: ArterySettings | None = None,
) -> tuple[Flag, ...]:
    """What the picture as a whole shows that its headers do not tell.

    Parameters
    ----------
    scan
        A head CT on any grid.
    region, registration
        Its intracranial space, and how it lies in the atlas, accepted or not.
    settings, arteries
        Instead of the settings in `calcscan/knowledge`.

    Returns
    -------
    tuple of Flag
        `contrast`, `brain_defect`, `mass_effect`, `motion`, `metal`, `unknown_kvp`, `unknown_thickness`, `child`,
        `unknown_age`, each with what was seen. Sharpness is judged before (`sharpness_flags`).
    """
    settings = settings or load(InspectionSettings)
    seen = at_once(
        (
            partial(contrast_flags, scan, region, registration, atlas, settings, arteries or load(ArterySettings)),
            partial(brain_defect_flags, region, settings),
            partial(air_inside_flags, scan, region, settings),
            partial(mass_effect_flags, registration, settings),
            partial(motion_flags, scan, region, settings),
            partial(streak_flags, scan, region, settings),
            partial(unknown_flags, scan, region, settings),
        )
    )
    return tuple(chain.from_iterable(seen))
