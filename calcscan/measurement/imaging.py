"""What a scanner shows of a deposit: a patch on a fine grid, its imaging, and the imaging undone as far as it can be.

Between the slices lie layers about half a millimetre high. A deposit drawn into them is averaged over the profile of
each slice and blurred within it, as the scan's `Blur` says; the same averaging and blurring turned round takes slices
back to layers, and with both the signal is made sharper (Richardson 1972, J Opt Soc Am; Lucy 1974, Astron J).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage, sparse, special

from calcscan.knowledge.volume import VolumeSettings
from calcscan.measurement.patch import Field, Mask, Patch

_MARGIN = 2
"""Pixels around the patch, for its blur."""
_REACH = 1.5
"""Standard deviations of a slice's profile that the layers reach beyond the outermost slices, at least."""
_FAINT = 1e-3
"""Of the highest signal: nothing is fainter than this, so that all can be divided by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imaging:
    """A patch, smoothed within its slices (k, j, i), and the layers between (n, m j, m i), whose pixels are as many
    times smaller as `finer` (m) says.

    `seen` (k, n) is how much of each slice a layer makes up; `blur` (2,) that of scanner and smoothing, in pixels of
    the layers, and `spread` what it makes of their rows and columns: (j, m j) and (i, m i). `step_mm` is the size of a
    voxel of the layers, `pixel_mm2` the area of a pixel of the slices.
    """

    soft: Field
    near: Mask
    slice_mm: Field
    slab_mm: Field
    layer_mm: Field
    step_mm: Field
    pixel_mm2: float
    across_mm: Field
    profile_box: float
    finer: int
    seen: sparse.csr_array
    blur: Field
    spread: tuple[Field, Field]

    @classmethod
    def of(cls, lesion: Patch, settings: VolumeSettings) -> Imaging:
        """The imaging of a patch; a large one is averaged to coarser pixels first."""
        box = tuple(slice(int(a.min()), int(a.max()) + 1) for a in np.nonzero(lesion.near))
        coarse = -(-max(part.stop - part.start for part in box[1:]) // settings.patch_pixels)
        signal, near = _coarser(lesion.signal[box], coarse), _coarser(lesion.near[box], coarse) > 0.5
        at_mm, slab_mm, across_mm = (a[box[0]] for a in (lesion.at_mm, lesion.slab_mm, lesion.across_mm))
        pixel_mm = np.asarray(lesion.pixel_mm) * coarse
        finer = int(np.ceil(max(pixel_mm) / settings.layer_mm - 0.2)) if coarse == 1 else 1
        soft = ndimage.gaussian_filter(signal, (0, *(settings.smooth_mm / pixel_mm)))
        count = max(1, round(float(np.median(slab_mm)) / settings.layer_mm))
        step_mm = float(np.median(slab_mm)) / count
        low, high = at_mm.min(), at_mm.max()
        beyond = np.maximum((slab_mm[0], slab_mm[-1]), _REACH * across_mm[[0, -1]])
        layer_mm = np.arange(low - beyond[0], high + beyond[1], step_mm) + step_mm / 2
        squared = [lesion.psf_mm**2, _smoothed_pixels2(settings.smooth_mm / pixel_mm) * pixel_mm**2]
        within_mm = np.sqrt(sum(squared) + pixel_mm**2 * (1 - 1 / coarse**2) / 12)
        pad = ((0, 0), (_MARGIN, _MARGIN), (_MARGIN, _MARGIN))
        return cls(
            soft=np.pad(soft, pad),
            near=np.pad(near, pad),
            slice_mm=at_mm,
            slab_mm=slab_mm,
            layer_mm=layer_mm,
            step_mm=np.array([step_mm, *(pixel_mm / finer)]),
            pixel_mm2=lesion.pixel_mm2 * coarse**2,
            across_mm=across_mm,
            profile_box=lesion.profile_box,
            finer=finer,
            seen=_seen(at_mm, across_mm, layer_mm, step_mm, lesion.profile_box),
            blur=within_mm / pixel_mm * finer,
            spread=_spread(within_mm / pixel_mm * finer, [n + 2 * _MARGIN for n in soft.shape[1:]], finer),
        )

    @property
    def voxel_mm3(self) -> float:
        """Of a voxel of the layers."""
        return float(self.step_mm[0] * self.pixel_mm2 / self.finer**2)

    def wider(self, *, in_plane: float = 1.0, across: float = 1.0) -> Imaging:
        """The same patch, imaged with so many times the blur."""
        across_mm = self.across_mm * across
        seen = _seen(self.slice_mm, across_mm, self.layer_mm, float(self.step_mm[0]), self.profile_box)
        blur = self.blur * in_plane
        spread = _spread(blur, self.soft.shape[1:], self.finer)
        return replace(self, across_mm=across_mm, seen=seen, blur=blur, spread=spread)

    def imaged(self, filled: Field) -> Field:
        """What the slices show of filled layers."""
        slices = (self.seen @ filled.reshape(len(filled), -1)).reshape(-1, *filled.shape[1:])
        rows, columns = self.spread
        return np.asarray(rows @ slices @ columns.T)

    def returned(self, slices: Field) -> Field:
        """Slices taken back to the layers: the transpose of `imaged`."""
        rows, columns = self.spread
        soft = rows.T @ slices @ columns
        return np.asarray((self.seen.T @ soft.reshape(len(soft), -1)).reshape(-1, *soft.shape[1:]))

    def sharpened(self, rounds: Iterable[int]) -> list[Field]:
        """The signal in the layers, made sharper: after each of these numbers of rounds, the blur undone ever more.

        Heights that the slices do not show stay as they are at the start: the signal interpolated between the slices.
        """
        shown = np.where(self.near, np.maximum(self.soft, 0.0), 0.0)
        top = float(shown.max())
        sharp = self._between(shown) + _FAINT * top
        weight = self.returned(self.near.astype(np.float64)) + _FAINT
        wanted, out = tuple(rounds), []
        for number in range(1, max(wanted) + 1):
            ratio = np.where(self.near, shown / np.maximum(self.imaged(sharp), _FAINT * top), 0.0)
            sharp = sharp * self.returned(ratio) / weight
            if number in wanted:
                out.append(sharp)
        return out

    def _between(self, slices: Field) -> Field:
        """The slices interpolated at the layers, falling off beyond the outermost ones."""
        slices = slices.repeat(self.finer, axis=1).repeat(self.finer, axis=2)
        order = np.argsort(self.slice_mm)
        at, slices = self.slice_mm[order], slices[order]
        if len(at) == 1:
            return np.repeat(slices, len(self.layer_mm), axis=0)
        below = np.clip(np.searchsorted(at, self.layer_mm) - 1, 0, len(at) - 2)
        part = np.clip((self.layer_mm - at[below]) / (at[below + 1] - at[below]), 0.0, 1.0)[:, None, None]
        outside = np.maximum(np.maximum(at[0] - self.layer_mm, self.layer_mm - at[-1]), 0.0)
        fall = np.exp(-0.5 * (outside / (0.5 * float(np.median(self.slab_mm)))) ** 2)
        return np.asarray((slices[below] * (1 - part) + slices[below + 1] * part) * fall[:, None, None])


def _coarser(values_kji: Field | Mask, by: int) -> Field:
    """Means of squares of `by` by `by` pixels, the rest at the far edges filled with 0."""
    values = np.asarray(values_kji, dtype=np.float64)
    if by == 1:
        return values
    k, j, i = values.shape
    values = np.pad(values, ((0, 0), (0, -j % by), (0, -i % by)))
    return np.asarray(values.reshape(k, -(-j // by), by, -(-i // by), by).mean(axis=(2, 4)))


def _seen(at_mm: Field, across_mm: Field, layer_mm: Field, step_mm: float, box: float) -> sparse.csr_array:
    """How much of each slice a layer makes up: a box blurred by a bell, of which the box has the share `box` of the
    variance, for the shape of the profile is not known."""
    wide_mm, sigma_mm = np.sqrt(12.0 * box) * across_mm[:, None], np.sqrt(1.0 - box) * across_mm[:, None]

    def upto(z_mm: Field) -> Field:
        below, above = (z_mm - wide_mm / 2) / sigma_mm, (z_mm + wide_mm / 2) / sigma_mm
        return np.asarray(sigma_mm / wide_mm * (_integral(above) - _integral(below)))

    away = layer_mm[None, :] - at_mm[:, None]
    share = upto(away + step_mm / 2) - upto(away - step_mm / 2)
    share[share < _FAINT * share.max()] = 0.0
    return sparse.csr_array(share)


def _smoothed_pixels2(sigma: Field) -> Field:
    """The variance that `gaussian_filter` adds, in pixels: with a narrow bell less than that of the bell."""
    at = np.arange(-8, 9)[:, None]
    weight = np.exp(-0.5 * (at / sigma) ** 2)
    return np.asarray((weight * at**2).sum(axis=0) / weight.sum(axis=0))


def _spread(blur: Field, shape: Sequence[int], finer: int) -> tuple[Field, Field]:
    """What a bell of these standard deviations makes of the layers' pixels in each row and each column of the slices,
    by matrices: so few pixels are multiplied faster than they are smoothed, on one thread, with the same bits."""
    rows, columns = (
        _bell(np.subtract.outer((np.arange(n) + 0.5) * finer - 0.5, np.arange(n * finer)) / b) / b
        for n, b in zip(shape, blur, strict=True)
    )
    return rows, columns


def _bell(z: Field) -> Field:
    return np.asarray(np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi))


def _integral(z: Field) -> Field:
    """Of the normal distribution function."""
    return np.asarray(z * special.ndtr(z) + np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi))
