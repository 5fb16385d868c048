"""What the registration sees of a CT: brain in fluid, so that neither bone nor calcification nor blood steers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.grid.geometry import Array
from calcscan.model import Atlas, Intracranial

BRAIN = 1
"""The bit of `Atlas.zones` that marks the template's brain."""

Limits = Mapping[str, float]
Field = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RegistrationImage:
    """A head or the template as every step sees it, on an even grid (k, j, i); made once."""

    calm: Field
    """HU of the brain, calcium and blood replaced by grey matter; fluid outside."""
    mask: Mask
    covered: Mask
    """Where there is a scan."""
    clear: Mask
    """The same, away from calcium and blood."""
    affine: Array
    spacing_mm: float

    @classmethod
    def of_head(cls, intracranial: Intracranial, limits: Limits) -> RegistrationImage:
        coarse, inside = intracranial.isotropic_hu, intracranial.isotropic_mask
        return cls(
            calm=_in_fluid(coarse.values, inside, limits),
            mask=inside,
            covered=coarse.covered,
            clear=coarse.covered & ~_near_calcium(intracranial, limits),
            affine=coarse.affine,
            spacing_mm=coarse.spacing_mm,
        )

    @classmethod
    def of_template(cls, atlas: Atlas, limits: Limits) -> RegistrationImage:
        brain = np.asarray((atlas.zones & BRAIN) > 0)
        everywhere = np.ones_like(brain)
        return cls(
            calm=_in_fluid(atlas.template_hu, brain, limits),
            mask=brain,
            covered=everywhere,
            clear=everywhere,
            affine=atlas.affine,
            spacing_mm=float(np.linalg.norm(atlas.affine[:3, 0])),
        )

    def thinned(self, step: int) -> RegistrationImage:
        """Every so manieth voxel along each axis."""
        part = (slice(None, None, step),) * 3
        return RegistrationImage(
            calm=self.calm[part],
            mask=self.mask[part],
            covered=self.covered[part],
            clear=self.clear[part],
            affine=self.affine @ np.diag([step, step, step, 1.0]),
            spacing_mm=self.spacing_mm * step,
        )


def _in_fluid(hu: Field, inside: Mask, limits: Limits) -> Field:
    calm = np.where(hu > limits["high_hu"], limits["replacement_hu"], np.maximum(hu, limits["low_hu"]))
    return np.asarray(np.where(inside, calm, limits["low_hu"]), dtype=np.float32)


def _near_calcium(intracranial: Intracranial, limits: Limits) -> Mask:
    """Smoothed first: in a noisy scan every other point lies near one that is dense by chance."""
    coarse = intracranial.isotropic_hu
    shown = np.where(intracranial.isotropic_mask, coarse.values, np.float32(limits["tissue_hu"]))
    smooth = ndimage.gaussian_filter(shown, limits["dense_smooth_mm"] / coarse.spacing_mm)
    dense = intracranial.isotropic_mask & (smooth > limits["high_hu"])
    return np.asarray(ndimage.binary_dilation(dense, iterations=round(limits["clear_mm"] / coarse.spacing_mm)))
