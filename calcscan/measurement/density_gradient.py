"""How far a lesion reaches if its substance is denser in the middle than at the rim.

Signal over the contrast of the core tells the volume of an even deposit, and too little of any other. So extents of
many sizes are tried, each bounded by one level of the signal: filled with a density that rises from rim to middle and
blurred as the scanner does, which of them gives the image that was measured? Filled evenly, the best of them fits as
well as the best of the others if the deposit is even; how much worse it fits is what tells the two kinds apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage, optimize, sparse

from calcscan.knowledge.volume import VolumeSettings
from calcscan.measurement.patch import Field, Mask, Patch

_TRIED = 16
_SMALLEST = 3
"""Fewer voxels of the fine grid are no extent."""
_RAMPS = ((0.0, 0.5), (0.25, 0.75), (0.5, 1.0))
"""Density may rise over each of these stretches of the depth, as shares of the greatest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientExtent:
    """`spread` is the standard deviation of the volume's logarithm over the extents that fit; `misfit` is how many
    times worse an even density fits (root mean square)."""

    volume_mm3: float
    spread: float
    misfit: float


def fit_density_gradient(
    lesion: Patch, psf_mm: float, least_contrast_hu: float, settings: VolumeSettings
) -> GradientExtent | None:
    """The extent that fits best, with no substance fainter than `least_contrast_hu`; None if none can be tried."""
    grid = _Grid.of(lesion, psf_mm, settings)
    top = float(np.percentile(grid.soft[grid.lesion], 98))
    least = max(least_contrast_hu, 1.0)
    levels = np.geomspace(settings.extent_low * least, settings.extent_high * max(top, least), _TRIED)
    fits = [fit for fit in (_fit(grid, level, least, settings) for level in levels) if fit is not None]
    if top <= 0 or not fits:
        return None
    log_mm3, uneven, even = np.array(fits).T
    error = settings.extent_error * top
    excess = (uneven**2 - uneven.min() ** 2) / error**2
    weight = np.exp(-0.5 * excess)
    weight /= weight.sum()
    mean = float(weight @ log_mm3)
    return GradientExtent(
        volume_mm3=float(np.exp(mean)),
        spread=float(np.sqrt(weight @ (log_mm3 - mean) ** 2)),
        misfit=float(np.hypot(even.min(), error) / np.hypot(uneven.min(), error)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grid:
    """The patch about the lesion, smoothed, and the same between its slices. `seen` (k, fine layers) is what share of
    each slice a fine layer makes up; `blur` (2,) that of scanner and smoothing, in pixels."""

    soft: Field
    near: Mask
    lesion: Mask
    fine: Field
    slope: Field
    step_mm: Field
    voxel_mm3: float
    seen: sparse.csr_array
    blur: Field

    @classmethod
    def of(cls, lesion: Patch, psf_mm: float, settings: VolumeSettings) -> _Grid:
        pixel = np.asarray(lesion.pixel_mm)
        box = tuple(slice(int(a.min()), int(a.max()) + 1) for a in np.nonzero(lesion.near))
        at, slab, thick = (a[box[0]] for a in (lesion.at_mm, lesion.slab_mm, lesion.thick_mm))
        soft = ndimage.gaussian_filter(lesion.signal[box], (0, *(settings.smooth_mm / pixel)))
        soft = np.pad(soft, ((0, 0), (1, 1), (1, 1)))
        count = max(1, round(float(np.median(slab)) / settings.extent_step_mm))
        step = float(np.median(slab)) / count
        middle = np.arange(at.min() - slab[0], at.max() + slab[-1], step) + step / 2
        beyond = np.concatenate([[at[0] - slab[0]], at, [at[-1] + slab[-1]]])
        order = np.argsort(beyond)
        below = np.clip(np.searchsorted(beyond[order], middle) - 1, 0, len(beyond) - 2)
        part = (middle - beyond[order][below]) / (beyond[order][below + 1] - beyond[order][below])
        padded = np.pad(soft, ((1, 1), (0, 0), (0, 0)))[order]
        fine = padded[below] * (1 - part)[:, None, None] + padded[below + 1] * part[:, None, None]
        overlap = np.minimum(middle + step / 2, (at + thick / 2)[:, None])
        overlap = overlap - np.maximum(middle - step / 2, (at - thick / 2)[:, None])
        step_mm = np.array([step, *pixel])
        return cls(
            soft=soft,
            near=np.pad(lesion.near[box], ((0, 0), (1, 1), (1, 1))),
            lesion=np.pad(lesion.lesion[box], ((0, 0), (1, 1), (1, 1))),
            fine=fine,
            slope=np.sqrt(sum(np.gradient(fine, s, axis=a) ** 2 for a, s in enumerate(step_mm))),
            step_mm=step_mm,
            voxel_mm3=step * lesion.pixel_mm2,
            seen=sparse.csr_array(np.maximum(overlap, 0.0) / thick[:, None]),
            blur=np.hypot(psf_mm, settings.smooth_mm) / pixel,
        )

    def slices(self, filled: Field) -> Field:
        """How much of each voxel of the slices is filled, before blur. One thread: many small products on several
        would spend their time waiting for each other."""
        return np.asarray(self.seen @ filled.reshape(len(filled), -1)).reshape(self.near.shape)

    def imaged(self, slices: Field, blur: Field) -> npt.NDArray[np.float64]:
        """What the scanner shows of slices filled so: the values within `near`."""
        return np.asarray(ndimage.gaussian_filter(slices, (0, *blur))[self.near])


def _fit(grid: _Grid, level_hu: float, least_hu: float, settings: VolumeSettings) -> tuple[float, float, float] | None:
    """Logarithm of the volume above a level, and how far (HU, root mean square) the best uneven and the best even
    density of it are from what was measured."""
    width = grid.slope * grid.voxel_mm3 ** (1 / 3) + 1e-6
    filled = np.clip((grid.fine - level_hu) / width + 0.5, 0.0, 1.0)
    within = grid.fine >= level_hu
    if within.sum() < _SMALLEST or filled.all():
        return None
    depth = ndimage.distance_transform_edt(np.pad(within, 1), sampling=grid.step_mm)[1:-1, 1:-1, 1:-1]
    depth = np.maximum(depth / depth.max(), 0.0) * (filled > 0)
    fills = [grid.slices(f) for f in (filled, *(np.clip((depth - a) / (b - a), 0.0, 1.0) for a, b in _RAMPS))]
    measured = grid.soft[grid.near]
    fits = []
    for blur in (grid.blur, settings.extent_blurrier * grid.blur):
        shown = np.stack([grid.imaged(fill, blur) for fill in fills], axis=1)
        flat = shown[:, 0]
        _, uneven = optimize.nnls(shown, measured - least_hu * flat)
        even = np.linalg.norm(measured - max(float(flat @ measured / (flat @ flat)), least_hu) * flat)
        fits.append((uneven, even))
    uneven, even = np.array(fits).min(axis=0) / np.sqrt(len(measured))
    return float(np.log(filled.sum() * grid.voxel_mm3)), float(uneven), float(even)
