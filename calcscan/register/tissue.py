"""What the registration sees of a CT: brain in fluid, so that neither bone nor calcification nor blood steers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.model import Atlas, Head

BRAIN = 1
"""The bit of `Atlas.zones` that marks the template's brain."""

Limits = Mapping[str, float]
Field = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


def in_fluid(hu: Field, inside: Mask, limits: Limits) -> Field:
    """The HU inside, calcium and blood replaced by grey matter; fluid outside."""
    calm = np.where(hu > limits["high_hu"], limits["replacement_hu"], np.maximum(hu, limits["low_hu"]))
    return np.asarray(np.where(inside, calm, limits["low_hu"]), dtype=np.float32)


def brain_of(atlas: Atlas) -> Mask:
    return np.asarray((atlas.zones & BRAIN) > 0)


def clear_of_calcium(head: Head, limits: Limits) -> Mask:
    """Where the scan covers the coarse grid and shows neither calcium nor blood within 3 mm."""
    dense = head.coarse_inside & (head.coarse_hu.values > limits["high_hu"])
    near = ndimage.binary_dilation(dense, iterations=round(3.0 / head.coarse_hu.spacing_mm))
    return np.asarray(head.coarse_hu.covered & ~near)
