"""Slices that repeat each other's values exactly: projections over a slab, and copies at places of their own.

Noise differs from slice to slice. The greatest (or least) of several slices is often the same for the next slab, to the
last digit; an average of them, or a picture freed of noise, is similar but not equal.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from calcscan.knowledge.reading import ReadingSettings
from calcscan.model import Flag
from calcscan.read.wording import counted, first_few

_PAIRS = 24
"""So many pairs of neighbours are looked at, spread over the middle of the stack."""
_MIDDLE = (0.3, 0.7)
"""Of rows and columns: brain."""
_FEWEST_PAIRS = 3
_LOOKS_EQUAL = 0.9
"""Of every fourth value: fewer are no copy."""


def repeat_flags(hu: npt.NDArray[np.int16], settings: ReadingSettings) -> tuple[Flag, ...]:
    """`not_hounsfield` where slices, `hu` (k, j, i), are projections; `resampled` where many are copies of the slice
    before, or lie beyond where the scan ends, `missing_slices` where a few are, which fill a gap.

    >>> import numpy as np
    >>> from calcscan.knowledge.settings import load
    >>> rng, settings = np.random.default_rng(0), load(ReadingSettings)
    >>> native = rng.normal(35, 5, (40, 64, 64)).astype(np.int16)
    >>> slabs = np.stack([native[k : k + 5].max(axis=0) for k in range(36)])
    >>> [flag.code for flag in (*repeat_flags(native, settings), *repeat_flags(slabs, settings))]
    ['not_hounsfield']
    """
    copies = [k for k in range(len(hu) - 1) if _is_copy(hu[k], hu[k + 1], settings)]
    if copies:
        return _copies_flags(copies, hu, settings)
    pairs = [pair for k in _spread(len(hu)) if (pair := _compared(hu[k], hu[k + 1], settings))]
    if len(pairs) < _FEWEST_PAIRS:
        return ()
    equal, step = np.array(pairs).T
    share = float(np.median(equal))
    if share < settings.repeated_share or float(np.median(step)) < settings.repeated_steps:
        return ()
    message = (
        f"The series is not a plain CT: {share:.0%} of the values in the brain are those of the next slice to the last "
        "digit, as in projections over a slab (MIP)."
    )
    return (Flag(code="not_hounsfield", message=message, value=round(share, 3), limit=settings.repeated_share),)


def _copies_flags(copies: list[int], hu: npt.NDArray[np.int16], settings: ReadingSettings) -> tuple[Flag, ...]:
    pairs = len(hu) - 1
    share = len(copies) / pairs
    if share > settings.filled_share:
        message = (
            f"{len(copies)} of {counted(pairs, 'pair')} of neighbouring slices are the same picture: slices were "
            "repeated where there were none."
        )
        return (Flag(code="resampled", message=message, value=round(share, 2), limit=settings.filled_share),)
    different = [k for k in range(pairs) if k not in copies and not (_is_blank(hu[k]) or _is_blank(hu[k + 1]))]
    within = [k for k in copies if different and different[0] < k < different[-1]]
    flags = []
    if within:
        shown = first_few(k + 2 for k in within)
        message = (
            f"{counted(len(within), 'slice')} ({shown}) {'is' if len(within) == 1 else 'are'} the same picture as the "
            "one before, put where one was missing: what lay there is not seen."
        )
        flags.append(Flag(code="missing_slices", message=message, value=float(len(within)), limit=0.0))
    beyond = len(copies) - len(within)
    if beyond:
        message = (
            f"{counted(beyond, 'slice')} at the ends of the stack {'repeats' if beyond == 1 else 'repeat'} the last "
            "true one: the scan was resampled beyond its end, and what lies in its last slice counts more than once."
        )
        flags.append(Flag(code="resampled", message=message, value=round(beyond / pairs, 2), limit=0.0))
    return tuple(flags)


def _is_blank(picture: npt.NDArray[np.int16]) -> bool:
    """Whether its middle has one value, as what lies beyond a scan is filled with."""
    middle = _middle(picture)
    return bool(middle.min() == middle.max())


def _is_copy(one: npt.NDArray[np.int16], other: npt.NDArray[np.int16], settings: ReadingSettings) -> bool:
    first, second = _middle(one)[::4, ::4], _middle(other)[::4, ::4]
    if np.count_nonzero(first == second) < _LOOKS_EQUAL * first.size:
        return False
    pair = _compared(one, other, settings)
    return pair is not None and pair[0] >= settings.identical_share


def _spread(count: int) -> list[int]:
    first, last = count // 5, count - 1 - count // 5
    return sorted({int(k) for k in np.linspace(first, last - 1, _PAIRS)}) if last > first else []


def _compared(
    one: npt.NDArray[np.int16], other: npt.NDArray[np.int16], settings: ReadingSettings
) -> tuple[float, float] | None:
    """The share of equal values in the soft tissue of two slices, and by how many steps of the scale the others differ
    in the mean; None where there is too little of it, or it has no noise."""
    first, second = _middle(one).astype(np.int32), _middle(other).astype(np.int32)
    soft = (np.abs(first) < settings.soft_cell_hu / 2) & (np.abs(second) < settings.soft_cell_hu / 2)
    apart = np.abs(first - second)[soft]
    within = np.abs(np.diff(first, axis=1))[soft[:, 1:] & soft[:, :-1]]
    if len(apart) < settings.grain_pixels or np.count_nonzero(within) < len(within) / 2:
        return None
    differing = apart[apart > 0]
    if not len(differing):
        return 1.0, 0.0
    return 1.0 - len(differing) / len(apart), float(differing.mean() / differing.min())


def _middle(picture: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
    return picture[tuple(slice(int(side * _MIDDLE[0]), int(side * _MIDDLE[1])) for side in picture.shape)]
