"""The in-plane blur of a scan, assumed from its kernel, for it is not measured; sharp pictures made ordinary ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from calcscan._kernels.threads import in_parts
from calcscan.knowledge.volume import VolumeSettings
from calcscan.model import Scan


def assumed_psf_mm(scan: Scan, settings: VolumeSettings) -> float:
    """Standard deviation of the in-plane blur, mm: less for a sharp kernel."""
    sharp = scan.acquisition.sharp_kernel
    return settings.psf_sharp_mm if sharp else settings.psf_soft_mm


def as_ordinary(scan: Scan, settings: VolumeSettings) -> Scan:
    """A sharp picture, as `scan.acquisition.sharp_kernel` says, smoothed within its slices to the blur of an ordinary
    kernel; any other scan is returned as it is.

    A sharp kernel overshoots at every edge and lifts the noise: tips of bone, plexus and vessel walls then reach the
    density of calcium, which they do not in an ordinary picture of the same head. So a sharp one is searched and
    measured as an ordinary one would show it (`soften_mm` in `knowledge/volume.toml`).
    """
    if not scan.acquisition.sharp_kernel:
        return scan
    sigma = settings.soften_mm / np.array(scan.geometry.spacing_mm[1:])
    hu = np.empty_like(scan.hu)

    def smooth(first: int, last: int) -> None:
        part = scan.hu[first:last].astype(np.float32)
        hu[first:last] = np.rint(np.asarray(ndimage.gaussian_filter(part, (0.0, *sigma), mode="nearest")))

    in_parts(len(hu), smooth)
    return replace(scan, hu=hu, acquisition=replace(scan.acquisition, sharp_kernel=False))
