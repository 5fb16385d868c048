"""A patch of plain shape, without a scan."""

from __future__ import annotations

import numpy as np

from calcscan.measurement.patch import Patch


def patch(
    *, slices: int = 9, pixels: int = 25, slab_mm: float = 1.0, across_mm: float = 0.4, psf_mm: float = 0.5,
    pixel_mm: float = 0.5, signal: np.ndarray | None = None,
) -> Patch:  # fmt: skip
    shape = (slices, pixels, pixels)
    signal = np.ones(shape) if signal is None else signal
    everywhere = np.ones(shape, dtype=np.bool_)
    return Patch(
        signal=signal,
        lesion=signal > 100,
        counted=signal > 130,
        near=everywhere,
        clear_share=1.0,
        background_hu=30.0,
        at_mm=np.arange(slices) * slab_mm,
        slab_mm=np.full(slices, slab_mm),
        thick_mm=np.full(slices, across_mm * np.sqrt(12)),
        across_mm=np.full(slices, across_mm),
        across_error=0.1,
        across_measured=True,
        profile_box=0.6,
        psf_mm=psf_mm,
        psf_error=0.1,
        pixel_mm=(pixel_mm, pixel_mm),
        pixel_mm2=pixel_mm**2,
    )
