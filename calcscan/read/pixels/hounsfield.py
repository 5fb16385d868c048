"""Stored values → Hounsfield units."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from calcscan.knowledge.reading import ReadingSettings
from calcscan.model import AIR_HU
from calcscan.read.headers.image import Image
from calcscan.read.pixels.decode import Stored


def to_hounsfield(stored: Stored, image: Image, out: npt.NDArray[np.int16], settings: ReadingSettings) -> None:
    """Write the slice in HU into `out` (rows, columns): padding and all below `AIR_HU` becomes `AIR_HU`.

    >>> import numpy as np
    >>> out = np.zeros((1, 3), np.int16)
    >>> rescale(np.array([[0, 1024, 5000]], np.uint16), 1.0, -1024.0, out)
    >>> out.tolist()
    [[-1024, 0, 3976]]
    """
    pixels = image.pixels
    slope = 1.0 if pixels.slope is None or pixels.slope == 0.0 else pixels.slope
    intercept = pixels.intercept or 0.0
    rescale(stored, slope, intercept, out)
    span = padding_range(image, settings)
    if span is not None and max(span) * slope + intercept > AIR_HU:
        out[(stored >= span[0]) & (stored <= span[1])] = AIR_HU


def rescale(stored: Stored, slope: float, intercept: float, out: npt.NDArray[np.int16]) -> None:
    """`stored × slope + intercept`, rounded, clipped to between `AIR_HU` and the end of int16, into `out`."""
    if slope == 1.0 and intercept == int(intercept) and stored.dtype.itemsize <= 2:
        low, high = int(stored.min()) + int(intercept), int(stored.max()) + int(intercept)
        if stored.dtype == np.int16 and low >= -32768 and high <= 32767:
            np.add(stored, np.int16(intercept), out=out)
            np.maximum(out, AIR_HU, out=out)
            return
        out[...] = np.clip(stored.astype(np.int32) + int(intercept), AIR_HU, 32767)
        return
    out[...] = np.clip(np.rint(stored * np.float64(slope) + intercept), AIR_HU, 32767)


def padding_range(image: Image, settings: ReadingSettings) -> tuple[int, int] | None:
    """The stored values that mean "nothing here", first and last; None where there is none, or none is credible."""
    pixels = image.pixels
    if pixels.padding is None:
        return None
    ends = [_as_stored(value, image) for value in (pixels.padding, pixels.padding_limit) if value is not None]
    low, high = min(ends), max(ends)
    slope = pixels.slope or 1.0
    top = max(low * slope, high * slope) + (pixels.intercept or 0.0)
    return (low, high) if top < settings.padding_below_hu else None


def _as_stored(value: int, image: Image) -> int:
    """A padding value in the pixels' own coding: its sign and its bits often differ from theirs."""
    bits = image.pixels.bits_stored
    value &= (1 << bits) - 1
    return value - (1 << bits) if image.pixels.signed and value >> (bits - 1) else value
