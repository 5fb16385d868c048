"""What the values of a volume show, whatever file they came from: the same checks for every way in."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from calcscan.knowledge.reading import ReadingSettings
from calcscan.model import Flag
from calcscan.read.pixels.empty_slices import empty_slice_flags
from calcscan.read.pixels.hounsfield_check import hounsfield_flags
from calcscan.read.pixels.repeats import repeat_flags


def picture_flags(
    hu: npt.NDArray[np.int16], settings: ReadingSettings, *, rescale_type: str = "", top_hu: float | None = None
) -> tuple[Flag, ...]:
    """Every flag of the values, `hu` (k, j, i): another scale than Hounsfield's (`rescale_type` and `top_hu` as of
    `hounsfield_flags`), slices that repeat each other, and slices that show nothing.

    >>> import numpy as np
    >>> from calcscan.knowledge.settings import load
    >>> hu = np.full((9, 64, 64), -1000, np.int16)
    >>> hu[:, 16:48, 16:48] = 35
    >>> picture_flags(hu, load(ReadingSettings))
    ()
    """
    return (
        *hounsfield_flags(hu, settings, rescale_type=rescale_type, top_hu=top_hu),
        *repeat_flags(hu, settings),
        *empty_slice_flags(hu, settings),
    )
