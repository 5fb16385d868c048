"""What of a scan may be shown: the inside of the skull with a narrow margin and never the skin, so that no face can be
rebuilt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from calcscan.grid.geometry import Array
from calcscan.grid.interpolate import linear_at
from calcscan.grid.isotropic import IsotropicVolume, resample_isotropic
from calcscan.grid.masks import Mask, box_of, reached
from calcscan.knowledge.html_page import HtmlPageSettings
from calcscan.model import AIR_HU, Result, Scan, SearchRegion

_BORDER = 9
"""Voxels."""
_AIR_HU = -500
_INSIDE = 100
"""A voxel of the mask, as a number that can be averaged."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Inside:
    """The inside of the skull of one scan on an even grid along the world axes, and what lies close to it.

    `hu` float32 has the shape (k, j, i), and `shown` too: 1 where it is, 0 elsewhere, as numbers that can be
    interpolated; `affine` takes (k, j, i, 1) to LPS mm. `hu` is air wherever it is not shown.
    """

    hu: npt.NDArray[np.float32]
    shown: npt.NDArray[np.float32]
    affine: Array
    spacing_mm: float

    def at(self, points_mm: Array) -> npt.NDArray[np.bool_]:
        """Whether what lies at points (…, 3), LPS mm, may be shown."""
        return linear_at(self.shown, points_mm, to_index=np.linalg.inv(self.affine)) >= 0.5


def inside_of(result: Result, settings: HtmlPageSettings) -> Inside | None:
    """None where the inside of the skull is not known: then nothing of the scan may be shown."""
    return None if result.intracranial is None else inside(result.scan, result.intracranial, settings)


def inside(scan: Scan, region: SearchRegion, settings: HtmlPageSettings) -> Inside | None:
    """None where the region is empty."""
    mask = region.mask
    if not mask.any():
        return None
    box = _box(scan, mask, settings.shown_beyond_mm + 2 * settings.viewer_spacing_mm)
    spacing_mm = _spacing_mm(scan, box, settings)
    part = scan.geometry.part(box)
    hu = resample_isotropic(scan.hu[box], part, spacing_mm, outside_hu=AIR_HU)
    share = resample_isotropic(mask[box].astype(np.int16) * np.int16(_INSIDE), part, spacing_mm, outside_hu=0.0)
    shown = reached(share.values > _INSIDE / 2, spacing_mm, settings.shown_beyond_mm)
    shown &= hu.covered & ~_near_outside(hu, settings.skin_mm)
    return _cropped(hu, shown)


def _near_outside(hu: IsotropicVolume, reach_mm: float) -> Mask:
    """What lies close to the air around the head: air of the scan that is seen from an end of the grid along one of its
    axes, so that the cavities of the skull do not count. On every second voxel, which is fine enough."""
    pictured = hu.covered[::2, ::2, ::2]
    clear = (hu.values[::2, ::2, ::2] < _AIR_HU) | ~pictured
    seen = np.zeros_like(clear)
    for axis in range(3):
        seen |= np.logical_and.accumulate(clear, axis=axis)
        seen |= np.flip(np.logical_and.accumulate(np.flip(clear, axis), axis=axis), axis)
    near = reached(seen & pictured, 2 * hu.spacing_mm, reach_mm + hu.spacing_mm)
    doubled = near.repeat(2, axis=0).repeat(2, axis=1).repeat(2, axis=2)
    k, j, i = hu.values.shape
    return np.asarray(doubled[:k, :j, :i])


def _box(scan: Scan, mask: Mask, margin_mm: float) -> tuple[slice, slice, slice]:
    """The box of voxels that holds the mask with a margin, as far as the scan reaches."""
    steps = np.ceil(margin_mm / np.array(scan.geometry.spacing_mm)).astype(int)
    k, j, i = (
        slice(max(0, part.start - step), min(size, part.stop + step))
        for part, step, size in zip(box_of(mask), steps.tolist(), mask.shape, strict=True)
    )
    return k, j, i


def _spacing_mm(scan: Scan, box: tuple[slice, slice, slice], settings: HtmlPageSettings) -> float:
    """The settings' own, or more where the page would become too large; never much finer than the scan."""
    part = scan.geometry.part(box)
    volume_mm3 = float(part.voxel_mm3.sum() * part.rows * part.columns)
    return float(
        max(
            settings.viewer_spacing_mm,
            min(scan.geometry.spacing_mm[1:]),
            (volume_mm3 / settings.viewer_most_voxels) ** (1 / 3),
        )
    )


def _cropped(hu: IsotropicVolume, shown: Mask) -> Inside:
    """The box of what is shown, with a blank border for the letters of the sides."""
    box = box_of(shown)
    corner = hu.affine.copy()
    first = np.array([part.start for part in box]) - _BORDER
    corner[:3, 3] = hu.affine[:3, :3] @ first + hu.affine[:3, 3]
    visible = np.pad(shown[box], _BORDER)
    values = np.pad(hu.values[box], _BORDER)
    return Inside(
        hu=np.where(visible, values, np.float32(AIR_HU)),
        shown=visible.astype(np.float32),
        affine=corner,
        spacing_mm=hu.spacing_mm,
    )
