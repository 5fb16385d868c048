"""The blur of a scan, assumed where it has not been measured; sharp pictures made ordinary ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from calcscan._kernels.threads import in_parts
from calcscan.grid.slice_thickness import slice_thickness_mm
from calcscan.knowledge.blur import BlurSettings
from calcscan.knowledge.settings import load
from calcscan.knowledge.volume import VolumeSettings
from calcscan.model import Blur, Scan


def blur_of(scan: Scan, settings: BlurSettings | None = None) -> Blur:
    """The blur of a scan: measured, else assumed from its kernel and its slice thickness."""
    return scan.blur if scan.blur is not None else assumed_blur(scan, settings or load(BlurSettings))


def assumed_blur(scan: Scan, settings: BlurSettings) -> Blur:
    """What the header lets expect: its kernel for the blur within the slices, the thickness for that across."""
    sharp, stated_mm = scan.acquisition.sharp_kernel, scan.acquisition.slice_thickness_mm
    thickness_mm = slice_thickness_mm(scan.geometry.slab_mm, scan.stated_thickness_mm or stated_mm)
    return Blur(
        in_plane_mm=settings.psf_sharp_mm if sharp else settings.psf_soft_mm,
        in_plane_error=settings.psf_error,
        in_plane_measured=False,
        across_mm=thickness_mm / np.sqrt(12.0),
        across_error=settings.across_error_unknown if stated_mm is None else settings.across_error,
        across_measured=False,
        why=f"assumed for a {'sharp' if sharp else 'soft'} kernel",
    )


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
    blur = scan.blur
    if blur is not None:
        blur = replace(blur, in_plane_mm=float(np.hypot(blur.in_plane_mm, settings.soften_mm)))
    return replace(scan, hu=hu, acquisition=replace(scan.acquisition, sharp_kernel=False), blur=blur)
