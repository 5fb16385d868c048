"""The head with a ball, with the noise of a scanner."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from support import dicom_faults as faults
from support.dicom_faults import Series


def noisy(slices: int = 42, spacing_mm: float = 3.0) -> Series:
    """Slices whose noise is correlated within each of them."""
    rng = np.random.default_rng(4)
    images = faults.series(slices=slices, spacing_mm=spacing_mm, rows=96, columns=88, pixel_mm=(2.25, 2.1))
    for image in images:
        noise = ndimage.gaussian_filter(rng.normal(size=(96, 88)), 0.6)
        faults.set_stored(image, np.rint(faults.stored_of(image) + 5.0 * noise / noise.std()))
    return images
