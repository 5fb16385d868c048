"""Slices that show nothing, or half, between slices that show a head: pictures that were not transferred."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from calcscan.knowledge.reading import ReadingSettings
from calcscan.model import Flag
from calcscan.read.wording import counted, first_few

_EVERY = 4
"""Of rows and columns: enough to see how much of a slice is tissue."""


def empty_slice_flags(hu: npt.NDArray[np.int16], settings: ReadingSettings) -> tuple[Flag, ...]:
    """`missing_slices` where slices within `hu` (k, j, i) are empty or cut off. Empty ones at the ends only lie beyond
    the head.

    >>> import numpy as np
    >>> from calcscan.knowledge.settings import load
    >>> hu = np.full((9, 64, 64), -1000, np.int16)
    >>> hu[1:, 16:48, 16:48] = 35
    >>> hu[5] = -1000
    >>> [flag.message.partition(":")[0] for flag in empty_slice_flags(hu, load(ReadingSettings))]
    ['1 slice (6) shows nothing, or only part of what the slices on either side show']
    """
    tissue = np.count_nonzero(hu[:, ::_EVERY, ::_EVERY] > settings.air_edge_hu, axis=(1, 2))
    if len(tissue) < _EVERY:
        return ()
    around = np.minimum(np.maximum.accumulate(tissue), np.maximum.accumulate(tissue[::-1])[::-1])
    beside = np.concatenate([[0], np.minimum(tissue[:-2], tissue[2:]), [0]])
    odd = (tissue < settings.empty_share * around) | (tissue < settings.cut_slice_share * beside)
    odd &= around >= settings.neighbour_pixels
    found = np.flatnonzero(odd)
    if not len(found):
        return ()
    shown = first_few(k + 1 for k in found)
    message = (
        f"{counted(len(found), 'slice')} ({shown}) {'shows' if len(found) == 1 else 'show'} nothing, or only part of "
        "what the slices on either side show: what lies there is not seen."
    )
    return (Flag(code="missing_slices", message=message, value=float(len(found)), limit=0.0),)
