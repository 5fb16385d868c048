"""Is the air around the head where Hounsfield units have it? A slope that is wrong by a tenth moves air by 100 HU, but
brain by 3, so that nothing else tells it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from calcscan.knowledge.reading import ReadingSettings
from calcscan.model import AIR_HU, Flag

_QUARTER = 25.0
"""Of what is dark, in per cent: cushions and skin, which air is averaged with, are less dark."""


def air_flags(values: npt.NDArray[np.int16] | npt.NDArray[np.float64], settings: ReadingSettings) -> tuple[Flag, ...]:
    """`not_hounsfield` where measured air (with noise, other than what a picture is filled with) has another density
    than air, in any array of Hounsfield units, cut off at `AIR_HU` or not.

    >>> import numpy as np
    >>> from calcscan.knowledge.settings import load
    >>> air = np.random.default_rng(0).normal(-870, 6, 5000).astype(np.int16)
    >>> [flag.code for flag in air_flags(air, load(ReadingSettings))]
    ['not_hounsfield']
    """
    dark = values[(values > settings.room_air_from_hu) & (values < settings.room_air_to_hu) & (values != AIR_HU)]
    if not dark.size:
        return ()
    found, count = np.unique(dark, return_counts=True)
    filling = found[count > settings.filling_share * dark.size]
    dark = dark[~np.isin(dark, filling)]
    if dark.size < settings.room_air_share * values.size:
        return ()
    air_hu = float(np.percentile(dark, _QUARTER))
    low, high = settings.room_air_hu
    if low <= air_hu <= high:
        return ()
    message = f"Air around the head has {air_hu:.0f} HU, not -1000: the values are not on the Hounsfield scale."
    return (Flag(code="not_hounsfield", message=message, value=round(air_hu), limit=f"{low:g} to {high:g}"),)
